/**
 * k-means over features spread across data shards: Lloyd's step as a local half and a reduce.
 * Source: Caron et al. 2018 (arXiv:1807.05520), eq. 2; spec of DeepCluster, section 5 (faiss'
 * rules). Pure: transport is in src/rpc. Shapes: N samples, D feature dimensions, K centroids;
 * matrices are flat and row-major. Sums in float64.
 */
import { shapeMismatch } from '../errors.ts';
import { TILE_ROWS, multiplyTransposed, widenRows } from '../math/matrix.ts';
import { Mt19937 } from '../math/rng.ts';
import type { ClusterSums } from './cluster-sums.ts';
import { requireUnitRows } from './exact-sums.ts';

export interface Assignment {
  /** [N] index of the nearest centroid */
  readonly labels: Int32Array;
  readonly inertia: number;
}

export interface NextCentroids {
  /** [K, D] */
  readonly centroids: Float32Array;
  /** Clusters found empty and refilled from a larger one, ascending. */
  readonly refilled: readonly number[];
}

/**
 * Assigns each feature to its nearest centroid by squared distance; ties go to the lower index.
 * @param features [N, D] float32; read only
 * @param centroids [K, D] float32
 * @throws TrainerError SHAPE_MISMATCH
 */
export function assignShard(
  features: Float32Array,
  count: number,
  dim: number,
  centroids: Float32Array,
  k: number,
): Assignment {
  if (features.length !== count * dim) {
    throw shapeMismatch('features', [count, dim], [features.length]);
  }
  if (centroids.length !== k * dim) {
    throw shapeMismatch('centroids', [k, dim], [centroids.length]);
  }
  const labels = new Int32Array(count);
  let inertia = 0;
  const table = centroidTable(centroids, k, dim);
  const tile = new Float64Array(TILE_ROWS * dim);
  const nearest = newNearest();
  for (let begin = 0; begin < count; begin += TILE_ROWS) {
    const end = Math.min(begin + TILE_ROWS, count);
    const rows = widenRows(features, begin, end, dim, tile);
    findNearest(rows, end - begin, table, nearest);
    for (let i = begin; i < end; i += 1) {
      labels[i] = nearest.indices[i - begin]!;
      // |x - c|² = |x|² - 2 (x·c - |c|²/2); rounding may leave a trace below zero.
      const squares = squaredLength(rows, i - begin, dim);
      inertia += Math.max(0, squares + 2 * nearest.scores[i - begin]!);
    }
  }
  return { labels, inertia };
}

/**
 * The local half of a step: assigns the shard's features and adds them to the sums of their
 * clusters.
 * @param into [K, D] added to in place, in the order of rows
 * @throws TrainerError SHAPE_MISMATCH, and PROTOCOL_VIOLATION for rows that are too long for sums
 *   that are to be exact
 */
export function sumShard(
  features: Float32Array,
  count: number,
  dim: number,
  centroids: Float32Array,
  into: ClusterSums,
): void {
  const { sums, counts, rounder } = into;
  const { labels } = assignShard(features, count, dim, centroids, counts.length);
  for (let i = 0; i < count; i += 1) {
    const label = labels[i]!;
    const to = label * dim;
    const from = i * dim;
    const squares = squaredLength(features, i, dim);
    requireUnitRows(Math.sqrt(squares), rounder);
    counts[label] = counts[label]! + 1;
    into.squares += squares + rounder - rounder;
    for (let j = 0; j < dim; j += 1) {
      sums[to + j] = sums[to + j]! + (features[from + j]! + rounder - rounder);
    }
  }
}

/**
 * Means of the members; then each empty cluster takes half of a large one, by faiss' rule: clusters
 * are visited in turn and one is split with probability (size - 1) / (N - K), its two copies pushed
 * apart by 1 / 1024 with alternating signs.
 * @param total the sums of all data shards
 * @param previous [K, D] kept where no rule moves a centroid: more clusters than points
 */
export function nextCentroids(
  total: Pick<ClusterSums, 'sums' | 'counts'>,
  previous: Float32Array,
): NextCentroids {
  const k = total.counts.length;
  const dim = previous.length / k;
  const centroids = previous.slice();
  for (let c = 0; c < k; c += 1) {
    const members = total.counts[c]!;
    if (members === 0) continue;
    for (let j = 0; j < dim; j += 1) {
      centroids[c * dim + j] = total.sums[c * dim + j]! / members;
    }
  }
  const refilled = splitForEmpty(centroids, Float64Array.from(total.counts), dim);
  return { centroids, refilled };
}

/** A generator made anew at every step, with this seed, chooses whom to split. */
const SPLIT_SEED = 1234;
/** Relative distance of the two halves of a split cluster from its centroid. */
const SPLIT_OFFSET = 1 / 1024;

/**
 * Refills empty clusters in place.
 * @param centroids [K, D]
 * @param sizes [K] halved where a cluster is split, so that it may be fractional
 * @returns the refilled clusters, ascending
 */
export function splitForEmpty(
  centroids: Float32Array,
  sizes: Float64Array,
  dim: number,
): readonly number[] {
  const k = sizes.length;
  const points = sizes.reduce((total, size) => total + size, 0);
  const refilled: number[] = [];
  // With more points than clusters some size is above 1 throughout, so the walk below ends; else nothing can be split.
  if (points <= k) return refilled;
  const generator = new Mt19937(SPLIT_SEED);
  for (let empty = 0; empty < k; empty += 1) {
    if (sizes[empty] !== 0) continue;
    let donor = 0;
    while (generator.uint32() / 0xffff_ffff >= (sizes[donor]! - 1) / (points - k)) {
      donor = (donor + 1) % k;
    }
    for (let j = 0; j < dim; j += 1) {
      const value = centroids[donor * dim + j]!;
      const offset = j % 2 === 0 ? SPLIT_OFFSET : -SPLIT_OFFSET;
      centroids[empty * dim + j] = value * (1 + offset);
      centroids[donor * dim + j] = value * (1 - offset);
    }
    const half = sizes[donor]! / 2;
    sizes[empty] = half;
    sizes[donor] = sizes[donor]! - half;
    refilled.push(empty);
  }
  return refilled;
}

/** Centroids as the search reads them. */
interface CentroidTable {
  readonly k: number;
  readonly dim: number;
  /** [K, D] */
  readonly values: Float64Array;
  /** [K] |c|²/2 */
  readonly halfSquares: Float64Array;
}

function centroidTable(centroids: Float32Array, k: number, dim: number): CentroidTable {
  const values = Float64Array.from(centroids);
  const halfSquares = new Float64Array(k);
  for (let c = 0; c < k; c += 1) halfSquares[c] = squaredLength(values, c, dim) / 2;
  return { k, dim, values, halfSquares };
}

/**
 * For each row of a tile the smallest |c|²/2 - x·c so far, which orders centroids as the distance
 * does, and whose it is.
 */
interface Nearest {
  /** [TILE_ROWS] */
  readonly indices: Int32Array;
  /** [TILE_ROWS] */
  readonly scores: Float64Array;
  /** [TILE_ROWS, TILE_ROWS] products of a tile of rows with a tile of centroids. */
  readonly products: Float64Array;
}

function newNearest(): Nearest {
  return {
    indices: new Int32Array(TILE_ROWS),
    scores: new Float64Array(TILE_ROWS),
    products: new Float64Array(TILE_ROWS * TILE_ROWS),
  };
}

/** @param rows [count, D], at most a tile */
function findNearest(
  rows: Float64Array,
  count: number,
  { k, dim, values, halfSquares }: CentroidTable,
  { indices, scores, products }: Nearest,
): void {
  scores.fill(Infinity);
  indices.fill(0);
  for (let first = 0; first < k; first += TILE_ROWS) {
    const width = Math.min(TILE_ROWS, k - first);
    const part = values.subarray(first * dim, (first + width) * dim);
    multiplyTransposed(rows, count, part, width, dim, products);
    for (let i = 0; i < count; i += 1) {
      let index = indices[i]!;
      let score = scores[i]!;
      for (let c = 0; c < width; c += 1) {
        const candidate = halfSquares[first + c]! - products[i * width + c]!;
        if (candidate < score) {
          score = candidate;
          index = first + c;
        }
      }
      indices[i] = index;
      scores[i] = score;
    }
  }
}

function squaredLength(rows: Float32Array | Float64Array, row: number, dim: number): number {
  let squares = 0;
  for (let j = row * dim; j < (row + 1) * dim; j += 1) squares += rows[j]! * rows[j]!;
  return squares;
}
