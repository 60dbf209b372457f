/** Power iteration clustering of the oracle's images, from whitened rows by data shard. */
import { besidesOwn, type NearestTwo } from '../../src/clustering/nearest-two.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import { joined, joinedIntegers } from '../../src/math/matrix.ts';
import { clusterPlainly } from '../support/oracles/plain-pic.ts';
import type { ShardRows } from './plain-memory.ts';

/** @returns [images] -1 where there is no row */
export function labelsByGraph(
  shards: readonly ShardRows[],
  dim: number,
  images: number,
  config: RunConfig,
): Int32Array {
  return clustered(shards, dim, images, config).labels;
}

/** The final clusters: [images] each, with the distances to their means. */
export function finalByGraph(
  shards: readonly ShardRows[],
  dim: number,
  images: number,
  config: RunConfig,
): Pick<NearestTwo, 'first' | 'second' | 'distances'> {
  const { labels, means, count } = clustered(shards, dim, images, config);
  const second = new Int32Array(images).fill(-1);
  const distances = new Float32Array(images).fill(NaN);
  const centroids = { values: Float32Array.from(means), clusters: count, dim };
  for (const { ids, features } of shards) {
    const own = ids.map((id) => labels[id]!);
    const found = besidesOwn(features, own, centroids, 'distance');
    ids.forEach((id, i) => {
      second[id] = found.second[i]!;
      distances[id] = found.distances[i]!;
    });
  }
  return { first: labels, second, distances };
}

function clustered(
  shards: readonly ShardRows[],
  dim: number,
  images: number,
  { clustering: { k, pic } }: RunConfig,
) {
  const rows = joined(shards.map(({ features }) => features));
  const found = clusterPlainly(rows, dim, { ...pic, k });
  const labels = new Int32Array(images).fill(-1);
  const ids = joinedIntegers(shards.map((shard) => shard.ids));
  ids.forEach((id, i) => (labels[id] = found.labels[i]!));
  return { ...found, labels };
}
