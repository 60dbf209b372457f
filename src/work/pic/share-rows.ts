/** Sends all projected rows of a data shard: those of some shards at a time are searched by all. */
import type { RowsOfImages } from '../../clustering/pic/nearest-rows.ts';
import { decodeBody, encodeBody } from '../../rpc/bodies.ts';
import { wire } from '../../rpc/definitions.ts';
import { rowsToArrays, rowsFromArrays } from '../artifacts.ts';
import { shardKey, type WorkKind } from '../kind.ts';

export type ShareRowsWork = { readonly kind: 'shareRows'; readonly shard: number };

export interface ShareRowsOrder {
  readonly shard: number;
}

export const shareRows: WorkKind<ShareRowsWork, ShareRowsOrder, RowsOfImages> = {
  name: 'shareRows',
  phase: 'neighbours',
  timedAs: 'kmeans',
  needs: 'projected',
  makes: 'none',
  readsImages: false,
  isBackedUp: false,
  key: shardKey,

  encodeOrder: (order) => encodeBody(wire.ShareRows, order),
  decodeOrder: (body) => decodeBody('shareRows', wire.ShareRows, body),

  perform: ({ shard }, { epoch }, { held }) => {
    const { ids, features: rows } = held.of(epoch, shard, true);
    return Promise.resolve({ ids, rows });
  },

  encodeResult: (rows) => ({ arrays: rowsToArrays(rows) }),
  decodeResult: ({ arrays }) => rowsFromArrays(arrays),
};
