/**
 * Standardisation of features by a training part: mean 0 and variance 1 in each dimension, whatever
 * the units' own scales. Shapes: n rows, D feature dimensions, W = D + 1 columns. Sums in float64,
 * stored in float32.
 */

export interface Scaling {
  /** [D] */
  readonly means: Float64Array;
  /** [D] 1 / standard deviation; 0 where the training part is constant but for rounding. */
  readonly inverseDeviations: Float64Array;
}

/**
 * A deviation below this part of the mean is float32 rounding, and would be blown up to look like a
 * signal.
 */
const CONSTANT_BELOW = 1e-6;
/**
 * Standard deviations beyond which values are cut: a unit that is active for a single training
 * image, or much more so in a test image, would outweigh all others.
 */
const LARGEST = 10;

/** @param features [n, D] with n >= 1 */
export function fitScaling(features: Float32Array, n: number, dim: number): Scaling {
  const means = new Float64Array(dim);
  for (let row = 0; row < n * dim; row += dim) {
    for (let j = 0; j < dim; j += 1) means[j]! += features[row + j]! / n;
  }
  const variances = new Float64Array(dim);
  for (let row = 0; row < n * dim; row += dim) {
    for (let j = 0; j < dim; j += 1) variances[j]! += (features[row + j]! - means[j]!) ** 2 / n;
  }
  const inverseDeviations = variances.map((variance, j) => {
    const deviation = Math.sqrt(variance);
    return deviation > CONSTANT_BELOW * Math.abs(means[j]!) ? 1 / deviation : 0;
  });
  return { means, inverseDeviations };
}

/** @returns [n, W] standardised rows, each followed by a 1 */
export function scaleRows(features: Float32Array, scaling: Scaling): Float32Array {
  const { means, inverseDeviations } = scaling;
  const dim = means.length;
  const width = dim + 1;
  const rows = new Float32Array((features.length / dim) * width);
  for (let from = 0, to = 0; from < features.length; from += dim, to += width) {
    for (let j = 0; j < dim; j += 1) {
      const value = (features[from + j]! - means[j]!) * inverseDeviations[j]!;
      rows[to + j] = Math.min(LARGEST, Math.max(-LARGEST, value));
    }
    rows[to + dim] = 1;
  }
  return rows;
}
