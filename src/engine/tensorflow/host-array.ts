/**
 * An array of the program into which the engine writes by itself: what a step gives is then copied
 * once, from the device's memory to its place, on all threads of the engine. For engines that have
 * COPY_OUT_KERNEL.
 */
import * as tf from '@tensorflow/tfjs';
import { COPY_OUT_KERNEL, hasKernel, runKernel } from '../tfjs/named-kernels.ts';

export interface HostArray {
  /** What was in it before it was allocated, until something is written. */
  readonly values: Float32Array;
  /** Copies a tensor's numbers to `offset`; the tensor remains the caller's. */
  readonly write: (part: tf.Tensor, offset: number) => void;
  /** Ends the engine's use of the memory; the values remain. */
  readonly release: () => void;
}

/**
 * The engine takes memory over only where its address is a multiple of a power of two up to this;
 * else it copies [floats].
 */
const MOST_ALIGNMENT = 16;
/** Addresses of large arrays are multiples of 16 bytes [floats]. */
const LEAST_ALIGNMENT = 4;

/** Whether the engine writes into the program's arrays. */
export function canCopyOut(): boolean {
  return hasKernel(COPY_OUT_KERNEL, 'tensorflow');
}

/**
 * The engine's part of it ends with the tidy scope, too.
 * @param given the array to write into; left out: a fresh one
 */
export function hostArray(length: number, given: Float32Array | null = null): HostArray {
  if (given !== null) return sharedWith(given) ?? copiedInto(given);
  // Not filled with zeros: that alone would take a tenth of the time of a small step.
  const { buffer } = Buffer.allocUnsafeSlow(4 * (length + MOST_ALIGNMENT));
  const whole = new Float32Array(buffer);
  for (let begin = 0; begin < MOST_ALIGNMENT; begin += LEAST_ALIGNMENT) {
    const shared = sharedWith(whole.subarray(begin, begin + length));
    if (shared !== null) return shared;
  }
  return copiedInto(whole.subarray(0, length));
}

/** Null where the engine does not share that address. */
function sharedWith(values: Float32Array): HostArray | null {
  // To the engine its numbers are integers, which it leaves where they are, also where it computes
  // on a GPU.
  const words = new Int32Array(values.buffer, values.byteOffset, values.length);
  if (!isShared(words)) return null;
  const destination = tf.tensor1d(words, 'int32');
  return {
    values,
    write: (part, offset) => {
      copyOut(destination, part, offset);
    },
    release: () => {
      destination.dispose();
    },
  };
}

/** Numbers come by way of a copy. */
function copiedInto(values: Float32Array): HostArray {
  return {
    values,
    write: (part, offset) => {
      values.set(part.dataSync<'float32'>(), offset);
    },
    release: () => undefined,
  };
}

/** Whether a number that the engine writes there arrives. */
function isShared(words: Int32Array): boolean {
  const place = words.subarray(0, 1);
  place[0] = 0;
  tf.tidy(() => {
    copyOut(tf.tensor1d(place, 'int32'), tf.tensor1d([1]), 0);
  });
  return place[0] !== 0;
}

function copyOut(destination: tf.Tensor, part: tf.Tensor, offset: number): void {
  runKernel(COPY_OUT_KERNEL, { destination, part }, { offset });
}
