/**
 * The kernels of clustering on the running engine. Labels, and the sums by cluster, are bit for bit those of float64.
 * Moments, whitening and projection are float64 but for float32 products of blocks; see each file for its bound.
 */
import type { ClusteringKernels, OnProgress, RowsToCluster } from '../../clustering/kernels.ts';
import type { Assignment, ShardSums } from '../../clustering/kmeans-reducer.ts';
import { solveWhitening, type EigenSolver } from '../../clustering/whitening.ts';
import { shapeMismatch } from '../../errors.ts';
import { momentsOnEngine } from './moments.ts';
import { NearestCentroids } from './nearest.ts';
import { projectOnEngine } from './project.ts';
import { topEigen } from './top-eigen.ts';

/** For the engine that runs in this process; start it first. */
export function engineKernels(): ClusteringKernels {
  return {
    moments: momentsOnEngine,
    solve: (moments, options) => solveWhitening(moments, options, solveOnEngine),
    project: projectOnEngine,
    rowsToCluster: (features, count, dim) => new RowsOnEngine(features, count, dim),
  };
}

const solveOnEngine: EigenSolver = (matrix, n, wanted, { onProgress, onFallback }) => {
  const solved = topEigen(matrix, n, wanted, onProgress === undefined ? {} : { onProgress });
  if (solved.failure !== null) onFallback?.(solved.failure);
  return solved;
};

const NO_PROGRESS: OnProgress = () => undefined;

class RowsOnEngine implements RowsToCluster {
  readonly #features: Float32Array;
  readonly #dim: number;
  readonly #nearest: NearestCentroids;
  /** Σ |x|² */
  readonly #squares: number;

  constructor(features: Float32Array, count: number, dim: number) {
    if (features.length !== count * dim) {
      throw shapeMismatch('features', [count, dim], [features.length]);
    }
    this.#features = features;
    this.#dim = dim;
    this.#nearest = new NearestCentroids(features, count, dim);
    this.#squares = this.#nearest.lengths.reduce((sum, length) => sum + length * length, 0);
  }

  assign(centroids: Float32Array, k: number, onProgress = NO_PROGRESS): Assignment {
    const { labels, inertia } = this.#step(centroids, k, onProgress);
    return { labels, inertia };
  }

  sum(centroids: Float32Array, k: number, shard: number, onProgress = NO_PROGRESS): ShardSums {
    const { sums, counts, inertia } = this.#step(centroids, k, onProgress);
    return { shard, sums, counts, inertia };
  }

  release(): void {
    this.#nearest.release();
  }

  #step(
    centroids: Float32Array,
    k: number,
    onProgress: OnProgress,
  ): Omit<ShardSums, 'shard'> & Assignment {
    const dim = this.#dim;
    if (centroids.length !== k * dim) {
      throw shapeMismatch('centroids', [k, dim], [centroids.length]);
    }
    const labels = this.#nearest.labels(centroids, k, onProgress);
    const { sums, counts } = sumByLabel(this.#features, labels, dim, k);
    return { labels, sums, counts, inertia: this.#inertia(centroids, sums, counts) };
  }

  /** Σ |x - c|² = Σ |x|² + Σ over clusters of n |c|² - 2 c·S, all in float64; rounding may leave a trace below zero. */
  #inertia(centroids: Float32Array, sums: Float64Array, counts: Uint32Array): number {
    const dim = this.#dim;
    let inertia = this.#squares;
    for (let c = 0; c < counts.length; c += 1) {
      let change = 0;
      for (let j = c * dim; j < (c + 1) * dim; j += 1) {
        change += centroids[j]! * (counts[c]! * centroids[j]! - 2 * sums[j]!);
      }
      inertia += change;
    }
    return Math.max(0, inertia);
  }
}

/**
 * Sums of the rows with each label, in float64 and in the order of rows: the order of a plain loop, with one cluster's sum
 * in the cache at a time.
 */
export function sumByLabel(
  features: Float32Array,
  labels: Int32Array,
  dim: number,
  k: number,
): { sums: Float64Array; counts: Uint32Array } {
  const counts = new Uint32Array(k);
  for (const label of labels) counts[label]! += 1;
  const order = rowsByLabel(labels, counts);
  const sums = new Float64Array(k * dim);
  const sum = new Float64Array(dim);
  let at = 0;
  for (let c = 0; c < k; c += 1) {
    const end = at + counts[c]!;
    if (end === at) continue;
    sum.fill(0);
    for (; at + 3 < end; at += 4) addFourRows(features, order, at, dim, sum);
    for (; at < end; at += 1) {
      const from = order[at]! * dim;
      for (let j = 0; j < dim; j += 1) sum[j] = sum[j]! + features[from + j]!;
    }
    sums.set(sum, c * dim);
  }
  return { sums, counts };
}

/** One after the other in each column, as a plain loop would: four rows on their way from memory at a time. */
function addFourRows(
  features: Float32Array,
  order: Int32Array,
  at: number,
  dim: number,
  sum: Float64Array,
): void {
  const a = order[at]! * dim;
  const b = order[at + 1]! * dim;
  const c = order[at + 2]! * dim;
  const d = order[at + 3]! * dim;
  for (let j = 0; j < dim; j += 1) {
    const two = sum[j]! + features[a + j]! + features[b + j]!;
    sum[j] = two + features[c + j]! + features[d + j]!;
  }
}

/** [n] rows, sorted by label and then by number. */
function rowsByLabel(labels: Int32Array, counts: Uint32Array): Int32Array {
  const next = new Int32Array(counts.length);
  for (let c = 1; c < counts.length; c += 1) next[c] = next[c - 1]! + counts[c - 1]!;
  const order = new Int32Array(labels.length);
  labels.forEach((label, row) => {
    order[next[label]!] = row;
    next[label]! += 1;
  });
  return order;
}
