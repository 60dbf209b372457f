/**
 * Batch norm in training, with its ReLU, in few passes; composed of the backend's general operations it would cost more
 * than the convolutions. Sums are loops over the heap, in float64 and a fixed order. What is linear in an element, a factor
 * and a summand for each channel, is a 1 x 1 depthwise convolution with bias: the backend's one fast kernel of that form.
 * Shapes: N = B x H x W elements of C channels, x, y, dy and dx [N, C]; the rest [C].
 */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { BATCH_NORM_EPSILON } from '../operations.ts';
import { allocate, free, stockKernel, viewOf, type WasmKernel } from './backend.ts';

/** @returns y, mean and biased variance */
export const trainingBatchNorm: WasmKernel = (backend, inputs, attributes) => {
  const [x, gamma, beta] = [inputs['x']!, inputs['gamma']!, inputs['beta']!];
  const channels = gamma.shape[0]!;
  const values = viewOf(backend, x);
  const count = values.length / channels;
  const means = columnSums(values, channels).map((sum) => sum / count);
  const variances = centredSquares(values, means).map((sum) => sum / count);
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
  const { plain, weighted } = gradientSums(viewOf(backend, g), viewOf(backend, x!), means);
  const gammas = viewOf(backend, gamma!);
  const inverse = Float64Array.from(
    viewOf(backend, variance!),
    (value) => 1 / Math.sqrt(value + BATCH_NORM_EPSILON),
  );
  const gammaGradient = weighted.map((sum, c) => sum * inverse[c]!);
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

/*
 * The sums below go down four columns at a time: four independent chains of additions, with no store between them.
 * Columns beyond the last four are taken from the last four again, and written twice alike; with fewer than four channels
 * the missing ones read what is there and are dropped by the typed array.
 */

/** First columns of the groups of four that cover all channels. */
function groupsOfFour(channels: number): number[] {
  const groups: number[] = [];
  for (let c = 0; c + 4 <= channels; c += 4) groups.push(c);
  if (channels % 4 !== 0) groups.push(Math.max(0, channels - 4));
  return groups;
}

/** @returns [C], sums over N */
function columnSums(x: Float32Array, channels: number): Float64Array {
  const sums = new Float64Array(channels);
  for (const c of groupsOfFour(channels)) {
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    for (let i = c; i < x.length; i += channels) {
      s0 += x[i]!;
      s1 += x[i + 1]!;
      s2 += x[i + 2]!;
      s3 += x[i + 3]!;
    }
    [sums[c], sums[c + 1], sums[c + 2], sums[c + 3]] = [s0, s1, s2, s3];
  }
  return sums;
}

/** @returns [C], sums over N of the squared distances to the mean */
function centredSquares(x: Float32Array, means: Float64Array): Float64Array {
  const channels = means.length;
  const sums = new Float64Array(channels);
  for (const c of groupsOfFour(channels)) {
    const [m0, m1, m2, m3] = [means[c]!, means[c + 1]!, means[c + 2]!, means[c + 3]!];
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    for (let i = c; i < x.length; i += channels) {
      s0 += (x[i]! - m0) * (x[i]! - m0);
      s1 += (x[i + 1]! - m1) * (x[i + 1]! - m1);
      s2 += (x[i + 2]! - m2) * (x[i + 2]! - m2);
      s3 += (x[i + 3]! - m3) * (x[i + 3]! - m3);
    }
    [sums[c], sums[c + 1], sums[c + 2], sums[c + 3]] = [s0, s1, s2, s3];
  }
  return sums;
}

/** @returns [C] each, sums over N of g and of g (x - mean) */
function gradientSums(
  g: Float32Array,
  x: Float32Array,
  means: Float64Array,
): { plain: Float64Array; weighted: Float64Array } {
  const channels = means.length;
  const [plain, weighted] = [new Float64Array(channels), new Float64Array(channels)];
  for (const c of groupsOfFour(channels)) {
    const [m0, m1, m2, m3] = [means[c]!, means[c + 1]!, means[c + 2]!, means[c + 3]!];
    let [p0, p1, p2, p3] = [0, 0, 0, 0];
    let [w0, w1, w2, w3] = [0, 0, 0, 0];
    for (let i = c; i < x.length; i += channels) {
      const [g0, g1, g2, g3] = [g[i]!, g[i + 1]!, g[i + 2]!, g[i + 3]!];
      p0 += g0;
      p1 += g1;
      p2 += g2;
      p3 += g3;
      w0 += g0 * (x[i]! - m0);
      w1 += g1 * (x[i + 1]! - m1);
      w2 += g2 * (x[i + 2]! - m2);
      w3 += g3 * (x[i + 3]! - m3);
    }
    [plain[c], plain[c + 1], plain[c + 2], plain[c + 3]] = [p0, p1, p2, p3];
    [weighted[c], weighted[c + 1], weighted[c + 2], weighted[c + 3]] = [w0, w1, w2, w3];
  }
  return { plain, weighted };
}
