/**
 * The images of each cluster from its centroid outward, and which of them a page has room for.
 * Pure. Shapes: N images, K clusters.
 */

export interface ClusterOrder {
  /** Ids of the images that have a cluster: by cluster, then by distance, then by id. */
  readonly ids: Int32Array;
  /** [K + 1] where each cluster begins in `ids`; the last one is their number. */
  readonly starts: Int32Array;
}

/**
 * @param clusters [N] -1 where an image has none
 * @param distances [N] to the centroid of the own cluster; null where none are known
 */
export function orderByCluster(
  clusters: Int32Array,
  distances: Float32Array | null,
  k: number,
): ClusterOrder {
  const starts = new Int32Array(k + 1);
  for (const cluster of clusters) if (cluster >= 0) starts[cluster + 1]! += 1;
  for (let cluster = 0; cluster < k; cluster += 1) starts[cluster + 1]! += starts[cluster]!;
  const next = starts.slice();
  const ids = new Int32Array(starts[k]!);
  clusters.forEach((cluster, id) => {
    if (cluster < 0) return;
    ids[next[cluster]!] = id;
    next[cluster]! += 1;
  });
  if (distances !== null) {
    for (let cluster = 0; cluster < k; cluster += 1) {
      ids
        .subarray(starts[cluster], starts[cluster + 1])
        .sort((a, b) => orLast(distances[a]!) - orLast(distances[b]!) || a - b);
    }
  }
  return { ids, starts };
}

function orLast(distance: number): number {
  return Number.isNaN(distance) ? Number.MAX_VALUE : distance;
}

/**
 * The largest first, of equal ones the lower index; empty clusters never.
 * @param sizes [K]
 */
export function largestClusters(sizes: Int32Array, count: number): number[] {
  return [...sizes.keys()]
    .filter((cluster) => sizes[cluster]! > 0)
    .sort((a, b) => sizes[b]! - sizes[a]! || a - b)
    .slice(0, count);
}

/**
 * How many images each cluster may show so that all together show at most `limit`: small clusters
 * show all they have, and large ones as many as each other.
 * @param sizes [K]
 */
export function fairShare(sizes: ArrayLike<number>, limit: number): number {
  const shown = (cap: number): number =>
    Array.from(sizes).reduce((sum, size) => sum + Math.min(size, cap), 0);
  let [low, high] = [0, Array.from(sizes).reduce((most, size) => Math.max(most, size), 0)];
  if (shown(high) <= limit) return high;
  // Shown(low) fits, shown(high) does not.
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (shown(middle) <= limit) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * Of a cluster that is larger than its share: three quarters of it nearest to the centroid, the
 * rest farthest from it.
 * @returns ranks in 0 .. size - 1, ascending
 */
export function nearestAndFarthest(size: number, share: number): number[] {
  if (size <= share) return Array.from({ length: size }, (_, rank) => rank);
  const near = Math.ceil((3 * share) / 4);
  return Array.from({ length: share }, (_, i) => (i < near ? i : size - share + i));
}

/**
 * Distance beyond which an image is far from its cluster: Tukey's upper fence, the third quartile
 * and one and a half interquartile ranges; NaN for a cluster of fewer than four.
 * @param distances ascending
 */
export function upperFence(distances: ArrayLike<number>): number {
  if (distances.length < 4) return NaN;
  const third = quantile(distances, 0.75);
  return third + 1.5 * (third - quantile(distances, 0.25));
}

/** Linear between the two values around it, as numpy's default. */
function quantile(sorted: ArrayLike<number>, share: number): number {
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  const low = sorted[below]!;
  return low + (at - below) * ((sorted[below + 1] ?? low) - low);
}
