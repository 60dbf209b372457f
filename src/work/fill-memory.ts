/** Sends the unit rows of a data shard from the worker straight to the sample memory. */
import { TrainerError } from '../errors.ts';
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

  perform: async ({ shard }, ids, { held, fillMemory: fill, requireTerm }) => {
    requireTerm();
    const { ids: images, features: rows } = held.of(ids.epoch, shard, true);
    if (images.length === 0) return { rows: 0 };
    const outcome = await fill(shard, ids.generation, { ids: images, rows });
    if (outcome === 'fenced') {
      const what = `memory rows of data shard ${shard}`;
      throw new TrainerError('GENERATION_FENCED', `${what}: another worker's were taken`);
    }
    return { rows: images.length };
  },

  encodeResult: ({ rows }) => ({ header: { samples: rows } }),
  decodeResult: ({ header }) => ({ rows: header.samples }),
};
