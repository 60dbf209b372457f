/**
 * A whole spherical k-means over the rows of the sample memory, by one worker: where they are few,
 * orders for every data shard and step cost more than the steps. The rows are cut into the same
 * data shards, and their sums are exact, so the bits are those of the distributed one. Shapes: N
 * images, n of a data shard, K clusters, d columns.
 */
import { arrayOf, numberArray, numberOf } from '../arrays/bundle.ts';
import { inertiaRounder, unitRowsRounder } from '../clustering/exact-sums.ts';
import type { RowsToCluster } from '../clustering/kernels.ts';
import { clusterSeed, initialCentroidIds, lloyd } from '../clustering/kmeans.ts';
import { planShards } from '../data/shard-plan.ts';
import { idRange } from '../data/loader/centre-batches.ts';
import { gatherRows, joinedIntegers } from '../math/matrix.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import type { WorkKind } from './kind.ts';
import { unitRows } from './project.ts';
import type { WorkTools } from './tools.ts';

export type ClusterHeadWork = { readonly kind: 'clusterHead'; readonly head: number };

export interface ClusterHeadOrder {
  /** Makes its k-means begin otherwise than those of other heads. */
  readonly head: number;
  /** Rows of the memory are made of so many parts, of which one is clustered. */
  readonly parts: number;
  readonly part: number;
  /** Images without a row. */
  readonly leftOut: readonly number[];
}

export interface ClusteredHead {
  /** [N] -1 for an image without a row. */
  readonly labels: Int32Array;
  /** [K, d] unit rows. */
  readonly centroids: Float32Array;
  /** Sum of squared distances to the own centroid, at the final assignment. */
  readonly inertia: number;
  /** Empty clusters that were refilled, over all iterations. */
  readonly refilled: number;
}

export const clusterHead: WorkKind<ClusterHeadWork, ClusterHeadOrder, ClusteredHead> = {
  name: 'clusterHead',
  phase: 'kmeans',
  timedAs: 'kmeans',
  needs: 'none',
  makes: 'none',
  readsImages: false,
  isBackedUp: false,
  key: ({ kind, head }) => `${kind}/${head}`,

  encodeOrder: ({ leftOut, ...order }) =>
    encodeBody(wire.ClusterHead, { ...order, leftOut: [...leftOut] }),
  decodeOrder: (body) => decodeBody('clusterHead', wire.ClusterHead, body),

  perform: async ({ head, parts, part, leftOut }, { epoch, parameterVersion }, tools) => {
    const { config, source, memoryRows, advance } = tools;
    const isLeftOut = new Set(leftOut);
    const ids = idRange(0, source.count).filter((id) => !isLeftOut.has(id));
    const all = await memoryRows(parameterVersion, ids);
    const { features, dim } = unitRows(
      { features: all, dim: all.length / ids.length },
      { count: parts, taken: part },
    );
    const { k, iterations, freshSeed } = config.clustering;
    const seed = clusterSeed(config.seed, epoch, freshSeed, head);
    const start = gatherRows(features, initialCentroidIds(ids.length, k, seed), dim);
    const shards = preparedShards(ids, features, dim, tools);
    try {
      const rounder = unitRowsRounder(source.count);
      const found = lloyd(shards, start, { k, iterations, isSpherical: true, rounder });
      const assigned = shards.map((rows) => {
        advance();
        return rows.assign(found.centroids, k);
      });
      const whole = inertiaRounder(source.count);
      const labels = new Int32Array(source.count).fill(-1);
      joinedIntegers(assigned.map((shard) => shard.labels)).forEach((label, i) => {
        labels[ids[i]!] = label;
      });
      return {
        labels,
        centroids: found.centroids,
        inertia: assigned.reduce((sum, { inertia }) => sum + (inertia + whole - whole), 0),
        refilled: found.refilled.reduce((sum, count) => sum + count, 0),
      };
    } finally {
      for (const rows of shards) rows.release();
    }
  },

  encodeResult: ({ labels, centroids, inertia, refilled }) => ({
    arrays: {
      labels: { data: labels, shape: [labels.length] },
      centroids: { data: centroids, shape: [centroids.length] },
      inertia: numberArray(inertia),
      refilled: numberArray(refilled),
    },
  }),
  decodeResult: ({ arrays }) => ({
    labels: arrayOf(arrays, 'labels', Int32Array),
    centroids: arrayOf(arrays, 'centroids', Float32Array),
    inertia: numberOf(arrays, 'inertia'),
    refilled: numberOf(arrays, 'refilled'),
  }),
};

/** The rows by data shard. @param ids [N] ascending @param features [N, dim] */
function preparedShards(
  ids: Int32Array,
  features: Float32Array,
  dim: number,
  { config, source, held }: WorkTools,
): RowsToCluster[] {
  let row = 0;
  return planShards(source.count, config.data.shardSize).map(({ end }) => {
    const begin = row;
    while (row < ids.length && ids[row]! < end) row += 1;
    const rows = row - begin;
    const own = features.subarray(begin * dim, row * dim);
    return held.kernelsFor(rows).rowsToCluster(own, rows, dim);
  });
}
