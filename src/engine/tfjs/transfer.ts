/**
 * Vectors on their way between host and device, array by array: for engines whose numbers lie in
 * the host's own memory. A gradient moves as soon as it is there, and its space is free at once.
 */
import * as tf from '@tensorflow/tfjs';
import type { BatchStatistics, Engine, StepResults } from '../engine.ts';
import { FRESH_GRADIENTS, type GradientArrays } from '../../ps/gradient-arrays.ts';
import type { ParameterLayout } from '../../ps/layout.ts';

/** `keepsArrays`: the engine keeps the array that it is given, which must then be a copy. */
export function uploadEach({ keepsArrays }: { readonly keepsArrays: boolean }): Engine['upload'] {
  return (specs, vector, into) => {
    for (const { name, shape, offset, size } of specs) {
      const part = vector.subarray(offset, offset + size);
      into.set(name, tf.tensor(keepsArrays ? part.slice() : part, [...shape]));
    }
  };
}

/** Copies a tensor's numbers to their place in an array. */
export type ReadInto = (tensor: tf.Tensor, target: Float32Array, offset: number) => void;

/** By way of an array that the library makes. */
export const readByCopy: ReadInto = (tensor, target, offset) => {
  target.set(tensor.dataSync<'float32'>(), offset);
};

export function copiedOneByOne(
  { variables, statistics: specs, ...counts }: ParameterLayout,
  readInto: ReadInto,
  gradients: Pick<GradientArrays, 'take'> = FRESH_GRADIENTS,
): StepResults {
  const kept = gradients.take(counts.parameterCount);
  const gradient = kept ?? new Float32Array(counts.parameterCount);
  const specOf = new Map(variables.map((spec) => [spec.name, spec]));
  const missing = new Set(specOf.keys());
  return {
    takeGradient: (name, values) => {
      readInto(values, gradient, specOf.get(name)!.offset);
      missing.delete(name);
      values.dispose();
    },
    read: (measured) => {
      for (const name of missing) {
        const { offset, size } = specOf.get(name)!;
        gradient.fill(0, offset, offset + size);
      }
      const statistics = new Float32Array(counts.statisticCount);
      const byName = statisticsByName(measured);
      for (const { name, offset } of specs) {
        statistics.set(byName.get(name)!.dataSync<'float32'>(), offset);
      }
      return { gradient, statistics };
    },
  };
}

export function statisticsByName(measured: readonly BatchStatistics[]): Map<string, tf.Tensor> {
  return new Map(
    measured.flatMap(({ name, mean, variance }): [string, tf.Tensor][] => [
      [`${name}.running_mean`, mean],
      [`${name}.running_var`, variance],
    ]),
  );
}
