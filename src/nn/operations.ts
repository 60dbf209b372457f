/**
 * The operations of the network and their gradients, once for all engines: kernels of TensorFlow.js by name, so that an
 * engine brings its own. Each gradient is written out; none is recorded. Activations are [B, H, W, C].
 * Tensors returned are new and the caller's; arguments are left alone.
 */
import * as tf from '@tensorflow/tfjs';
import type { ConvLayer } from './architectures.ts';

/** Added to the variance: the value of the reference. */
export const BATCH_NORM_EPSILON = 1e-5;

type ConvGeometry = Pick<ConvLayer, 'stride' | 'padding'>;

export function convolve(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  bias: tf.Tensor1D,
  { stride, padding }: ConvGeometry,
  activation: 'linear' | 'relu' = 'linear',
): tf.Tensor4D {
  return tf.fused.conv2d({
    x,
    filter,
    bias,
    strides: stride,
    pad: explicitPadding(padding),
    dimRoundingMode: 'floor',
    activation,
  });
}

/** @returns gradient with respect to the filter */
export function convFilterGradient(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  filterShape: readonly number[],
  { stride, padding }: ConvGeometry,
): tf.Tensor4D {
  return tf.tidy(() => {
    const isPadded = needsPaddedGradients(padding);
    const input = isPadded ? tf.pad(x, explicitPadding(padding)) : x;
    const pad = isPadded ? 'valid' : explicitPadding(padding);
    const attributes = { ...CONV_ATTRIBUTES, strides: stride, pad, filterShape: [...filterShape] };
    return kernel(tf.Conv2DBackpropFilter, { x: input, dy }, attributes) as tf.Tensor4D;
  });
}

/** @returns gradient with respect to the input of that shape */
export function convInputGradient(
  dy: tf.Tensor4D,
  filter: tf.Tensor4D,
  inputShape: readonly [number, number, number, number],
  { stride, padding }: ConvGeometry,
): tf.Tensor4D {
  return tf.tidy(() => {
    const isPadded = needsPaddedGradients(padding);
    const [b, h, w, c] = inputShape;
    const shape = isPadded ? [b, h + 2 * padding, w + 2 * padding, c] : [...inputShape];
    const pad = isPadded ? 'valid' : explicitPadding(padding);
    const attributes = { ...CONV_ATTRIBUTES, strides: stride, pad, inputShape: shape };
    const dx = kernel(tf.Conv2DBackpropInput, { dy, filter }, attributes) as tf.Tensor4D;
    return isPadded ? tf.slice(dx, [0, padding, padding, 0], [b, h, w, c]) : dx;
  });
}

/** Over full windows only. */
export function maxPool(x: tf.Tensor4D, window: number, stride: number): tf.Tensor4D {
  return tf.maxPool(x, window, stride, 'valid');
}

/** The first largest element of a window, row by row, receives its gradient. */
export function maxPoolGradient(
  dy: tf.Tensor4D,
  input: tf.Tensor4D,
  output: tf.Tensor4D,
  window: number,
  stride: number,
): tf.Tensor4D {
  const attributes = { filterSize: window, strides: stride, pad: 'valid', dimRoundingMode: null };
  return kernel(tf.MaxPoolGrad, { dy, input, output }, attributes) as tf.Tensor4D;
}

/** A batch normalised by its own statistics, rectified if asked, with what the gradient needs. */
export interface NormalisedBatch {
  readonly y: tf.Tensor4D;
  /** [C] */
  readonly mean: tf.Tensor1D;
  /** [C], biased: the one that normalises. */
  readonly variance: tf.Tensor1D;
}

/** Names under which an engine registers faster kernels of its own; otherwise these operations are composed. */
export const BATCH_NORM_KERNEL = 'TrainingBatchNorm';
export const BATCH_NORM_GRADIENT_KERNEL = 'TrainingBatchNormGradient';

/** y = (x - mean) / sqrt(variance + epsilon) * gamma + beta over [B, H, W], then max(y, 0) if `rectify`. */
export function batchNorm(
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  rectify: boolean,
): NormalisedBatch {
  if (hasKernel(BATCH_NORM_KERNEL, tf.getBackend())) {
    const outputs = kernel(BATCH_NORM_KERNEL, { x, gamma, beta }, { rectify });
    const [y, mean, variance] = outputs as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
    return { y, mean, variance };
  }
  return tf.tidy(() => {
    const mean: tf.Tensor1D = tf.mean(x, [0, 1, 2]);
    const centred = tf.sub(x, mean);
    const variance: tf.Tensor1D = tf.mean(tf.square(centred), [0, 1, 2]);
    const scale = tf.mul(gamma, tf.rsqrt(tf.add(variance, BATCH_NORM_EPSILON)));
    const y: tf.Tensor4D = tf.add(tf.mul(centred, scale), beta);
    return { y: rectify ? tf.relu(y) : y, mean, variance };
  });
}

export interface BatchNormGradients {
  readonly dx: tf.Tensor4D;
  readonly dGamma: tf.Tensor1D;
  readonly dBeta: tf.Tensor1D;
}

/** Gradients through the batch's own statistics; `batch` is what {@link batchNorm} made of `x`. */
export function batchNormGradient(
  dy: tf.Tensor4D,
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  batch: NormalisedBatch,
  rectify: boolean,
): BatchNormGradients {
  const { y, mean, variance } = batch;
  if (hasKernel(BATCH_NORM_GRADIENT_KERNEL, tf.getBackend())) {
    const inputs = { dy, x, y, gamma, mean, variance };
    const outputs = kernel(BATCH_NORM_GRADIENT_KERNEL, inputs, { rectify });
    const [dx, dGamma, dBeta] = outputs as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D];
    return { dx, dGamma, dBeta };
  }
  return tf.tidy(() => {
    const g: tf.Tensor4D = rectify ? tf.mul(dy, tf.step(y)) : dy;
    const inverse = tf.rsqrt(tf.add(variance, BATCH_NORM_EPSILON));
    const normal = tf.mul(tf.sub(x, mean), inverse);
    const dBeta: tf.Tensor1D = tf.sum(g, [0, 1, 2]);
    const dGamma: tf.Tensor1D = tf.sum(tf.mul(g, normal), [0, 1, 2]);
    const n = x.size / gamma.size;
    const spread = tf.add(tf.div(dBeta, n), tf.mul(normal, tf.div(dGamma, n)));
    const dx: tf.Tensor4D = tf.mul(tf.sub(g, spread), tf.mul(gamma, inverse));
    return { dx, dGamma, dBeta };
  });
}

/** Whether a backend has a kernel of that name; the library's types say that it always does. */
export function hasKernel(name: string, backend: string): boolean {
  return (tf.getKernel(name, backend) as tf.KernelConfig | undefined) !== undefined;
}

const CONV_ATTRIBUTES = { dataFormat: 'NHWC', dimRoundingMode: 'floor' };

function explicitPadding(
  p: number,
): [[number, number], [number, number], [number, number], [number, number]] {
  return [
    [0, 0],
    [p, p],
    [p, p],
    [0, 0],
  ];
}

/** The native addon convolves with explicit padding, but takes gradients without any only. */
function needsPaddedGradients(padding: number): boolean {
  return padding > 0 && tf.getBackend() === 'tensorflow';
}

function kernel(
  name: string,
  inputs: Record<string, tf.Tensor>,
  attributes: Record<string, unknown>,
): tf.Tensor | tf.Tensor[] {
  return tf.engine().runKernel(name, inputs, attributes as tf.NamedAttrMap);
}
