/**
 * Checkpoints of a run: folders `step-N` of safetensors files under one manifest, and `LATEST`, which names the newest.
 * A checkpoint is written under another name, forced to disk and then renamed, so that a process killed at any moment
 * leaves a sound one. Reading trusts nothing: sizes and digests are checked, and a damaged one gives way to the one before.
 */
import fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hitFailpoint } from '../config/failpoints.ts';
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
import { decodeSafetensors, safetensorsChunks } from './safetensors.ts';
import type { NamedArrays } from './safetensors.ts';

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

/**
 * Writes a checkpoint; once this returns, it survives the death of process and machine. One writer at a time: leftovers
 * of a killed one are removed. A checkpoint of the same step is replaced. The arrays must not change meanwhile.
 * @param root the folder of checkpoints; made if it is not there
 * @param options.keep newest checkpoints kept, this one among them; of later steps, left by a run that was resumed before
 *   them, none is removed
 * @throws TrainerError PROTOCOL_VIOLATION, SHAPE_MISMATCH for what a checkpoint cannot hold; UNAVAILABLE when it could not
 *   be written. The checkpoints before are then as they were.
 */
export async function writeCheckpoint(
  root: string,
  step: number,
  { state, files }: CheckpointContent,
  options: { readonly keep: number },
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
  const partial = join(root, `${name}.partial-${process.pid}`);
  try {
    await makeRoot(root);
    const bytes = await writeFolder(partial, step, state, encoded);
    hitFailpoint('checkpoint.filesWritten', { step });
    await putInPlace(root, name, partial);
    hitFailpoint('checkpoint.named', { step });
    await nameLatest(root, name);
    await removeOld(root, step, options.keep);
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
 * Reads the checkpoint that `LATEST` names or, if it is damaged or not one of this run, the newest other one that is sound.
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

const MANIFEST = 'manifest.json';
const LATEST = 'LATEST';
const EXTENSION = '.safetensors';
const REPLACED = '.replaced';
/** Left by a writer that was killed: never complete, or complete and never named. */
const PARTIAL = /^(?:step-\d+|LATEST)\.partial-\d+$/;
/** A complete checkpoint; `.replaced` is the earlier one of a step that is being written again. */
const COMPLETE = /^step-(?<step>\d{1,15})(?:\.replaced)?$/;
const MAX_MANIFEST_BYTES = 256 * 1024 * 1024;
const MAX_LATEST_BYTES = 100;

async function makeRoot(root: string): Promise<void> {
  const made = await fs.mkdir(root, { recursive: true });
  if (made !== undefined) await syncFolder(dirname(root));
  await removeWhere(root, (name) => PARTIAL.test(name));
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
 * Gives a complete folder its name. A folder cannot be renamed onto another, so an earlier one of the step steps aside
 * under a name that readers know: at no moment is there none.
 */
async function putInPlace(root: string, name: string, partial: string): Promise<void> {
  if ((await listCheckpoints(root)).includes(name)) {
    const replaced = join(root, `${name}${REPLACED}`);
    await fs.rm(replaced, { recursive: true, force: true });
    await fs.rename(join(root, name), replaced);
  }
  await fs.rename(partial, join(root, name));
  await syncFolder(root);
}

async function nameLatest(root: string, name: string): Promise<void> {
  const partial = join(root, `${LATEST}.partial-${process.pid}`);
  await writeDurably(partial, [Buffer.from(`${name}\n`)]);
  await fs.rename(partial, join(root, LATEST));
  await syncFolder(root);
}

/** Removes what is older than the newest `keep` up to a step, and every one that was replaced. */
async function removeOld(root: string, step: number, keep: number): Promise<void> {
  const upToStep = (await listCheckpoints(root)).filter((name) => stepOf(name) <= step);
  const kept = upToStep.filter((name) => !name.endsWith(REPLACED)).slice(0, keep);
  await removeWhere(root, (name) => upToStep.includes(name) && !kept.includes(name));
}

/**
 * Complete checkpoints, the newest first; one that was replaced comes behind the one that replaced it.
 * A folder that is not there has none.
 */
async function listCheckpoints(root: string): Promise<string[]> {
  const names = await fs.readdir(root).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
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
