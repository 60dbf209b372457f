/**
 * How near a clustering is to collapse: all features equal, or one cluster that has taken nearly
 * all images. A network can always reach it, for then the pseudo-labels are easy (Caron et al.,
 * ECCV 2018, section 3.3, "trivial solutions"). Pure; sums in float64. Shapes: N images, D feature
 * dimensions, K clusters.
 */
import { clusterEntropy, clusterSizes } from './agreement.ts';
import type { ShardMoments } from './moments.ts';

/** How far features and clusters are from collapse. */
export interface CollapseFigures {
  /**
   * Part of the features' mean square that is their variance: 0 where all are equal, 1 where their
   * mean is 0.
   */
  readonly spread: number;
  /** Share of the images that the largest cluster has. */
  readonly largestShare: number;
  /** Of the cluster sizes, as a share of ln K. */
  readonly entropy: number;
  /**
   * ODC: mean squared distance by which steps moved unit rows; null before the first step, and in
   * DeepCluster.
   */
  readonly movement: number | null;
}

/** Of features as they are: 1 - |Σ x|² / (N Σ |x|²); of features that are all zero, 0. */
export function spreadOfMoments({ count, sum, outer }: ShardMoments): number {
  let squares = 0;
  for (let i = 0, at = 0; i < sum.length; at += sum.length - i, i += 1) squares += outer[at]!;
  return squares === 0 ? 0 : 1 - squaredLength(sum) / (count * squares);
}

/**
 * Of N unit rows, by the sums of their clusters: their mean is as long as 1 where all are equal.
 * @param sums [K, D]
 */
export function spreadOfClusterSums(sums: Float64Array, dim: number, count: number): number {
  const total = new Float64Array(dim);
  for (let i = 0; i < sums.length; i += 1) total[i % dim]! += sums[i]!;
  return 1 - squaredLength(total) / count ** 2;
}

/**
 * Mean squared distance of rows from what they were.
 * @param oldRows [n, D]
 * @param newRows [n, D]
 */
export function movementOf(oldRows: Float32Array, newRows: Float32Array, dim: number): number {
  let squares = 0;
  for (let i = 0; i < newRows.length; i += 1) squares += (newRows[i]! - oldRows[i]!) ** 2;
  return (squares * dim) / newRows.length;
}

function squaredLength(vector: Float64Array): number {
  return vector.reduce((total, value) => total + value * value, 0);
}

/** @param pseudoLabels [N], -1 for an image without a cluster */
export function figuresOf(
  spread: number,
  pseudoLabels: Int32Array,
  k: number,
  movement: number | null = null,
): CollapseFigures {
  const sizes = clusterSizes(pseudoLabels, k);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const largest = sizes.reduce((most, size) => Math.max(most, size), 0);
  const { normalised: entropy } = clusterEntropy(sizes);
  return { spread, largestShare: largest / total, entropy, movement };
}
