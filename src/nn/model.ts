/**
 * The network as the worker uses it: flat vectors in, features or a flat gradient out. All tensors live and die here.
 * Shapes: B images of H x W, P parameters, S batch-norm statistics, K classes.
 */
import * as tf from '@tensorflow/tfjs';
import { shapeMismatch } from '../errors.ts';
import { requireLength } from '../math/checks.ts';
import type { ModelSpec } from './architectures.ts';
import { evaluationPass, type EvaluationPass } from './evaluation-pass.ts';
import type { Engine } from '../engine/engine.ts';
import { shapedLayers } from './layers.ts';
import { trainingPass } from './training-pass.ts';

export interface SliceGradient {
  /** Sum of the slice's losses. */
  readonly lossSum: number;
  /** [P], gradient of that sum; the caller's. */
  readonly gradient: Float32Array;
  /** [S], mean and unbiased variance of the slice, where the layout has the running ones; the caller's. */
  readonly statistics: Float32Array;
}

/** What a slice may ask for besides its gradient. */
export interface SliceOptions {
  /** [B], of each image's loss; all 1 if left out. */
  readonly weights?: Float32Array;
}

/**
 * Which output of the network: `feature` is what is clustered, `representation` what the run is for, `logits` the head's; or
 * that of a layer by its index among the network's, a map as [H, W, C].
 */
export type NetworkOutput = 'feature' | 'representation' | 'logits' | { readonly layer: number };

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
   * @returns [count, featureDim], [count, representationDim], [count, K], or [count, numbers that the layer gives]
   * @throws TrainerError SHAPE_MISMATCH
   */
  features(images: Uint8Array, count: number, output?: NetworkOutput): Float32Array;
  /**
   * One training slice: batch norm over the slice, dropout, softmax cross-entropy.
   * @param images [B, H, W, 3] RGB
   * @param pseudoLabels [B]
   * @param dropoutSeed names the slice: the same parts draw the same masks
   * @throws TrainerError SHAPE_MISMATCH, PROTOCOL_VIOLATION for a pseudo-label outside 0 .. K - 1, CONFIG_INVALID if the
   *   slice needs more memory than the engine can have
   */
  lossAndGradient(
    images: Uint8Array,
    pseudoLabels: Int32Array,
    dropoutSeed: readonly (string | number)[],
    options?: SliceOptions,
  ): SliceGradient;
  /**
   * The same, with the features that the pass made on its way.
   * @returns besides, [B, featureDim]: in training mode, as dropout and the slice's statistics left them
   */
  lossGradientAndFeatures(
    images: Uint8Array,
    pseudoLabels: Int32Array,
    dropoutSeed: readonly (string | number)[],
    options?: SliceOptions,
  ): SliceGradient & { readonly features: Float32Array };
  /** As the engine's `memory`. */
  memory(): { tensors: number; bytes: number };
  dispose(): void;
}

/** Both outputs of a network for some images. */
export interface NetworkOutputs {
  /** [count, featureDim] */
  readonly feature: Float32Array;
  /** [count, representationDim]; the same array where the feature is the representation. */
  readonly representation: Float32Array;
}

/** A network of this process's engine. */
export interface NetworkModel extends Model {
  /**
   * Both outputs by one pass, each to the bit as {@link Model.features} gives it.
   * @param images [count, H, W, 3] RGB
   * @throws TrainerError SHAPE_MISMATCH
   */
  outputs(images: Uint8Array, count: number): NetworkOutputs;
}

/** Images of one evaluation pass. Always this many, the last ones blank: engines choose kernels by batch size. */
const EVALUATION_BATCH = 32;

/** A network without values; `load` gives it some. @param engine computes it; must outlive the model */
export function createModel(spec: ModelSpec, engine: Engine): NetworkModel {
  return new LoadedModel(spec, engine);
}

/** What a training pass is made of. */
interface Slice extends SliceOptions {
  readonly images: Uint8Array;
  readonly pseudoLabels: Int32Array;
  readonly dropoutSeed: readonly (string | number)[];
}

/** Features are empty unless asked for. */
type SliceOutcome = SliceGradient & { readonly features: Float32Array };

class LoadedModel implements NetworkModel {
  readonly #spec: ModelSpec;
  readonly #engine: Engine;
  /** Parameters and running statistics of the loaded version, by name; empty before the first. */
  #variables = new Map<string, tf.Tensor>();
  /** Stretches of layers, by their first and last; made when they are first asked for: most versions are trained on only. */
  readonly #passes = new Map<string, EvaluationPass>();

  constructor(spec: ModelSpec, engine: Engine) {
    this.#spec = spec;
    this.#engine = engine;
  }

  load(parameters: Float32Array, statistics: Float32Array): void {
    const { layout } = this.#spec;
    requireLength('parameters', parameters, layout.parameterCount);
    requireLength('statistics', statistics, layout.statisticCount);
    this.dispose();
    const { run, upload } = this.#engine;
    run(() => {
      upload(layout.variables, parameters, this.#variables);
      upload(layout.statistics, statistics, this.#variables);
    });
  }

  features(images: Uint8Array, count: number, output: NetworkOutput = 'feature'): Float32Array {
    return this.#evaluated(images, count, [output])[0]!;
  }

  /** The last layer of what leads to an output, and the numbers that it gives for an image. */
  #placeOf(output: NetworkOutput): { readonly last: number; readonly dim: number } {
    const { featureLayer, featureDim, representationLayer, representationDim } = this.#spec;
    if (output === 'feature') return { last: featureLayer, dim: featureDim };
    if (output === 'representation') return { last: representationLayer, dim: representationDim };
    const { layers, input } = this.#spec;
    if (output === 'logits') return { last: layers.length - 1, dim: this.#spec.classes };
    const { layer } = output;
    const { side, channels } = shapedLayers(layers.slice(0, layer + 1), input).at(-1)!.output;
    return { last: layer, dim: side * side * channels };
  }

  outputs(images: Uint8Array, count: number): NetworkOutputs {
    const { featureLayer, representationLayer } = this.#spec;
    const isOne = featureLayer === representationLayer;
    const wanted = isOne ? (['feature'] as const) : (['representation', 'feature'] as const);
    const [representation, feature = representation] = this.#evaluated(images, count, wanted);
    return { feature: feature!, representation: representation! };
  }

  /** @returns of each wanted output [count, its dim] */
  #evaluated(
    images: Uint8Array,
    count: number,
    wanted: readonly NetworkOutput[],
  ): readonly Float32Array[] {
    const imageBytes = this.#requireImages(images, count);
    const dims = wanted.map((output) => this.#placeOf(output).dim);
    const values = dims.map((dim) => new Float32Array(count * dim));
    this.#engine.run(() => {
      // A batch is read when the next one has been started: a GPU computes while the host prepares.
      let started: { begin: number; rows: tf.Tensor[] } | null = null;
      const read = (): void => {
        if (started === null) return;
        const { begin, rows } = started;
        rows.forEach((tensor, i) => {
          const dim = dims[i]!;
          const known = tensor.dataSync<'float32'>().subarray(0, (count - begin) * dim);
          values[i]!.set(known, begin * dim);
          tensor.dispose();
        });
      };
      for (let begin = 0; begin < count; begin += EVALUATION_BATCH) {
        const end = Math.min(count, begin + EVALUATION_BATCH);
        const batch = images.subarray(begin * imageBytes, end * imageBytes);
        const rows = this.#evaluate(batch, wanted);
        read();
        started = { begin, rows };
      }
      read();
    });
    return values;
  }

  lossAndGradient(
    images: Uint8Array,
    pseudoLabels: Int32Array,
    dropoutSeed: readonly (string | number)[],
    options: SliceOptions = {},
  ): SliceGradient {
    const slice = { images, pseudoLabels, dropoutSeed, ...options };
    const { lossSum, gradient, statistics } = this.#trainWithinHeap(slice, false);
    return { lossSum, gradient, statistics };
  }

  lossGradientAndFeatures(
    images: Uint8Array,
    pseudoLabels: Int32Array,
    dropoutSeed: readonly (string | number)[],
    options: SliceOptions = {},
  ): SliceGradient & { readonly features: Float32Array } {
    return this.#trainWithinHeap({ images, pseudoLabels, dropoutSeed, ...options }, true);
  }

  #trainWithinHeap(slice: Slice, wantsFeatures: boolean): SliceOutcome {
    const { images, pseudoLabels, weights } = slice;
    const imageBytes = this.#requireImages(images, pseudoLabels.length);
    if (weights !== undefined) {
      requireLength('weights of the losses', weights, pseudoLabels.length);
    }
    return this.#engine.withinMemory(pseudoLabels.length, (count) => {
      const part = {
        ...slice,
        images: images.subarray(0, count * imageBytes),
        pseudoLabels: pseudoLabels.subarray(0, count),
      };
      return this.#train(
        weights === undefined ? part : { ...part, weights: weights.subarray(0, count) },
        wantsFeatures,
      );
    });
  }

  #train(
    { images, pseudoLabels, dropoutSeed, weights }: Slice,
    wantsFeatures: boolean,
  ): SliceOutcome {
    const { layers, layout, featureLayer } = this.#spec;
    const count = pseudoLabels.length;
    const { createStepResults, operations, tidy } = this.#engine;
    let outcome: SliceOutcome | null = null;
    // The outcome leaves the scope by assignment: a scope searches what is returned for tensors, element by element.
    tidy(() => {
      const results = createStepResults(layout);
      const pass = trainingPass(this.#inputOf(images, count), {
        layers,
        ...(wantsFeatures ? { keep: featureLayer } : {}),
        variables: this.#variables,
        operations,
        dropoutMask: (name, probability, shape) =>
          operations.dropoutMask([...dropoutSeed, name], probability, shape),
      });
      const loss = operations.softmaxCrossEntropy(
        pass.output as tf.Tensor2D,
        pseudoLabels,
        weights ?? null,
      );
      pass.backward(loss.gradient, results.takeGradient);
      outcome = {
        ...results.read(pass.statistics),
        lossSum: loss.lossSum(),
        features: pass.kept?.dataSync<'float32'>().slice() ?? new Float32Array(0),
      };
    });
    return outcome!;
  }

  memory(): { tensors: number; bytes: number } {
    return this.#engine.memory();
  }

  dispose(): void {
    for (const pass of this.#passes.values()) pass.dispose();
    this.#passes.clear();
    tf.dispose([...this.#variables.values()]);
    this.#variables = new Map();
  }

  #passOf(from: number, to: number): EvaluationPass {
    const key = `${from}-${to}`;
    const known = this.#passes.get(key);
    if (known !== undefined) return known;
    const layers = this.#spec.layers.slice(from, to + 1);
    const pass = evaluationPass(layers, this.#variables, this.#engine.operations);
    this.#passes.set(key, pass);
    return pass;
  }

  /**
   * The neck has a pass of its own: it begins with the representation, whichever of the two is wanted.
   * @param wanted in the order of their layers
   * @returns of each wanted output [EVALUATION_BATCH, its dim], the caller's; on a GPU not yet computed
   */
  #evaluate(images: Uint8Array, wanted: readonly NetworkOutput[]): tf.Tensor[] {
    const { imageSize, featureLayer, representationLayer } = this.#spec;
    const bytes = EVALUATION_BATCH * imageSize * imageSize * 3;
    const isFull = images.length === bytes;
    const batch = isFull ? images : new Uint8Array(bytes);
    if (!isFull) batch.set(images);
    const ends = new Set(wanted.map((output) => this.#placeOf(output).last));
    const last = Math.max(...ends);
    const splits = last === featureLayer && representationLayer < featureLayer;
    const stretches = splits ? [representationLayer, featureLayer] : [last];
    const outputs: tf.Tensor[] = [];
    let rows: tf.Tensor = this.#inputOf(batch, EVALUATION_BATCH);
    let from = 0;
    let isOwn = true;
    for (const to of stretches) {
      const next = this.#passOf(from, to).run(rows);
      if (isOwn) rows.dispose();
      isOwn = !ends.has(to);
      if (!isOwn) outputs.push(next);
      rows = next;
      from = to + 1;
    }
    return outputs;
  }

  #inputOf(images: Uint8Array, count: number): tf.Tensor4D {
    const { imageSize, sobel } = this.#spec;
    return this.#engine.operations.networkInput(images, count, imageSize, sobel);
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
