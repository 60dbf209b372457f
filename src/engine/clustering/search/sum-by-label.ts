/**
 * Sums of rows by label, in JavaScript, for whichever engine runs. Shapes: n rows, D dimensions, K
 * labels.
 */
import type { LabelSums } from './row-search.ts';

/**
 * Adds the rows with each label, in float64 and in the order of rows: the order of a plain loop, with
 * one cluster's sum in the cache at a time.
 */
export function sumByLabel(
  features: Float32Array,
  labels: Int32Array,
  dim: number,
  { sums, counts, rounder }: LabelSums,
): void {
  const k = counts.length;
  const own = new Uint32Array(k);
  for (const label of labels) own[label]! += 1;
  const order = rowsByLabel(labels, own);
  let at = 0;
  for (let c = 0; c < k; c += 1) {
    const end = at + own[c]!;
    if (end === at) continue;
    counts[c]! += own[c]!;
    const sum = sums.subarray(c * dim, (c + 1) * dim);
    for (; at + 3 < end; at += 4) addFourRows(features, order, at, rounder, sum);
    for (; at < end; at += 1) {
      const from = order[at]! * dim;
      for (let j = 0; j < dim; j += 1) {
        sum[j] = sum[j]! + (features[from + j]! + rounder - rounder);
      }
    }
  }
}

/**
 * One after the other in each column, as a plain loop would: four rows on their way from memory at
 * a time.
 */
function addFourRows(
  features: Float32Array,
  order: Int32Array,
  at: number,
  rounder: number,
  sum: Float64Array,
): void {
  const { length: dim } = sum;
  const a = order[at]! * dim;
  const b = order[at + 1]! * dim;
  const c = order[at + 2]! * dim;
  const d = order[at + 3]! * dim;
  for (let j = 0; j < dim; j += 1) {
    const one = sum[j]! + (features[a + j]! + rounder - rounder);
    const two = one + (features[b + j]! + rounder - rounder);
    const three = two + (features[c + j]! + rounder - rounder);
    sum[j] = three + (features[d + j]! + rounder - rounder);
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
