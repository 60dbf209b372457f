/**
 * First and second moments of features, per data shard: all that PCA needs to know of them.
 * Shapes: n rows, D dimensions; the second moment is symmetric and kept as its upper triangle, row by row.
 * Summed in float64 and about the origin: features are O(1..100), so float64 leaves 10 digits after the cancellation.
 */
import { shapeMismatch } from '../errors.ts';
import { TILE_ROWS, multiplyTransposed } from '../math/matrix.ts';

export interface ShardMoments {
  readonly count: number;
  /** [D] sum of x */
  readonly sum: Float64Array;
  /** [D * (D + 1) / 2] sum of x xᵀ, upper triangle */
  readonly outer: Float64Array;
}

/** Rows summed at a time, and dimensions that meet in a tile: the sums of a tile are kept in registers over the rows. */
const BLOCK_ROWS = 64;

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
  const columns = new Float64Array(dim * BLOCK_ROWS);
  for (let begin = 0; begin < count; begin += BLOCK_ROWS) {
    const end = Math.min(begin + BLOCK_ROWS, count);
    transposeRows(features, begin, end, dim, columns);
    addSums(columns, sum);
    addProducts(columns, dim, outer);
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

/** Rows begin .. end - 1 as columns [D, BLOCK_ROWS], zero where rows are missing. */
function transposeRows(
  features: Float32Array,
  begin: number,
  end: number,
  dim: number,
  columns: Float64Array,
): void {
  if (end - begin < BLOCK_ROWS) columns.fill(0);
  for (let row = begin; row < end; row += 1) {
    const from = row * dim;
    const to = row - begin;
    for (let d = 0; d < dim; d += 1) columns[d * BLOCK_ROWS + to] = features[from + d]!;
  }
}

function addSums(columns: Float64Array, sum: Float64Array): void {
  for (let d = 0; d < sum.length; d += 1) {
    let total = 0;
    for (let i = d * BLOCK_ROWS; i < (d + 1) * BLOCK_ROWS; i += 1) total += columns[i]!;
    sum[d] = sum[d]! + total;
  }
}

/** Products of all columns with those at and behind them, a tile of columns with a tile at a time. */
function addProducts(columns: Float64Array, dim: number, outer: Float64Array): void {
  const products = new Float64Array(TILE_ROWS * TILE_ROWS);
  for (let i0 = 0; i0 < dim; i0 += TILE_ROWS) {
    const height = Math.min(TILE_ROWS, dim - i0);
    const left = columns.subarray(i0 * BLOCK_ROWS, (i0 + height) * BLOCK_ROWS);
    for (let j0 = i0; j0 < dim; j0 += TILE_ROWS) {
      const width = Math.min(TILE_ROWS, dim - j0);
      const right = columns.subarray(j0 * BLOCK_ROWS, (j0 + width) * BLOCK_ROWS);
      multiplyTransposed(left, height, right, width, BLOCK_ROWS, products);
      for (let i = i0; i < i0 + height; i += 1) {
        const row = triangleRow(i, dim);
        for (let j = Math.max(i, j0); j < j0 + width; j += 1) {
          const at = row + j;
          outer[at] = outer[at]! + products[(i - i0) * width + j - j0]!;
        }
      }
    }
  }
}

/** Where row i of the triangle would begin if it held its columns from 0 on: element (i, j >= i) lies at this plus j. */
function triangleRow(i: number, dim: number): number {
  return i * dim - (i * (i + 1)) / 2;
}

function addInPlace(total: Float64Array, part: Float64Array): void {
  for (let i = 0; i < total.length; i += 1) total[i] = total[i]! + part[i]!;
}
