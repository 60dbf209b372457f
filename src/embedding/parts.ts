/**
 * The parts of an embedding under way, in a folder beside the file that it makes: the network as
 * it was when the work began, and a file for each block of images that is done. Whoever is killed
 * and starts again goes on with the same network, however far the run has come meanwhile, and
 * computes no block twice. Blocks of another engine are computed again: their numbers differ in
 * the last digits. Shapes: m images of a block that could be read, D dimensions of the layer, K
 * clusters.
 */
import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { arrayOf } from '../arrays/bundle.ts';
import { decodeSafetensors, safetensorsChunks, type NamedArrays } from '../arrays/safetensors.ts';
import { writeDurably } from '../checkpoint/checkpoint-files.ts';
import { runConfigSchema } from '../config/schema.ts';
import type { UnreadableImage } from '../data/source/unreadable.ts';
import { TrainerError, messageOf, unavailable } from '../errors.ts';
import type { EngineFacts } from '../engine/engine.ts';
import { firstIssue } from '../messages/schema-issue.ts';
import type { OpenedRun } from '../run/open-run.ts';
import { holdsWhitening, whiteningFromArrays, whiteningToArrays } from '../run/whitening-arrays.ts';
import { detailsFromArrays, detailsToArrays } from '../work/assign.ts';
import type { EmbeddedRows } from './embed-batches.ts';
import { LAYERS, type Layer, type NetworkValues } from './layers.ts';

/** What an embedding is of, and by what: equal requests and images give equal files. */
export interface EmbeddingRequest {
  readonly runId: string;
  /** sha256 of the images' paths and sizes, and their number. */
  readonly images: { readonly digest: string; readonly count: number };
  /** Null: clusters alone. */
  readonly layer: Layer | null;
  /** Images of a block. */
  readonly blockImages: number;
}

/** The same, with the checkpoint that the network is of. */
export interface EmbeddingPlan extends EmbeddingRequest {
  readonly checkpoint: string;
}

export interface Parts {
  readonly folder: string;
  readonly plan: EmbeddingPlan;
  readonly values: NetworkValues;
}

/** Images `begin` up to `end` by id. */
export interface Block {
  readonly index: number;
  readonly begin: number;
  readonly end: number;
}

const PLAN_FILE = 'plan.json';
const NETWORK_FILE = 'network.safetensors';

const planSchema = z.strictObject({
  form: z.literal(1),
  runId: z.string(),
  images: z.strictObject({ digest: z.string(), count: z.int().min(1) }),
  layer: z.enum(LAYERS).nullable(),
  blockImages: z.int().min(1),
  checkpoint: z.string(),
  config: z.unknown(),
});

/**
 * @returns the parts that the folder holds, whatever they are of; null where it holds none
 * @throws TrainerError CONFIG_INVALID for those of another release, CHECKPOINT_CORRUPT for damaged
 *   ones
 */
export async function openParts(folder: string): Promise<Parts | null> {
  const file = join(folder, PLAN_FILE);
  if (!existsSync(file)) return null;
  const parsed = planSchema.safeParse(JSON.parse(await fs.readFile(file, 'utf8')));
  if (!parsed.success) throw otherParts(folder, `its ${PLAN_FILE} ${firstIssue(parsed.error)}`);
  const { runId, images, layer, blockImages, checkpoint, config: saved } = parsed.data;
  const config = runConfigSchema().parse(saved);
  const what = { what: join(folder, NETWORK_FILE), code: 'CHECKPOINT_CORRUPT' as const };
  const { arrays } = decodeSafetensors(await fs.readFile(what.what), what);
  const centroids = arrays['centroids'];
  return {
    folder,
    plan: { runId, images, layer, blockImages, checkpoint },
    values: {
      config,
      parameters: arrayOf(arrays, 'parameters', Float32Array),
      statistics: arrayOf(arrays, 'statistics', Float32Array),
      centroids:
        centroids === undefined
          ? null
          : {
              values: arrayOf(arrays, 'centroids', Float32Array),
              count: centroids.shape[0]!,
              dim: centroids.shape[1]!,
            },
      whitening: holdsWhitening(arrays) ? whiteningFromArrays(arrays) : null,
    },
  };
}

/** Makes the folder, with the network in it; whatever else it holds is removed. */
export async function createParts(
  folder: string,
  request: EmbeddingRequest,
  run: OpenedRun,
): Promise<Parts> {
  const { config, parameters, statistics, centroids, whitening, checkpoint } = run;
  const plan: EmbeddingPlan = { ...request, checkpoint };
  await fs.rm(folder, { recursive: true, force: true });
  await fs.mkdir(folder);
  const arrays: NamedArrays = {
    parameters: { data: parameters, shape: [parameters.length] },
    statistics: { data: statistics, shape: [statistics.length] },
    ...(centroids === null
      ? {}
      : { centroids: { data: centroids.values, shape: [centroids.count, centroids.dim] } }),
    ...(whitening === null ? {} : whiteningToArrays(whitening)),
  };
  await putDurably(join(folder, NETWORK_FILE), safetensorsChunks(arrays));
  // Last, since it says that the rest is there.
  const text = JSON.stringify({ form: 1, ...plan, config }, null, 2);
  await putDurably(join(folder, PLAN_FILE), [Buffer.from(`${text}\n`)]);
  return { folder, plan, values: { config, parameters, statistics, centroids, whitening } };
}

/** @throws TrainerError CONFIG_INVALID for parts of something else */
export function requireSameRequest(parts: Parts, request: EmbeddingRequest): void {
  const { folder, plan } = parts;
  const differs = (what: string, was: unknown, is: unknown): void => {
    if (was === is) return;
    throw otherParts(folder, `${what} was ${String(was)} there, and is ${String(is)} now`);
  };
  differs('the run', plan.runId, request.runId);
  differs('the number of images', plan.images.count, request.images.count);
  differs('the digest of the images', plan.images.digest, request.images.digest);
  differs('the layer', plan.layer ?? 'none', request.layer ?? 'none');
  differs('the number of images of a block', plan.blockImages, request.blockImages);
}

function otherParts(folder: string, problem: string): TrainerError {
  const remedy = 'add --restart to begin again without them, or name another file with --out';
  return new TrainerError(
    'CONFIG_INVALID',
    `parts ${folder}: they were left behind by another call: ${problem}; ${remedy}`,
    { folder },
  );
}

export function blocksOf({ images: { count }, blockImages }: EmbeddingRequest): Block[] {
  return Array.from({ length: Math.ceil(count / blockImages) }, (_, index) => {
    const begin = index * blockImages;
    return { index, begin, end: Math.min(count, begin + blockImages) };
  });
}

/** Which engine computed: part of a block's name. */
export function engineTag({ name, version, device, hasOwnKernels }: EngineFacts): string {
  const kind = device === 'CPU' ? 'cpu' : 'gpu';
  return `${name}-${version}-${kind}${hasOwnKernels ? '-own' : ''}`.replaceAll(/[^\w.-]/g, '_');
}

function blockFile(folder: string, { index }: Block, tag: string): string {
  return join(folder, `block-${index}.${tag}.safetensors`);
}

/** Indices of the blocks that are done. */
export async function doneBlocks(folder: string, tag: string): Promise<Set<number>> {
  const pattern = /^block-(\d+)\.(.*)\.safetensors$/;
  const found = (await fs.readdir(folder)).map((name) => pattern.exec(name));
  return new Set(found.flatMap((match) => (match?.[2] === tag ? [Number(match[1])] : [])));
}

export async function writeBlock(
  folder: string,
  block: Block,
  tag: string,
  { ids, features, clusters, details, unreadable }: EmbeddedRows,
): Promise<void> {
  const { length: m } = ids;
  const arrays: NamedArrays = {
    ids: { data: ids, shape: [m] },
    ...(features === null ? {} : { features: { data: features, shape: [features.length] } }),
    ...(clusters === null ? {} : { clusters: { data: clusters, shape: [m] } }),
    ...(details === null ? {} : detailsToArrays(details)),
  };
  const chunks = safetensorsChunks(arrays, { unreadable: JSON.stringify(unreadable) });
  await putDurably(blockFile(folder, block, tag), chunks);
}

/** @throws TrainerError CHECKPOINT_CORRUPT for a damaged one */
export async function readBlock(folder: string, block: Block, tag: string): Promise<EmbeddedRows> {
  const file = blockFile(folder, block, tag);
  try {
    const { arrays, metadata } = decodeSafetensors(await fs.readFile(file));
    const has = (name: string): boolean => arrays[name] !== undefined;
    return {
      ids: arrayOf(arrays, 'ids', Int32Array),
      features: has('features') ? arrayOf(arrays, 'features', Float32Array) : null,
      clusters: has('clusters') ? arrayOf(arrays, 'clusters', Int32Array) : null,
      details: has('distances') ? detailsFromArrays(arrays) : null,
      unreadable: JSON.parse(metadata['unreadable'] ?? '[]') as UnreadableImage[],
    };
  } catch (error) {
    const problem = `is damaged (${messageOf(error)}); remove it and give the command again`;
    throw new TrainerError('CHECKPOINT_CORRUPT', `part ${file}: ${problem}`, { file });
  }
}

/** A file is there whole, or not at all: also where two processes write it. */
async function putDurably(file: string, chunks: readonly Uint8Array[]): Promise<void> {
  const partial = `${file}.${process.pid}`;
  await fs.rm(partial, { force: true });
  try {
    await writeDurably(partial, chunks);
    await fs.rename(partial, file);
  } catch (error) {
    // Gives back the room, of which there may be too little.
    await fs.rm(partial, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** For a full disk. */
export function noRoom(cause: unknown): TrainerError {
  const problem = 'there is no room for the parts; make some, and give the command again';
  return unavailable('embedding', `${problem} (${messageOf(cause)})`, cause);
}
