/**
 * Checkpoints of a run: folders `step-N` of safetensors files under one manifest, and `LATEST`,
 * which names the newest. A checkpoint is written in a staging folder, forced to disk and then
 * renamed, so that a process killed at any moment leaves a sound one. Every change of what readers
 * see is a rename from or to the staging folder: who takes that away has stopped the writer, even
 * one that is paused in the middle and wakes up much later. Reading trusts nothing: sizes and
 * digests are checked, and a damaged one gives way to the one before.
 */
import fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hitFailpoint } from '../process/failpoints.ts';
import { checkpointCorrupt, messageOf, unavailable } from '../errors.ts';
import {
  readBounded,
  readVerified,
  requireFolder,
  syncFolder,
  writeDurably,
} from './checkpoint-files.ts';
import { decodeManifest, encodeManifest, requireManifestable } from './manifest.ts';
import type { JsonObject, Manifest } from './manifest.ts';
import { decodeSafetensors, safetensorsChunks } from '../arrays/safetensors.ts';
import type { NamedArrays } from '../arrays/safetensors.ts';

export interface CheckpointContent {
  /** Small and structured: counters, phases, digests. Bulk belongs in files. */
  readonly state: JsonObject;
  /** By base name, for instance `parameters` for `parameters.safetensors`. */
  readonly files: Readonly<Record<string, NamedArrays>>;
}

export interface Checkpoint extends CheckpointContent {
  /** The folder's name, for instance `step-40`. */
  readonly name: string;
  readonly step: number;
}

export interface CheckpointReceipt {
  readonly name: string;
  /** Of all its files. */
  readonly bytes: number;
}

/** Told of each checkpoint, or `LATEST`, that could not be used, and why. */
export type OnRejected = (name: string, reason: string) => void;

export interface WriteOptions {
  /**
   * Newest checkpoints kept, this one among them; of later steps, left by a run that was resumed
   * before them, all are.
   */
  readonly keep: number;
  /**
   * The writer's own folder, on the file system of the checkpoints. Where it is gone, nothing is
   * written. Left out: one is made beside the checkpoints, for a folder with a single writer for
   * certain.
   */
  readonly staging?: string;
}

/**
 * Writes a checkpoint; once this returns, it survives the death of process and machine. A
 * checkpoint of the same step is replaced. The arrays must not change meanwhile.
 * @param root the folder of checkpoints; made if it is not there
 * @throws TrainerError PROTOCOL_VIOLATION, SHAPE_MISMATCH for what a checkpoint cannot hold;
 *   UNAVAILABLE when it could not be written. The checkpoints before are then as they were.
 */
export async function writeCheckpoint(
  root: string,
  step: number,
  { state, files }: CheckpointContent,
  options: WriteOptions,
): Promise<CheckpointReceipt> {
  const encoded = Object.entries(files).map(
    ([base, arrays]) => [`${base}${EXTENSION}`, safetensorsChunks(arrays)] as const,
  );
  requireManifestable(
    step,
    state,
    Object.keys(files).map((base) => `${base}${EXTENSION}`),
  );
  const name = `step-${step}`;
  const places = { root, staging: options.staging ?? `${root}.staging` };
  const partial = join(places.staging, `${name}.partial`);
  try {
    await makeRoot(places, options.staging === undefined);
    const bytes = await writeFolder(partial, step, state, encoded);
    hitFailpoint('checkpoint.filesWritten', { step });
    await putInPlace(places, name, partial);
    hitFailpoint('checkpoint.named', { step });
    await nameLatest(places, name);
    await removeOld(places, step, options.keep);
    if (options.staging === undefined) await fs.rm(places.staging, { recursive: true });
    return { name, bytes };
  } catch (cause) {
    // Gives back the space, which may be what there was too little of.
    await fs.rm(partial, { recursive: true, force: true }).catch(() => undefined);
    throw unavailable(
      `checkpoint ${join(root, name)}`,
      `writing it failed: ${messageOf(cause)}`,
      cause,
    );
  }
}

/**
 * Reads the checkpoint that `LATEST` names or, if it is damaged or not one of this run, the newest
 * other one that is sound.
 * @param accept throws for a sound checkpoint that the caller cannot use
 * @returns null where no checkpoint was ever completed
 * @throws TrainerError CHECKPOINT_CORRUPT if there are some, but none is sound
 */
export async function readLatestCheckpoint(
  root: string,
  onRejected: OnRejected,
  accept: (checkpoint: Checkpoint) => void = () => undefined,
): Promise<Checkpoint | null> {
  const names = await listCheckpoints(root);
  const latest = await readLatestName(root).catch((error: unknown) => {
    if (names.length > 0) onRejected(LATEST, messageOf(error));
    return null;
  });
  if (names.length === 0 && latest === null) return null;
  const others = names.filter((name) => name !== latest);
  const reasons: string[] = [];
  for (const name of latest === null ? others : [latest, ...others]) {
    try {
      const checkpoint = await readFolder(root, name);
      accept(checkpoint);
      return checkpoint;
    } catch (error) {
      reasons.push(messageOf(error));
      onRejected(name, messageOf(error));
    }
  }
  throw checkpointCorrupt(root, `none of them is sound: ${reasons.join('; ')}`);
}

/**
 * Sets the newest checkpoints aside, up to the first that is sound: they get a name that nobody
 * goes on from, and stay to be looked at until others are set aside. Damaged ones are passed over.
 * @param places staging as {@link WriteOptions} has it: where it is gone, nothing is set aside
 * @returns names of the one that is the newest now, or null where none is left, and of those set
 *   aside
 */
export async function setAsideUnsound(
  places: Places,
  isUnsound: (checkpoint: Checkpoint) => boolean,
): Promise<{ readonly newest: string | null; readonly setAside: readonly string[] }> {
  const { root, staging } = places;
  const unsound: string[] = [];
  let newest: string | null = null;
  for (const name of await listCheckpoints(root)) {
    const checkpoint = await readFolder(root, name).catch(() => null);
    if (checkpoint === null) continue;
    if (!isUnsound(checkpoint)) {
      newest = name;
      break;
    }
    unsound.push(name);
  }
  if (unsound.length === 0) return { newest, setAside: [] };
  const earlier = (await fs.readdir(root)).filter((name) => name.endsWith(UNSOUND));
  for (const name of earlier) await takeAway(places, name);
  // The name of the newest comes first: a process that is killed in between leaves a sound run.
  if (newest === null) await takeAway(places, LATEST);
  else await nameLatest(places, newest);
  for (const name of unsound) {
    const passing = join(staging, `${name}${PARTIAL}`);
    await fs.rename(join(root, name), passing);
    await fs.rename(passing, join(root, `${name}${UNSOUND}`));
  }
  await syncFolder(root);
  return { newest, setAside: unsound };
}

const MANIFEST = 'manifest.json';
const LATEST = 'LATEST';
const EXTENSION = '.safetensors';
const REPLACED = '.replaced';
/** In the names of what is not in its place yet, or not any more. */
const PARTIAL = '.partial';
/** Set aside, because training from it came to numbers that are not finite. */
const UNSOUND = '.unsound';
/** A complete checkpoint; `.replaced` is the earlier one of a step that is being written again. */
const COMPLETE = /^step-(?<step>\d{1,15})(?:\.replaced)?$/;
const MAX_MANIFEST_BYTES = 256 * 1024 * 1024;
const MAX_LATEST_BYTES = 100;

/** Where checkpoints lie, and where they are made. */
export interface Places {
  readonly root: string;
  readonly staging: string;
}

/** Makes room: what earlier writings left in the staging folder is worth nothing. */
async function makeRoot({ root, staging }: Places, makesStaging: boolean): Promise<void> {
  const made = await fs.mkdir(root, { recursive: true });
  if (made !== undefined) await syncFolder(dirname(root));
  if (makesStaging) await fs.mkdir(staging, { recursive: true });
  await removeWhere(staging, (name) => name.includes(PARTIAL));
}

/** Writes the files, then the manifest that vouches for them, then makes their names durable. */
async function writeFolder(
  folder: string,
  step: number,
  state: JsonObject,
  encoded: readonly (readonly [string, readonly Uint8Array[]])[],
): Promise<number> {
  await fs.mkdir(folder);
  const files: Manifest['files'] = [];
  for (const [name, chunks] of encoded) {
    files.push({ name, ...(await writeDurably(join(folder, name), chunks)) });
  }
  const manifest = encodeManifest({ step, state, files });
  await writeDurably(join(folder, MANIFEST), [manifest]);
  await syncFolder(folder);
  return files.reduce((total, { bytes }) => total + bytes, manifest.length);
}

/**
 * Gives a complete folder its name. A folder cannot be renamed onto another, so an earlier one of
 * the step steps aside, and a copy of it lies under a name that readers know until then: at no
 * moment is there none.
 */
async function putInPlace(places: Places, name: string, partial: string): Promise<void> {
  const { root, staging } = places;
  if ((await listCheckpoints(root)).includes(name)) {
    const copy = join(staging, `${name}.copy${PARTIAL}`);
    await linkFolder(join(root, name), copy);
    await takeAway(places, `${name}${REPLACED}`);
    await fs.rename(copy, join(root, `${name}${REPLACED}`));
    await takeAway(places, name);
  }
  await fs.rename(partial, join(root, name));
  await syncFolder(root);
}

/**
 * A second folder of the same files, which never change; copies of them where the file system
 * cannot have a file twice.
 */
async function linkFolder(folder: string, copy: string): Promise<void> {
  await fs.mkdir(copy);
  for (const file of await fs.readdir(folder)) {
    const [from, to] = [join(folder, file), join(copy, file)];
    await fs.link(from, to).catch(() => fs.copyFile(from, to));
  }
  await syncFolder(copy);
}

async function nameLatest({ root, staging }: Places, name: string): Promise<void> {
  const partial = join(staging, `${LATEST}${PARTIAL}`);
  await writeDurably(partial, [Buffer.from(`${name}\n`)]);
  await fs.rename(partial, join(root, LATEST));
  await syncFolder(root);
}

/** Removes what is older than the newest `keep` up to a step, and every one that was replaced. */
async function removeOld(places: Places, step: number, keep: number): Promise<void> {
  const upToStep = (await listCheckpoints(places.root)).filter((name) => stepOf(name) <= step);
  const kept = upToStep.filter((name) => !name.endsWith(REPLACED)).slice(0, keep);
  for (const name of upToStep) if (!kept.includes(name)) await takeAway(places, name);
}

/** Removes a checkpoint, if it is there: first from sight, as a whole. */
async function takeAway({ root, staging }: Places, name: string): Promise<void> {
  const removed = join(staging, `${name}.removed${PARTIAL}`);
  await fs.rm(removed, { recursive: true, force: true });
  const isThere = await fs.rename(join(root, name), removed).then(
    () => true,
    async (error: unknown) => {
      // Nothing to remove, unless it is the staging folder that is gone.
      if (!isMissing(error)) throw error;
      await fs.access(staging);
      return false;
    },
  );
  if (isThere) await fs.rm(removed, { recursive: true, force: true });
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/**
 * Complete checkpoints, the newest first; one that was replaced comes behind the one that replaced
 * it. A folder that is not there has none.
 */
async function listCheckpoints(root: string): Promise<string[]> {
  const names = await fs.readdir(root).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names
    .filter((name) => COMPLETE.test(name))
    .sort((a, b) => stepOf(b) - stepOf(a) || a.length - b.length);
}

/** @throws Error with the reason if there is none, or none that names a checkpoint */
async function readLatestName(root: string): Promise<string> {
  const { bytes } = await readBounded(join(root, LATEST), MAX_LATEST_BYTES);
  const name = Buffer.from(bytes).toString('utf8').trim();
  if (!COMPLETE.test(name)) throw new Error('does not name a checkpoint');
  return name;
}

async function readFolder(root: string, name: string): Promise<Checkpoint> {
  const folder = join(root, name);
  const refuse = (file: string) => (cause: unknown) => {
    throw checkpointCorrupt(folder, `${file} ${messageOf(cause)}`, cause);
  };
  await requireFolder(folder).catch(refuse('it'));
  const manifest = await readManifest(join(folder, MANIFEST)).catch(refuse(MANIFEST));
  const { step, state } = manifest;
  if (step !== stepOf(name)) throw checkpointCorrupt(folder, `its manifest is of step ${step}`);
  const files: Record<string, NamedArrays> = {};
  for (const { name: fileName, ...digest } of manifest.files) {
    const path = join(folder, fileName);
    const bytes = await readVerified(path, digest).catch(refuse(fileName));
    const what = `checkpoint ${path}`;
    const { arrays } = decodeSafetensors(bytes, { what, code: 'CHECKPOINT_CORRUPT' });
    files[fileName.slice(0, -EXTENSION.length)] = arrays;
  }
  return { name, step, state, files };
}

async function readManifest(path: string): Promise<Manifest> {
  return decodeManifest((await readBounded(path, MAX_MANIFEST_BYTES)).bytes);
}

async function removeWhere(root: string, isUnwanted: (name: string) => boolean): Promise<void> {
  for (const name of (await fs.readdir(root)).filter(isUnwanted)) {
    await fs.rm(join(root, name), { recursive: true, force: true });
  }
}

/** Of a name that is COMPLETE. */
function stepOf(name: string): number {
  return Number(COMPLETE.exec(name)?.groups?.['step']);
}
