/**
 * The numbers of a tensor, read outside of the scope that made it: a scope would walk through every
 * one of them.
 */
import * as tf from '@tensorflow/tfjs';

/** @param work makes a float32 tensor; it and all between are disposed of */
export function toHost(work: () => tf.Tensor): Float32Array {
  const tensor = tf.tidy(work);
  const numbers = tensor.dataSync<'float32'>();
  tensor.dispose();
  return numbers;
}
