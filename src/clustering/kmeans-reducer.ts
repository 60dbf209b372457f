/**
 * k-means over features spread across data shards: Lloyd's step as a local half and a reduce.
 * Source: Caron et al. 2018 (arXiv:1807.05520), eq. 2; spec of DeepCluster, section 5 (faiss' rules). Pure: transport is in
 * src/rpc. Shapes: N samples, D feature dimensions, K centroids; matrices are flat and row-major. Sums in float64.
 */
import { shapeMismatch } from '../errors.ts';
import { Mt19937 } from '../math/rng.ts';

/** What one data shard (or several, merged) adds to the next centroids. */
export interface ShardSums {
  readonly shard: number;
  /** [K, D] sums of the members' features */
  readonly sums: Float64Array;
  /** [K] members */
  readonly counts: Uint32Array;
  /** Sum of squared distances to the own centroid. */
  readonly inertia: number;
}

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
  const halfNorms = halfSquaredNorms(centroids, k, dim);
  const wide = Float64Array.from(centroids);
  const row = new Float64Array(dim);
  let inertia = 0;
  for (let i = 0; i < count; i += 1) {
    let squares = 0;
    for (let j = 0; j < dim; j += 1) {
      const value = features[i * dim + j]!;
      row[j] = value;
      squares += value * value;
    }
    const nearest = nearestCentroid(row, wide, halfNorms, k, dim);
    labels[i] = nearest.index;
    inertia += Math.max(0, squares + 2 * nearest.score);
  }
  return { labels, inertia };
}

/** The local half of a step: assigns the shard's features and sums them by cluster. */
export function sumShard(
  features: Float32Array,
  count: number,
  dim: number,
  centroids: Float32Array,
  k: number,
  shard: number,
): ShardSums {
  const { labels, inertia } = assignShard(features, count, dim, centroids, k);
  const sums = new Float64Array(k * dim);
  const counts = new Uint32Array(k);
  for (let i = 0; i < count; i += 1) {
    const label = labels[i]!;
    counts[label] = counts[label]! + 1;
    const to = label * dim;
    const from = i * dim;
    for (let j = 0; j < dim; j += 1) sums[to + j] = sums[to + j]! + features[from + j]!;
  }
  return { shard, sums, counts, inertia };
}

/** Adds up parts in data-shard order, whatever the order in which they are given. */
export function mergeShardSums(parts: readonly ShardSums[]): ShardSums {
  const [first, ...rest] = parts.toSorted((a, b) => a.shard - b.shard);
  if (first === undefined) throw new Error('no sums to merge');
  const sums = first.sums.slice();
  const counts = first.counts.slice();
  let { inertia } = first;
  for (const part of rest) {
    if (part.sums.length !== sums.length) {
      throw shapeMismatch('sums of a data shard', [sums.length], [part.sums.length]);
    }
    for (let i = 0; i < sums.length; i += 1) sums[i] = sums[i]! + part.sums[i]!;
    for (let i = 0; i < counts.length; i += 1) counts[i] = counts[i]! + part.counts[i]!;
    inertia += part.inertia;
  }
  return { shard: first.shard, sums, counts, inertia };
}

/**
 * Means of the members; then each empty cluster takes half of a large one, by faiss' rule: clusters are visited in turn and
 * one is split with probability (size - 1) / (N - K), its two copies pushed apart by 1 / 1024 with alternating signs.
 * @param total the sums of all data shards
 * @param previous [K, D] kept where no rule moves a centroid: more clusters than points
 */
export function nextCentroids(total: ShardSums, previous: Float32Array): NextCentroids {
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
  // Without a cluster of more than one point there is nothing to split, and the walk below would not end.
  if (!sizes.some((size) => size > 1) || points <= k) return refilled;
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

function halfSquaredNorms(centroids: Float32Array, k: number, dim: number): Float64Array {
  const norms = new Float64Array(k);
  for (let c = 0; c < k; c += 1) {
    let squares = 0;
    for (let j = 0; j < dim; j += 1) squares += centroids[c * dim + j]! * centroids[c * dim + j]!;
    norms[c] = squares / 2;
  }
  return norms;
}

/** Smallest |c|²/2 - x·c, which orders centroids as the squared distance does; four centroids at a time. */
function nearestCentroid(
  row: Float64Array,
  centroids: Float64Array,
  halfNorms: Float64Array,
  k: number,
  dim: number,
): { index: number; score: number } {
  let index = 0;
  let score = Infinity;
  let c = 0;
  for (; c + 3 < k; c += 4) {
    const a = c * dim;
    const b = a + dim;
    const d = b + dim;
    const e = d + dim;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let j = 0; j < dim; j += 1) {
      const x = row[j]!;
      s0 += x * centroids[a + j]!;
      s1 += x * centroids[b + j]!;
      s2 += x * centroids[d + j]!;
      s3 += x * centroids[e + j]!;
    }
    s0 = halfNorms[c]! - s0;
    s1 = halfNorms[c + 1]! - s1;
    s2 = halfNorms[c + 2]! - s2;
    s3 = halfNorms[c + 3]! - s3;
    if (s0 < score) [index, score] = [c, s0];
    if (s1 < score) [index, score] = [c + 1, s1];
    if (s2 < score) [index, score] = [c + 2, s2];
    if (s3 < score) [index, score] = [c + 3, s3];
  }
  for (; c < k; c += 1) {
    let s0 = 0;
    for (let j = 0; j < dim; j += 1) s0 += row[j]! * centroids[c * dim + j]!;
    s0 = halfNorms[c]! - s0;
    if (s0 < score) [index, score] = [c, s0];
  }
  return { index, score };
}
