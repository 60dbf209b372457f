/**
 * Inverted dropout's masks: an element is kept with 1 - probability, and then scaled so that its
 * mean stays. What is drawn depends on the seed alone; an engine's kernel draws the same stream as
 * the plain loop here.
 */
import * as tf from '@tensorflow/tfjs';
import { seededRng, seededState } from '../../math/rng.ts';
import { DROPOUT_MASK_KERNEL, hasKernel, runKernel } from './named-kernels.ts';

/**
 * @param seed names the mask
 * @returns a factor for each element, 0 or 1 / (1 - probability); the caller's
 */
export function dropoutMask(
  backend: string,
  seed: readonly (string | number)[],
  probability: number,
  shape: readonly number[],
): tf.Tensor {
  const elements = shape.reduce((product, side) => product * side, 1);
  const scale = 1 / (1 - probability);
  // A draw of 32 bits below this drops its element.
  const threshold = Math.ceil(probability * 2 ** 32);
  if (hasKernel(DROPOUT_MASK_KERNEL, backend)) {
    const state = tf.tensor1d(new Int32Array(seededState(...seed).buffer), 'int32');
    const attributes = { elements, threshold, scale };
    const mask = runKernel(DROPOUT_MASK_KERNEL, { state }, attributes) as tf.Tensor;
    const shaped = tf.reshape(mask, [...shape]);
    tf.dispose([state, mask]);
    return shaped;
  }
  const rng = seededRng(...seed);
  const mask = new Float32Array(elements);
  for (let i = 0; i < elements; i += 1) mask[i] = rng.uint32() < threshold ? 0 : scale;
  return tf.tensor(mask, [...shape]);
}
