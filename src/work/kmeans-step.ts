/** A data shard's half of one of Lloyd's steps: sums and counts by the nearest centroid. */
import { arrayOf, numberArray, numberOf } from '../arrays/bundle.ts';
import type { ShardSums } from '../clustering/kmeans-reducer.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import { centroidsFromArrays } from './artifacts.ts';
import { shardKey, type WorkKind } from './kind.ts';

export type KmeansStepWork = {
  readonly kind: 'kmeansStep';
  readonly shard: number;
  readonly iteration: number;
};

export interface KmeansStepOrder {
  readonly shard: number;
  readonly centroidsArtifact: string;
}

/** Of which shard is known by the order. */
export type SumsOfShard = Omit<ShardSums, 'shard'>;

export const kmeansStep: WorkKind<KmeansStepWork, KmeansStepOrder, SumsOfShard> = {
  name: 'kmeansStep',
  phase: 'kmeans',
  timedAs: 'kmeans',
  needs: 'projected',
  makes: 'none',
  readsImages: false,
  isBackedUp: false,
  key: shardKey,

  encodeOrder: (order) => encodeBody(wire.KmeansStep, order),
  decodeOrder: (body) => decodeBody('kmeansStep', wire.KmeansStep, body),

  prepare: ({ centroidsArtifact }, _ids, { artifact }) => {
    artifact(centroidsArtifact).catch(() => undefined);
  },

  perform: async ({ shard, centroidsArtifact }, { epoch }, tools) => {
    const { held, artifact, config, advance } = tools;
    const centroids = centroidsFromArrays(await artifact(centroidsArtifact));
    const rows = held.rowsToCluster(held.of(epoch, shard, true));
    return rows.sum(centroids, config.clustering.k, shard, advance);
  },

  encodeResult: ({ sums, counts, inertia }) => ({
    arrays: {
      sums: { data: sums, shape: [counts.length, sums.length / counts.length] },
      counts: { data: counts, shape: [counts.length] },
      inertia: numberArray(inertia),
    },
  }),
  decodeResult: ({ arrays }) => ({
    sums: arrayOf(arrays, 'sums', Float64Array),
    counts: arrayOf(arrays, 'counts', Uint32Array),
    inertia: numberOf(arrays, 'inertia'),
  }),
};
