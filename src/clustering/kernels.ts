/**
 * The numeric work of one clustering, as a worker asks for it. Here in float64 JavaScript: the
 * oracle of the engines' kernels (src/engine/clustering), and what a process without an engine
 * computes with. Shapes: n rows, D dimensions, K centroids; matrices are flat and row-major.
 */
import type { ClusterSums } from './cluster-sums.ts';
import { assignShard, sumShard, type Assignment } from './kmeans-reducer.ts';
import { momentsOf, type ShardMoments } from './moments.ts';
import { nearestRows, type NearestRows } from './pic/nearest-rows.ts';
import {
  applyWhitening,
  solveWhitening,
  type Whitening,
  type WhiteningOptions,
} from './whitening.ts';

/** Called on the way through long work. */
export type OnProgress = () => void;

/** Rows of one data shard, prepared for the steps of k-means. */
export interface RowsToCluster {
  /** The nearest centroid of every row, as {@link assignShard}. */
  assign(centroids: Float32Array, k: number, onProgress?: OnProgress): Assignment;
  /** The local half of a step, as {@link sumShard}: the rows are added to `into`. */
  sum(centroids: Float32Array, into: ClusterSums, onProgress?: OnProgress): void;
  /** Gives back what was prepared; the rows are the caller's own. */
  release(): void;
}

export interface ClusteringKernels {
  /** @param features [n, D] */
  moments(
    features: Float32Array,
    count: number,
    dim: number,
    onProgress?: OnProgress,
  ): ShardMoments;
  solve(moments: ShardMoments, options: WhiteningOptions): Whitening;
  /** @returns [n, d] whitened, each row of length 1 */
  project(
    whitening: Whitening,
    features: Float32Array,
    count: number,
    onProgress?: OnProgress,
  ): Float32Array;
  /** @param features [n, D] not to be changed until they are released */
  rowsToCluster(features: Float32Array, count: number, dim: number): RowsToCluster;
  /** The nearest other rows of each row: the same on every engine, to the bit. */
  nearestRows: NearestRows;
}

export const FLOAT64_KERNELS: ClusteringKernels = {
  moments: momentsOf,
  solve: solveWhitening,
  project: applyWhitening,
  rowsToCluster: (features, count, dim) => ({
    assign: (centroids, k) => assignShard(features, count, dim, centroids, k),
    sum: (centroids, into) => {
      sumShard(features, count, dim, centroids, into);
    },
    release: () => undefined,
  }),
  nearestRows,
};
