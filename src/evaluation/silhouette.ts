/**
 * Silhouette: how much nearer rows lie to their own cluster than to the next one, without any
 * truth. Source: Rousseeuw 1987. Shapes: n rows, d columns, K clusters; sums in float64.
 */
import { clusterSizes } from '../clustering/agreement.ts';
import { shapeMismatch } from '../errors.ts';
import { TILE_ROWS, multiplyTransposed, widenRows } from '../math/matrix.ts';
import { seededRng, shuffleInPlace } from '../math/rng.ts';

/**
 * Mean over the rows of (b - a) / max(a, b): a the mean Euclidean distance to the other rows of
 * the own cluster, b that to the rows of the nearest other one. A row that is alone in its
 * cluster counts 0. O(n² d).
 * @param rows [n, d]
 * @param clusters [n] from 0
 * @returns -1 to 1; null where fewer than two clusters have rows, or every row has one of its own
 * @throws TrainerError SHAPE_MISMATCH
 */
export function meanSilhouette(
  rows: Float32Array,
  clusters: Int32Array,
  dim: number,
): number | null {
  const n = clusters.length;
  if (rows.length !== n * dim) throw shapeMismatch('rows', [n, dim], [rows.length]);
  const k = clusters.reduce((most, cluster) => Math.max(most, cluster + 1), 0);
  const sizes = clusterSizes(clusters, k);
  const filled = sizes.reduce((count, size) => count + (size > 0 ? 1 : 0), 0);
  if (filled < 2 || filled >= n) return null;
  const wide = widenRows(rows, 0, n, dim, new Float64Array(n * dim));
  const squares = squaredLengths(wide, n, dim);
  const products = new Float64Array(TILE_ROWS * n);
  const sums = new Float64Array(k);
  let total = 0;
  for (let begin = 0; begin < n; begin += TILE_ROWS) {
    const count = Math.min(TILE_ROWS, n - begin);
    multiplyTransposed(wide.subarray(begin * dim), count, wide, n, dim, products);
    for (let i = 0; i < count; i += 1) {
      const row = begin + i;
      sums.fill(0);
      for (let j = 0; j < n; j += 1) {
        const squared = squares[row]! + squares[j]! - 2 * products[i * n + j]!;
        // Equal rows may come out below zero; a row's distance to itself is none at all.
        if (j !== row && squared > 0) sums[clusters[j]!]! += Math.sqrt(squared);
      }
      total += silhouetteOf(clusters[row]!, sums, sizes);
    }
  }
  return total / n;
}

/**
 * The same over at most `maxRows` rows, drawn by the seed.
 * @param clusters [n] negative for rows that do not take part
 */
export function sampledSilhouette(
  rows: Float32Array,
  clusters: Int32Array,
  dim: number,
  { maxRows, seed }: { readonly maxRows: number; readonly seed: number },
): number | null {
  const places = Array.from(clusters.keys()).filter((row) => clusters[row]! >= 0);
  shuffleInPlace(places, seededRng(seed, 'silhouette'));
  const drawn = places.slice(0, maxRows).sort((a, b) => a - b);
  const sample = new Float32Array(drawn.length * dim);
  drawn.forEach((row, i) => {
    sample.set(rows.subarray(row * dim, (row + 1) * dim), i * dim);
  });
  return meanSilhouette(
    sample,
    Int32Array.from(drawn, (row) => clusters[row]!),
    dim,
  );
}

/** @param sums [K] of the distances from a row to the rows of each cluster */
function silhouetteOf(own: number, sums: Float64Array, sizes: Int32Array): number {
  if (sizes[own] === 1) return 0;
  const within = sums[own]! / (sizes[own]! - 1);
  let nearest = Infinity;
  sizes.forEach((size, cluster) => {
    if (cluster !== own && size > 0) nearest = Math.min(nearest, sums[cluster]! / size);
  });
  const larger = Math.max(within, nearest);
  return larger === 0 ? 0 : (nearest - within) / larger;
}

function squaredLengths(rows: Float64Array, n: number, dim: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let j = i * dim; j < (i + 1) * dim; j += 1) sum += rows[j]! * rows[j]!;
    return sum;
  });
}
