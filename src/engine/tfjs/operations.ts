/**
 * The operations of the network and their gradients, once for all engines: kernels of TensorFlow.js by name, so that an
 * engine brings its own. Each gradient is written out; none is recorded. Activations are [B, H, W, C].
 * Tensors returned are new and the caller's; arguments are left alone.
 */
import * as tf from '@tensorflow/tfjs';
import * as frontEnd from '../plain/front-end.ts';
import { requireClass, softmaxLoss } from '../plain/softmax-loss.ts';

/** Added to the variance: the value of the reference. */
export const BATCH_NORM_EPSILON = 1e-5;

export interface ConvGeometry {
  readonly stride: number;
  /** Zeros on each side. */
  readonly padding: number;
}

export interface PoolGeometry {
  readonly window: number;
  readonly stride: number;
  /** Pixels on each side that never are the largest. */
  readonly padding: number;
}

/**
 * What the first convolution sees: on the engine where that has a kernel for it, else by plain loops (front-end.ts).
 * @param images [count, size, size, 3] RGB; must stay as they are until the tensor is disposed
 */
export function networkInput(
  images: Uint8Array,
  count: number,
  size: number,
  sobel: boolean,
): tf.Tensor4D {
  if (hasKernel(NETWORK_INPUT_KERNEL, tf.getBackend())) {
    // Bytes are of type bool to the library: its only type that takes them as they are.
    const pixels = tf.tensor4d(images, [count, size, size, 3], 'bool');
    const input = kernel(NETWORK_INPUT_KERNEL, { pixels }, { sobel }) as tf.Tensor4D;
    pixels.dispose();
    return input;
  }
  const values = frontEnd.networkInput(images, count, size, sobel);
  return tf.tensor4d(values, [count, size, size, sobel ? 2 : 3]);
}

/** @param bias [C], added to each pixel; null: nothing */
export function convolve(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  bias: tf.Tensor1D | null,
  { stride, padding }: ConvGeometry,
  activation: 'linear' | 'relu' = 'linear',
): tf.Tensor4D {
  const attributes = {
    strides: stride,
    pad: explicitPadding(padding),
    dilations: 1,
    dataFormat: 'NHWC',
    dimRoundingMode: 'floor',
  };
  if (bias === null && activation === 'linear') {
    return kernel(tf.Conv2D, { x, filter }, attributes) as tf.Tensor4D;
  }
  const inputs = bias === null ? { x, filter } : { x, filter, bias };
  return kernel(tf.FusedConv2D, inputs, { ...attributes, activation }) as tf.Tensor4D;
}

/** @returns gradient with respect to the filter */
export function convFilterGradient(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  filterShape: readonly number[],
  { stride, padding }: ConvGeometry,
): tf.Tensor4D {
  const attributes = {
    ...CONV_ATTRIBUTES,
    strides: stride,
    pad: explicitPadding(padding),
    filterShape: [...filterShape],
  };
  return kernel(tf.Conv2DBackpropFilter, { x, dy }, attributes) as tf.Tensor4D;
}

/** @returns gradient with respect to the input of that shape */
export function convInputGradient(
  dy: tf.Tensor4D,
  filter: tf.Tensor4D,
  inputShape: readonly [number, number, number, number],
  { stride, padding }: ConvGeometry,
): tf.Tensor4D {
  const attributes = {
    ...CONV_ATTRIBUTES,
    strides: stride,
    pad: explicitPadding(padding),
    inputShape: [...inputShape],
  };
  return kernel(tf.Conv2DBackpropInput, { dy, filter }, attributes) as tf.Tensor4D;
}

/** Over full windows only; padding is never the largest. */
export function maxPool(x: tf.Tensor4D, geometry: PoolGeometry): tf.Tensor4D {
  return kernel(tf.MaxPool, { x }, poolAttributes(geometry)) as tf.Tensor4D;
}

/** The first largest element of a window, row by row, receives its gradient. */
export function maxPoolGradient(
  dy: tf.Tensor4D,
  input: tf.Tensor4D,
  output: tf.Tensor4D,
  geometry: PoolGeometry,
): tf.Tensor4D {
  return kernel(tf.MaxPoolGrad, { dy, input, output }, poolAttributes(geometry)) as tf.Tensor4D;
}

/** A batch normalised by its own statistics, rectified if asked, with what the gradient needs. */
export interface NormalisedBatch {
  readonly y: tf.Tensor4D;
  /** [C] */
  readonly mean: tf.Tensor1D;
  /** [C], unbiased: the one that is measured. Of a single element there is none: it is zero. */
  readonly variance: tf.Tensor1D;
  /** What the gradient wants back, the biased variance among it; disposed with the rest. */
  readonly saved: readonly tf.Tensor[];
}

/**
 * Names under which an engine registers faster kernels of its own; otherwise these operations are composed.
 * Batch norm: x, gamma, beta to y, mean, unbiased variance, then whatever its gradient kernel asks for as `saved0`, ….
 */
export const BATCH_NORM_KERNEL = 'TrainingBatchNorm';
export const BATCH_NORM_GRADIENT_KERNEL = 'TrainingBatchNormGradient';
/** dy, y to dy where y > 0. */
export const RELU_GRADIENT_KERNEL = 'ReluGradient';
/** logits, labels (int32) to losses [B] and the gradient of their sum. */
export const SOFTMAX_LOSS_KERNEL = 'SoftmaxCrossEntropy';
/** pixels (bytes, [B, H, W, 3]) to what front-end.ts makes of them: on CPUs to the bit. */
export const NETWORK_INPUT_KERNEL = 'NetworkInput';
/** state (int32 [4] of xoshiro128**) to a mask of `elements`: 0 where a draw is below `threshold`, else `scale`. */
export const DROPOUT_MASK_KERNEL = 'DropoutMask';
/** sum, part: adds part to sum, then max(sum, 0) if `rectify`, in the memory of sum; no output. */
export const ADD_INTO_KERNEL = 'AddInto';
/** Writes part into destination, an int32 tensor whose memory is an array of the program, at `offset`; for `host-array.ts`. */
export const COPY_OUT_KERNEL = 'CopyOut';
/** dy, weight to dy times the weight transposed. */
export const DENSE_INPUT_GRADIENT_KERNEL = 'DenseInputGradient';

/** y = (x - mean) / sqrt(variance + epsilon) * gamma + beta over [B, H, W], then max(y, 0) if `rectify`. */
export function batchNorm(
  x: tf.Tensor4D,
  gamma: tf.Tensor1D,
  beta: tf.Tensor1D,
  rectify: boolean,
): NormalisedBatch {
  if (hasKernel(BATCH_NORM_KERNEL, tf.getBackend())) {
    const outputs = kernel(BATCH_NORM_KERNEL, { x, gamma, beta }, { rectify }) as tf.Tensor[];
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
  const { y, mean, saved } = batch;
  if (hasKernel(BATCH_NORM_GRADIENT_KERNEL, tf.getBackend())) {
    const own = Object.fromEntries(saved.map((tensor, i) => [`saved${i}`, tensor]));
    const inputs = { dy, x, gamma, mean, ...own, ...(rectify ? { y } : {}) };
    const outputs = kernel(BATCH_NORM_GRADIENT_KERNEL, inputs, { rectify });
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

/** Mean over all pixels. @returns [B, C] */
export function globalAveragePool(x: tf.Tensor4D): tf.Tensor2D {
  return tf.mean(x, [1, 2]);
}

/** @param dy [B, C] @returns gradient with respect to the maps of that shape */
export function globalAveragePoolGradient(
  dy: tf.Tensor2D,
  [b, h, w, c]: readonly [number, number, number, number],
): tf.Tensor4D {
  return tf.tidy(() => tf.tile(tf.reshape(tf.div(dy, h * w), [b, 1, 1, c]), [1, h, w, 1]));
}

/** dy where y, the output of a ReLU, is above zero. */
export function reluGradient(dy: tf.Tensor, y: tf.Tensor): tf.Tensor {
  if (hasKernel(RELU_GRADIENT_KERNEL, tf.getBackend())) {
    return kernel(RELU_GRADIENT_KERNEL, { dy, y }, {}) as tf.Tensor;
  }
  return tf.tidy(() => tf.mul(dy, tf.step(y)));
}

/** sum + part, then max(…, 0) if `rectify`. @param sum taken over: no other tensor may share its numbers */
export function addInto(sum: tf.Tensor, part: tf.Tensor, rectify: boolean): tf.Tensor {
  if (hasKernel(ADD_INTO_KERNEL, tf.getBackend())) {
    kernel(ADD_INTO_KERNEL, { sum, part }, { rectify });
    return sum;
  }
  const y = tf.tidy(() => {
    const plain = tf.add(sum, part);
    return rectify ? tf.relu(plain) : plain;
  });
  sum.dispose();
  return y;
}

/** @param dy [B, out] @param weight [in, out] @returns [B, in] */
export function denseInputGradient(dy: tf.Tensor, weight: tf.Tensor): tf.Tensor {
  return hasKernel(DENSE_INPUT_GRADIENT_KERNEL, tf.getBackend())
    ? (kernel(DENSE_INPUT_GRADIENT_KERNEL, { dy, weight }, {}) as tf.Tensor)
    : tf.matMul(dy, weight, false, true);
}

export interface SoftmaxCrossEntropy {
  /** [B, K] gradient of the losses' weighted sum with respect to the logits */
  readonly gradient: tf.Tensor2D;
  /** Weighted sum of the losses; waits for the device. */
  readonly lossSum: () => number;
}

/**
 * Softmax cross-entropy of each row.
 * @param logits [B, K]
 * @param pseudoLabels [B], each in 0 .. K - 1
 * @param weights [B], of each row's loss; null: all 1
 * @throws TrainerError PROTOCOL_VIOLATION for a pseudo-label that the head does not have
 */
export function softmaxCrossEntropy(
  logits: tf.Tensor2D,
  pseudoLabels: Int32Array,
  weights: Float32Array | null,
): SoftmaxCrossEntropy {
  const [rows, classes] = logits.shape;
  if (!hasKernel(SOFTMAX_LOSS_KERNEL, tf.getBackend())) {
    const loss = softmaxLoss(logits.dataSync<'float32'>(), pseudoLabels, classes, weights);
    return { gradient: tf.tensor2d(loss.gradient, [rows, classes]), lossSum: () => loss.lossSum };
  }
  for (const label of pseudoLabels) requireClass(label, classes);
  const labels = tf.tensor1d(pseudoLabels, 'int32');
  const outputs = kernel(SOFTMAX_LOSS_KERNEL, { logits, labels }, {});
  labels.dispose();
  const [losses, plain] = outputs as [tf.Tensor1D, tf.Tensor2D];
  const lossSum = (): number =>
    losses
      .dataSync<'float32'>()
      .reduce((sum, loss, row) => sum + (weights === null ? 1 : weights[row]!) * loss, 0);
  if (weights === null) return { gradient: plain, lossSum };
  const gradient: tf.Tensor2D = tf.tidy(() => tf.mul(plain, tf.tensor2d(weights, [rows, 1])));
  plain.dispose();
  return { gradient, lossSum };
}

/** Whether a backend has a kernel of that name; the library's types say that it always does. */
export function hasKernel(name: string, backend: string): boolean {
  return (tf.getKernel(name, backend) as tf.KernelConfig | undefined) !== undefined;
}

const CONV_ATTRIBUTES = { dataFormat: 'NHWC', dimRoundingMode: 'floor' };

function poolAttributes({ window, stride, padding }: PoolGeometry): Record<string, unknown> {
  // What the library makes of the number 0 is `valid`, which every engine's kernel knows.
  const pad = padding === 0 ? 'valid' : explicitPadding(padding);
  return { filterSize: window, strides: stride, pad, dimRoundingMode: 'floor' };
}

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

function kernel(
  name: string,
  inputs: Record<string, tf.Tensor>,
  attributes: Record<string, unknown>,
): tf.Tensor | tf.Tensor[] {
  return tf.engine().runKernel(name, inputs, attributes as tf.NamedAttrMap);
}
