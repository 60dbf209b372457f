/**
 * Sums of rows by label, in JavaScript, for whichever engine runs. Shapes: n rows, D dimensions, K
 * labels.
 */
import type { LabelSums } from './row-search.ts';

/**
 * Sums of the rows with each label, in float64 and in the order of rows: the order of a plain loop,
 * with one cluster's sum in the cache at a time.
 */
export function sumByLabel(
  features: Float32Array,
  labels: Int32Array,
  dim: number,
  k: number,
): LabelSums {
  const counts = new Uint32Array(k);
  for (const label of labels) counts[label]! += 1;
  const order = rowsByLabel(labels, counts);
  const sums = new Float64Array(k * dim);
  const sum = new Float64Array(dim);
  let at = 0;
  for (let c = 0; c < k; c += 1) {
    const end = at + counts[c]!;
    if (end === at) continue;
    sum.fill(0);
    for (; at + 3 < end; at += 4) addFourRows(features, order, at, dim, sum);
    for (; at < end; at += 1) {
      const from = order[at]! * dim;
      for (let j = 0; j < dim; j += 1) sum[j] = sum[j]! + features[from + j]!;
    }
    sums.set(sum, c * dim);
  }
  return { sums, counts };
}

/**
 * One after the other in each column, as a plain loop would: four rows on their way from memory at
 * a time.
 */
function addFourRows(
  features: Float32Array,
  order: Int32Array,
  at: number,
  dim: number,
  sum: Float64Array,
): void {
  const a = order[at]! * dim;
  const b = order[at + 1]! * dim;
  const c = order[at + 2]! * dim;
  const d = order[at + 3]! * dim;
  for (let j = 0; j < dim; j += 1) {
    const two = sum[j]! + features[a + j]! + features[b + j]!;
    sum[j] = two + features[c + j]! + features[d + j]!;
  }
}

/** [n] rows, sorted by label and then by number. */
function rowsByLabel(labels: Int32Array, counts: Uint32Array): Int32Array {
  const next = new Int32Array(counts.length);
  for (let c = 1; c < counts.length; c += 1) next[c] = next[c - 1]! + counts[c - 1]!;
  const order = new Int32Array(labels.length);
  labels.forEach((label, row) => {
    order[next[label]!] = row;
    next[label]! += 1;
  });
  return order;
}
