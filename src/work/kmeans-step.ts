/**
 * The local half of one of Lloyd's steps: the rows of the data shards that a worker holds, added up
 * by the nearest centroid. Their sums are exact, so that it does not matter which shards are added
 * up where; rows are unit rows, whatever the algorithm: each is normalised when it is projected.
 */
import { arrayOf, numberArray, numberOf } from '../arrays/bundle.ts';
import { noSums, packSums, type PackedSums } from '../clustering/cluster-sums.ts';
import { unitRowsRounder } from '../clustering/exact-sums.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import { centroidsFromArrays } from './artifacts.ts';
import { forEachInTurn } from './folded.ts';
import { shardKey, type WorkKind } from './kind.ts';

export type KmeansStepWork = {
  readonly kind: 'kmeansStep';
  readonly shard: number;
  readonly iteration: number;
};

export interface KmeansStepOrder {
  readonly shards: readonly number[];
  readonly centroidsArtifact: string;
}

export const kmeansStep: WorkKind<KmeansStepWork, KmeansStepOrder, PackedSums> = {
  name: 'kmeansStep',
  phase: 'kmeans',
  timedAs: 'kmeans',
  needs: 'projected',
  makes: 'none',
  readsImages: false,
  isBackedUp: false,
  isFolded: true,
  key: shardKey,

  encodeOrder: ({ shards, centroidsArtifact }) =>
    encodeBody(wire.KmeansStep, { shards: [...shards], centroidsArtifact }),
  decodeOrder: (body) => decodeBody('kmeansStep', wire.KmeansStep, body),

  prepare: ({ centroidsArtifact }, _ids, { artifact }) => {
    artifact(centroidsArtifact).catch(() => undefined);
  },

  perform: async ({ shards, centroidsArtifact }, { epoch }, tools) => {
    const { held, artifact, config, source, advance } = tools;
    const centroids = centroidsFromArrays(await artifact(centroidsArtifact));
    const residents = shards.map((shard) => held.of(epoch, shard, true));
    const { k } = config.clustering;
    const total = noSums(k, centroids.length / k, unitRowsRounder(source.count));
    await forEachInTurn(residents, tools, (resident) => {
      held.rowsToCluster(resident).sum(centroids, total, advance);
    });
    return packSums(total);
  },

  encodeResult: ({ rows, counts, squares }) => ({
    arrays: {
      rows: { data: rows, shape: [rows.length] },
      counts: { data: counts, shape: [counts.length] },
      squares: numberArray(squares),
    },
  }),
  decodeResult: ({ arrays }) => ({
    rows: arrayOf(arrays, 'rows', Float64Array),
    counts: arrayOf(arrays, 'counts', Uint32Array),
    squares: numberOf(arrays, 'squares'),
  }),
};
