/**
 * The network as the worker uses it: flat vectors in, features or a flat gradient out. All tensors live and die here.
 * Shapes: B images of H x W, P parameters, S batch-norm statistics, K classes.
 */
import * as tf from '@tensorflow/tfjs';
import { shapeMismatch } from '../errors.ts';
import { seededRng } from '../math/rng.ts';
import type { ModelSpec } from './architectures.ts';
import { evaluationPass, type EvaluationPass } from './evaluation-pass.ts';
import { networkInput } from './front-end.ts';
import { softmaxCrossEntropy } from './operations.ts';
import { createStepResults, upload } from './transfer.ts';
import { trainingPass } from './training-pass.ts';

export interface SliceGradient {
  /** Sum of the slice's losses. */
  readonly lossSum: number;
  /** [P], gradient of that sum; the caller's. */
  readonly gradient: Float32Array;
  /** [S], mean and unbiased variance of the slice, where the layout has the running ones; the caller's. */
  readonly statistics: Float32Array;
}

export interface Model {
  /**
   * Takes one version in place of the one before. Both arrays remain the caller's.
   * @param parameters [P]
   * @param statistics [S], the running means and variances
   * @throws TrainerError SHAPE_MISMATCH
   */
  load(parameters: Float32Array, statistics: Float32Array): void;
  /**
   * Features in evaluation mode, as the network's description names them. An image's feature depends on that image
   * and the loaded version only, to the bit: not on its batch.
   * @param images [count, H, W, 3] RGB
   * @returns [count, featureDim]
   * @throws TrainerError SHAPE_MISMATCH
   */
  features(images: Uint8Array, count: number): Float32Array;
  /**
   * One training slice: batch norm over the slice, dropout, softmax cross-entropy.
   * @param images [B, H, W, 3] RGB
   * @param pseudoLabels [B]
   * @param dropoutSeed names the slice: the same parts draw the same masks
   * @throws TrainerError SHAPE_MISMATCH, PROTOCOL_VIOLATION for a pseudo-label outside 0 .. K - 1
   */
  lossAndGradient(
    images: Uint8Array,
    pseudoLabels: Int32Array,
    dropoutSeed: readonly (string | number)[],
  ): SliceGradient;
  /** What the engine holds for this process. */
  memory(): { tensors: number; bytes: number };
  dispose(): void;
}

/** Images of one evaluation pass. Always this many, the last ones blank: engines choose kernels by batch size. */
const EVALUATION_BATCH = 32;

/** A network without values, on the engine that runs; `load` gives it some. */
export function createModel(spec: ModelSpec): Model {
  return new LoadedModel(spec);
}

class LoadedModel implements Model {
  readonly #spec: ModelSpec;
  /** Parameters and running statistics of the loaded version, by name; empty before the first. */
  #variables = new Map<string, tf.Tensor>();
  /** Made by the first `features` of a version: most versions are trained on only. */
  #evaluation: EvaluationPass | null = null;

  constructor(spec: ModelSpec) {
    this.#spec = spec;
  }

  load(parameters: Float32Array, statistics: Float32Array): void {
    const { layout } = this.#spec;
    requireLength('parameters', parameters, layout.parameterCount);
    requireLength('statistics', statistics, layout.statisticCount);
    this.dispose();
    upload(layout.variables, parameters, this.#variables);
    upload(layout.statistics, statistics, this.#variables);
  }

  features(images: Uint8Array, count: number): Float32Array {
    const { layers, featureLayer, featureDim } = this.#spec;
    const imageBytes = this.#requireImages(images, count);
    this.#evaluation ??= evaluationPass(layers.slice(0, featureLayer + 1), this.#variables);
    const features = new Float32Array(count * featureDim);
    for (let begin = 0; begin < count; begin += EVALUATION_BATCH) {
      const end = Math.min(count, begin + EVALUATION_BATCH);
      const rows = this.#evaluate(images.subarray(begin * imageBytes, end * imageBytes));
      features.set(rows.subarray(0, (end - begin) * featureDim), begin * featureDim);
    }
    return features;
  }

  lossAndGradient(
    images: Uint8Array,
    pseudoLabels: Int32Array,
    dropoutSeed: readonly (string | number)[],
  ): SliceGradient {
    const { layers, layout } = this.#spec;
    const count = pseudoLabels.length;
    this.#requireImages(images, count);
    const results = createStepResults(layout);
    let outcome: SliceGradient | null = null;
    // The outcome leaves the scope by assignment: a scope searches what is returned for tensors, element by element.
    tf.tidy(() => {
      const { output, statistics, backward } = trainingPass(this.#inputOf(images, count), {
        layers,
        variables: this.#variables,
        dropoutMask: (name, probability, elements) =>
          drawDropoutMask([...dropoutSeed, name], probability, elements),
      });
      const loss = softmaxCrossEntropy(output as tf.Tensor2D, pseudoLabels);
      backward(loss.gradient, results.takeGradient);
      outcome = { ...results.read(statistics), lossSum: loss.lossSum() };
    });
    return outcome!;
  }

  memory(): { tensors: number; bytes: number } {
    const { numTensors, numBytes } = tf.memory();
    return { tensors: numTensors, bytes: numBytes };
  }

  dispose(): void {
    this.#evaluation?.dispose();
    this.#evaluation = null;
    tf.dispose([...this.#variables.values()]);
    this.#variables = new Map();
  }

  #evaluate(images: Uint8Array): Float32Array {
    const { imageSize } = this.#spec;
    const batch = new Uint8Array(EVALUATION_BATCH * imageSize * imageSize * 3);
    batch.set(images);
    const input = this.#inputOf(batch, EVALUATION_BATCH);
    const output = this.#evaluation!.run(input);
    const features = output.dataSync<'float32'>();
    tf.dispose([input, output]);
    return features;
  }

  #inputOf(images: Uint8Array, count: number): tf.Tensor4D {
    const { imageSize, sobel } = this.#spec;
    const values = networkInput(images, count, imageSize, sobel);
    return tf.tensor4d(values, [count, imageSize, imageSize, sobel ? 2 : 3]);
  }

  /** @returns bytes of an image */
  #requireImages(images: Uint8Array, count: number): number {
    const { imageSize } = this.#spec;
    const imageBytes = imageSize * imageSize * 3;
    if (images.length !== count * imageBytes) {
      throw shapeMismatch('images', [count, imageSize, imageSize, 3], [images.length]);
    }
    return imageBytes;
  }
}

function requireLength(what: string, { length }: Float32Array, expected: number): void {
  if (length !== expected) throw shapeMismatch(what, [expected], [length]);
}

/** Inverted dropout: an element is kept with 1 - probability, and then scaled so that its mean stays. */
function drawDropoutMask(
  seed: readonly (string | number)[],
  probability: number,
  elements: number,
): Float32Array {
  const rng = seededRng(...seed);
  const threshold = probability * 2 ** 32;
  const scale = 1 / (1 - probability);
  const mask = new Float32Array(elements);
  for (let i = 0; i < elements; i += 1) mask[i] = rng.uint32() < threshold ? 0 : scale;
  return mask;
}
