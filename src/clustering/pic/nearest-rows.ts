/**
 * Exact nearest neighbours among rows by squared Euclidean distance, in float64: the oracle of the
 * engines' search (src/engine/clustering/search/nearest-rows.ts), and the search of a process
 * without an engine. Shapes: n own rows, c other rows, d columns, m neighbours.
 */
import { shapeMismatch } from '../../errors.ts';
import { NeighbourLists } from './neighbour-lists.ts';

/** Rows with the ids of their images. */
export interface RowsOfImages {
  /** [n] */
  readonly ids: Int32Array;
  /** [n, d] float32 */
  readonly rows: Float32Array;
}

/**
 * Of each own row the nearest of the others, less itself, which is told by its id.
 * @param most m
 * @throws TrainerError SHAPE_MISMATCH
 */
export type NearestRows = (
  own: RowsOfImages,
  others: RowsOfImages,
  dim: number,
  most: number,
  onProgress?: () => void,
) => NeighbourLists;

export const nearestRows: NearestRows = (own, others, dim, most, onProgress) => {
  requireRows(own, dim);
  requireRows(others, dim);
  const lists = new NeighbourLists(own.ids.length, most);
  own.ids.forEach((id, row) => {
    others.ids.forEach((other, i) => {
      if (other === id) return;
      lists.offer(row, other, distanceBelow(own.rows, row, others.rows, i, dim, lists.limit(row)));
    });
    onProgress?.();
  });
  return lists;
};

/** Columns that are added up before it is asked whether a row can still be near enough. */
const STRIDE = 16;
/** Above what rounding to float32 takes from a sum, and the least that it does not take to 0. */
const ROUNDED = 1 + 2 ** -22;
const LEAST = 2 ** -149;

/**
 * Squared distance of two rows: one sum in float64, in the order of the columns, so that both rows
 * have the same distance from each other. Infinity where it is certain to be above the limit once
 * it is rounded to float32: a sum of squares never falls.
 */
export function distanceBelow(
  a: Float32Array,
  rowA: number,
  b: Float32Array,
  rowB: number,
  dim: number,
  limit: number,
): number {
  const [fromA, fromB] = [rowA * dim, rowB * dim];
  const most = limit * ROUNDED + LEAST;
  let sum = 0;
  for (let begin = 0; begin < dim; begin += STRIDE) {
    const end = Math.min(dim, begin + STRIDE);
    for (let j = begin; j < end; j += 1) {
      const difference = a[fromA + j]! - b[fromB + j]!;
      sum += difference * difference;
    }
    if (sum > most) return Infinity;
  }
  return sum;
}

/** @throws TrainerError SHAPE_MISMATCH */
export function requireRows({ ids, rows }: RowsOfImages, dim: number): void {
  if (rows.length === ids.length * dim) return;
  throw shapeMismatch('rows to find neighbours of', [ids.length, dim], [rows.length]);
}
