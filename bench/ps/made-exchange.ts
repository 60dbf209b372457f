/**
 * What `deepcluster bench ps` exchanges: a made network, made gradients, and the parameters that
 * plain arithmetic comes to. A gradient's values are multiples of 2^-15 of 16 bits each, other ones
 * for every worker and step: sums of up to 256 of them are exact in float32, so that the result
 * depends on no order and no grouping of the sums. Shapes: P parameters (body, then head), S
 * statistics. Pure.
 */
import { trainingConfigSchema, type TrainingConfig } from '../../src/ps/config.ts';
import type { CodecName, LossyCodecName } from '../../src/ps/codec/codec-name.ts';
import { gradientCodec, type GradientCodec } from '../../src/ps/codec/gradient-codec.ts';
import { isCoded } from '../../src/ps/codec/vector-coding.ts';
import type { ParameterLayout, VariableSpec } from '../../src/ps/layout.ts';

/** S */
const STATISTICS = 4096;
/** Images that a worker's slice counts for. */
export const SLICE_SAMPLES = 64;
/** The head is this part of the parameters, about what 1,000 clusters are of AlexNet's. */
const HEAD_PART = 1 / 16;
/** Sums of more gradients would be rounded. */
export const MOST_WORKERS = 256;
const INITIAL_VALUE = 0.01;

/** @param parameterCount P, at least 16 */
export function madeLayout(parameterCount: number): ParameterLayout {
  const head = Math.floor(parameterCount * HEAD_PART);
  const body = parameterCount - head;
  const initial = { kind: 'constant', value: INITIAL_VALUE } as const;
  return {
    architecture: 'made',
    variables: [
      { name: 'body.weight', shape: [1, body], group: 'body', initial, offset: 0, size: body },
      { name: 'head.weight', shape: [1, head], group: 'head', initial, offset: body, size: head },
    ],
    statistics: [
      { name: 'body.running_mean', shape: [STATISTICS], initial, offset: 0, size: STATISTICS },
    ],
    parameterCount,
    statisticCount: STATISTICS,
  };
}

/** SGD with momentum; a slice a worker. */
export function madeTraining(workers: number, codec: CodecName = 'float32'): TrainingConfig {
  return trainingConfigSchema.parse({
    codec,
    batchSize: workers * SLICE_SAMPLES,
    sliceSize: SLICE_SAMPLES,
  });
}

/**
 * Writes a worker's gradient of a step, or its statistics.
 * @param values [P] or [S]
 * @param first index of the first of them among parameters and statistics, one after the other
 */
export function fillMade(values: Float32Array, first: number, worker: number, step: number): void {
  const offset = first + seedOf(worker, step);
  for (let i = 0; i < values.length; i += 1) values[i] = madeValue(i + offset);
}

/** The values that plain arithmetic comes to. */
export interface ExpectedValues {
  /** One for each index. */
  readonly parameters: Float32Array;
  /** [S] */
  readonly statistics: Float32Array;
}

/**
 * Steps element after element: the mean gradient, g += wd * w; v = momentum * v + g; w -= lr * v,
 * the head without momentum; statistics move to the batch's. In float64, rounded to float32 where
 * it is stored. With a codec leaves and sums of two are rounded, level by level of the tree, and
 * the parameters as workers have them.
 * @param indices of parameters
 */
export function expectedValues(
  indices: Iterable<number>,
  layout: ParameterLayout,
  workers: number,
  steps: number,
  codec: CodecName = 'float32',
): ExpectedValues {
  const training = madeTraining(workers);
  const { learningRate, headLearningRate, weightDecay, batchNormMomentum } = training;
  const [{ size: body } = { size: 0 }] = layout.variables;
  const parameter = (index: number): number => {
    const variable = layout.variables.find(({ offset, size }) => index < offset + size)!;
    const form = codec !== 'float32' && isCoded(variable) ? formsOf(codec) : null;
    const sumOf = (at: number, step: number): number =>
      form === null
        ? sumOverWorkers(at, workers, step)
        : roundedSum(at, variable, workers, step, form.gradients);
    const isHead = index >= body;
    const rate = isHead ? headLearningRate : learningRate;
    const momentum = isHead ? 0 : training.momentum;
    let [w, v] = [Math.fround(INITIAL_VALUE), 0];
    for (let step = 0; step < steps; step += 1) {
      const g = Math.fround(sumOf(index, step) / (workers * SLICE_SAMPLES));
      const next = momentum * v + (g + weightDecay * w);
      // The head keeps no buffer that would round it.
      v = isHead ? next : Math.fround(next);
      w = Math.fround(w - rate * v);
    }
    return form === null ? w : roundedValue(w, form.parameters);
  };
  const statistic = (index: number): number => {
    let running = Math.fround(INITIAL_VALUE);
    for (let step = 0; step < steps; step += 1) {
      const sum = sumOverWorkers(layout.parameterCount + index, workers, step);
      const mean = (SLICE_SAMPLES * sum) / (workers * SLICE_SAMPLES);
      running = Math.fround((1 - batchNormMomentum) * running + batchNormMomentum * mean);
    }
    return running;
  };
  return {
    parameters: Float32Array.from(indices, parameter),
    statistics: Float32Array.from({ length: layout.statisticCount }, (_, i) => statistic(i)),
  };
}

/** JavaScript's, which tests hold against those of others (test/unit/ps-codec.test.ts). */
function formsOf(codec: LossyCodecName): Record<'gradients' | 'parameters', GradientCodec> {
  const gradients = gradientCodec(codec, null);
  return { gradients, parameters: codec === 'int8' ? gradientCodec('bfloat16', null) : gradients };
}

function roundedValue(value: number, codec: GradientCodec): number {
  const one = Float32Array.of(value);
  codec.round(one);
  return one[0]!;
}

/** The root of the tree at an element: of its whole block, since the block is what is rounded. */
function roundedSum(
  index: number,
  { offset, size }: VariableSpec,
  workers: number,
  step: number,
  codec: GradientCodec,
): number {
  const begin = index - ((index - offset) % codec.block);
  const length = Math.min(codec.block, offset + size - begin);
  let level = Array.from({ length: workers }, (_, worker) => {
    const values = new Float32Array(length);
    fillMade(values, begin, worker, step);
    codec.round(values);
    return values;
  });
  while (level.length > 1) {
    level = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) => {
      const [left, right] = [level[2 * i]!, level[2 * i + 1]];
      if (right === undefined) return left;
      const sum = left.map((value, at) => value + right[at]!);
      codec.round(sum);
      return sum;
    });
  }
  return level[0]![index - begin]!;
}

/**
 * Indices of parameters to look at: first and last, both sides of the head's beginning and of every
 * cut between servers, and some in between.
 */
export function telltaleIndices(layout: ParameterLayout, servers: number): number[] {
  const count = layout.parameterCount;
  const cuts = Array.from({ length: servers }, (_, i) => Math.floor((count * i) / servers));
  const edges = [0, count, layout.variables[1]?.offset ?? 0, ...cuts];
  const around = edges.flatMap((edge) => [edge - 1, edge, edge + 1]);
  const between = Array.from({ length: 61 }, (_, i) => Math.floor((count * i) / 61));
  const inside = [...around, ...between].filter((index) => index >= 0 && index < count);
  return [...new Set(inside)].toSorted((a, b) => a - b);
}

function sumOverWorkers(index: number, workers: number, step: number): number {
  let sum = 0;
  for (let worker = 0; worker < workers; worker += 1) {
    sum += madeValue(index + seedOf(worker, step));
  }
  return sum;
}

function seedOf(worker: number, step: number): number {
  // Odd constants of MurmurHash3's finaliser.
  return (Math.imul(worker + 1, 0x85eb_ca6b) ^ Math.imul(step + 1, 0xc2b2_ae35)) >>> 1;
}

/**
 * A multiple of 2^-15 in [-1, 1). Multiplicative hashing (Knuth, TAOCP 3, 6.4): neighbours have
 * values far apart.
 */
function madeValue(index: number): number {
  return (Math.imul(index, 0x9e37_79b1) >> 16) * 2 ** -15;
}
