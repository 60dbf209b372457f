/**
 * Which cluster a row belongs to in Online Deep Clustering: the centroid that it is most like.
 * Sources: Zhan et al., CVPR 2020 (arXiv:2006.10645), section 3.2; spec of ODC, sections 6 and 7.
 *
 * The paper writes nearest centroid; its code takes the largest dot product with the cluster means as they are, shorter than 1.
 * The two differ: a tight cluster has a longer mean, and the dot product favours it. `dot` is the default, for parity.
 * Products are summed in float64 in the order of the columns, so that a row has the same cluster on every machine and in any
 * batch. Shapes: n rows, d columns, K clusters; matrices are flat and row-major.
 */
import { shapeMismatch } from '../../errors.ts';
import { TILE_ROWS, multiplyTransposed, widenRows } from '../../math/matrix.ts';

/** `distance` is the Euclidean one; `cosine` compares directions only. */
export type OdcMetric = 'dot' | 'cosine' | 'distance';

/** Added to the length of a vector before dividing by it: the reference's constant. */
export const NORM_EPSILON = 1e-10;

/** Class means, as they are published to the workers. */
export interface Centroids {
  /** [K, d] float32 */
  readonly values: Float32Array;
  readonly clusters: number;
  readonly dim: number;
}

/**
 * @param rows [n, d]
 * @param isCandidate [K] leaves clusters out where it is 0; all are candidates by default
 * @returns [n] the most similar cluster of each row, ties to the lowest; 0 where there is no candidate
 * @throws TrainerError SHAPE_MISMATCH
 */
export function assignRows(
  rows: Float32Array,
  { values, clusters, dim }: Centroids,
  metric: OdcMetric,
  isCandidate?: Uint8Array,
): Int32Array {
  if (rows.length % dim !== 0) throw shapeMismatch('rows to assign', ['n', dim], [rows.length]);
  if (values.length !== clusters * dim) {
    throw shapeMismatch('centroids', [clusters, dim], [values.length]);
  }
  const n = rows.length / dim;
  // A row of zeros makes their number even: the product takes a last odd row alone, and slower than a pair.
  const padded = n + (n % 2);
  const wideRows = widenRows(rows, 0, n, dim, new Float64Array(padded * dim));
  const best = new Int32Array(n);
  const scores = new Float64Array(n).fill(-Infinity);
  const tile = new Float64Array(TILE_ROWS * dim);
  const products = new Float64Array(TILE_ROWS * TILE_ROWS);
  for (let first = 0; first < clusters; first += TILE_ROWS) {
    const width = Math.min(TILE_ROWS, clusters - first);
    widenRows(values, first, first + width, dim, tile);
    const { scale, shift } = scoreTerms(tile, width, dim, metric);
    for (let begin = 0; begin < n; begin += TILE_ROWS) {
      const count = Math.min(TILE_ROWS, n - begin);
      const pairs = Math.min(TILE_ROWS, padded - begin);
      const part = wideRows.subarray(begin * dim, (begin + pairs) * dim);
      multiplyTransposed(part, pairs, tile, width, dim, products);
      for (let i = 0; i < count; i += 1) {
        for (let c = 0; c < width; c += 1) {
          if (isCandidate?.[first + c] === 0) continue;
          const score = products[i * width + c]! * scale[c]! - shift[c]!;
          if (score <= scores[begin + i]!) continue;
          scores[begin + i] = score;
          best[begin + i] = first + c;
        }
      }
    }
  }
  return best;
}

/** With these, product * scale - shift orders clusters as the metric does: for the distance, x·c - |c|²/2. */
function scoreTerms(
  centroids: Float64Array,
  count: number,
  dim: number,
  metric: OdcMetric,
): { scale: Float64Array; shift: Float64Array } {
  const scale = new Float64Array(count).fill(1);
  const shift = new Float64Array(count);
  if (metric === 'dot') return { scale, shift };
  for (let c = 0; c < count; c += 1) {
    const square = squaredLength(centroids, c * dim, dim);
    if (metric === 'cosine') scale[c] = 1 / (Math.sqrt(square) + NORM_EPSILON);
    else shift[c] = square / 2;
  }
  return { scale, shift };
}

/** Summed in float64. */
export function squaredLength(
  values: Float64Array | Float32Array,
  from: number,
  dim: number,
): number {
  let squares = 0;
  for (let j = from; j < from + dim; j += 1) squares += values[j]! * values[j]!;
  return squares;
}
