/**
 * Vectors on their way between the program and TensorFlow's memory. On a GPU each way is one copy
 * of one flat buffer: parameters enter and are cut up there, gradients are joined there and leave
 * after the last operation, so that the device never waits for the host within a step. On a CPU the
 * engine writes each gradient to its place as soon as it is there, if its addon has the kernel for
 * that. Shapes: P parameters, S batch-norm statistics.
 */
import * as tf from '@tensorflow/tfjs';
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

export function createStepResults(layout: ParameterLayout, isGpu: boolean): StepResults {
  return canCopyOut() && !isGpu ? copiedByEngine(layout) : joinedOnDevice(layout);
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
