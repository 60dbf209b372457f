/** Labels a data shard's images by their nearest centroids. */
import { arrayOf, numberArray, numberOf } from '../arrays/bundle.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import { centroidsFromArrays } from './artifacts.ts';
import { shardKey, type WorkKind } from './kind.ts';

export type AssignWork = { readonly kind: 'assign'; readonly shard: number };

export interface AssignOrder {
  readonly shard: number;
  readonly centroidsArtifact: string;
}

export interface AssignedShard {
  /** [n] image ids. */
  readonly ids: Int32Array;
  /** [n] */
  readonly labels: Int32Array;
  /** Sum of squared distances to the own centroid. */
  readonly inertia: number;
}

export const assign: WorkKind<AssignWork, AssignOrder, AssignedShard> = {
  name: 'assign',
  phase: 'assign',
  timedAs: 'kmeans',
  needs: 'projected',
  makes: 'none',
  readsImages: false,
  isBackedUp: false,
  key: shardKey,

  encodeOrder: (order) => encodeBody(wire.Assign, order),
  decodeOrder: (body) => decodeBody('assign', wire.Assign, body),

  prepare: ({ centroidsArtifact }, _ids, { artifact }) => {
    artifact(centroidsArtifact).catch(() => undefined);
  },

  perform: async ({ shard, centroidsArtifact }, { epoch }, tools) => {
    const { held, artifact, config, advance } = tools;
    const centroids = centroidsFromArrays(await artifact(centroidsArtifact));
    const resident = held.of(epoch, shard, true);
    const rows = held.rowsToCluster(resident);
    return { ids: resident.ids, ...rows.assign(centroids, config.clustering.k, advance) };
  },

  encodeResult: ({ ids, labels, inertia }) => ({
    arrays: {
      ids: { data: ids, shape: [ids.length] },
      labels: { data: labels, shape: [labels.length] },
      inertia: numberArray(inertia),
    },
  }),
  decodeResult: ({ arrays }) => ({
    ids: arrayOf(arrays, 'ids', Int32Array),
    labels: arrayOf(arrays, 'labels', Int32Array),
    inertia: numberOf(arrays, 'inertia'),
  }),
};
