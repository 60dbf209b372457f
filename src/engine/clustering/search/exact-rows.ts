/**
 * What float64 on the host has to do with single rows: their norms, and a decision where scores of
 * the engine leave more than one centroid possible. Sums are those of src/clustering, in their
 * order. Shapes: n rows, D dimensions, K centroids.
 */
import { assignShard } from '../../../clustering/kmeans-reducer.ts';
import { gatherRows } from '../../../math/matrix.ts';
import type { CentroidTable, Rows } from './score-blocks.ts';

/**
 * Candidates are in ascending order: ties go to the lower index. Two sums run at a time, each in
 * the order of columns.
 */
export function nearestOf(
  features: Float32Array,
  from: number,
  { values, halfSquares, dim }: CentroidTable,
  indices: Int32Array,
  base: number,
  count: number,
): number {
  let best = Infinity;
  let nearest = 0;
  for (let i = 0; i < count; i += 2) {
    const first = indices[base + i]!;
    const second = indices[base + Math.min(i + 1, count - 1)]!;
    const a = first * dim;
    const b = second * dim;
    let sumA = 0;
    let sumB = 0;
    for (let j = 0; j < dim; j += 1) {
      const x = features[from + j]!;
      sumA += x * values[a + j]!;
      sumB += x * values[b + j]!;
    }
    const scoreA = halfSquares[first]! - sumA;
    const scoreB = halfSquares[second]! - sumB;
    if (scoreA < best) {
      best = scoreA;
      nearest = first;
    }
    if (scoreB < best) {
      best = scoreB;
      nearest = second;
    }
  }
  return nearest;
}

export function tableOf(centroids: Float32Array, k: number, dim: number): CentroidTable {
  const halfSquares = new Float64Array(k);
  let most = 0;
  for (let c = 0; c < k; c += 1) {
    let squares = 0;
    for (let j = c * dim; j < (c + 1) * dim; j += 1) squares += centroids[j]! * centroids[j]!;
    halfSquares[c] = squares / 2;
    most = Math.max(most, squares);
  }
  return { k, dim, values: centroids, halfSquares, longest: Math.sqrt(most) };
}

export function normsOf(features: Float32Array, count: number, dim: number): Float64Array {
  const norms = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    let squares = 0;
    for (let j = i * dim; j < (i + 1) * dim; j += 1) squares += features[j]! * features[j]!;
    norms[i] = Math.sqrt(squares);
  }
  return norms;
}

/**
 * Writes the labels of rows that scores cannot tell, each by all of its distances.
 * @param labels [n]
 */
export function settleRows(
  { features, dim }: Rows,
  open: readonly number[],
  { values, k }: CentroidTable,
  labels: Int32Array,
): void {
  if (open.length === 0) return;
  const picked = gatherRows(features, open, dim);
  const settled = assignShard(picked, open.length, dim, values, k).labels;
  open.forEach((row, i) => {
    labels[row] = settled[i]!;
  });
}
