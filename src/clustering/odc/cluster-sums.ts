/**
 * Sums of the rows of each cluster, kept by adding and taking away single rows: O(d) a move instead of O(N d) an interval.
 * Source: spec of ODC, section 11.
 *
 * A float64 sum that millions of rows go into and out of drifts, and depends on their order. These sums do neither: every
 * value is first rounded to a multiple of 2^-30, and sums of such values are exact in float64 up to 2^23. So a cluster that lost
 * all its rows is exactly 0, rows may come in any order from any number of parts, and the incremental sums equal a
 * recomputation bit for bit, as long as no cluster has more than 8.4 million unit rows; past that they round like any other sum.
 * What it costs: 2^-31 (5e-10) in a value, less than float32 keeps of one above 0.008. Shapes: K clusters, d columns.
 */

/** Adding 1.5 * 2^22 leaves a float64 the bits down to 2^-30; taking it away again gives the rounded value. */
const ROUNDING = 1.5 * 2 ** 22;

/** @param sign 1 adds the row, -1 takes it away */
export function addRow(
  sums: Float64Array,
  label: number,
  rows: Float32Array,
  at: number,
  dim: number,
  sign: 1 | -1,
): void {
  const target = label * dim;
  const source = at * dim;
  for (let j = 0; j < dim; j += 1) {
    sums[target + j]! += sign * (rows[source + j]! + ROUNDING - ROUNDING);
  }
}

/** Moves a row from one cluster to another. */
export function moveRow(
  sums: Float64Array,
  from: number,
  to: number,
  rows: Float32Array,
  at: number,
  dim: number,
): void {
  addRow(sums, from, rows, at, dim, -1);
  addRow(sums, to, rows, at, dim, 1);
}

/**
 * Sums from all rows, or of one part's rows: those of the parts may be added to each other in any order.
 * @param rows [n, d]
 * @param pseudoLabels [n]; a sample with a negative one is left out
 * @param sums [K, d] is added to; zeros by default
 */
export function sumRows(
  rows: Float32Array,
  pseudoLabels: Int32Array,
  clusters: number,
  dim: number,
  sums: Float64Array = new Float64Array(clusters * dim),
): Float64Array {
  pseudoLabels.forEach((label, i) => {
    if (label >= 0) addRow(sums, label, rows, i, dim, 1);
  });
  return sums;
}
