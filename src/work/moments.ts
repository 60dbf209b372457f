/** Sums up a data shard's features and their products: its part of the PCA. */
import { arrayOf } from '../arrays/bundle.ts';
import type { ShardMoments } from '../clustering/moments.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import { shardKey, type WorkKind } from './kind.ts';

export type MomentsWork = { readonly kind: 'moments'; readonly shard: number };

export interface MomentsOrder {
  readonly shard: number;
}

export const moments: WorkKind<MomentsWork, MomentsOrder, ShardMoments> = {
  name: 'moments',
  phase: 'moments',
  timedAs: 'pca',
  needs: 'extracted',
  makes: 'none',
  readsImages: false,
  isBackedUp: false,
  key: shardKey,

  encodeOrder: (order) => encodeBody(wire.Moments, order),
  decodeOrder: (body) => decodeBody('moments', wire.Moments, body),

  perform: ({ shard }, { epoch }, { held, advance }) => {
    const { features, ids, dim } = held.of(epoch, shard, false);
    const kernels = held.kernelsFor(ids.length);
    return Promise.resolve(kernels.moments(features, ids.length, dim, advance));
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
