/**
 * Soft assignment of rows to clusters of equal mass: Sinkhorn-Knopp's scaling of exp(scores / ε).
 * Sources: Cuturi 2013 (arXiv:1306.0895), algorithm 1; Caron et al. 2020 (arXiv:2006.09882),
 * section 3.1, eq. 3 to 5, and appendix. In float64. Shapes: n rows, K clusters.
 */
import { requireLength } from '../math/checks.ts';

export interface SinkhornOptions {
  /** ε > 0: the smaller, the nearer each row's assignment is to a single cluster. */
  readonly epsilon: number;
  /** Each scales the columns to n / K, then the rows to 1; at least 1. */
  readonly iterations: number;
}

/**
 * @param scores [n, K] of rows and clusters; they may differ by 700 ε at the most
 * @param from the first row whose assignment is wanted; those before it take part all the same
 * @returns [n - from, K] rows of sum 1
 * @throws TrainerError SHAPE_MISMATCH
 */
export function sinkhornKnopp(
  scores: Float32Array,
  clusters: number,
  { epsilon, iterations }: SinkhornOptions,
  from = 0,
): Float64Array {
  const rows = scores.length / clusters;
  requireLength('scores of rows and clusters', scores, Math.floor(rows) * clusters);
  const kernel = kernelOf(scores, clusters, epsilon);
  // The scaled matrix is diag(byRow) kernel diag(byColumn).
  const byRow = new Float64Array(rows).fill(1);
  const byColumn = new Float64Array(clusters);
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    scaleColumns(kernel, byRow, byColumn);
    scaleRows(kernel, byRow, byColumn);
  }
  const codes = new Float64Array((rows - from) * clusters);
  for (let i = 0; i < codes.length; i += 1) {
    const place = from * clusters + i;
    codes[i] = byRow[Math.floor(place / clusters)]! * kernel[place]! * byColumn[i % clusters]!;
  }
  return codes;
}

/**
 * exp((score - largest of the column) / ε): no power overflows, and no column is all zeros. What a
 * column is multiplied by does not matter, since columns are scaled first.
 */
function kernelOf(scores: Float32Array, clusters: number, epsilon: number): Float64Array {
  const largest = new Float64Array(clusters).fill(-Infinity);
  scores.forEach((score, i) => {
    largest[i % clusters] = Math.max(largest[i % clusters]!, score);
  });
  return Float64Array.from(scores, (score, i) =>
    Math.exp((score - largest[i % clusters]!) / epsilon),
  );
}

/** So that each column has its share of the rows, n / K. */
function scaleColumns(kernel: Float64Array, byRow: Float64Array, byColumn: Float64Array): void {
  const clusters = byColumn.length;
  byColumn.fill(0);
  for (let i = 0; i < kernel.length; i += clusters) {
    const factor = byRow[i / clusters]!;
    for (let k = 0; k < clusters; k += 1) byColumn[k]! += factor * kernel[i + k]!;
  }
  const share = byRow.length / clusters;
  byColumn.forEach((sum, k) => {
    byColumn[k] = share / sum;
  });
}

/** So that each row has the sum 1. */
function scaleRows(kernel: Float64Array, byRow: Float64Array, byColumn: Float64Array): void {
  const clusters = byColumn.length;
  for (let i = 0; i < kernel.length; i += clusters) {
    let sum = 0;
    for (let k = 0; k < clusters; k += 1) sum += kernel[i + k]! * byColumn[k]!;
    byRow[i / clusters] = 1 / sum;
  }
}
