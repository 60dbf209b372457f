/**
 * The nearest centroid of a row, and the one that comes next: which cluster an image is in, how
 * far from its middle, and which other cluster it could have been in. Products are summed in
 * float64 in the order of the columns, so that a row has the same clusters on every machine and
 * in any batch. Shapes: n rows, d columns, K clusters; matrices are flat and row-major.
 */
import { shapeMismatch } from '../errors.ts';
import { TILE_ROWS, multiplyTransposed, widenRows } from '../math/matrix.ts';
import type { OnProgress } from './kernels.ts';

/**
 * How alike a row and a centroid are: by their Euclidean `distance`, by their dot product, or by
 * the `cosine` of their angle.
 */
export type RowMetric = 'dot' | 'cosine' | 'distance';

/** Added to the length of a vector before dividing by it: ODC's constant. */
export const NORM_EPSILON = 1e-10;

export interface CentroidRows {
  /** [K, d] float32 */
  readonly values: Float32Array;
  readonly clusters: number;
  readonly dim: number;
}

export interface RankOptions {
  /** [K] leaves clusters out where it is 0; all are candidates by default. */
  readonly isCandidate?: Uint8Array;
  readonly onProgress?: OnProgress;
}

/**
 * The two most similar clusters of each row, ties to the lowest; -1 where there is no such
 * candidate.
 */
export interface RankedClusters {
  /** [n] */
  readonly first: Int32Array;
  /** [n] */
  readonly second: Int32Array;
}

/** {@link RankedClusters}, and how far they are. */
export interface NearestTwo extends RankedClusters {
  /** [n] float32 Euclidean distance to the centroid of the first, whatever the metric. */
  readonly distances: Float32Array;
  /** [n] of the second; NaN where there is none. */
  readonly secondDistances: Float32Array;
  /** Sum of the squared distances to the first. */
  readonly inertia: number;
}

/**
 * @param rows [n, d]
 * @throws TrainerError SHAPE_MISMATCH
 */
export function rankClusters(
  rows: Float32Array,
  { values, clusters, dim }: CentroidRows,
  metric: RowMetric,
  { isCandidate, onProgress }: RankOptions = {},
): RankedClusters {
  requireShapes(rows, values, clusters, dim);
  const n = rows.length / dim;
  const first = new Int32Array(n).fill(-1);
  const second = new Int32Array(n).fill(-1);
  const best = new Float64Array(n).fill(-Infinity);
  const next = new Float64Array(n).fill(-Infinity);
  const tiles = centroidTiles(values, clusters, dim, metric);
  // A row of zeros makes their number even: the product takes a last odd row alone, and slower than a pair.
  const wide = new Float64Array(TILE_ROWS * dim);
  const products = new Float64Array(TILE_ROWS * TILE_ROWS);
  for (let begin = 0; begin < n; begin += TILE_ROWS) {
    const count = Math.min(TILE_ROWS, n - begin);
    widenRows(rows, begin, begin + count, dim, wide);
    wide.fill(0, count * dim);
    for (const { from, width, tile, scale, shift } of tiles) {
      multiplyTransposed(wide, count + (count % 2), tile, width, dim, products);
      for (let i = 0; i < count; i += 1) {
        const row = begin + i;
        for (let c = 0; c < width; c += 1) {
          const score = products[i * width + c]! * scale[c]! - shift[c]!;
          if (!(score > next[row]!) || isCandidate?.[from + c] === 0) continue;
          if (score > best[row]!) {
            next[row] = best[row]!;
            second[row] = first[row]!;
            best[row] = score;
            first[row] = from + c;
          } else {
            next[row] = score;
            second[row] = from + c;
          }
        }
      }
    }
    onProgress?.();
  }
  return { first, second };
}

/**
 * @param rows [n, d]
 * @throws TrainerError SHAPE_MISMATCH
 */
export function nearestTwo(
  rows: Float32Array,
  centroids: CentroidRows,
  metric: RowMetric,
  onProgress: OnProgress = () => undefined,
): NearestTwo {
  return withDistances(rows, rankClusters(rows, centroids, metric, { onProgress }), centroids);
}

/**
 * The same for rows whose cluster is known, be it the nearest or not: that is the first, and the
 * second the most similar of the others.
 * @param labels [n]
 */
export function besidesOwn(
  rows: Float32Array,
  labels: Int32Array,
  centroids: CentroidRows,
  metric: RowMetric,
  onProgress: OnProgress = () => undefined,
): NearestTwo {
  const ranked = rankClusters(rows, centroids, metric, { onProgress });
  const second = labels.map((own, row) =>
    ranked.first[row] === own ? ranked.second[row]! : ranked.first[row]!,
  );
  return withDistances(rows, { first: labels, second }, centroids);
}

function withDistances(
  rows: Float32Array,
  { first, second }: RankedClusters,
  { values, dim }: CentroidRows,
): NearestTwo {
  let inertia = 0;
  const distances = Float32Array.from(first, (cluster, row) => {
    const square = squaredDistance(rows, row, values, cluster, dim);
    inertia += square;
    return Math.sqrt(square);
  });
  const secondDistances = Float32Array.from(second, (cluster, row) =>
    cluster < 0 ? NaN : Math.sqrt(squaredDistance(rows, row, values, cluster, dim)),
  );
  return { first, second, distances, secondDistances, inertia };
}

function requireShapes(
  rows: Float32Array,
  values: Float32Array,
  clusters: number,
  dim: number,
): void {
  if (rows.length % dim !== 0) throw shapeMismatch('rows to assign', ['n', dim], [rows.length]);
  if (values.length !== clusters * dim) {
    throw shapeMismatch('centroids', [clusters, dim], [values.length]);
  }
}

/** Some centroids in float64, and what turns their products into scores. */
interface CentroidTile {
  /** Index of the first. */
  readonly from: number;
  readonly width: number;
  /** [width, d] */
  readonly tile: Float64Array;
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

function centroidTiles(
  values: Float32Array,
  clusters: number,
  dim: number,
  metric: RowMetric,
): CentroidTile[] {
  const tiles: CentroidTile[] = [];
  for (let from = 0; from < clusters; from += TILE_ROWS) {
    const width = Math.min(TILE_ROWS, clusters - from);
    const tile = new Float64Array(width * dim);
    widenRows(values, from, from + width, dim, tile);
    tiles.push({ from, width, tile, ...scoreTerms(tile, width, dim, metric) });
  }
  return tiles;
}

/**
 * With these, product * scale - shift orders clusters as the metric does: for the distance, x·c -
 * |c|²/2.
 */
function scoreTerms(
  centroids: Float64Array,
  count: number,
  dim: number,
  metric: RowMetric,
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

/** Of a row to a centroid, summed in float64. */
export function squaredDistance(
  rows: Float32Array,
  row: number,
  values: Float32Array,
  cluster: number,
  dim: number,
): number {
  const [x, c] = [row * dim, cluster * dim];
  let squares = 0;
  for (let j = 0; j < dim; j += 1) squares += (rows[x + j]! - values[c + j]!) ** 2;
  return squares;
}
