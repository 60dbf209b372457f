/** kNN and a linear probe on frozen features of held-out images: what a network is worth, in two figures. */
import type { RunConfig } from '../src/config/schema.ts';
import type { ImageLoader } from '../src/data/loader.ts';
import type { ImageSource } from '../src/data/source.ts';
import { dataUnreadable } from '../src/errors.ts';
import { knnTop1 } from '../src/evaluation/knn.ts';
import { linearProbeTop1 } from '../src/evaluation/linear-probe.ts';
import { stratifiedSplit } from '../src/evaluation/split.ts';
import type { Model } from '../src/nn/model.ts';
import { initialParameters, initialStatistics } from '../src/ps/initial-values.ts';
import type { ParameterLayout } from '../src/ps/layout.ts';
import { centreBatches } from './image-batches.ts';

export interface EvaluationInput {
  readonly config: RunConfig;
  readonly layout: ParameterLayout;
  readonly source: ImageSource;
  readonly loader: ImageLoader;
  /** Holds the trained parameters, unless `isRandom`. */
  readonly model: Model;
  readonly featureDim: number;
  /** Evaluate the network as the run's seed initialised it; leaves the model with those values. */
  readonly isRandom: boolean;
  readonly signal: AbortSignal;
  readonly advance: () => void;
}

/** @returns [4]: kNN top-1, linear top-1, images trained on, images tested on */
export async function evaluateNetwork(input: EvaluationInput): Promise<Float64Array> {
  const { config, layout, source, model, featureDim: dim } = input;
  if (source.truth === null) {
    throw dataUnreadable(source.spec, 'has no class sub-folders here', 'evaluation needs them');
  }
  if (input.isRandom) {
    model.load(initialParameters(layout, config.seed), initialStatistics(layout));
  }
  const { labels, names } = source.truth;
  const { testFraction, maxImages, knnK, probeEpochs } = config.evaluation;
  const split = stratifiedSplit({ labels, testFraction, maxImages, seed: config.seed });
  const train = await featuresOf(split.train, input);
  const test = await featuresOf(split.test, input);
  const set = {
    train: train.features,
    trainLabels: train.ids.map((id) => labels[id]!),
    test: test.features,
    testLabels: test.ids.map((id) => labels[id]!),
    dim,
    classes: names.length,
  };
  const knn = knnTop1({ ...set, k: knnK });
  input.advance();
  const linear = linearProbeTop1(set, {
    epochs: probeEpochs,
    seed: config.seed,
    onPass: input.advance,
  });
  return Float64Array.of(knn, linear, train.ids.length, test.ids.length);
}

/** Features of the readable ones among `ids`: [n, dim]. */
async function featuresOf(
  ids: Int32Array,
  { loader, model, featureDim: dim, signal, advance }: EvaluationInput,
): Promise<{ ids: Int32Array; features: Float32Array }> {
  const features = new Float32Array(ids.length * dim);
  const readable: number[] = [];
  for await (const views of centreBatches(loader, ids, signal)) {
    if (views.ids.length === 0) continue;
    features.set(model.features(views.pixels, views.ids.length), readable.length * dim);
    readable.push(...views.ids);
    advance();
  }
  return { ids: Int32Array.from(readable), features: features.slice(0, readable.length * dim) };
}
