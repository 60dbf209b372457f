/**
 * Kernels of TensorFlow.js by name, with the names under which an engine registers faster ones of
 * its own; otherwise these operations are composed, or done by plain loops.
 */
import * as tf from '@tensorflow/tfjs';

/**
 * Batch norm: x, gamma, beta to y, mean, unbiased variance, then whatever its gradient kernel asks
 * for as `saved0`, ….
 */
export const BATCH_NORM_KERNEL = 'TrainingBatchNorm';
export const BATCH_NORM_GRADIENT_KERNEL = 'TrainingBatchNormGradient';
/** dy, y to dy where y > 0. */
export const RELU_GRADIENT_KERNEL = 'ReluGradient';
/** logits, labels (int32) to losses [B] and the gradient of their sum. */
export const SOFTMAX_LOSS_KERNEL = 'SoftmaxCrossEntropy';
/** pixels (bytes, [B, H, W, 3]) to what plain/front-end.ts makes of them: on CPUs to the bit. */
export const NETWORK_INPUT_KERNEL = 'NetworkInput';
/**
 * state (int32 [4] of xoshiro128**) to a mask of `elements`: 0 where a draw is below `threshold`,
 * else `scale`.
 */
export const DROPOUT_MASK_KERNEL = 'DropoutMask';
/** sum, part: adds part to sum, then max(sum, 0) if `rectify`, in the memory of sum; no output. */
export const ADD_INTO_KERNEL = 'AddInto';
/**
 * Writes part into destination, an int32 tensor whose memory is an array of the program, at
 * `offset`.
 */
export const COPY_OUT_KERNEL = 'CopyOut';
/** dy, weight to dy times the weight transposed. */
export const DENSE_INPUT_GRADIENT_KERNEL = 'DenseInputGradient';

/** Whether a backend has a kernel of that name; the library's types say that it always does. */
export function hasKernel(name: string, backend: string): boolean {
  return (tf.getKernel(name, backend) as tf.KernelConfig | undefined) !== undefined;
}

/** On the current backend. */
export function runKernel(
  name: string,
  inputs: Record<string, tf.Tensor>,
  attributes: Record<string, unknown>,
): tf.Tensor | tf.Tensor[] {
  return tf.engine().runKernel(name, inputs, attributes as tf.NamedAttrMap);
}
