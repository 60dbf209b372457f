/**
 * Evaluates a network on held-out images with their true classes: the trained one, the one that the
 * run began with, or in its place the images' own pixels. Shapes: n images, R splits.
 */
import { arrayOf, numberArray, numberOf } from '../arrays/bundle.ts';
import type { NamedArrays } from '../arrays/safetensors.ts';
import { requireReadable } from '../data/source/images-unreadable.ts';
import { dataUnreadable, protocolViolation } from '../errors.ts';
import type { Hits } from '../evaluation/confidence.ts';
import { NETWORKS, type Network } from '../evaluation/gains.ts';
import { passesOf, scoreFeatures, type NetworkScores } from '../evaluation/network-scores.ts';
import { pixelDim, pixelFeatures } from '../evaluation/pixels.ts';
import { stratifiedSplit } from '../evaluation/split.ts';
import { joinedIntegers } from '../math/matrix.ts';
import { decodeBody, encodeBody } from '../rpc/bodies.ts';
import { wire } from '../rpc/definitions.ts';
import type { WorkKind } from './kind.ts';
import type { WorkTools } from './tools.ts';

export type { NetworkScores };

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
    encodeBody(wire.Evaluate, { featuresOf: network, leftOut: [...leftOut] }),
  decodeOrder: (body) => {
    const { featuresOf: network, leftOut } = decodeBody('evaluate', wire.Evaluate, body);
    return { network: requireNetwork(network), leftOut };
  },

  perform: async ({ network, leftOut }, { parameterVersion }, tools) => {
    const { source, config, held, clustering, wideProducts } = tools;
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
    const dim = dimOf(network, tools);
    const features = await featuresOf(ids, network, tools);
    return scoreFeatures(
      { features, labels: ids.map((id) => labels[id]!), dim, classes: names.length },
      {
        ...{ ...config.evaluation, seed, onPass: countedPasses(network, tools), clustering },
        ...(wideProducts === null ? {} : { wideProducts }),
      },
    );
  },

  encodeResult: ({ knn, linear, nmi, trainImages, testImages }) => ({
    arrays: {
      ...hitArrays('knn', knn),
      ...hitArrays('linear', linear),
      nmi: numberArray(nmi.value),
      'nmi-interval': numberArray(nmi.interval),
      'train-images': numberArray(trainImages),
      'test-images': numberArray(testImages),
    },
  }),
  decodeResult: ({ arrays }) => ({
    knn: hitsOf(arrays, 'knn'),
    linear: hitsOf(arrays, 'linear'),
    nmi: { value: numberOf(arrays, 'nmi'), interval: numberOf(arrays, 'nmi-interval') },
    trainImages: numberOf(arrays, 'train-images'),
    testImages: numberOf(arrays, 'test-images'),
  }),
};

/** [n], [n] and [R] */
function hitArrays(name: string, { tested, right, bySplit }: Hits): NamedArrays {
  const array = <Data extends Int32Array | Float64Array>(data: Data) => ({
    ...{ data, shape: [data.length] },
  });
  return {
    [`${name}-tested`]: array(tested),
    [`${name}-right`]: array(right),
    [`${name}-by-split`]: array(bySplit),
  };
}

function hitsOf(arrays: NamedArrays, name: string): Hits {
  return {
    tested: arrayOf(arrays, `${name}-tested`, Int32Array),
    right: arrayOf(arrays, `${name}-right`, Int32Array),
    bySplit: arrayOf(arrays, `${name}-by-split`, Float64Array),
  };
}

function requireNetwork(network: string): Network {
  const known = NETWORKS.find((name) => name === network);
  if (known !== undefined) return known;
  const remedy = 'run the same release on every process';
  throw protocolViolation('network to evaluate', NETWORKS.join(', '), network, remedy);
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

function dimOf(network: Network, { config, representationDim }: WorkTools): number {
  return network === 'pixels' ? pixelDim(config.data.imageSize) : representationDim;
}

/** Pixels, what lies before a neck, or the feature itself: [n, dim]. @throws ImagesUnreadable */
async function featuresOf(
  ids: Int32Array,
  about: Network,
  tools: WorkTools,
): Promise<Float32Array> {
  const { views, network, config, advance, tell, times } = tools;
  const dim = dimOf(about, tools);
  const features = new Float32Array(ids.length * dim);
  let done = 0;
  for await (const batch of views.centre(ids).each(times)) {
    requireReadable(batch.unreadable);
    const { length: count } = batch.ids;
    const rows =
      about === 'pixels'
        ? pixelFeatures(batch.pixels, count, config.data.imageSize)
        : times.pass('features', { count }, () =>
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
