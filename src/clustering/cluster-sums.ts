/**
 * What the members of each cluster add up to: all that a step of k-means needs to know of any
 * number of rows. Sums are added to in place, by the kernels row by row and by whoever folds those
 * of others. Shapes: K clusters, D dimensions, M clusters that have members.
 */
import { shapeMismatch } from '../errors.ts';

export interface ClusterSums {
  /** [K, D] sums of the members, each value rounded by `rounder` */
  readonly sums: Float64Array;
  /** [K] members */
  readonly counts: Uint32Array;
  /** Σ |x|² over the members of all clusters, each rounded likewise. */
  squares: number;
  /**
   * Makes sums exact (exact-sums.ts); 0: rows are added as they are, and the bits are those of the
   * order in which they are added.
   */
  readonly rounder: number;
}

/** Sums as they travel. */
export interface PackedSums {
  /** [M, D] sums of the clusters that have members, ascending */
  readonly rows: Float64Array;
  /** [K] members */
  readonly counts: Uint32Array;
  readonly squares: number;
}

/** Of no rows. */
export function noSums(k: number, dim: number, rounder: number): ClusterSums {
  return { sums: new Float64Array(k * dim), counts: new Uint32Array(k), squares: 0, rounder };
}

/** Without the sums of clusters that have no members; shares memory where all have some. */
export function packSums({ sums, counts, squares }: ClusterSums): PackedSums {
  const filled = countFilled(counts);
  if (filled === counts.length) return { rows: sums, counts, squares };
  const dim = sums.length / counts.length;
  const rows = new Float64Array(filled * dim);
  let to = 0;
  counts.forEach((members, c) => {
    if (members === 0) return;
    rows.set(sums.subarray(c * dim, (c + 1) * dim), to);
    to += dim;
  });
  return { rows, counts, squares };
}

/** Adds in place what others have summed up. @throws TrainerError SHAPE_MISMATCH */
export function addPacked(into: ClusterSums, { rows, counts, squares }: PackedSums): void {
  const { sums, counts: totals } = into;
  const k = totals.length;
  const dim = sums.length / k;
  if (counts.length !== k) throw shapeMismatch('cluster sizes of a result', [k], [counts.length]);
  const filled = countFilled(counts);
  if (rows.length !== filled * dim) {
    throw shapeMismatch('cluster sums of a result', [filled, dim], [rows.length]);
  }
  let from = 0;
  for (let c = 0; c < k; c += 1) {
    if (counts[c] === 0) continue;
    totals[c] = totals[c]! + counts[c]!;
    const to = c * dim;
    for (let j = 0; j < dim; j += 1) sums[to + j] = sums[to + j]! + rows[from + j]!;
    from += dim;
  }
  into.squares += squares;
}

/**
 * The sum of squared distances of the members to these centroids: Σ |x - c|² = Σ |x|² + Σ over
 * clusters of n |c|² - 2 c·S, in float64; rounding may leave a trace below zero, which counts as 0.
 * @param centroids [K, D] that the rows were assigned by
 */
export function inertiaOf(
  { sums, counts, squares }: Pick<ClusterSums, 'sums' | 'counts' | 'squares'>,
  centroids: Float32Array,
): number {
  const dim = sums.length / counts.length;
  let inertia = squares;
  for (let c = 0; c < counts.length; c += 1) {
    const members = counts[c]!;
    if (members === 0) continue;
    let change = 0;
    for (let j = c * dim; j < (c + 1) * dim; j += 1) {
      change += centroids[j]! * (members * centroids[j]! - 2 * sums[j]!);
    }
    inertia += change;
  }
  return Math.max(0, inertia);
}

function countFilled(counts: Uint32Array): number {
  let filled = 0;
  for (const members of counts) if (members > 0) filled += 1;
  return filled;
}
