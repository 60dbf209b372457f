/** PCA whitening and Lloyd's steps as naive float64 loops over all features at once: the oracle of the distributed path. */
import { splitForEmpty } from '../../../src/clustering/kmeans-reducer.ts';
import { symmetricEigen } from '../../../src/math/symmetric-eigen.ts';

/** [N, d] float64 whitened, L2-normalised rows, from a covariance of centred rows. */
export function whitenBruteForce(
  features: Float32Array,
  n: number,
  dim: number,
  outDim: number,
): Float64Array {
  const mean = new Float64Array(dim);
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j < dim; j += 1) mean[j] = mean[j]! + features[i * dim + j]! / n;
  }
  const scatter = new Float64Array(dim * dim);
  for (let i = 0; i < n; i += 1) {
    for (let a = 0; a < dim; a += 1) {
      for (let b = 0; b < dim; b += 1) {
        scatter[a * dim + b] =
          scatter[a * dim + b]! +
          (features[i * dim + a]! - mean[a]!) * (features[i * dim + b]! - mean[b]!);
      }
    }
  }
  const { values, vectors } = symmetricEigen(scatter, dim);
  const rows = new Float64Array(n * outDim);
  for (let i = 0; i < n; i += 1) {
    let squares = 0;
    for (let k = 0; k < outDim; k += 1) {
      let value = 0;
      for (let j = 0; j < dim; j += 1) {
        value += (features[i * dim + j]! - mean[j]!) * vectors[k * dim + j]!;
      }
      value /= Math.sqrt(values[k]!);
      rows[i * outDim + k] = value;
      squares += value * value;
    }
    for (let k = 0; k < outDim; k += 1) {
      rows[i * outDim + k] = rows[i * outDim + k]! / Math.sqrt(squares);
    }
  }
  return rows;
}

export interface BruteForceClusters {
  readonly labels: Int32Array;
  readonly centroids: Float64Array;
  readonly inertia: number;
}

/** Lloyd's steps from given rows, distances as sums of squared differences, all in float64. */
export function kmeansBruteForce(
  rows: Float64Array,
  n: number,
  dim: number,
  start: Int32Array,
  iterations: number,
): BruteForceClusters {
  const k = start.length;
  let centroids = new Float64Array(k * dim);
  start.forEach((row, c) => {
    centroids.set(rows.subarray(row * dim, (row + 1) * dim), c * dim);
  });
  const assign = (): { labels: Int32Array; inertia: number } => {
    const labels = new Int32Array(n);
    let inertia = 0;
    for (let i = 0; i < n; i += 1) {
      let best = Infinity;
      for (let c = 0; c < k; c += 1) {
        let squared = 0;
        for (let j = 0; j < dim; j += 1)
          squared += (rows[i * dim + j]! - centroids[c * dim + j]!) ** 2;
        if (squared < best) {
          best = squared;
          labels[i] = c;
        }
      }
      inertia += best;
    }
    return { labels, inertia };
  };
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    const { labels } = assign();
    const sums = new Float64Array(k * dim);
    const sizes = new Float64Array(k);
    labels.forEach((label, i) => {
      sizes[label] = sizes[label]! + 1;
      for (let j = 0; j < dim; j += 1)
        sums[label * dim + j] = sums[label * dim + j]! + rows[i * dim + j]!;
    });
    const next = centroids.slice();
    for (let c = 0; c < k; c += 1) {
      if (sizes[c] === 0) continue;
      for (let j = 0; j < dim; j += 1) next[c * dim + j] = sums[c * dim + j]! / sizes[c]!;
    }
    const stored = Float32Array.from(next);
    splitForEmpty(stored, sizes, dim);
    centroids = Float64Array.from(stored);
  }
  return { ...assign(), centroids };
}
