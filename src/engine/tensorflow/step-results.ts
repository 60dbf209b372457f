/**
 * Vectors on their way between the program and TensorFlow's memory. On a GPU each way is one copy
 * of one flat buffer: parameters enter and are cut up there, gradients are joined there and leave
 * after the last operation, so that the device never waits for the host within a step. On a CPU the
 * engine writes each gradient to its place as soon as it is there, if its addon has the kernel for
 * that. Shapes: P parameters, S batch-norm statistics.
 */
import * as tf from '@tensorflow/tfjs';
import { FRESH_GRADIENTS, type GradientArrays } from '../../ps/gradient-arrays.ts';
import type { ParameterLayout } from '../../ps/layout.ts';
import type { Engine, StepResults } from '../engine.ts';
import { statisticsByName } from '../tfjs/transfer.ts';
import { canCopyOut, hostArray, type HostArray } from './host-array.ts';

/** Cuts a vector up on the device, which it reaches in one copy. */
export const uploadWhole: Engine['upload'] = (specs, vector, into) => {
  const flat = tf.tensor1d(vector);
  for (const { name, shape, offset, size } of specs) {
    const part = tf.slice1d(flat, offset, size);
    into.set(name, tf.reshape(part, [...shape]));
    part.dispose();
  }
  flat.dispose();
};

export function createStepResults(
  layout: ParameterLayout,
  isGpu: boolean,
  gradients: Pick<GradientArrays, 'take'> = FRESH_GRADIENTS,
): StepResults {
  return canCopyOut() && !isGpu
    ? copiedByEngine(layout, gradients)
    : joinedOnDevice(layout, gradients);
}

/** Into an array that lies in the program's memory from the first gradient on. */
function copiedByEngine(
  layout: ParameterLayout,
  gradients: Pick<GradientArrays, 'take'>,
): StepResults {
  const { variables, statistics: specs, parameterCount, statisticCount } = layout;
  const specOf = new Map(variables.map((spec) => [spec.name, spec]));
  const missing = new Set(specOf.keys());
  let host: HostArray | null = null;
  const begun = (): HostArray =>
    (host ??= hostArray(parameterCount, gradients.take(parameterCount)));
  return {
    takeGradient: (name, gradient) => {
      begun().write(gradient, specOf.get(name)!.offset);
      missing.delete(name);
      gradient.dispose();
    },
    read: (statistics) => {
      const { values, release } = begun();
      for (const name of missing) {
        const { offset, size } = specOf.get(name)!;
        values.fill(0, offset, offset + size);
      }
      const measured = statisticsByName(statistics);
      const own = hostArray(statisticCount);
      for (const { name, offset } of specs) own.write(measured.get(name)!, offset);
      release();
      own.release();
      return { gradient: values, statistics: own.values.slice() };
    },
  };
}

function joinedOnDevice(
  { variables, statistics: specs, parameterCount }: ParameterLayout,
  gradients: Pick<GradientArrays, 'take'>,
): StepResults {
  const taken = new Map<string, tf.Tensor>();
  return {
    takeGradient: (name, gradient) => {
      taken.set(name, gradient);
    },
    read: (statistics) => {
      const measured = statisticsByName(statistics);
      const flat = joinedParts(
        variables.map(({ name, size }) => taken.get(name) ?? tf.zeros([size])),
      );
      const flatStatistics = joinedParts(specs.map(({ name }) => measured.get(name)!));
      tf.dispose([...taken.values()]);
      const results = {
        gradient: copyOf(flat, gradients.take(parameterCount)),
        statistics: copyOf(flatStatistics, null),
      };
      tf.dispose([flat, flatStatistics]);
      return results;
    },
  };
}

function joinedParts(parts: readonly tf.Tensor[]): tf.Tensor1D {
  if (parts.length === 0) return tf.zeros([0]);
  return tf.tidy(() => tf.concat1d(parts.map((part) => part.flatten())));
}

/** @param place null: in a fresh array */
function copyOf(vector: tf.Tensor, place: Float32Array | null): Float32Array {
  if (!canCopyOut()) {
    const values = vector.dataSync<'float32'>();
    if (place === null) return values;
    place.set(values);
    return place;
  }
  const { values, write, release } = hostArray(vector.size, place);
  write(vector, 0);
  release();
  return values;
}
