/**
 * One step of all parameters: which elements of the flat vector are stepped by which rule, and the
 * passes over them, block by block. The rules themselves are in sgd.ts. In mode `local` the
 * "gradient" is the mean move of the replicas, and this is the outer optimizer of DiLoCo (Douillard
 * et al. 2023, arXiv:2311.08105, algorithm 1): rates and decay of the local steps are in the moves
 * already (local-replica.ts). Pure. Shapes: P parameters of a layout, body, then head.
 */
import {
  kernelThreads,
  parameterKernels,
  type ParameterModule,
} from '../parameter-plane/kernels.ts';
import type { CodecName } from './codec/codec-name.ts';
import { gradientCodec, type GradientCodec } from './codec/gradient-codec.ts';
import { isCoded } from './codec/vector-coding.ts';
import type { TrainingConfig } from './config.ts';
import { bodyCount, isVector, type ParameterLayout, type VariableGroup } from './layout.ts';
import type { WritableVector } from './lent-vector.ts';
import {
  larsRate,
  stepPlain,
  stepWithMomentum,
  stepWithNesterov,
  type MomentumRule,
} from './sgd.ts';
import { BLOCK_ELEMENTS, type SliceReducer } from './slice-reducer.ts';

/** Elements begin .. end of the flat vector, which all have the same rule. */
interface Stretch {
  readonly begin: number;
  readonly end: number;
  readonly group: VariableGroup;
  readonly decays: boolean;
  /** LARS: it is a whole variable, which has a rate of its own. */
  readonly isAdapted: boolean;
  /** To whose values sums of gradients are rounded: of a whole variable, or of a shard's part. */
  readonly codec: GradientCodec | null;
}

/** What a step writes. */
export interface OptimizedValues {
  /** [P] */
  readonly parameters: WritableVector;
  /** [body] */
  readonly momentum: WritableVector;
}

/** A step of fewer elements is done before threads have begun. */
const LEAST_FOR_KERNELS = 16_384;

export class Optimizer {
  readonly #training: TrainingConfig;
  /** Null: JavaScript does it all, with the same bits. */
  readonly #kernels: ParameterModule | null;
  /** In order of their elements, without gaps; they cover the vector. */
  readonly #stretches: readonly Stretch[];

  /** @param layout of the parameters here, which may be a parameter shard's */
  constructor(
    layout: ParameterLayout,
    training: TrainingConfig,
    kernels: ParameterModule | null = parameterKernels().module,
  ) {
    this.#training = training;
    this.#kernels = kernels;
    this.#stretches = stretchesOf(layout, training, codecOf(training.codec, kernels));
  }

  /**
   * Moves all values by the step's mean gradient.
   * @param learningRateFactor scales the learning rates of body and head in this step; of mode
   *   `local` those of the local steps, so not here
   */
  step(values: OptimizedValues, reducer: SliceReducer, learningRateFactor: number): void {
    for (const stretch of this.#stretches) {
      const { begin, end, group } = stretch;
      const rule =
        this.#training.mode === 'local'
          ? outerRule(this.#training)
          : this.#ruleOf(stretch, values, reducer, learningRateFactor);
      // The kernels know no Nesterov: once in many local steps, the plain loop is fast enough.
      const hasKernel = rule.isNesterov !== true || group === 'head';
      if (this.#kernels !== null && hasKernel && end - begin >= LEAST_FOR_KERNELS) {
        stepByKernel(this.#kernels, stretch, values, reducer, rule);
      } else {
        stepByBlocks(stretch, values, reducer, rule);
      }
    }
  }

  #ruleOf(
    stretch: Stretch,
    values: OptimizedValues,
    reducer: SliceReducer,
    learningRateFactor: number,
  ): MomentumRule {
    const { learningRate, headLearningRate, momentum, weightDecay } = this.#training;
    const { group, decays } = stretch;
    const rate = learningRateFactor * (group === 'body' ? learningRate : headLearningRate);
    const ownRate = stretch.isAdapted ? this.#ownRate(stretch, values, reducer) : 1;
    const decay = decays ? weightDecay : 0;
    return { learningRate: rate, weightDecay: decay, ownRate, momentum };
  }

  /**
   * LARS: of a whole variable. Squares are summed in float64, element after element: neither blocks
   * nor servers show in the bits. The slices' gradients are reduced once more for it.
   */
  #ownRate({ begin, end, codec }: Stretch, { parameters }: OptimizedValues, reducer: SliceReducer) {
    const { larsTrust: trust, weightDecay } = this.#training;
    let [values, gradients] = [0, 0];
    for (const [from, to] of blocks(begin, end)) {
      values = addSquares(parameters.from.subarray(from, to), values);
      gradients = addSquares(reducer.meanGradient(from, to, codec), gradients);
    }
    return larsRate(Math.sqrt(values), Math.sqrt(gradients), { trust, weightDecay });
  }
}

function outerRule(training: TrainingConfig): MomentumRule {
  const { outerLearningRate, outerMomentum, nesterov } = training;
  return {
    ...{ learningRate: outerLearningRate, weightDecay: 0, momentum: outerMomentum },
    isNesterov: nesterov,
  };
}

function stepByBlocks(
  { begin, end, group, codec }: Stretch,
  values: OptimizedValues,
  reducer: SliceReducer,
  rule: MomentumRule,
): void {
  for (const [from, to] of blocks(begin, end)) {
    const parameters = blockToWrite(values.parameters, from, to);
    const gradient = reducer.meanGradient(from, to, codec);
    if (group === 'head') {
      stepPlain(parameters, gradient, rule);
    } else {
      const velocity = blockToWrite(values.momentum, from, to);
      const step = rule.isNesterov === true ? stepWithNesterov : stepWithMomentum;
      step(parameters, velocity, gradient, rule);
    }
  }
}

/** The same, on several threads, with the same bits. */
function stepByKernel(
  kernels: ParameterModule,
  { begin, end, group, codec }: Stretch,
  { parameters, momentum }: OptimizedValues,
  reducer: SliceReducer,
  { learningRate, weightDecay, ownRate = 1, momentum: decay }: MomentumRule,
): void {
  const velocity = group === 'head' ? null : momentum;
  kernels.step(
    ...([
      kernelThreads(),
      begin,
      end,
      reducer.gradients,
      reducer.samples,
      parameters.from,
      parameters.to,
    ] as const),
    ...([velocity?.from ?? null, velocity?.to ?? null] as const),
    ...([learningRate, weightDecay, ownRate, decay, reducer.slices, codec?.number ?? 0] as const),
  );
}

/**
 * Neighbours with the same rule are one stretch: what a step costs does not grow with variables.
 */
function stretchesOf(
  layout: ParameterLayout,
  training: TrainingConfig,
  lossy: GradientCodec | null,
): Stretch[] {
  const body = bodyCount(layout);
  const isLars = training.optimizer === 'lars';
  const decaysVectors = training.decayNormsAndBiases && !isLars;
  const stretches: Stretch[] = [];
  for (const variable of layout.variables) {
    const { offset: begin, size } = variable;
    const group = begin < body ? 'body' : 'head';
    const decays = decaysVectors || !isVector(variable);
    const isAdapted = isLars && !isVector(variable);
    // Its blocks are counted from its first element: it is a stretch by itself.
    const codec = isCoded(variable) ? lossy : null;
    const before = stretches.at(-1);
    const next = { begin, end: begin + size, group, decays, isAdapted, codec } as const;
    const isAlike = before?.group === group && before.decays === decays;
    if (isAlike && !isAdapted && before.codec === null && codec === null) {
      stretches.splice(-1, 1, { ...next, begin: before.begin });
    } else {
      stretches.push(next);
    }
  }
  return stretches;
}

function codecOf(name: CodecName, kernels: ParameterModule | null): GradientCodec | null {
  return name === 'float32' ? null : gradientCodec(name, kernels);
}

/** @param sum what came before */
function addSquares(values: Float32Array, sum: number): number {
  let total = sum;
  for (let i = 0; i < values.length; i += 1) total += values[i]! * values[i]!;
  return total;
}

function* blocks(begin: number, end: number): Generator<[number, number]> {
  for (let at = begin; at < end; at += BLOCK_ELEMENTS) {
    yield [at, Math.min(at + BLOCK_ELEMENTS, end)];
  }
}

/**
 * The block of the buffer being written, holding the current values: still in the cache when the
 * step reads them.
 */
function blockToWrite({ from, to }: WritableVector, begin: number, end: number): Float32Array {
  const block = to.subarray(begin, end);
  if (to !== from) block.set(from.subarray(begin, end));
  return block;
}
