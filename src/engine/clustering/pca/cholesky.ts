/**
 * Cholesky's factor of a small positive definite matrix, and its inverse, in float64. Source: Golub
 * and Van Loan, Matrix Computations, sections 4.2.5 and 3.1. Shapes: [n, n], row-major.
 */

/**
 * @param matrix symmetric; only its lower triangle is read
 * @param leastPivot at or below it the matrix counts as singular
 * @returns lower L with L Lᵀ = matrix; null if singular, or not finite
 */
export function choleskyFactor(
  matrix: Float64Array,
  n: number,
  leastPivot: number,
): Float64Array | null {
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let rest = matrix[i * n + j]!;
      for (let k = 0; k < j; k += 1) rest -= factor[i * n + k]! * factor[j * n + k]!;
      if (j < i) factor[i * n + j] = rest / factor[j * n + j]!;
      else if (rest > leastPivot) factor[i * n + i] = Math.sqrt(rest);
      else return null;
    }
  }
  return factor;
}

/**
 * @param lower triangular, without zeros on its diagonal
 * @returns its inverse, lower triangular too
 */
export function invertLower(lower: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  for (let i = 0; i < n; i += 1) {
    const pivot = 1 / lower[i * n + i]!;
    for (let k = 0; k < i; k += 1) {
      const weight = lower[i * n + k]! * pivot;
      for (let j = 0; j <= k; j += 1) {
        inverse[i * n + j] = inverse[i * n + j]! - weight * inverse[k * n + j]!;
      }
    }
    inverse[i * n + i] = pivot;
  }
  return inverse;
}
