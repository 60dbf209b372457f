/**
 * A network on an engine. All tensors live and die here.
 * Shapes: B images of H x W, P parameters, S batch-norm statistics, K classes.
 */
import * as tf from '@tensorflow/tfjs';
import { FRESH_GRADIENTS, type GradientArrays } from '../ps/gradient-arrays.ts';
import { requireLength } from '../math/checks.ts';
import type { ModelSpec } from './architectures.ts';
import { evaluationPass, type EvaluationPass } from './evaluation-pass.ts';
import type { Engine } from '../engine/engine.ts';
import { shapedLayers } from './layers.ts';
import { groupSizes } from './norm-groups.ts';
import type {
  NetworkModel,
  NetworkOutput,
  NetworkOutputs,
  SliceGradient,
  SliceOptions,
  SmallViews,
} from './model.ts';
import type { Prototypes } from '../clustering/prototypes.ts';
import type { SwappedPrediction } from '../clustering/swapped-prediction.ts';
import { prototypeLoss } from './prototype-loss.ts';
import {
  imageBytes,
  requireImages,
  type PrototypeBatch,
  type Slice,
  type SliceLoss,
  type SliceOutcome,
  type Start,
} from './slice-parts.ts';
import { PROTOTYPES_WEIGHT } from './projection-neck.ts';
import { lossOfPass } from './swapped-loss.ts';
import { inTwoBatches } from './two-batches.ts';
import { trainingPass, variableOf, type TrainingPass } from './training-pass.ts';

/**
 * Images of one evaluation pass. Always this many, the last ones blank: engines choose kernels by
 * batch size.
 */
const EVALUATION_BATCH = 32;

/**
 * A network without values; `load` gives it some.
 * @param engine computes it; must outlive the model
 * @param gradients where those of passes lie, for as long as their caller has them; left out: each
 *   in memory of its own
 * @param normGroup images that batch norm normalises together in training, at least; null: all of a
 *   slice
 */
export function createModel(
  spec: ModelSpec,
  engine: Engine,
  gradients: GradientArrays = FRESH_GRADIENTS,
  normGroup: number | null = null,
): NetworkModel {
  return new LoadedModel(spec, engine, gradients, normGroup);
}

class LoadedModel implements NetworkModel {
  readonly #spec: ModelSpec;
  readonly #engine: Engine;
  readonly #gradients: GradientArrays;
  readonly #normGroup: number | null;
  /** Parameters and running statistics of the loaded version, by name; empty before the first. */
  #variables = new Map<string, tf.Tensor>();
  /** [S] the loaded version's. */
  #running: Float32Array = new Float32Array(0);
  /**
   * Stretches of layers, by their first and last; made when they are first asked for: most versions
   * are trained on only.
   */
  readonly #passes = new Map<string, EvaluationPass>();

  constructor(
    spec: ModelSpec,
    engine: Engine,
    gradients: GradientArrays,
    normGroup: number | null,
  ) {
    this.#spec = spec;
    this.#engine = engine;
    this.#gradients = gradients;
    this.#normGroup = normGroup;
  }

  load(parameters: Float32Array, statistics: Float32Array): void {
    const { layout } = this.#spec;
    requireLength('parameters', parameters, layout.parameterCount);
    requireLength('statistics', statistics, layout.statisticCount);
    this.dispose();
    this.#running = statistics.slice();
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
    const bytes = requireImages(images, count, this.#spec.imageSize);
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
        const batch = images.subarray(begin * bytes, end * bytes);
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
    const bytes = requireImages(images, pseudoLabels.length, this.#spec.imageSize);
    if (weights !== undefined) {
      requireLength('weights of the losses', weights, pseudoLabels.length);
    }
    return this.#engine.withinMemory(pseudoLabels.length, (count) => {
      const part = {
        ...slice,
        images: images.subarray(0, count * bytes),
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
    const { operations } = this.#engine;
    const [size, count] = [this.#spec.imageSize, pseudoLabels.length];
    const start = { images, size, count, crops: 1, dropoutSeed, wantsFeatures };
    return this.#pass(start, (pass) => {
      const logits = pass.output as tf.Tensor2D;
      const loss = operations.softmaxCrossEntropy(logits, pseudoLabels, weights ?? null);
      const none = new Float32Array(0);
      return { ...loss, features: () => pass.kept?.dataSync<'float32'>().slice() ?? none };
    });
  }

  /**
   * There and back, with the loss between.
   * @param lossOf its gradient is with respect to the pass' output
   */
  #pass(start: Start, lossOf: (pass: TrainingPass) => SliceLoss): SliceOutcome {
    const { createStepResults, tidy } = this.#engine;
    let outcome: SliceOutcome | null = null;
    // The outcome leaves the scope by assignment: a scope searches what is returned for tensors,
    // element by element.
    tidy(() => {
      const results = createStepResults(this.#spec.layout, this.#gradients);
      const pass = this.#forward(start);
      const loss = lossOf(pass);
      pass.backward(loss.gradient, (name, gradient) => {
        if (name !== start.frozen) results.takeGradient(name, gradient);
      });
      outcome = {
        ...results.read(pass.statistics),
        lossSum: loss.lossSum(),
        features: loss.features(),
      };
    });
    return outcome!;
  }

  /** Within a scope of the engine. */
  #forward({ images, size, count, crops, dropoutSeed, wantsFeatures }: Start): TrainingPass {
    const { layers, featureLayer } = this.#spec;
    const { operations } = this.#engine;
    return trainingPass(this.#inputOf(images, count, size), {
      layers,
      ...(wantsFeatures ? { keep: featureLayer } : {}),
      normGroups: groupSizes(count / crops, this.#normGroup).map((size) => size * crops),
      variables: this.#variables,
      operations,
      dropoutMask: (name, probability, shape) =>
        operations.dropoutMask([...dropoutSeed, name], probability, shape),
    });
  }

  prototypeGradient(
    images: Uint8Array,
    targets: Int32Array,
    { crops, ...prototypes }: Prototypes & { readonly crops: number },
    dropoutSeed: readonly (string | number)[],
    small?: SmallViews,
  ): SliceGradient & { readonly features: Float32Array } {
    const { imageSize: size, layout } = this.#spec;
    const samples = targets.length / prototypes.heads;
    requireImages(images, samples * crops, this.#spec.imageSize);
    if (small !== undefined) requireImages(small.images, samples * small.crops, small.size);
    const share = 1 / (crops + (small?.crops ?? 0));
    return this.#engine.withinMemory(samples, (count) => {
      const common = { count, targets, prototypes, share };
      const large = this.#prototypes({ ...common, images, crops, size, dropoutSeed });
      if (small === undefined) return large;
      const seed = [...dropoutSeed, 'small'];
      const second = this.#prototypes({ ...common, ...small, dropoutSeed: seed });
      const { batchNormMomentum } = small;
      const running = this.#running;
      const whole = inTwoBatches(large, second, { layout, running, batchNormMomentum });
      this.#gradients.giveBack(second.gradient);
      return whole;
    });
  }

  /** Of views of one size, the first `count` images' ones. */
  #prototypes(batch: PrototypeBatch): SliceOutcome {
    const { images, size, count, crops, targets, prototypes, share, dropoutSeed } = batch;
    const { heads } = prototypes;
    const views = count * crops;
    const pixels = images.subarray(0, views * imageBytes(size));
    // Each crop of an image has the targets of the image.
    const own = Int32Array.from(
      { length: views * heads },
      (_, i) => targets[Math.floor(i / heads / crops) * heads + (i % heads)]!,
    );
    const start = { images: pixels, size, count: views, crops, dropoutSeed, wantsFeatures: false };
    return this.#pass(start, (pass) => {
      const { operations } = this.#engine;
      const output = pass.output as tf.Tensor2D;
      const loss = prototypeLoss(output, own, prototypes, share, operations);
      return { ...loss, features: () => loss.rows.dataSync<'float32'>().slice() };
    });
  }

  swappedGradient(
    images: Uint8Array,
    samples: number,
    swapped: SwappedPrediction,
    dropoutSeed: readonly (string | number)[],
  ): SliceGradient & { readonly features: Float32Array } {
    const { crops, isFrozen } = swapped;
    const { imageSize: size } = this.#spec;
    requireImages(images, samples * crops, this.#spec.imageSize);
    return this.#engine.withinMemory(samples, (count) => {
      const views = count * crops;
      const pixels = images.subarray(0, views * imageBytes(size));
      const start = { images: pixels, size, count: views, crops, dropoutSeed, wantsFeatures: true };
      const frozen = isFrozen ? PROTOTYPES_WEIGHT : null;
      return this.#pass({ ...start, frozen }, ({ output, kept }) => {
        const end = { output: output as tf.Tensor2D, features: kept as tf.Tensor2D };
        const prototypes = variableOf(this.#variables, PROTOTYPES_WEIGHT) as tf.Tensor2D;
        return lossOfPass(end, prototypes, swapped);
      });
    });
  }

  trainingFeatures(
    images: Uint8Array,
    count: number,
    dropoutSeed: readonly (string | number)[],
  ): Float32Array {
    requireImages(images, count, this.#spec.imageSize);
    const { imageSize: size } = this.#spec;
    let features = new Float32Array(0);
    this.#engine.tidy(() => {
      const pass = this.#forward({
        images,
        size,
        count,
        crops: 1,
        dropoutSeed,
        wantsFeatures: true,
      });
      features = pass.kept!.dataSync<'float32'>().slice();
    });
    return features;
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
   * The neck has a pass of its own: it begins with the representation, whichever of the two is
   * wanted.
   * @param wanted in the order of their layers
   * @returns of each wanted output [EVALUATION_BATCH, its dim], the caller's; on a GPU not yet
   * computed
   */
  #evaluate(images: Uint8Array, wanted: readonly NetworkOutput[]): tf.Tensor[] {
    const { imageSize, featureLayer, representationLayer } = this.#spec;
    const bytes = EVALUATION_BATCH * imageBytes(imageSize);
    const isFull = images.length === bytes;
    const batch = isFull ? images : new Uint8Array(bytes);
    if (!isFull) batch.set(images);
    const ends = new Set(wanted.map((output) => this.#placeOf(output).last));
    const last = Math.max(...ends);
    const splits = last === featureLayer && representationLayer < featureLayer;
    const stretches = splits ? [representationLayer, featureLayer] : [last];
    const outputs: tf.Tensor[] = [];
    let rows: tf.Tensor = this.#inputOf(batch, EVALUATION_BATCH, imageSize);
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

  #inputOf(images: Uint8Array, count: number, size: number): tf.Tensor4D {
    const { sobel } = this.#spec;
    return this.#engine.operations.networkInput(images, count, size, sobel);
  }
}
