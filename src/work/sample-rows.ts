/** Sends some projected rows of a data shard: the centroids that k-means begins from. */
import { arrayOf } from '../arrays/bundle.ts';
import { gatherRows } from '../math/matrix.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import { shardKey, type WorkKind } from './kind.ts';

export type SampleRowsWork = { readonly kind: 'sampleRows'; readonly shard: number };

export interface SampleRowsOrder {
  readonly shard: number;
  /** Rows within the shard's readable images. */
  readonly rows: readonly number[];
}

export interface SampledRows {
  /** [n, d], in the order asked for. */
  readonly rows: Float32Array;
}

export const sampleRows: WorkKind<SampleRowsWork, SampleRowsOrder, SampledRows> = {
  name: 'sampleRows',
  phase: 'sampleRows',
  timedAs: 'kmeans',
  needs: 'projected',
  makes: 'none',
  readsImages: false,
  isBackedUp: false,
  key: shardKey,

  encodeOrder: ({ shard, rows }) => encodeBody(wire.SampleRows, { shard, rows: [...rows] }),
  decodeOrder: (body) => decodeBody('sampleRows', wire.SampleRows, body),

  perform: ({ shard, rows }, { epoch }, { held }) => {
    const { features, dim } = held.of(epoch, shard, true);
    return Promise.resolve({ rows: gatherRows(features, rows, dim) });
  },

  encodeResult: ({ rows }) => ({ arrays: { rows: { data: rows, shape: [rows.length] } } }),
  decodeResult: ({ arrays }) => ({ rows: arrayOf(arrays, 'rows', Float32Array) }),
};
