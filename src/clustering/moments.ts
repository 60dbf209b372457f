/**
 * First and second moments of features, per data shard: all that PCA needs to know of them.
 * Shapes: n rows, D dimensions; the second moment is symmetric and kept as its upper triangle, row by row.
 * Summed in float64 and about the origin: features are O(1..100), so float64 leaves 10 digits after the cancellation.
 */
import { shapeMismatch } from '../errors.ts';

export interface ShardMoments {
  readonly count: number;
  /** [D] sum of x */
  readonly sum: Float64Array;
  /** [D * (D + 1) / 2] sum of x xᵀ, upper triangle */
  readonly outer: Float64Array;
}

/** Rows summed at a time: a block of them stays in the nearest cache while the triangle passes by. */
const BLOCK_ROWS = 16;

/**
 * @param features [n, D] float32; read only
 * @throws TrainerError SHAPE_MISMATCH
 */
export function momentsOf(features: Float32Array, count: number, dim: number): ShardMoments {
  if (features.length !== count * dim) {
    throw shapeMismatch('features', [count, dim], [features.length]);
  }
  const sum = new Float64Array(dim);
  const outer = new Float64Array((dim * (dim + 1)) / 2);
  const column = new Float64Array(BLOCK_ROWS * dim);
  for (let begin = 0; begin < count; begin += BLOCK_ROWS) {
    const rows = Math.min(BLOCK_ROWS, count - begin);
    transposeBlock(features, begin, rows, dim, column);
    addBlock(column, rows, dim, sum, outer);
  }
  return { count, sum, outer };
}

/** Adds up parts in the order given; in data-shard order the bits never depend on who computed what. */
export function mergeMoments(parts: readonly ShardMoments[]): ShardMoments {
  const [first, ...rest] = parts;
  if (first === undefined) throw new Error('no moments to merge');
  const sum = first.sum.slice();
  const outer = first.outer.slice();
  let { count } = first;
  for (const part of rest) {
    if (part.sum.length !== sum.length) {
      throw shapeMismatch('moments', [sum.length], [part.sum.length]);
    }
    count += part.count;
    addInPlace(sum, part.sum);
    addInPlace(outer, part.outer);
  }
  return { count, sum, outer };
}

/** [rows, D] at `begin` to columns [D, BLOCK_ROWS], zero-padded. */
function transposeBlock(
  features: Float32Array,
  begin: number,
  rows: number,
  dim: number,
  column: Float64Array,
): void {
  column.fill(0);
  for (let row = 0; row < rows; row += 1) {
    const at = (begin + row) * dim;
    for (let d = 0; d < dim; d += 1) column[d * BLOCK_ROWS + row] = features[at + d]!;
  }
}

function addBlock(
  column: Float64Array,
  rows: number,
  dim: number,
  sum: Float64Array,
  outer: Float64Array,
): void {
  let at = 0;
  for (let i = 0; i < dim; i += 1) {
    const a = i * BLOCK_ROWS;
    let total = 0;
    for (let row = 0; row < rows; row += 1) total += column[a + row]!;
    sum[i] = sum[i]! + total;
    for (let j = i; j < dim; j += 1) {
      const b = j * BLOCK_ROWS;
      let dot = 0;
      for (let row = 0; row < BLOCK_ROWS; row += 1) dot += column[a + row]! * column[b + row]!;
      outer[at] = outer[at]! + dot;
      at += 1;
    }
  }
}

function addInPlace(total: Float64Array, part: Float64Array): void {
  for (let i = 0; i < total.length; i += 1) total[i] = total[i]! + part[i]!;
}
