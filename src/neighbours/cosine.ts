/**
 * How far two features are from each other: one less the cosine of their angle, 0 for the same
 * direction, 1 for none in common. Sums are float64. A row of zeros has no direction, and is at 1
 * from all. Shapes: n rows, D dimensions.
 */
import type { FeatureRows } from './feature-rows.ts';

export interface NearRow {
  readonly row: number;
  readonly distance: number;
}

/** Numbers that are read at a time. */
const READ_NUMBERS = 2 ** 21;

/** @returns within 0 .. 2 */
export function cosineDistance(
  a: Float32Array,
  aRow: number,
  b: Float32Array,
  bRow: number,
  dim: number,
): number {
  const [x, y] = [aRow * dim, bRow * dim];
  let product = 0;
  let aSquares = 0;
  let bSquares = 0;
  for (let j = 0; j < dim; j += 1) {
    const [p, q] = [a[x + j]!, b[y + j]!];
    product += p * q;
    aSquares += p * p;
    bSquares += q * q;
  }
  if (aSquares === 0 || bSquares === 0) return 1;
  return Math.max(0, 1 - product / Math.sqrt(aSquares * bSquares));
}

/** Rows of a block of bounded size. */
export function blockRows(dim: number, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(READ_NUMBERS / dim)));
}

/**
 * The rows nearest to a query, the nearest first, of equally near ones the first.
 * @param query [D]
 * @param k rows at the most
 */
export function nearestRows(query: Float32Array, features: FeatureRows, k: number): NearRow[] {
  const { rows, dim } = features;
  const step = blockRows(dim, rows);
  let nearest: NearRow[] = [];
  for (let begin = 0; begin < rows; begin += step) {
    const end = Math.min(rows, begin + step);
    const block = features.read(begin, end);
    const limit = nearest.length < k ? Infinity : nearest.at(-1)!.distance;
    const found: NearRow[] = [];
    for (let i = 0; i < end - begin; i += 1) {
      const distance = cosineDistance(query, 0, block, i, dim);
      if (distance < limit) found.push({ row: begin + i, distance });
    }
    if (found.length === 0) continue;
    nearest = [...nearest, ...found]
      .sort((a, b) => a.distance - b.distance || a.row - b.row)
      .slice(0, k);
  }
  return nearest;
}
