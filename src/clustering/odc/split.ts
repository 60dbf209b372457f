/**
 * A cluster cut in two by 2-means, without chance: which two parts come out, and which of them keeps the cluster, depends on the
 * rows alone. Source: spec of ODC, section 7, the rules of this project; the reference seeds k-means++ and takes what comes.
 * Distances are squared and summed in float64. Shapes: n rows, d columns.
 */
import { squaredLength } from '../nearest-two.ts';

export interface SplitRows {
  /** [n] 1 for the rows that leave the cluster, 0 for those that keep it. Neither part is empty. */
  readonly isMoved: Uint8Array;
  /** 2-means found one part only: the first half of the rows keeps the cluster. */
  readonly isHalved: boolean;
}

const LLOYD_STEPS = 20;

/**
 * Starts from the row farthest from row 0 and the row farthest from that one (ties: the lower row), and takes at most 20 Lloyd
 * steps; a row as near to both centroids goes to the first. Row 0 keeps its cluster, and its part with it. Where one part
 * is empty, as with equal rows, the first floor(n / 2) rows keep the cluster.
 * @param rows [n, d] by ascending sample id, n at least 2
 */
export function splitInTwo(rows: Float32Array, dim: number): SplitRows {
  const n = rows.length / dim;
  const part = twoMeans(rows, n, dim);
  const kept = part[0]!;
  const isMoved = part.map((own) => (own === kept ? 0 : 1));
  if (isMoved.includes(1)) return { isMoved, isHalved: false };
  return { isMoved: isMoved.fill(1, Math.floor(n / 2)), isHalved: true };
}

/** @returns [n] 0 or 1; all equal where a part would be empty */
function twoMeans(rows: Float32Array, n: number, dim: number): Uint8Array {
  const wide = Float64Array.from(rows);
  const first = farthestFrom(0, wide, n, dim);
  const second = farthestFrom(first, wide, n, dim);
  const sums = new Float64Array(2 * dim);
  const sizes = [0, 0];
  let centroids = Float64Array.of(...rowOf(wide, first, dim), ...rowOf(wide, second, dim));
  const part = new Uint8Array(n).fill(2);
  for (let step = 0; step < LLOYD_STEPS; step += 1) {
    if (!assignNearest(wide, n, dim, centroids, part, sums, sizes)) break;
    if (sizes[0] === 0 || sizes[1] === 0) return part.fill(0);
    centroids = sums.map((sum, i) => sum / sizes[i < dim ? 0 : 1]!);
  }
  return part;
}

/**
 * Assigns every row, and keeps the parts' sums and sizes.
 * @param part [n] read and written; 2 for a row that is in neither part yet
 * @returns whether any row changed its part
 */
function assignNearest(
  rows: Float64Array,
  n: number,
  dim: number,
  centroids: Float64Array,
  part: Uint8Array,
  sums: Float64Array,
  sizes: number[],
): boolean {
  // |x - a|² > |x - b|² exactly where x·(b - a) > (|b|² - |a|²) / 2: one product a row instead of two distances.
  const direction = new Float64Array(dim);
  for (let j = 0; j < dim; j += 1) direction[j] = centroids[dim + j]! - centroids[j]!;
  const middle = (squaredLength(centroids, dim, dim) - squaredLength(centroids, 0, dim)) / 2;
  let hasChanged = false;
  for (let i = 0; i < n; i += 1) {
    const to = productWith(direction, rows, i, dim) > middle ? 1 : 0;
    const from = part[i]!;
    if (to === from) continue;
    hasChanged = true;
    part[i] = to;
    sizes[to]! += 1;
    for (let j = 0; j < dim; j += 1) sums[to * dim + j]! += rows[i * dim + j]!;
    if (from === 2) continue;
    sizes[from]! -= 1;
    for (let j = 0; j < dim; j += 1) sums[from * dim + j]! -= rows[i * dim + j]!;
  }
  return hasChanged;
}

/** Four sums that do not wait for each other, then one. */
function productWith(direction: Float64Array, rows: Float64Array, at: number, dim: number): number {
  const from = at * dim;
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let j = 0;
  for (; j + 3 < dim; j += 4) {
    s0 += rows[from + j]! * direction[j]!;
    s1 += rows[from + j + 1]! * direction[j + 1]!;
    s2 += rows[from + j + 2]! * direction[j + 2]!;
    s3 += rows[from + j + 3]! * direction[j + 3]!;
  }
  for (; j < dim; j += 1) s0 += rows[from + j]! * direction[j]!;
  return s0 + s1 + (s2 + s3);
}

function farthestFrom(origin: number, rows: Float64Array, n: number, dim: number): number {
  let farthest = 0;
  let most = -1;
  for (let i = 0; i < n; i += 1) {
    let square = 0;
    for (let j = 0; j < dim; j += 1) {
      const difference = rows[i * dim + j]! - rows[origin * dim + j]!;
      square += difference * difference;
    }
    if (square <= most) continue;
    most = square;
    farthest = i;
  }
  return farthest;
}

function rowOf(rows: Float64Array, at: number, dim: number): Float64Array {
  return rows.subarray(at * dim, (at + 1) * dim);
}
