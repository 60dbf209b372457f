/** Computes the features of a data shard and keeps them in the worker. */
import type { UnreadableImage } from '../data/source/unreadable.ts';
import { nonFinite } from '../errors.ts';
import { firstNonFinite } from '../math/checks.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import { shardKey, type WorkKind } from './kind.ts';
import type { ShardRange } from './tools.ts';

export type ExtractWork = { readonly kind: 'extract'; readonly shard: number };

export interface ExtractOrder extends ShardRange {
  readonly shard: number;
}

export interface Extracted {
  /** Images that have a feature now. */
  readonly rows: number;
  readonly unreadable: readonly UnreadableImage[];
  /** Images with a feature, of which only a part could be decoded. */
  readonly damaged: readonly UnreadableImage[];
}

export const extract: WorkKind<ExtractWork, ExtractOrder, Extracted> = {
  name: 'extract',
  phase: 'extract',
  timedAs: 'extract',
  needs: 'none',
  makes: 'extracted',
  readsImages: true,
  isBackedUp: false,
  key: shardKey,

  encodeOrder: ({ leftOut, ...order }) =>
    encodeBody(wire.Extract, { ...order, leftOut: [...leftOut] }),
  decodeOrder: (body) => decodeBody('extract', wire.Extract, body),

  prepare: (order, { leaseId }, { views }) => {
    views.beginShard(leaseId, order);
  },

  perform: async (order, ids, { views, network, held, featureDim: dim, advance, times }) => {
    const { shard, begin, end } = order;
    const batches = views.takeShard(ids.leaseId, order);
    await network.load(ids.parameterVersion, null, times);
    const features = new Float32Array((end - begin) * dim);
    const readable: number[] = [];
    const unreadable: UnreadableImage[] = [];
    const damaged: UnreadableImage[] = [];
    for await (const batch of batches.each(times)) {
      unreadable.push(...batch.unreadable);
      damaged.push(...batch.damaged);
      const { length: count } = batch.ids;
      if (count === 0) continue;
      const rows = times.pass('features', { count }, () =>
        network.model.features(batch.pixels, count),
      );
      requireFinite(rows, `features of data shard ${shard}`);
      features.set(rows, readable.length * dim);
      readable.push(...batch.ids);
      advance();
    }
    held.hold(ids, {
      shard,
      ids: Int32Array.from(readable),
      features: features.slice(0, readable.length * dim),
      dim,
      isProjected: false,
    });
    return { rows: readable.length, unreadable, damaged };
  },

  /** Features that the coordinator has not taken may lack an image that others have by now. */
  undo: ({ shard }, { held }) => {
    held.drop(shard);
  },

  encodeResult: ({ rows, unreadable, damaged }) => ({
    header: { samples: rows, unreadable: [...unreadable], damaged: [...damaged] },
  }),
  decodeResult: ({ header: { samples, unreadable, damaged } }) => ({
    rows: samples,
    unreadable,
    damaged,
  }),
};

/** @throws TrainerError NON_FINITE */
function requireFinite(values: Float32Array, what: string): void {
  const bad = firstNonFinite(values);
  if (bad >= 0) throw nonFinite(what, values[bad]!, 'they were refused');
}
