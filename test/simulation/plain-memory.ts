/**
 * The oracle's sample memory of DeepCluster-v2: rows of random crops by image, as a plain map. When
 * it is filled, and what a step writes into it, stands in plain-run.ts. Shapes: d columns of a
 * feature; rows have one for each crop.
 */
import { drawnViews } from '../../src/data/loader/drawn-views.ts';
import { normaliseRows } from '../../src/clustering/odc/mixing.ts';
import type { SliceRows } from '../../src/clustering/odc/sample-memory.ts';
import { planShards, shuffledIds } from '../../src/data/shard-plan.ts';
import type { Prototypes } from '../../src/clustering/prototypes.ts';
import type { PlainSlice } from '../support/oracles/plain-tree.ts';
import { FEATURE_DIM, viewsOf, type Scenario, type TinyModel } from './tiny-network.ts';

/** Features of a data shard's readable images. */
export interface ShardRows {
  readonly ids: Int32Array;
  readonly features: Float32Array;
}

/** DeepCluster-v2: rows of the crops by image, and the heads of the epoch. */
export interface V2State extends Pick<Prototypes, 'values' | 'heads' | 'clusters'> {
  readonly memory: Map<number, Float32Array>;
  readonly labels: readonly Int32Array[];
}

/** Of DeepCluster-v2 and SwAV, as their settings have it. */
export const CROPS = 2;

/**
 * Batches are pieces of a data shard's part of the shuffled images, with those that can be read.
 */
export function cropRows(
  { images, shardSize, sliceSize, unreadable, seed }: Scenario,
  model: TinyModel,
): Map<number, Float32Array> {
  const memory = new Map<number, Float32Array>();
  const order = shuffledIds(images, seed);
  for (const { begin, end, index } of planShards(images, shardSize)) {
    for (let at = begin; at < end; at += sliceSize) {
      const asked = order.slice(at, Math.min(end, at + sliceSize));
      const draws = drawnViews({ ids: asked, occurrences: asked.map(() => 0) }, CROPS);
      const { pixels, ids } = viewsOf(unreadable, draws.ids, draws.occurrences, 0);
      const name = [seed, 'dropout', 'crops', index, (at - begin) / sliceSize];
      const features = model.trainingFeatures(pixels, ids.length, name);
      // Made where the features are, and again with all rows that are clustered: a last bit may move.
      const unit = normaliseRows(features, FEATURE_DIM);
      takeRows(memory, ids, normaliseRows(unit, FEATURE_DIM));
    }
  }
  return memory;
}

/** The rows of the images of a data shard that have one: of each the part of a crop. */
export function memoryPart(
  memory: ReadonlyMap<number, Float32Array>,
  { begin, end }: { begin: number; end: number },
  part: number,
): ShardRows {
  const ids = Int32Array.from({ length: end - begin }, (_, i) => begin + i).filter((id) =>
    memory.has(id),
  );
  const rows = [...ids].flatMap((id) => [
    ...memory.get(id)!.subarray(part * FEATURE_DIM, (part + 1) * FEATURE_DIM),
  ]);
  return { ids, features: normaliseRows(Float32Array.from(rows), FEATURE_DIM) };
}

/** @param ids of the views, those of an image one behind the other @param rows of the views */
function takeRows(memory: Map<number, Float32Array>, ids: Int32Array, rows: Float32Array): void {
  for (let view = 0; view < ids.length; view += CROPS) {
    memory.set(ids[view]!, rows.slice(view * FEATURE_DIM, (view + CROPS) * FEATURE_DIM));
  }
}

/** A slice's samples, and what names it. */
export interface DrawnSlice {
  readonly ids: Int32Array;
  readonly occurrences: Int32Array;
  readonly epoch: number;
  readonly slice: number;
  readonly seed: readonly (string | number)[];
}

/** What a slice comes to, with the rows that its crops leave in the memory. */
export type CropSlice = PlainSlice & { readonly lossSum: number; readonly rows: SliceRows };

export function prototypeSlice(
  { labels, values, heads, clusters }: V2State,
  drawn: DrawnSlice,
  model: TinyModel,
): CropSlice {
  const { ids, slice, seed } = drawn;
  const targets = Int32Array.from([...ids].flatMap((id) => labels.map((own) => own[id]!)));
  const prototypes = { values, heads, clusters, temperature: 1, crops: CROPS };
  const passed = model.prototypeGradient(cropsOf(drawn), targets, prototypes, seed);
  const rows = { slice, ids, rows: passed.features, pseudoLabels: ids };
  return { ...passed, samples: ids.length, rows };
}

/** Views of the slice's crops, those of an image one behind the other. */
export function cropsOf({ ids, occurrences, epoch }: DrawnSlice): Uint8Array {
  const views = drawnViews({ ids, occurrences }, CROPS);
  return viewsOf(null, views.ids, views.occurrences, epoch).pixels;
}

/** [images, columns]; null without a memory. */
export function wholeMemory(state: V2State | null, images: number): Float32Array | null {
  if (state === null) return null;
  const columns = CROPS * FEATURE_DIM;
  const all = new Float32Array(images * columns);
  for (const [id, row] of state.memory) all.set(row, id * columns);
  return all;
}
