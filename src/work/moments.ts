/**
 * Sums up the features and their products of data shards that a worker holds: their part of the
 * PCA.
 */
import { arrayOf } from '../arrays/bundle.ts';
import {
  addMoments,
  noMoments,
  roundMoments,
  type MomentRounders,
  type MomentSums,
} from '../clustering/moments.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import { forEachInTurn } from './folded.ts';
import { shardKey, type WorkKind } from './kind.ts';

export type MomentsWork = { readonly kind: 'moments'; readonly shard: number };

export interface MomentsOrder {
  readonly shards: readonly number[];
  /** By which each shard's moments are rounded before they are added. */
  readonly rounders: MomentRounders;
}

export const moments: WorkKind<MomentsWork, MomentsOrder, MomentSums> = {
  name: 'moments',
  phase: 'moments',
  timedAs: 'pca',
  needs: 'extracted',
  makes: 'none',
  readsImages: false,
  isBackedUp: false,
  isFolded: true,
  key: shardKey,

  encodeOrder: ({ shards, rounders: { sum, outer } }) =>
    encodeBody(wire.Moments, { shards: [...shards], sumRounder: sum, outerRounder: outer }),
  decodeOrder: (body) => {
    const { shards, sumRounder, outerRounder } = decodeBody('moments', wire.Moments, body);
    return { shards, rounders: { sum: sumRounder, outer: outerRounder } };
  },

  perform: async ({ shards, rounders }, { epoch }, tools) => {
    const { held, advance } = tools;
    const residents = shards.map((shard) => held.of(epoch, shard, false));
    const total = noMoments(residents[0]?.dim ?? 0);
    await forEachInTurn(residents, tools, ({ features, ids, dim }) => {
      const kernels = held.kernelsFor(ids.length);
      const own = kernels.moments(features, ids.length, dim, advance);
      addMoments(total, roundMoments(own, rounders));
    });
    return total;
  },

  encodeResult: ({ count, sum, outer }) => ({
    header: { samples: count },
    arrays: {
      sum: { data: sum, shape: [sum.length] },
      outer: { data: outer, shape: [outer.length] },
    },
  }),
  decodeResult: ({ header, arrays }) => ({
    count: header.samples,
    sum: arrayOf(arrays, 'sum', Float64Array),
    outer: arrayOf(arrays, 'outer', Float64Array),
  }),
};
