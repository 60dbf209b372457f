/**
 * First and second moments of features, per data shard: all that PCA needs to know of them. Shapes:
 * n rows, D dimensions; the second moment is symmetric and kept as its upper triangle, row by row.
 * Summed in float64 and about the origin: features are O(1..100), so float64 leaves 10 digits after
 * the cancellation.
 */
import { shapeMismatch } from '../errors.ts';
import { TILE_ROWS, multiplyTransposed } from '../math/matrix.ts';
import { rounderFor } from './exact-sums.ts';

export interface ShardMoments {
  readonly count: number;
  /** [D] sum of x */
  readonly sum: Float64Array;
  /** [D * (D + 1) / 2] sum of x xᵀ, upper triangle */
  readonly outer: Float64Array;
}

/**
 * Rows summed at a time, and dimensions that meet in a tile: the sums of a tile are kept in
 * registers over the rows.
 */
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

/** Moments that further ones are added to in place. */
export interface MomentSums extends ShardMoments {
  count: number;
}

/**
 * How the moments of data shards are rounded before they are added, so that the total depends
 * neither on who computed which shard nor on the order: see exact-sums.ts. Exact sums, and not a
 * tree over shard numbers: workers hold whichever shards they extracted, of which few make a whole
 * subtree, and leaves are as large as the total.
 */
export interface MomentRounders {
  readonly sum: number;
  readonly outer: number;
}

/**
 * Rounders by bounds that hold of every partial sum over the rows of a run: |Σ x_i x_j| is at most
 * the largest Σ x_i² (Cauchy-Schwarz), and |Σ x_i| the root of that times the rows. Each shard's
 * moments are then off by at most 2^-51 of the largest entry of the total's diagonal, 2^-42 over
 * 500 shards: what a float64 sum of so many rows is off by as well.
 * @param rows of all shards
 * @param columnSquares at least the largest Σ x_i² over all shards: {@link columnSquaresOf} of
 *   each, added up
 */
export function momentRounders(rows: number, columnSquares: number): MomentRounders {
  return { sum: rounderFor(Math.sqrt(rows * columnSquares)), outer: rounderFor(columnSquares) };
}

/** The largest sum of squares of a column. @param features [n, D] float32; read only */
export function columnSquaresOf(features: Float32Array, count: number, dim: number): number {
  const squares = new Float64Array(dim);
  for (let i = 0; i < count; i += 1) {
    const from = i * dim;
    for (let j = 0; j < dim; j += 1) squares[j] = squares[j]! + features[from + j]! ** 2;
  }
  return squares.reduce((most, value) => Math.max(most, value), 0);
}

/** Of no rows. */
export function noMoments(dim: number): MomentSums {
  return {
    count: 0,
    sum: new Float64Array(dim),
    outer: new Float64Array((dim * (dim + 1)) / 2),
  };
}

/** Rounds the moments of one data shard, in place. */
export function roundMoments(moments: ShardMoments, rounders: MomentRounders): ShardMoments {
  roundInPlace(moments.sum, rounders.sum);
  roundInPlace(moments.outer, rounders.outer);
  return moments;
}

/**
 * Adds moments in place: those that were rounded, in any order and grouping; any others, in that of
 * the calls.
 * @throws TrainerError SHAPE_MISMATCH
 */
export function addMoments(into: MomentSums, { count, sum, outer }: ShardMoments): void {
  if (sum.length !== into.sum.length || outer.length !== into.outer.length) {
    throw shapeMismatch(
      'moments',
      [into.sum.length, into.outer.length],
      [sum.length, outer.length],
    );
  }
  into.count += count;
  addInPlace(into.sum, sum);
  addInPlace(into.outer, outer);
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

/**
 * Products of all columns with those at and behind them, a tile of columns with a tile at a time.
 */
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

/**
 * Where row i of the triangle would begin if it held its columns from 0 on: element (i, j >= i)
 * lies at this plus j.
 */
function triangleRow(i: number, dim: number): number {
  return i * dim - (i * (i + 1)) / 2;
}

function roundInPlace(values: Float64Array, rounder: number): void {
  for (let i = 0; i < values.length; i += 1) values[i] = values[i]! + rounder - rounder;
}

function addInPlace(total: Float64Array, part: Float64Array): void {
  for (let i = 0; i < total.length; i += 1) total[i] = total[i]! + part[i]!;
}
