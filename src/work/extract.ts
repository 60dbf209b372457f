/** Computes the features of a data shard and keeps them in the worker. */
import { drawnViews } from '../data/loader/drawn-views.ts';
import { numberArray, numberOf } from '../arrays/bundle.ts';
import { columnSquaresOf } from '../clustering/moments.ts';
import { normaliseRows } from '../clustering/odc/mixing.ts';
import { shuffledIds } from '../data/shard-plan.ts';
import { idRange } from '../data/loader/centre-batches.ts';
import type { LoadedViews } from '../data/loader/loader.ts';
import type { UnreadableImage } from '../data/source/unreadable.ts';
import { nonFinite, protocolViolation } from '../errors.ts';
import { firstNonFinite } from '../math/checks.ts';
import { joined } from '../math/matrix.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import { shardKey, type WorkKind } from './kind.ts';
import type { OrderIds, ShardRange, WorkTools } from './tools.ts';

export type ExtractWork = { readonly kind: 'extract'; readonly shard: number };

export interface ExtractOrder extends ShardRange {
  readonly shard: number;
  readonly rows: RowsFrom;
}

/**
 * Where a data shard's rows come from: the features of centre views, as a network in evaluation
 * mode has them; the unit features of random crops, one behind the other, in training mode, of the
 * images at the shard's places of the shuffled order; or the sample memory as it is.
 */
export type RowsFrom = 'centre' | 'crops' | 'memory';

export interface Extracted {
  /** Images that have a feature now. */
  readonly rows: number;
  /** The largest sum of squares of a column of the features: a bound of their moments. */
  readonly columnSquares: number;
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
  decodeOrder: (body) => {
    const { rows, ...order } = decodeBody('extract', wire.Extract, body);
    return { ...order, rows: requireRowsFrom(rows) };
  },

  prepare: (order, { leaseId }, { views }) => {
    if (order.rows === 'centre') views.beginShard(leaseId, order);
  },

  perform: async (order, ids, tools) => {
    const { shard, rows } = order;
    const found = await FIND_ROWS[rows](order, ids, tools);
    const { features, dim, unreadable, damaged } = found;
    requireFinite(features, `features of data shard ${shard}`);
    tools.held.hold(ids, { shard, ids: found.ids, features, dim, isProjected: false });
    const { length } = found.ids;
    const columnSquares = columnSquaresOf(features, length, dim);
    return { rows: length, columnSquares, unreadable, damaged };
  },

  /** Features that the coordinator has not taken may lack an image that others have by now. */
  undo: ({ shard }, { held }) => {
    held.drop(shard);
  },

  encodeResult: ({ rows, columnSquares, unreadable, damaged }) => ({
    header: { samples: rows, unreadable: [...unreadable], damaged: [...damaged] },
    arrays: { columnSquares: numberArray(columnSquares) },
  }),
  decodeResult: ({ header: { samples, unreadable, damaged }, arrays }) => ({
    rows: samples,
    columnSquares: numberOf(arrays, 'columnSquares'),
    unreadable,
    damaged,
  }),
};

/** Rows of a data shard, of any length. */
interface FoundRows extends Pick<Extracted, 'unreadable' | 'damaged'> {
  /** [n] of the images that have a row. */
  readonly ids: Int32Array;
  /** [n, dim] */
  readonly features: Float32Array;
  readonly dim: number;
}

type FindRows = (order: ExtractOrder, ids: OrderIds, tools: WorkTools) => Promise<FoundRows>;

const FIND_ROWS: Readonly<Record<RowsFrom, FindRows>> = {
  centre: featuresOfCentres,
  crops: featuresOfCrops,
  memory: rowsOfMemory,
};

async function featuresOfCentres(
  order: ExtractOrder,
  ids: OrderIds,
  { views, network, featureDim: dim, advance, times }: WorkTools,
): Promise<FoundRows> {
  const batches = views.takeShard(ids.leaseId, order);
  await network.load(ids.parameterVersion, null, times);
  const features = new Float32Array((order.end - order.begin) * dim);
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
    features.set(rows, readable.length * dim);
    readable.push(...batch.ids);
    advance();
  }
  return {
    ids: Int32Array.from(readable),
    features: features.slice(0, readable.length * dim),
    ...{ dim, unreadable, damaged },
  };
}

/**
 * Batches are of images that follow each other in the run's shuffled order, whether or not all can
 * be read: batch norm sees the same ones whoever makes them, and whenever, and never those of one
 * folder alone.
 */
async function featuresOfCrops(
  { shard, begin, end, leftOut }: ExtractOrder,
  { epoch, parameterVersion }: OrderIds,
  { config, source, views, network, algorithm: { crops }, featureDim, advance, times }: WorkTools,
): Promise<FoundRows> {
  await network.load(parameterVersion, null, times);
  const isLeftOut = new Set(leftOut);
  const order = shuffledIds(source.count, config.seed);
  const own = order.subarray(begin, end);
  const batches = batchesOf(own, config.training.sliceSize).map((batch) =>
    batch.filter((id) => !isLeftOut.has(id)),
  );
  const viewsOf = (batch: Int32Array): Promise<LoadedViews> => {
    const draws = { ids: batch, occurrences: new Int32Array(batch.length) };
    return views.ofSlice({ epoch, step: -1, slice: shard, batch: 0 }, drawnViews(draws, crops));
  };
  const found: Float32Array[] = [];
  const readable: number[] = [];
  const unreadable: UnreadableImage[] = [];
  const damaged: UnreadableImage[] = [];
  for (const [i, batch] of batches.entries()) {
    const next = batches[i + 1];
    const loading = viewsOf(batch);
    if (next !== undefined) viewsOf(next).catch(() => undefined);
    const loaded = await times.views(loading);
    unreadable.push(...eachOnce(loaded.unreadable));
    damaged.push(...eachOnce(loaded.damaged));
    const { length: count } = loaded.ids;
    if (count === 0) continue;
    const seed = [config.seed, 'dropout', 'crops', shard, i];
    const features = times.pass('features', { count }, () =>
      network.model.trainingFeatures(loaded.pixels, count, seed),
    );
    found.push(normaliseRows(features, featureDim));
    readable.push(...loaded.ids.filter((_id, view) => view % crops === 0));
    advance();
  }
  return {
    ids: Int32Array.from(readable),
    features: joined(found),
    ...{ dim: crops * featureDim, unreadable, damaged },
  };
}

async function rowsOfMemory(
  { begin, end, leftOut }: ExtractOrder,
  { parameterVersion: step }: OrderIds,
  { memoryRows, featureDim, algorithm: { crops } }: WorkTools,
): Promise<FoundRows> {
  const isLeftOut = new Set(leftOut);
  const ids = idRange(begin, end).filter((id) => !isLeftOut.has(id));
  const features = ids.length === 0 ? new Float32Array(0) : await memoryRows(step, ids);
  return { ids, features, dim: crops * featureDim, unreadable: [], damaged: [] };
}

function batchesOf(ids: Int32Array, size: number): Int32Array[] {
  return Array.from({ length: Math.ceil(ids.length / size) }, (_, i) =>
    ids.subarray(i * size, (i + 1) * size),
  );
}

/** Of images that are named for each of their crops. */
function eachOnce(images: readonly UnreadableImage[]): readonly UnreadableImage[] {
  return [...new Map(images.map((image) => [image.id, image])).values()];
}

function requireRowsFrom(rows: string): RowsFrom {
  if (rows === 'centre' || rows === 'crops' || rows === 'memory') return rows;
  const remedy = 'run the same release on every process';
  throw protocolViolation('rows to extract', 'centre, crops or memory', rows, remedy);
}

/** @throws TrainerError NON_FINITE */
function requireFinite(values: Float32Array, what: string): void {
  const bad = firstNonFinite(values);
  if (bad >= 0) throw nonFinite(what, values[bad]!, 'they were refused');
}
