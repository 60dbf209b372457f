/**
 * What a step of k-means needs of the rows of a data shard: the nearest centroid of each, and sums
 * by label. By the engine, or by the host kernels; both give the bits of float64 in the order of
 * rows, so that it does not matter which.
 */
import type { OnProgress } from '../../../clustering/kernels.ts';

export interface LabelSums {
  /** [K, D] */
  readonly sums: Float64Array;
  /** [K] */
  readonly counts: Uint32Array;
}

/**
 * Sums of the rows with each label, in float64 and in the order of rows.
 * @param features [n, D]
 * @param labels [n]
 */
export type SumByLabel = (
  features: Float32Array,
  labels: Int32Array,
  dim: number,
  k: number,
) => LabelSums;

export interface RowSearch {
  /** [n] |x| */
  readonly norms: Float64Array;
  /** @param centroids [K, D] @returns [n], the caller's own */
  labels(centroids: Float32Array, k: number, onProgress: OnProgress): Int32Array;
  sumByLabel(labels: Int32Array, k: number): LabelSums;
  release(): void;
}
