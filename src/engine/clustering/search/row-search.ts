/**
 * What a step of k-means needs of the rows of a data shard: the nearest centroid of each, and sums
 * by label. By the engine, or by the host kernels; both give the bits of float64 in the order of
 * rows, so that it does not matter which.
 */
import type { ClusterSums } from '../../../clustering/cluster-sums.ts';
import type { OnProgress } from '../../../clustering/kernels.ts';

/** Sums and sizes by label, and by what values are rounded; added to in place. */
export type LabelSums = Pick<ClusterSums, 'sums' | 'counts' | 'rounder'>;

/**
 * Adds the rows with each label, in float64 and in the order of rows.
 * @param features [n, D]
 * @param labels [n] below K
 * @param into [K, D]
 */
export type SumByLabel = (
  features: Float32Array,
  labels: Int32Array,
  dim: number,
  into: LabelSums,
) => void;

export interface RowSearch {
  /** [n] |x| */
  readonly norms: Float64Array;
  /** @param centroids [K, D] @returns [n], the caller's own */
  labels(centroids: Float32Array, k: number, onProgress: OnProgress): Int32Array;
  sumByLabel(labels: Int32Array, into: LabelSums): void;
  release(): void;
}
