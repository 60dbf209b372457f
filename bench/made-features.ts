/** Features to cluster and to whiten, made from a seed. Shapes: N rows, D dimensions; float32, flat and row-major. */
import { seededRng } from '../src/math/rng.ts';

/** Directions without structure, the hardest case for k-means: what whitening leaves of features. @returns [N, D] rows of length 1 */
export function unitRows(n: number, dim: number, seed: number): Float32Array {
  const rng = seededRng(seed, 'unit-rows');
  const rows = new Float32Array(n * dim).map(() => rng.normal());
  for (let begin = 0; begin < rows.length; begin += dim) {
    let squares = 0;
    for (let i = begin; i < begin + dim; i += 1) squares += rows[i]! ** 2;
    const factor = 1 / Math.sqrt(squares);
    for (let i = begin; i < begin + dim; i += 1) rows[i]! *= factor;
  }
  return rows;
}

/**
 * Rows whose covariance has a spectrum like that of a network's features, the i-th eigenvalue as 1 / i, in a basis that no
 * axis is close to: a Hadamard transform turns it. PCA by iteration depends on the spectrum, so noise would mislead.
 * @param dim a power of two
 * @returns [N, D]
 */
export function featureLikeRows(n: number, dim: number, seed: number): Float32Array {
  const rng = seededRng(seed, 'feature-like-rows');
  const deviations = Float64Array.from({ length: dim }, (_, i) => 1 / Math.sqrt(i + 1));
  const rows = new Float32Array(n * dim);
  for (let begin = 0; begin < rows.length; begin += dim) {
    const row = rows.subarray(begin, begin + dim);
    for (let i = 0; i < dim; i += 1) row[i] = deviations[i]! * rng.normal();
    hadamard(row);
  }
  return rows;
}

/** In place, without its factor 1 / sqrt(D). */
function hadamard(row: Float32Array): void {
  for (let half = 1; half < row.length; half *= 2) {
    for (let begin = 0; begin < row.length; begin += 2 * half) {
      for (let i = begin; i < begin + half; i += 1) {
        const [a, b] = [row[i]!, row[i + half]!];
        row[i] = a + b;
        row[i + half] = a - b;
      }
    }
  }
}
