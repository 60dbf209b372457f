/**
 * Loss weights of Online Deep Clustering: samples of large clusters count less, so that no cluster takes over the loss.
 * Sources: Zhan et al., CVPR 2020 (arXiv:2006.10645), section 3.3; spec of ODC, section 8.
 * In float64. Shapes: K clusters, B samples of a step.
 */

export interface LossWeightRule {
  /** p in (1 / (size + offset))^p: 0.5 in the paper, 0 for equal weights. */
  readonly power: number;
  /** Keeps the weight of an empty cluster finite: 1e-5 in the reference. */
  readonly offset: number;
}

/**
 * Weights by cluster: (1 / (size + offset))^power, divided by their sum. An empty cluster has a large one, and no sample to use it.
 * @param sizes [K]
 * @returns [K] that sum to 1
 */
export function classWeights(sizes: Int32Array, { power, offset }: LossWeightRule): Float64Array {
  const weights = Float64Array.from(sizes, (size) => (1 / (size + offset)) ** power);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * Where a weighted mean is taken: over the step, so that it does not depend on how the step was cut; or over each slice, and
 * then over slices, as the reference does with its workers.
 */
export type LossNormaliser = 'step' | 'reference';

/**
 * What each sample's loss is multiplied by, before the sum over the step is divided by the number of its samples: weights by
 * cluster, scaled to a mean of 1. The parameter servers so divide by samples whatever the algorithm is, and a slice needs no
 * knowledge of the others.
 * @param slices pseudo-labels of the step's slices, of all samples that are to be used
 * @param weights [K]
 * @returns by slice and sample
 */
export function sampleWeights(
  slices: readonly Int32Array[],
  weights: Float64Array,
  normaliser: LossNormaliser,
): Float64Array[] {
  const own = slices.map((labels) => Float64Array.from(labels, (label) => weights[label]!));
  const means = normaliser === 'reference' ? own.map((slice) => meanOf([slice])) : null;
  const overall = meanOf(own);
  return own.map((slice, s) => slice.map((weight) => weight / (means?.[s] ?? overall)));
}

function meanOf(slices: readonly Float64Array[]): number {
  let sum = 0;
  let count = 0;
  for (const slice of slices) {
    for (const weight of slice) sum += weight;
    count += slice.length;
  }
  return sum / count;
}
