/** kNN and a linear probe on frozen features of held-out images: what a network is worth, in two figures. */
import type { RunConfig } from '../src/config/schema.ts';
import type { ImageLoader } from '../src/data/loader/loader.ts';
import type { ImageSource } from '../src/data/source/source.ts';
import { dataUnreadable } from '../src/errors.ts';
import { knnTop1 } from '../src/evaluation/knn.ts';
import { linearProbeTop1 } from '../src/evaluation/linear-probe.ts';
import { stratifiedSplit } from '../src/evaluation/split.ts';
import type { Model } from '../src/nn/model.ts';
import { initialParameters, initialStatistics } from '../src/ps/initial-values.ts';
import type { ParameterLayout } from '../src/ps/layout.ts';
import { CentreBatches } from './image-batches.ts';
import { requireReadable } from './images-unreadable.ts';
import type { OrderTimes } from './order-times.ts';

export interface EvaluationInput {
  readonly config: RunConfig;
  readonly layout: ParameterLayout;
  readonly source: ImageSource;
  readonly loader: ImageLoader;
  /** Holds the trained parameters, unless `isRandom`. */
  readonly model: Model;
  /** Of the representation: what lies before a neck, or the feature itself. */
  readonly dim: number;
  /** Evaluate the network as the run's seed initialised it; leaves the model with those values. */
  readonly isRandom: boolean;
  /** Samples that take no part. */
  readonly leftOut: readonly number[];
  readonly signal: AbortSignal;
  readonly advance: () => void;
  readonly times: OrderTimes;
}

/** @returns [4]: kNN top-1, linear top-1 (means over the splits), images trained on, images tested on */
export async function evaluateNetwork(input: EvaluationInput): Promise<Float64Array> {
  const { config, layout, source, model, dim } = input;
  if (source.truth === null) {
    throw dataUnreadable(source.spec, 'has no class sub-folders here', 'evaluation needs them');
  }
  if (input.isRandom) {
    model.load(initialParameters(layout, config.seed), initialStatistics(layout));
  }
  const { labels, names } = source.truth;
  const { testFraction, maxImages, knnK, probeEpochs, repeats } = config.evaluation;
  const { seed } = config;
  const { train, test } = stratifiedSplit({ labels, testFraction, maxImages, seed });
  const leftOut = new Set(input.leftOut);
  const ids = concatenated(train, test).sort();
  const all = await featuresOf(
    ids.filter((id) => !leftOut.has(id)),
    input,
  );
  const own = all.ids.map((id) => labels[id]!);
  const sums = { knn: 0, linear: 0, train: 0, test: 0 };
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    // One split of a small collection says little: which images are held out moves the figures by percents.
    const split = stratifiedSplit({ labels: own, testFraction, maxImages, seed: seed + repeat });
    const set = {
      train: rowsOf(all.features, split.train, dim),
      trainLabels: split.train.map((row) => own[row]!),
      test: rowsOf(all.features, split.test, dim),
      testLabels: split.test.map((row) => own[row]!),
      dim,
      classes: names.length,
    };
    sums.knn += knnTop1({ ...set, k: knnK });
    input.advance();
    const onPass = input.advance;
    sums.linear += linearProbeTop1(set, { epochs: probeEpochs, seed: seed + repeat, onPass });
    sums.train = split.train.length;
    sums.test = split.test.length;
  }
  return Float64Array.of(sums.knn / repeats, sums.linear / repeats, sums.train, sums.test);
}

function concatenated(a: Int32Array, b: Int32Array): Int32Array {
  const both = new Int32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Some rows of [n, dim], in the order given. */
function rowsOf(features: Float32Array, rows: Int32Array, dim: number): Float32Array {
  const picked = new Float32Array(rows.length * dim);
  rows.forEach((row, i) => {
    picked.set(features.subarray(row * dim, (row + 1) * dim), i * dim);
  });
  return picked;
}

/** Features of these images: [n, dim]. @throws ImagesUnreadable */
async function featuresOf(
  ids: Int32Array,
  { loader, model, dim, config, signal, advance, times }: EvaluationInput,
): Promise<{ ids: Int32Array; features: Float32Array }> {
  const features = new Float32Array(ids.length * dim);
  let done = 0;
  const batches = new CentreBatches(loader, ids, config.data.imageSize, signal);
  for await (const views of batches.each(times)) {
    requireReadable(views.unreadable);
    const { length: count } = views.ids;
    const rows = times.pass('features', { count }, () =>
      model.features(views.pixels, count, 'representation'),
    );
    features.set(rows, done * dim);
    done += count;
    advance();
  }
  return { ids, features };
}
