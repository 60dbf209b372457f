/**
 * Batch norm in training and its gradient: an engine's own kernels, else composed. Shapes: x, y [B,
 * H, W, C].
 */
import * as tf from '@tensorflow/tfjs';
import {
  BATCH_NORM_EPSILON,
  type BatchNormGradients,
  type NormalisedBatch,
} from '../operations.ts';
import {
  BATCH_NORM_GRADIENT_KERNEL,
  BATCH_NORM_KERNEL,
  hasKernel,
  runKernel,
} from './named-kernels.ts';

export function batchNorm(
  backend: string,
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  rectify: boolean,
): NormalisedBatch {
  if (hasKernel(BATCH_NORM_KERNEL, backend)) {
    const outputs = runKernel(BATCH_NORM_KERNEL, { x, gamma, beta }, { rectify }) as tf.Tensor[];
    const [y, mean, variance, ...saved] = outputs as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
    return { y, mean, variance, saved };
  }
  return tf.tidy(() => {
    const mean: tf.Tensor1D = tf.mean(x, [0, 1, 2]);
    const centred = tf.sub(x, mean);
    const biased: tf.Tensor1D = tf.mean(tf.square(centred), [0, 1, 2]);
    const variance: tf.Tensor1D = tf.mul(biased, besselFactor(x.size / gamma.size));
    const scale = tf.mul(gamma, tf.rsqrt(tf.add(biased, BATCH_NORM_EPSILON)));
    const y: tf.Tensor4D = tf.add(tf.mul(centred, scale), beta);
    return { y: rectify ? tf.relu(y) : y, mean, variance, saved: [biased] };
  });
}

/** By which a biased variance of n elements is multiplied to be unbiased; 1 for a single one. */
export function besselFactor(n: number): number {
  return n / Math.max(1, n - 1);
}

export function batchNormGradient(
  backend: string,
  dy: tf.Tensor4D,
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  { y, mean, saved }: NormalisedBatch,
  rectify: boolean,
): BatchNormGradients {
  if (hasKernel(BATCH_NORM_GRADIENT_KERNEL, backend)) {
    const own = Object.fromEntries(saved.map((tensor, i) => [`saved${i}`, tensor]));
    const inputs = { dy, x, gamma, mean, ...own, ...(rectify ? { y } : {}) };
    const outputs = runKernel(BATCH_NORM_GRADIENT_KERNEL, inputs, { rectify });
    const [dx, dGamma, dBeta] = outputs as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
    return { dx, dGamma, dBeta };
  }
  return tf.tidy(() => {
    const g: tf.Tensor4D = rectify ? tf.mul(dy, tf.step(y)) : dy;
    const inverse = tf.rsqrt(tf.add(saved[0]!, BATCH_NORM_EPSILON));
    const normal = tf.mul(tf.sub(x, mean), inverse);
    const dBeta: tf.Tensor1D = tf.sum(g, [0, 1, 2]);
    const dGamma: tf.Tensor1D = tf.sum(tf.mul(g, normal), [0, 1, 2]);
    const n = x.size / gamma.size;
    const spread = tf.add(tf.div(dBeta, n), tf.mul(normal, tf.div(dGamma, n)));
    const dx: tf.Tensor4D = tf.mul(tf.sub(g, spread), tf.mul(gamma, inverse));
    return { dx, dGamma, dBeta };
  });
}
