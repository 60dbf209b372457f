/**
 * Any images through a run's network, into a file: by one process or several, each of which takes
 * blocks of images until there are none left. The run may go on meanwhile; nothing is written
 * into its folder.
 */
import { openImageSource, type ImageSource } from '../data/source/source.ts';
import { TrainerError } from '../errors.ts';
import type { EngineFacts } from '../engine/engine.ts';
import { engineEntry, type EngineChoice } from '../engine/registry.ts';
import { workerShare, type Machine } from '../launch/machine.ts';
import { openRun, readSavedRun, type OpenedRun } from '../run/open-run.ts';
import { isDiskFull } from '../process/disk-full.ts';
import { assemble } from './assemble.ts';
import type { BlockTimes } from './block-worker.ts';
import { claimFile } from './claim.ts';
import { dimOf, type Layer } from './layers.ts';
import {
  blocksOf,
  createParts,
  doneBlocks,
  engineTag,
  noRoom,
  openParts,
  requireSameRequest,
  type Block,
  type Parts,
} from './parts.ts';
import type { FileKind } from './table-files.ts';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

export interface EmbedFileRequest {
  /** Folder of the run. */
  readonly run: string;
  /** Folder or list of images. */
  readonly data: string;
  readonly out: string;
  readonly kind: FileKind;
  /** Null: clusters alone. */
  readonly layer: Layer | null;
  /** Null: one a GPU, or one. */
  readonly workers: number | null;
  readonly engine: EngineChoice;
  /** Images that are read, and go through the network, at a time. */
  readonly batchImages: number;
  /** Begin again, whatever parts there are. */
  readonly isRestarted: boolean;
  /** The run as it was opened before; left out: it is opened now. */
  readonly opened?: OpenedRun;
}

export interface EmbedFileHooks {
  readonly onProgress: (done: number, total: number) => void;
  readonly onRemark: (text: string) => void;
}

/** What the processes may use of the one that asks. */
export interface EmbedFileSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly machine: Machine;
  readonly signal: AbortSignal;
}

export interface EmbedReport {
  readonly out: string;
  readonly run: string;
  readonly checkpoint: string;
  readonly engine: string;
  readonly workers: number;
  readonly images: number;
  /** Images with a row. */
  readonly rows: number;
  readonly unreadable: number;
  readonly layer: Layer | null;
  /** D; null: clusters alone. */
  readonly dim: number | null;
  /** Of an earlier call that ended before its time. */
  readonly imagesDoneBefore: number;
  /** The whole call. */
  readonly seconds: number;
  /** Of this call, from the first block to the last; null where it had none to compute. */
  readonly imagesPerSecond: number | null;
  /** What the forward passes alone would reach: of all processes together. */
  readonly forwardImagesPerSecond: number | null;
  /** Of the one in the other. */
  readonly share: number | null;
}

/** Batches of a block: what a process that is killed loses at the most, twice. */
const BLOCK_BATCHES = 8;
/** Blocks that each process knows of: it begins to read the next while it computes one. */
const BLOCKS_AHEAD = 2;

/**
 * @throws TrainerError CONFIG_INVALID for a run that cannot give what is asked for, an `out` that
 *   cannot be, and parts of another call; DATA_UNREADABLE for images; UNAVAILABLE where a process
 *   died; the signal's reason
 */
export async function embedToFile(
  request: EmbedFileRequest,
  hooks: EmbedFileHooks,
  surroundings: EmbedFileSurroundings,
): Promise<EmbedReport> {
  const release = claimFile(request.out);
  try {
    return await embedClaimed(request, hooks, surroundings);
  } catch (error) {
    throw isDiskFull(error) ? noRoom(error) : error;
  } finally {
    release();
  }
}

async function embedClaimed(
  request: EmbedFileRequest,
  hooks: EmbedFileHooks,
  surroundings: EmbedFileSurroundings,
): Promise<EmbedReport> {
  const beginMs = performance.now();
  const { out, kind, layer } = request;
  const { source, parts } = await prepare(request, hooks);
  const { machine } = surroundings;
  const gpus = engineEntry(request.engine).usesGpus ? machine.gpus.length : 0;
  const most = blocksOf(parts.plan).length;
  const workers = Math.min(most, request.workers ?? Math.max(1, gpus));
  const computed = await computeBlocks(parts, source, workers, { request, hooks, surroundings });
  const { signal } = surroundings;
  const tag = engineTag(computed.engine);
  const assembled = await assemble({ parts, tag, source, out, kind, signal });
  const { plan, values } = parts;
  return {
    ...{ out, run: request.run, checkpoint: plan.checkpoint, engine: computed.engine.name },
    ...{ workers, images: source.count, ...assembled, layer },
    dim: layer === null ? null : dimOf(values, layer),
    imagesDoneBefore: computed.imagesDoneBefore,
    seconds: (performance.now() - beginMs) / 1000,
    ...computed.rates,
  };
}

/** The images, and the parts: those of an earlier call, if there are any. */
async function prepare(
  { run: folder, data, out, layer, batchImages, isRestarted, opened }: EmbedFileRequest,
  { onRemark }: EmbedFileHooks,
): Promise<{ source: ImageSource; parts: Parts }> {
  const { runId } = await readSavedRun(folder);
  const source = await openImageSource(data);
  const { digest, count } = source;
  const blockImages = BLOCK_BATCHES * batchImages;
  const wanted = { runId, images: { digest, count }, layer, blockImages };
  const place = `${out}.parts`;
  const found = isRestarted ? null : await openParts(place);
  if (found !== null) {
    requireSameRequest(found, wanted);
    onRemark(`goes on with ${place}, which are of checkpoint ${found.plan.checkpoint}`);
    return { source, parts: found };
  }
  const onRejected = (name: string, reason: string): void => {
    onRemark(`passes over checkpoint ${name}: ${reason}`);
  };
  const run = opened ?? (await openRun(folder, onRejected));
  if (run.centroids === null && (layer === null || layer === 'whitened')) {
    const problem = 'has not clustered its images yet; wait for the end of its first clustering';
    throw new TrainerError('CONFIG_INVALID', `run folder ${folder}: ${problem}`, { folder });
  }
  return { source, parts: await createParts(place, wanted, run) };
}

interface Surrounded {
  readonly request: EmbedFileRequest;
  readonly hooks: EmbedFileHooks;
  readonly surroundings: EmbedFileSurroundings;
}

interface Computed {
  readonly engine: EngineFacts;
  readonly imagesDoneBefore: number;
  readonly rates: Pick<EmbedReport, 'imagesPerSecond' | 'forwardImagesPerSecond' | 'share'>;
}

async function computeBlocks(
  parts: Parts,
  { count }: ImageSource,
  workers: number,
  { request, hooks, surroundings }: Surrounded,
): Promise<Computed> {
  const { env, machine } = surroundings;
  // One that fails ends the others.
  const failed = new AbortController();
  const signal = AbortSignal.any([surroundings.signal, failed.signal]);
  let done = 0;
  const onImages = (images: number): void => {
    done += images;
    hooks.onProgress(done, count);
  };
  const { data, engine, batchImages } = request;
  const started = await Promise.all(
    Array.from({ length: workers }, (_, index) =>
      startWorkerProcess({
        ...{ parts: parts.folder, data, engine, batchImages, onImages, signal },
        env: { ...env, ...workerShare(index, workers, machine, env) },
      }).catch((error: unknown) => {
        failed.abort(error);
        throw error;
      }),
    ),
  );
  try {
    const [{ engine: facts }] = started as [WorkerProcess];
    hooks.onRemark(`engine ${facts.reason}`);
    const known = await doneBlocks(parts.folder, engineTag(facts));
    const blocks = blocksOf(parts.plan);
    const left = blocks.filter(({ index }) => !known.has(index));
    done = count - left.reduce((sum, { begin, end }) => sum + end - begin, 0);
    const imagesDoneBefore = done;
    hooks.onProgress(done, count);
    const beginMs = performance.now();
    const times = await Promise.all(started.map((worker) => takeBlocks(worker, left)));
    const seconds = (performance.now() - beginMs) / 1000;
    return { engine: facts, imagesDoneBefore, rates: ratesOf(times, seconds) };
  } finally {
    await Promise.all(started.map((worker) => worker.end()));
  }
}

/** Takes blocks from `left` until none is there. */
async function takeBlocks(worker: WorkerProcess, left: Block[]): Promise<BlockTimes> {
  let images = 0;
  let forwardMs = 0;
  const lane = async (): Promise<void> => {
    for (let block = left.shift(); block !== undefined; block = left.shift()) {
      const times = await worker.compute(block);
      images += times.images;
      forwardMs += times.forwardMs;
    }
  };
  await Promise.all(Array.from({ length: BLOCKS_AHEAD }, lane));
  return { images, forwardMs };
}

function ratesOf(times: readonly BlockTimes[], seconds: number): Computed['rates'] {
  const images = times.reduce((sum, one) => sum + one.images, 0);
  if (images === 0) return { imagesPerSecond: null, forwardImagesPerSecond: null, share: null };
  const forward = times
    .filter((one) => one.images > 0)
    .reduce((sum, one) => sum + (1000 * one.images) / one.forwardMs, 0);
  const whole = images / seconds;
  return { imagesPerSecond: whole, forwardImagesPerSecond: forward, share: whole / forward };
}
