/** Computes the gradient of a slice of a step and stages it on the parameter servers. */
import { requireReadable } from '../data/source/images-unreadable.ts';
import type { UnreadableImage } from '../data/source/unreadable.ts';
import { TrainerError, nonFinite, protocolViolation, shapeMismatch } from '../errors.ts';
import type { Prototypes } from '../clustering/prototypes.ts';
import type { SwappedPrediction } from '../clustering/swapped-prediction.ts';
import { hitFailpoint } from '../process/failpoints.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import type { Samples, Samples__Output } from '../rpc/generated/deepcluster/v1/Samples.ts';
import { drawnViews } from '../data/loader/drawn-views.ts';
import type { WorkKind } from './kind.ts';
import type {
  OrderIds,
  SliceName,
  SlicePass,
  SliceSamples,
  SmallViews,
  WorkTools,
} from './tools.ts';

export type TrainSliceWork = {
  readonly kind: 'trainSlice';
  readonly step: number;
  readonly slice: number;
};

export interface TrainSliceOrder {
  readonly step: number;
  readonly slice: number;
  /** At least one. */
  readonly samples: SliceSamples;
  /**
   * What this worker will probably be asked for next, so that decoding hides behind compute; a hint
   * only.
   */
  readonly upcoming: SliceSamples | null;
  /** The published centroids to assign by, where every step moves images to other clusters. */
  readonly centroidVersion: number;
}

export interface TrainedSlice {
  readonly samples: number;
  /** Sum of the samples' losses. */
  readonly lossSum: number;
  readonly damaged: readonly UnreadableImage[];
  /** The push had been staged before, because its answer was lost. */
  readonly repeatedPush: boolean;
}

export const trainSlice: WorkKind<TrainSliceWork, TrainSliceOrder, TrainedSlice> = {
  name: 'trainSlice',
  phase: 'train',
  timedAs: 'train',
  needs: 'none',
  makes: 'none',
  readsImages: true,
  isBackedUp: true,
  key: ({ kind, step, slice }) => `${kind}/${step}/${slice}`,

  encodeOrder: ({ samples, upcoming, ...order }) =>
    encodeBody(wire.TrainSlice, {
      ...order,
      samples: toMessage(samples),
      upcoming: upcoming === null ? null : toMessage(upcoming),
    }),
  decodeOrder: (body) => {
    const { samples, upcoming, ...order } = decodeBody('trainSlice', wire.TrainSlice, body);
    return {
      ...order,
      samples: requireSamples(samples),
      upcoming: upcoming === null ? null : fromMessage(upcoming),
    };
  },

  prepare: (order, ids, { network, algorithm, views }) => {
    const { step, slice, samples, upcoming } = order;
    const { epoch, parameterVersion } = ids;
    network.prefetch(parameterVersion, network.headEpoch(epoch));
    algorithm.prepare(ids, order);
    beginViews({ epoch, step, slice }, samples, { views, algorithm });
    if (upcoming !== null) {
      beginViews({ epoch, step: step + 1, slice }, upcoming, { views, algorithm });
    }
  },

  perform: async (order, ids, tools) => {
    const { step, slice, samples } = order;
    const { epoch, parameterVersion } = ids;
    const { network, algorithm, times, held } = tools;
    held.letGo();
    const name = { epoch, step, slice };
    const drawn = drawnViews(samples, algorithm.crops);
    const views = await times.views(tools.views.ofSlice(name, drawn));
    requireReadable(views.unreadable);
    const small = await smallViewsOf(name, samples, tools);
    const prototypes = await algorithm.prototypes(order);
    const swapped = await algorithm.swapped(ids, order);
    await network.load(parameterVersion, network.headEpoch(epoch), times);
    const pass = times.pass('lossAndGradient', name, () => {
      if (swapped !== null) return swappedPass(views.pixels, order, swapped, tools);
      return prototypes === null
        ? trainingPass(views.pixels, order, tools)
        : prototypePass(views.pixels, small, order, prototypes, tools);
    });
    if (!Number.isFinite(pass.lossSum)) {
      const what = `loss of step ${step}, slice ${slice}`;
      throw nonFinite(what, pass.lossSum, 'the slice was refused');
    }
    const memory =
      pass.features === null ? null : await algorithm.moveRows(ids, order, pass.features);
    const repeatedPush = await pushSlice(order, ids, tools, {
      gradient: pass.gradient,
      statistics: pass.statistics,
      ...(memory === null ? {} : { memory }),
    });
    const { length: count } = samples.pseudoLabels;
    return { samples: count, lossSum: pass.lossSum, damaged: views.damaged, repeatedPush };
  },

  encodeResult: ({ samples, lossSum, damaged, repeatedPush }) => ({
    header: { samples, lossSum, damaged: [...damaged], repeatedPush },
  }),
  decodeResult: ({ header: { samples, lossSum, damaged, repeatedPush } }) => ({
    samples,
    lossSum,
    damaged,
    repeatedPush,
  }),
};

/** Features are null where the algorithm has no use for them. */
function trainingPass(
  pixels: Uint8Array,
  { step, slice, samples }: TrainSliceOrder,
  { config, network, algorithm }: WorkTools,
): SlicePass & { readonly features: Float32Array | null } {
  const seed = [config.seed, 'dropout', step, slice];
  const { pseudoLabels, lossWeights } = samples;
  if (!algorithm.usesFeatures) {
    return { ...network.model.lossAndGradient(pixels, pseudoLabels, seed), features: null };
  }
  const weights = lossWeights.length === 0 ? {} : { weights: lossWeights };
  return network.model.lossGradientAndFeatures(pixels, pseudoLabels, seed, weights);
}

function beginViews(
  name: SliceName,
  samples: SliceSamples,
  { views, algorithm: { crops, smallCrops } }: Pick<WorkTools, 'views' | 'algorithm'>,
): void {
  views.ofSlice(name, drawnViews(samples, crops)).catch(() => undefined);
  if (smallCrops === null) return;
  const small = drawnViews(samples, smallCrops.count);
  views.smallOfSlice(name, small, smallCrops).catch(() => undefined);
}

/** Undefined where the algorithm has none. */
async function smallViewsOf(
  name: SliceName,
  samples: SliceSamples,
  { config, algorithm, views, times }: WorkTools,
): Promise<SmallViews | undefined> {
  const { smallCrops } = algorithm;
  if (smallCrops === null) return undefined;
  const { count: crops, size } = smallCrops;
  const small = await times.views(views.smallOfSlice(name, drawnViews(samples, crops), smallCrops));
  requireReadable(small.unreadable);
  return {
    images: small.pixels,
    crops,
    size,
    batchNormMomentum: config.training.batchNormMomentum,
  };
}

/** With the unit features of the samples' crops, without those of the small ones. */
function prototypePass(
  pixels: Uint8Array,
  small: SmallViews | undefined,
  { step, slice, samples }: TrainSliceOrder,
  prototypes: Prototypes,
  { config, network, algorithm: { crops } }: WorkTools,
): SlicePass & { readonly features: Float32Array } {
  const seed = [config.seed, 'dropout', step, slice];
  const targets = targetsOf(samples, prototypes.heads);
  return network.model.prototypeGradient(pixels, targets, { ...prototypes, crops }, seed, small);
}

/** The same; targets are made of the samples' crops themselves. */
function swappedPass(
  pixels: Uint8Array,
  { step, slice, samples }: TrainSliceOrder,
  swapped: SwappedPrediction,
  { config, network }: WorkTools,
): SlicePass & { readonly features: Float32Array } {
  const seed = [config.seed, 'dropout', step, slice];
  return network.model.swappedGradient(pixels, samples.ids.length, swapped, seed);
}

/** @returns [n, heads] */
function targetsOf({ pseudoLabels, furtherLabels }: SliceSamples, heads: number): Int32Array {
  const further = heads - 1;
  if (furtherLabels.length !== pseudoLabels.length * further) {
    throw shapeMismatch(
      'targets of further heads',
      [pseudoLabels.length, further],
      [furtherLabels.length],
    );
  }
  return Int32Array.from({ length: pseudoLabels.length * heads }, (_, i) => {
    const [sample, head] = [Math.floor(i / heads), i % heads];
    return head === 0 ? pseudoLabels[sample]! : furtherLabels[sample * further + head - 1]!;
  });
}

/** @returns whether it had been staged before */
async function pushSlice(
  { step, slice, samples }: TrainSliceOrder,
  { generation, parameterVersion }: OrderIds,
  { push, requireTerm, times }: WorkTools,
  content: Pick<Parameters<WorkTools['push']>[0], 'gradient' | 'statistics' | 'memory'>,
): Promise<boolean> {
  requireTerm();
  const reply = await times.span('push', {}, () =>
    push({
      ...{ step, slice, generation, basedOn: parameterVersion },
      samples: samples.pseudoLabels.length,
      ...content,
    }),
  );
  if (reply.outcome === 'fenced' || reply.outcome === 'stale') {
    throw new TrainerError(
      'GENERATION_FENCED',
      `push of step ${step}, slice ${slice}: ${reply.outcome}; version ${reply.version} is current`,
    );
  }
  hitFailpoint('worker.pushed', { step, slice });
  return reply.outcome === 'duplicate';
}

function toMessage(samples: SliceSamples): Samples {
  return {
    ids: [...samples.ids],
    occurrences: [...samples.occurrences],
    pseudoLabels: [...samples.pseudoLabels],
    lossWeights: [...samples.lossWeights],
    furtherLabels: [...samples.furtherLabels],
  };
}

function fromMessage(samples: Samples__Output): SliceSamples {
  return {
    ids: Int32Array.from(samples.ids),
    occurrences: Int32Array.from(samples.occurrences),
    pseudoLabels: Int32Array.from(samples.pseudoLabels),
    lossWeights: Float32Array.from(samples.lossWeights),
    furtherLabels: Int32Array.from(samples.furtherLabels),
  };
}

function requireSamples(samples: Samples__Output | null): SliceSamples {
  if (samples !== null && samples.ids.length > 0) return fromMessage(samples);
  const remedy = 'run the same release on every process';
  throw protocolViolation('samples of a train slice', 'at least one', 'none', remedy);
}
