/** Evaluates a network on held-out images with their true classes: the trained one, or the one that the run began with. */
import { numberArray, numberOf } from '../arrays/bundle.ts';
import { requireReadable } from '../data/source/images-unreadable.ts';
import { dataUnreadable, protocolViolation } from '../errors.ts';
import { passesOf, scoreFeatures, type NetworkScores } from '../evaluation/network-scores.ts';
import { stratifiedSplit } from '../evaluation/split.ts';
import { joinedIntegers } from '../math/matrix.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import type { WorkKind } from './kind.ts';
import type { WorkTools } from './tools.ts';

export type { NetworkScores };

/** `trained`: the current parameters. `random`: the network as the run's seed initialised it. */
export type Network = 'trained' | 'random';

export type EvaluateWork = { readonly kind: 'evaluate'; readonly network: Network };

export interface EvaluateOrder {
  readonly network: Network;
  /** Samples that do not take part: they are not read. */
  readonly leftOut: readonly number[];
}

export const evaluate: WorkKind<EvaluateWork, EvaluateOrder, NetworkScores> = {
  name: 'evaluate',
  phase: 'evaluate',
  timedAs: 'evaluate',
  needs: 'none',
  makes: 'none',
  readsImages: true,
  isBackedUp: false,
  key: ({ kind, network }) => `${kind}/${network}`,

  encodeOrder: ({ network, leftOut }) =>
    encodeBody(wire.Evaluate, { network, leftOut: [...leftOut] }),
  decodeOrder: (body) => {
    const { network, leftOut } = decodeBody('evaluate', wire.Evaluate, body);
    return { network: requireNetwork(network), leftOut };
  },

  perform: async ({ network, leftOut }, { parameterVersion }, tools) => {
    const { source, config, held, representationDim: dim } = tools;
    if (source.truth === null) {
      throw dataUnreadable(source.spec, 'has no class sub-folders here', 'evaluation needs them');
    }
    if (network === 'trained') await tools.network.load(parameterVersion, null, tools.times);
    held.letGo();
    if (network === 'random') tools.network.loadInitial();
    const { labels, names } = source.truth;
    const { testFraction, maxImages } = config.evaluation;
    const { seed } = config;
    const { train, test } = stratifiedSplit({ labels, testFraction, maxImages, seed });
    const isLeftOut = new Set(leftOut);
    const ids = joinedIntegers([train, test])
      .sort()
      .filter((id) => !isLeftOut.has(id));
    const features = await featuresOf(ids, network, tools);
    return scoreFeatures(
      { features, labels: ids.map((id) => labels[id]!), dim, classes: names.length },
      { ...config.evaluation, seed, onPass: countedPasses(network, tools) },
    );
  },

  encodeResult: ({ knnTop1, linearTop1, trainImages, testImages }) => ({
    arrays: {
      'knn-top1': numberArray(knnTop1),
      'linear-top1': numberArray(linearTop1),
      'train-images': numberArray(trainImages),
      'test-images': numberArray(testImages),
    },
  }),
  decodeResult: ({ arrays }) => ({
    knnTop1: numberOf(arrays, 'knn-top1'),
    linearTop1: numberOf(arrays, 'linear-top1'),
    trainImages: numberOf(arrays, 'train-images'),
    testImages: numberOf(arrays, 'test-images'),
  }),
};

function requireNetwork(network: string): Network {
  if (network === 'trained' || network === 'random') return network;
  const remedy = 'run the same release on every process';
  throw protocolViolation('network to evaluate', 'trained or random', network, remedy);
}

/** Called at each pass of the probe, and once for kNN, of each split. */
function countedPasses(about: Network, { config, advance, tell }: WorkTools): () => void {
  const total = passesOf(config.evaluation);
  let done = 0;
  return () => {
    done += 1;
    advance();
    tell({ phase: evaluate.phase, about, part: 'probe', done, total, unit: 'passes' });
  };
}

/** What lies before a neck, or the feature itself: [n, dim]. @throws ImagesUnreadable */
async function featuresOf(
  ids: Int32Array,
  about: Network,
  { views, network, representationDim: dim, advance, tell, times }: WorkTools,
): Promise<Float32Array> {
  const features = new Float32Array(ids.length * dim);
  let done = 0;
  for await (const batch of views.centre(ids).each(times)) {
    requireReadable(batch.unreadable);
    const { length: count } = batch.ids;
    const rows = times.pass('features', { count }, () =>
      network.model.features(batch.pixels, count, 'representation'),
    );
    features.set(rows, done * dim);
    done += count;
    advance();
    const of = { phase: evaluate.phase, about, part: 'features' };
    tell({ ...of, done, total: ids.length, unit: 'images' });
  }
  return features;
}
