/** ODC: sends the unit rows of a data shard from the worker straight to the sample memory. */
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import { shardKey, type WorkKind } from './kind.ts';

export type FillMemoryWork = { readonly kind: 'fillMemory'; readonly shard: number };

export interface FillMemoryOrder {
  readonly shard: number;
}

export interface Filled {
  readonly rows: number;
}

export const fillMemory: WorkKind<FillMemoryWork, FillMemoryOrder, Filled> = {
  name: 'fillMemory',
  phase: 'memory',
  timedAs: 'kmeans',
  needs: 'projected',
  makes: 'none',
  readsImages: false,
  isBackedUp: false,
  key: shardKey,

  encodeOrder: (order) => encodeBody(wire.FillMemory, order),
  decodeOrder: (body) => decodeBody('fillMemory', wire.FillMemory, body),

  perform: async ({ shard }, ids, { held, online, requireTerm }) => {
    requireTerm();
    const resident = held.of(ids.epoch, shard, true);
    await online?.fill(ids, resident);
    return { rows: resident.ids.length };
  },

  encodeResult: ({ rows }) => ({ header: { samples: rows } }),
  decodeResult: ({ header }) => ({ rows: header.samples }),
};
