/**
 * Batch norm in training, with its ReLU, in few passes; composed of the backend's general operations it would cost more
 * than the convolutions. Sums are in float64 and a fixed order. What is linear in an element, a factor
 * and a summand for each channel, is a 1 x 1 depthwise convolution with bias: the backend's one fast kernel of that form.
 * Shapes: N = B x H x W elements of C channels, x, y, dy and dx [N, C]; the rest [C].
 */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { BATCH_NORM_EPSILON } from '../operations.ts';
import {
  Scratch,
  addressOf,
  allocate,
  free,
  stockKernel,
  viewOf,
  type WasmKernel,
} from './backend.ts';
import { GROUP } from './channel-kernels.ts';
import { kernelsOf } from './kernels.ts';

/** @returns y, mean and biased variance */
export const trainingBatchNorm: WasmKernel = (backend, inputs, attributes) => {
  const [x, gamma, beta] = [inputs['x']!, inputs['gamma']!, inputs['beta']!];
  const channels = gamma.shape[0]!;
  const count = tf.util.sizeFromShape(x.shape) / channels;
  const { plain, product } = columnSums(backend, x, x, channels);
  const means = plain.map((sum) => sum / count);
  // In float64 nothing is lost by the difference, unless a mean is a million times its deviation.
  const variances = product.map((sum, c) => Math.max(0, sum / count - means[c]! * means[c]!));
  const [gammas, betas] = [viewOf(backend, gamma), viewOf(backend, beta)];
  const scale = variances.map((value, c) => gammas[c]! / Math.sqrt(value + BATCH_NORM_EPSILON));
  const shift = means.map((value, c) => betas[c]! - value * scale[c]!);
  const y = affine(backend, x, scale, shift, attributes['rectify'] === true);
  return [y, vector(backend, means), vector(backend, variances)];
};

/** @returns dx, dGamma and dBeta */
export const trainingBatchNormGradient: WasmKernel = (backend, inputs, attributes) => {
  const { dy, x, y, gamma, mean, variance } = inputs as Record<string, tf.TensorInfo>;
  const isRectified = attributes['rectify'] === true;
  // Where the ReLU cut, y is 0 and no gradient passes. A product: branches on random signs cost more than the arithmetic.
  const g = isRectified ? openGradient(backend, dy!, y!) : dy!;
  const means = Float64Array.from(viewOf(backend, mean!));
  const { plain, product } = columnSums(backend, g, x!, means.length);
  const gammas = viewOf(backend, gamma!);
  const inverse = Float64Array.from(
    viewOf(backend, variance!),
    (value) => 1 / Math.sqrt(value + BATCH_NORM_EPSILON),
  );
  const gammaGradient = product.map((sum, c) => (sum - means[c]! * plain[c]!) * inverse[c]!);
  // dx = gamma inverse (g - mean(g) - normal mean(g normal)), written as a g + (b x + shift) for each channel.
  const count = tf.util.sizeFromShape(x!.shape) / means.length;
  const a = inverse.map((value, c) => gammas[c]! * value);
  const b = a.map((value, c) => (-value * inverse[c]! * gammaGradient[c]!) / count);
  const shift = a.map((value, c) => (-value * plain[c]!) / count - b[c]! * means[c]!);
  const scaled = affine(backend, g, a, new Float64Array(a.length), false);
  const correction = affine(backend, x!, b, shift, false);
  const dx = stockKernel(tf.Add)(backend, { a: scaled, b: correction }, {}) as tf.TensorInfo;
  free(backend, scaled, correction);
  if (isRectified) free(backend, g);
  return [dx, vector(backend, gammaGradient), vector(backend, plain)];
};

/** scale x + shift for each channel, then max(., 0) if `rectify`. */
function affine(
  backend: BackendWasm,
  x: tf.TensorInfo,
  scale: Float64Array,
  shift: Float64Array,
  rectify: boolean,
): tf.TensorInfo {
  const filter = allocate(backend, [1, 1, scale.length, 1]);
  viewOf(backend, filter).set(scale);
  const bias = vector(backend, shift);
  const attributes = {
    strides: 1,
    pad: 'valid',
    dilations: 1,
    dataFormat: 'NHWC',
    activation: rectify ? 'relu' : 'linear',
  };
  const kernel = stockKernel(tf.FusedDepthwiseConv2D);
  const y = kernel(backend, { x, filter, bias }, attributes) as tf.TensorInfo;
  free(backend, filter, bias);
  return y;
}

function openGradient(backend: BackendWasm, dy: tf.TensorInfo, y: tf.TensorInfo): tf.TensorInfo {
  const open = stockKernel(tf.Step)(backend, { x: y }, { alpha: 0 }) as tf.TensorInfo;
  const g = stockKernel(tf.Multiply)(backend, { a: dy, b: open }, {}) as tf.TensorInfo;
  free(backend, open);
  return g;
}

function vector(backend: BackendWasm, values: Float64Array): tf.TensorInfo {
  const info = allocate(backend, [values.length]);
  viewOf(backend, info).set(values);
  return info;
}

/** Rows that are read for all channels before the next ones: they stay in the second-level cache. */
const ROW_BLOCK = 256;

/** @returns [C] each, sums over N of a, and of a b */
function columnSums(
  backend: BackendWasm,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  channels: number,
): { plain: Float64Array; product: Float64Array } {
  const rows = tf.util.sizeFromShape(a.shape) / channels;
  const plain = new Float64Array(channels);
  const product = new Float64Array(channels);
  const groups = Math.floor(channels / GROUP);
  if (groups > 0) {
    const sums = groupSums(backend, a, b, { rows, channels, groups });
    for (let c = 0; c < groups * GROUP; c += 1) {
      const at = 2 * GROUP * Math.floor(c / GROUP) + (c % GROUP);
      plain[c] = sums[at]!;
      product[c] = sums[at + GROUP]!;
    }
  }
  const [left, right] = [viewOf(backend, a), viewOf(backend, b)];
  for (let c = groups * GROUP; c < channels; c += 1) {
    let [sum, productSum] = [0, 0];
    for (let i = c; i < left.length; i += channels) {
      sum += left[i]!;
      productSum += left[i]! * right[i]!;
    }
    plain[c] = sum;
    product[c] = productSum;
  }
  return { plain, product };
}

/** @returns for each group of channels four sums of a, then four of a b */
function groupSums(
  backend: BackendWasm,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  { rows, channels, groups }: { rows: number; channels: number; groups: number },
): Float64Array {
  const scratch = new Scratch(backend);
  const { addColumnSums } = kernelsOf(backend);
  // Two float32 hold a float64.
  const info = scratch.floats(2 * groups * 2 * GROUP);
  viewOf(backend, info).fill(0);
  const [aAt, bAt, sumsAt] = [a, b, info].map((each) => addressOf(backend, each)) as [
    ...[number, number, number],
  ];
  const rowBytes = channels * Float32Array.BYTES_PER_ELEMENT;
  for (let row = 0; row < rows; row += ROW_BLOCK) {
    const blockRows = Math.min(ROW_BLOCK, rows - row);
    const begin = row * rowBytes;
    addColumnSums(aAt + begin, bAt + begin, rowBytes, blockRows, sumsAt, groups);
  }
  const sums = new Float64Array(viewOf(backend, info).slice().buffer);
  scratch.free();
  return sums;
}
