/** Cases of test/oracle/networks.json, and the comparison of an engine with one of them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { describeModel, type ModelSpec } from '../../../src/nn/architectures.ts';
import { modelConfigSchema } from '../../../src/nn/config.ts';
import { networkInput } from '../../../src/engine/plain/front-end.ts';
import { createModel } from '../../../src/nn/loaded-model.ts';
import type { SliceGradient } from '../../../src/nn/model.ts';
import { pytorchArray, type PytorchArray } from '../../../src/nn/pytorch-names.ts';
import { trainingPass } from '../../../src/nn/training-pass.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import type { StatisticSpec } from '../../../src/ps/layout.ts';
import { assertClose } from '../made/nn-arrays.ts';
import {
  elementsAtPlaces,
  relativeError,
  ruledImages,
  ruledLabels,
  ruledValues,
  type Digest,
} from './network-rule.ts';

export interface NetworkCase {
  readonly architecture: string;
  readonly sobel: boolean;
  readonly neck?: string;
  readonly width?: number;
  readonly feature_dim?: number;
  /** Of an image [px]. */
  readonly size: number;
  readonly batch: number;
  readonly classes: number;
  readonly seed: number;
  /** All trainable ones. */
  readonly parameters: number;
  /** Sum over the batch. */
  readonly loss: number;
  /** [batch, classes] of the training pass. */
  readonly logits: readonly number[];
  /** [batch, featureDim] in evaluation mode. */
  readonly features: Digest;
  /** Mean and unbiased variance of the batch. */
  readonly statistics: Readonly<Record<string, Digest>>;
  readonly gradient: Readonly<Record<string, Digest>>;
}

/**
 * Relative errors in norm that float32 may have beside the oracle's float64; logits by the largest
 * of them.
 */
export const TOLERANCE = { forward: 1e-4, loss: 1e-5, statistics: 1e-4, gradient: 1e-3 } as const;

export const networkCases = JSON.parse(
  readFileSync(new URL('../../oracle/networks.json', import.meta.url), 'utf8'),
) as readonly NetworkCase[];

export function caseTitle({ architecture, neck, sobel, size, batch }: NetworkCase): string {
  const variant = neck === undefined ? (sobel ? 'Sobel' : 'RGB') : `neck ${neck}`;
  return `${architecture}, ${variant}, ${batch} images of ${size} px`;
}

/** Without dropout. */
export function specOf(network: NetworkCase): ModelSpec {
  const { architecture, sobel, neck, width, feature_dim: featureDim, size, classes } = network;
  const chosen = Object.entries({ architecture, sobel, neck, width, featureDim, dropout: 0 });
  const config = Object.fromEntries(chosen.filter(([, value]) => value !== undefined));
  return describeModel(modelConfigSchema.parse(config), size, classes);
}

export interface NetworkResult extends SliceGradient {
  readonly features: Float32Array;
  /** Of the training pass. */
  readonly logits: Float32Array;
}

/** Features and a training slice of a case. */
export function runCase(
  engine: Engine,
  spec: ModelSpec,
  { seed, batch, size, classes }: NetworkCase,
): NetworkResult {
  const { parameters, statistics } = ruledValues(spec);
  const images = ruledImages(seed, batch, size);
  const model = createModel(spec, engine);
  model.load(parameters, statistics);
  const features = model.features(images, batch);
  const slice = model.lossAndGradient(images, ruledLabels(seed, batch, classes), [seed]);
  model.dispose();
  const logits = trainingLogits(engine, spec, parameters, images, batch);
  return { ...slice, features, logits };
}

function trainingLogits(
  engine: Engine,
  { layers, layout, imageSize, sobel, input }: ModelSpec,
  parameters: Float32Array,
  images: Uint8Array,
  batch: number,
): Float32Array {
  let logits = new Float32Array();
  engine.tidy(() => {
    const variables = new Map<string, tf.Tensor>();
    engine.upload(layout.variables, parameters, variables);
    const x = tf.tensor4d(networkInput(images, batch, imageSize, sobel), [
      batch,
      imageSize,
      imageSize,
      input.channels,
    ]);
    const dropoutMask = () => assert.fail('there is no dropout');
    logits = trainingPass(x, { layers, variables, operations: engine.operations, dropoutMask })
      .output.dataSync<'float32'>()
      .slice();
  });
  return logits;
}

/** Everything that the oracle knows of a case. */
export function assertMatchesOracle(
  spec: ModelSpec,
  network: NetworkCase,
  got: NetworkResult,
): void {
  const { layout, featureDim } = spec;
  assert.equal(layout.parameterCount, network.parameters);
  assert.equal(got.features.length, network.batch * featureDim);
  assertNear(
    'features',
    { data: got.features, shape: [network.batch, featureDim] },
    network.features,
    TOLERANCE.forward,
  );
  assertClose(got.logits, network.logits, TOLERANCE.forward, 'logits');
  const lossError = Math.abs(got.lossSum / network.loss - 1);
  assert.ok(lossError <= TOLERANCE.loss, `loss: relative error ${lossError}`);
  const each = (
    specs: readonly StatisticSpec[],
    vector: Float32Array,
    digests: Readonly<Record<string, Digest>>,
    tolerance: number,
  ) => {
    assert.deepEqual(specs.map(({ name }) => name).sort(), Object.keys(digests).sort());
    for (const variable of specs) {
      const { name } = variable;
      const array = pytorchArray(spec, variable, vector);
      if (digests[name]!.norm > ROUNDING) {
        assertNear(name, array, digests[name]!, tolerance);
        continue;
      }
      assert.match(name, /\.bias$/);
      const beside = digests[name.replace(/bias$/, 'weight')]!.norm;
      assert.ok(normOf(array.data) <= FLOAT32_ROUNDING * beside, `${name}: should be zero`);
    }
  };
  each(layout.statistics, got.statistics, network.statistics, TOLERANCE.statistics);
  each(layout.variables, got.gradient, network.gradient, TOLERANCE.gradient);
}

/**
 * Float64 leaves less than this of a gradient that is zero, that of a bias before a batch norm; all
 * others are far above.
 */
const ROUNDING = 1e-9;

/** What float32 may leave of it, beside the gradient of the layer's weight. */
const FLOAT32_ROUNDING = 1e-5;

function assertNear(name: string, array: PytorchArray, digest: Digest, tolerance: number): void {
  const { data } = array;
  const error = relativeError(name, array, digest);
  // Written so that NaN fails.
  assert.ok(error <= tolerance, `${name}: relative error in norm ${error}, allowed ${tolerance}`);
  // An element in a wrong place would be off by about the root mean square.
  const near = (0.02 * digest.norm) / Math.sqrt(data.length);
  elementsAtPlaces(data, digest.at.length).forEach((value, p) => {
    const expected = digest.at[p]!;
    assert.ok(Math.abs(value - expected) <= near, `${name}, place ${p}: ${value}, not ${expected}`);
  });
}

export function normOf(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}
