/**
 * What becomes of the clusters that the climb gives: singletons join others, and where there are
 * more than the head has outputs, the smallest are dissolved along the graph. Source: spec of
 * DeepCluster, section 5.1, step 5; the bound is this project's own. Shapes: N images, m
 * neighbours, K clusters at most.
 */
import { clusterSizes } from '../agreement.ts';
import type { AffinityGraph, NeighbourTable } from './affinity-graph.ts';
import { NO_NEIGHBOUR } from './neighbour-lists.ts';

/** Clusters numbered from 0 without gaps. */
export interface Clusters {
  /** [N] */
  readonly labels: Int32Array;
  readonly count: number;
}

/**
 * Gives each image that is a cluster by itself to the first of its neighbours, nearest first, whose
 * cluster has more images; sizes are those before any move.
 * @param labels [N]
 * @returns the clusters that are left, in their order, and how many images moved
 */
export function distributeSingletons(
  labels: Int32Array,
  { most, neighbours }: NeighbourTable,
): Clusters & { readonly moved: number } {
  const sizes = clusterSizes(labels, countOf(labels));
  let moved = 0;
  const joined = labels.map((label, image) => {
    if (sizes[label] !== 1) return label;
    for (const neighbour of neighbours.subarray(image * most, (image + 1) * most)) {
      if (neighbour === NO_NEIGHBOUR) break;
      const other = labels[neighbour]!;
      if (sizes[other] === 1) continue;
      moved += 1;
      return other;
    }
    return label;
  });
  return { ...renumbered(joined), moved };
}

/** Clusters after the smallest were dissolved. */
export interface BoundedClusters extends Clusters {
  /** [N] -1 where no path of the graph leads to a cluster that was kept. */
  readonly labels: Int32Array;
  readonly dissolved: number;
  /** Images of the clusters that were dissolved. */
  readonly moved: number;
}

/**
 * Keeps the K largest clusters, of equal ones the lower numbers. Images of the others go, round by
 * round, to the cluster of the neighbour with the greatest weight, of equal ones the lower, among
 * those neighbours that had a cluster before the round.
 */
export function boundClusters(
  graph: AffinityGraph,
  { labels, count }: Clusters,
  most: number,
): BoundedClusters {
  if (count <= most) return { labels, count, dissolved: 0, moved: 0 };
  const sizes = clusterSizes(labels, count);
  const bySize = Array.from(sizes.keys()).sort((a, b) => sizes[b]! - sizes[a]! || a - b);
  const numbers = new Int32Array(count).fill(-1);
  bySize
    .slice(0, most)
    .sort((a, b) => a - b)
    .forEach((cluster, number) => (numbers[cluster] = number));
  const kept = labels.map((label) => numbers[label]!);
  let left = Array.from(kept.keys()).filter((image) => kept[image]! < 0);
  const moved = left.length;
  for (;;) {
    const found = left.map((image) => nearestCluster(graph, kept, image));
    const joining = left.filter((_, i) => found[i]! >= 0);
    if (joining.length === 0) break;
    left.forEach((image, i) => (kept[image] = found[i]!));
    left = left.filter((_, i) => found[i]! < 0);
  }
  return { labels: kept, count: most, dissolved: count - most, moved };
}

/** -1 where no neighbour has one. */
function nearestCluster(
  { starts, columns, weights }: AffinityGraph,
  labels: Int32Array,
  image: number,
): number {
  let best = -1;
  let cluster = -1;
  for (let at = starts[image]!; at < starts[image + 1]!; at += 1) {
    const other = labels[columns[at]!]!;
    if (other < 0 || weights[at]! <= best) continue;
    best = weights[at]!;
    cluster = other;
  }
  return cluster;
}

/** Clusters that have images, numbered without gaps in their order. */
function renumbered(labels: Int32Array): Clusters {
  const sizes = clusterSizes(labels, countOf(labels));
  let count = 0;
  const numbers = sizes.map((size) => (size === 0 ? -1 : count++));
  return { labels: labels.map((label) => numbers[label]!), count };
}

export function countOf(labels: Int32Array): number {
  return labels.reduce((most, label) => Math.max(most, label + 1), 0);
}
