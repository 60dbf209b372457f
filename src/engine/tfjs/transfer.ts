/**
 * Vectors on their way between host and device. On a GPU each way is one copy of one flat buffer: parameters enter and are
 * cut up there, gradients are joined there and leave after the last operation, so that the device never waits for the host
 * within a step. On CPUs each array moves by itself, a gradient as soon as it is there; on the wasm engine, whose memory is the
 * host's own and scarce, its space is free at once. Shapes: P parameters, S batch-norm statistics.
 */
import * as tf from '@tensorflow/tfjs';
import type { ParameterLayout, StatisticSpec } from '../../ps/layout.ts';
import { COPY_OUT_KERNEL, hasKernel } from './operations.ts';
import { hostArray, type HostArray } from '../tensorflow/host-array.ts';
import { runtimeOf } from '../tensorflow/runtime.ts';
import { readInto } from '../wasm/backend.ts';

/**
 * Makes a tensor of each named part of a vector. The vector remains the caller's.
 * @param into receives the tensors, which are the caller's
 */
export function upload(
  specs: readonly StatisticSpec[],
  vector: Float32Array,
  into: Map<string, tf.Tensor>,
): void {
  if (!isOnGpu()) {
    // The wasm engine copies at once; the others keep the array, which must then be a copy.
    const copiesAtOnce = tf.getBackend() === 'wasm';
    for (const { name, shape, offset, size } of specs) {
      const part = vector.subarray(offset, offset + size);
      into.set(name, tf.tensor(copiesAtOnce ? part : part.slice(), [...shape]));
    }
    return;
  }
  const flat = tf.tensor1d(vector);
  for (const { name, shape, offset, size } of specs) {
    const part = tf.slice1d(flat, offset, size);
    into.set(name, tf.reshape(part, [...shape]));
    part.dispose();
  }
  flat.dispose();
}

/** What a batch-norm layer measured. */
export interface BatchStatistics {
  /** Of the layer. */
  readonly name: string;
  /** [C], of what a reference network's layer sees: with the bias of the convolution before it */
  readonly mean: tf.Tensor1D;
  /** [C], unbiased; of a single element there is none: its biased one, zero */
  readonly variance: tf.Tensor1D;
}

/** Gathers what a step gives: gradients by name, and what its batch norms measured. */
export interface StepResults {
  /** Takes the gradient of a variable over. */
  readonly takeGradient: (name: string, gradient: tf.Tensor) => void;
  /**
   * Waits for the device and hands everything over. Variables without gradient have zeros.
   * @returns gradient [P] and statistics [S], the caller's
   */
  readonly read: (statistics: readonly BatchStatistics[]) => {
    gradient: Float32Array;
    statistics: Float32Array;
  };
}

export function createStepResults(layout: ParameterLayout): StepResults {
  if (!hasOwnMemory()) return copiedOneByOne(layout);
  return canCopyOut() && !isOnGpu() ? copiedByEngine(layout) : joinedOnDevice(layout);
}

/** Into an array that lies in the program's memory from the first gradient on. */
function copiedByEngine(layout: ParameterLayout): StepResults {
  const { variables, statistics: specs, parameterCount, statisticCount } = layout;
  const specOf = new Map(variables.map((spec) => [spec.name, spec]));
  const missing = new Set(specOf.keys());
  let host: HostArray | null = null;
  const begun = (): HostArray => (host ??= hostArray(parameterCount + statisticCount));
  return {
    takeGradient: (name, gradient) => {
      begun().write(gradient, specOf.get(name)!.offset);
      missing.delete(name);
      gradient.dispose();
    },
    read: (statistics) => {
      const { values, write, release } = begun();
      for (const name of missing) {
        const { offset, size } = specOf.get(name)!;
        values.fill(0, offset, offset + size);
      }
      const measured = statisticsByName(statistics);
      for (const { name, offset } of specs) write(measured.get(name)!, parameterCount + offset);
      release();
      return {
        gradient: values.subarray(0, parameterCount),
        statistics: values.slice(parameterCount),
      };
    },
  };
}

function joinedOnDevice({
  variables,
  statistics: specs,
  parameterCount,
}: ParameterLayout): StepResults {
  const gradients = new Map<string, tf.Tensor>();
  return {
    takeGradient: (name, gradient) => {
      gradients.set(name, gradient);
    },
    read: (statistics) => {
      const flat = tf.tidy(() => {
        const measured = statisticsByName(statistics);
        return tf.concat1d(
          [
            ...variables.map(
              ({ name, size }) => gradients.get(name)?.flatten() ?? tf.zeros([size]),
            ),
            ...specs.map(({ name }) => measured.get(name)!.flatten()),
          ].map((part) => part as tf.Tensor1D),
        );
      });
      tf.dispose([...gradients.values()]);
      const values = canCopyOut() ? copyOf(flat) : flat.dataSync<'float32'>();
      flat.dispose();
      return {
        gradient: values.subarray(0, parameterCount),
        statistics: values.slice(parameterCount),
      };
    },
  };
}

function copyOf(vector: tf.Tensor): Float32Array {
  const { values, write, release } = hostArray(vector.size);
  write(vector, 0);
  release();
  return values;
}

function copiedOneByOne({ variables, statistics: specs, ...counts }: ParameterLayout): StepResults {
  const gradient = new Float32Array(counts.parameterCount);
  const offsets = new Map(variables.map(({ name, offset }) => [name, offset]));
  return {
    takeGradient: (name, values) => {
      readInto(values, gradient, offsets.get(name)!);
      values.dispose();
    },
    read: (measured) => {
      const statistics = new Float32Array(counts.statisticCount);
      const byName = statisticsByName(measured);
      for (const { name, offset } of specs) {
        statistics.set(byName.get(name)!.dataSync<'float32'>(), offset);
      }
      return { gradient, statistics };
    },
  };
}

function statisticsByName(measured: readonly BatchStatistics[]): Map<string, tf.Tensor> {
  return new Map(
    measured.flatMap(({ name, mean, variance }): [string, tf.Tensor][] => [
      [`${name}.running_mean`, mean],
      [`${name}.running_var`, variance],
    ]),
  );
}

/** Whether the engine writes into the program's arrays. */
function canCopyOut(): boolean {
  return hasKernel(COPY_OUT_KERNEL, tf.getBackend());
}

/** Whether the native engine's numbers lie in a GPU, to which one long copy is faster than many short ones. */
function isOnGpu(): boolean {
  return hasOwnMemory() && runtimeOf(tf.backend()).isGpu;
}

/** Whether the engine's numbers lie in a memory that is not this program's to look into. */
function hasOwnMemory(): boolean {
  return tf.getBackend() === 'tensorflow';
}
