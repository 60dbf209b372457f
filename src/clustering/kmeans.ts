/**
 * k-means as a whole: the start, the seeds, and the single-process run that is composed of the same
 * parts as the distributed one. Source: spec of DeepCluster, section 5 (faiss 1.7.3). Shapes: N
 * samples, D feature dimensions, K centroids.
 */
import { configInvalid } from '../errors.ts';
import { gatherRows } from '../math/matrix.ts';
import { Mt19937, seededRng } from '../math/rng.ts';
import { inertiaOf, noSums } from './cluster-sums.ts';
import { FLOAT64_KERNELS, type ClusteringKernels, type RowsToCluster } from './kernels.ts';
import { nextCentroids } from './kmeans-reducer.ts';
import { normaliseRows } from './odc/mixing.ts';

export interface KmeansOptions {
  readonly iterations: number;
  readonly seed: number;
  /** Left out: in float64 on this thread. */
  readonly kernels?: Pick<ClusteringKernels, 'rowsToCluster'>;
}

export interface KmeansResult {
  /** [N] */
  readonly labels: Int32Array;
  /** [K, D] */
  readonly centroids: Float32Array;
  /** Sum of squared distances before each update; the last update's is `inertia`. */
  readonly objectives: readonly number[];
  /** At the final assignment. */
  readonly inertia: number;
  /** Refilled clusters in each iteration. */
  readonly refilled: readonly number[];
}

/** The seed that faiss falls back on, and that the paper's runs had. */
const FIXED_SEED = 1234;

/**
 * Seed of an epoch's k-means: 0..1233, drawn anew each epoch, or the fixed one.
 * @param head where there are several clusterings of an epoch
 */
export function clusterSeed(runSeed: number, epoch: number, isFresh: boolean, head = 0): number {
  if (!isFresh) return FIXED_SEED + head;
  const names = head === 0 ? [epoch] : [epoch, head];
  return seededRng(runSeed, 'kmeans', ...names).integer(FIXED_SEED);
}

/**
 * Rows that the centroids start from: the first K of a random permutation of 0 .. n - 1.
 * @throws TrainerError CONFIG_INVALID for more clusters than rows
 */
export function initialCentroidIds(n: number, k: number, seed: number): Int32Array {
  if (k > n) throw configInvalid('clustering.k', `must not exceed the number of images (${n})`, k);
  const generator = new Mt19937(seed + 1);
  const order = Int32Array.from({ length: n }, (_, i) => i);
  // Later swaps leave the first K alone, and the generator is used for nothing else.
  for (let i = 0; i < k; i += 1) {
    const j = i + (generator.uint32() % (n - i));
    const other = order[j]!;
    order[j] = order[i]!;
    order[i] = other;
  }
  return order.slice(0, k);
}

/** A row that a centroid starts from. */
export interface PickedRow {
  /** Within its data shard. */
  readonly row: number;
  readonly centroid: number;
}

/**
 * Picked rows by the data shard that has them; the rows of shards follow each other.
 * @param counts rows of each data shard
 */
export function pickedByShard(
  picked: Int32Array,
  counts: readonly number[],
): Map<number, PickedRow[]> {
  let begin = 0;
  const begins = counts.map((count) => (begin += count) - count);
  const byShard = new Map<number, PickedRow[]>();
  picked.forEach((position, centroid) => {
    const shard = begins.findLastIndex((first) => first <= position);
    const rows = byShard.get(shard) ?? [];
    rows.push({ row: position - begins[shard]!, centroid });
    byShard.set(shard, rows);
  });
  return byShard;
}

/** Lloyd's algorithm on one machine. @param features [N, D] float32; read only */
export function kmeans(
  features: Float32Array,
  n: number,
  dim: number,
  k: number,
  { iterations, seed, kernels = FLOAT64_KERNELS }: KmeansOptions,
): KmeansResult {
  const rows = kernels.rowsToCluster(features, n, dim);
  const start = gatherRows(features, initialCentroidIds(n, k, seed), dim);
  // Rows of any length, added by one process in their own order: their sums need not be exact.
  const found = lloyd([rows], start, { k, iterations, isSpherical: false, rounder: 0 });
  const { labels, inertia } = rows.assign(found.centroids, k);
  rows.release();
  return { ...found, labels, inertia };
}

/** What Lloyd's steps are told. */
export interface LloydOptions {
  readonly k: number;
  readonly iterations: number;
  /** Whether centroids are made unit rows, as of unit rows they should be. */
  readonly isSpherical: boolean;
  /** Of the sums (exact-sums.ts); 0: rows are added as they are, shard by shard. */
  readonly rounder: number;
}

/**
 * Lloyd's steps over the rows of data shards. With the rounder of a run's images, the bits are those
 * of steps that are spread over processes.
 * @param start [K, D]
 */
export function lloyd(
  shards: readonly RowsToCluster[],
  start: Float32Array,
  { k, iterations, isSpherical, rounder }: LloydOptions,
): Pick<KmeansResult, 'centroids' | 'objectives' | 'refilled'> {
  let centroids = start;
  const dim = start.length / k;
  const objectives: number[] = [];
  const refilled: number[] = [];
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    const total = noSums(k, dim, rounder);
    for (const rows of shards) rows.sum(centroids, total);
    const next = nextCentroids(total, centroids);
    objectives.push(inertiaOf(total, centroids));
    refilled.push(next.refilled.length);
    centroids = isSpherical ? normaliseRows(next.centroids, dim) : next.centroids;
  }
  return { centroids, objectives, refilled };
}
