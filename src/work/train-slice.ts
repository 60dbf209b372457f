/** Computes the gradient of a slice of a step and stages it on the parameter servers. */
import { requireReadable } from '../data/source/images-unreadable.ts';
import type { UnreadableImage } from '../data/source/unreadable.ts';
import { TrainerError, nonFinite, protocolViolation } from '../errors.ts';
import { hitFailpoint } from '../process/failpoints.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import type { Samples, Samples__Output } from '../rpc/generated/deepcluster/v1/Samples.ts';
import type { WorkKind } from './kind.ts';
import type { OrderIds, SlicePass, SliceSamples, WorkTools } from './tools.ts';

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
  /** What this worker will probably be asked for next, so that decoding hides behind compute; a hint only. */
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
    views.ofSlice({ epoch, step, slice }, samples).catch(() => undefined);
    if (upcoming !== null) {
      views.ofSlice({ epoch, step: step + 1, slice }, upcoming).catch(() => undefined);
    }
  },

  perform: async (order, ids, tools) => {
    const { step, slice, samples } = order;
    const { epoch, parameterVersion } = ids;
    const { network, algorithm, times, held } = tools;
    held.letGo();
    const name = { epoch, step, slice };
    const views = await times.views(tools.views.ofSlice(name, samples));
    requireReadable(views.unreadable);
    await network.load(parameterVersion, network.headEpoch(epoch), times);
    const pass = times.pass('lossAndGradient', name, () =>
      trainingPass(views.pixels, order, tools),
    );
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

function toMessage({ ids, occurrences, pseudoLabels, lossWeights }: SliceSamples): Samples {
  return {
    ids: [...ids],
    occurrences: [...occurrences],
    pseudoLabels: [...pseudoLabels],
    lossWeights: [...lossWeights],
  };
}

function fromMessage({
  ids,
  occurrences,
  pseudoLabels,
  lossWeights,
}: Samples__Output): SliceSamples {
  return {
    ids: Int32Array.from(ids),
    occurrences: Int32Array.from(occurrences),
    pseudoLabels: Int32Array.from(pseudoLabels),
    lossWeights: Float32Array.from(lossWeights),
  };
}

function requireSamples(samples: Samples__Output | null): SliceSamples {
  if (samples !== null && samples.ids.length > 0) return fromMessage(samples);
  const remedy = 'run the same release on every process';
  throw protocolViolation('samples of a train slice', 'at least one', 'none', remedy);
}
