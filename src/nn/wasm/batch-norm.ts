/**
 * Batch norm in training, with its ReLU, in few passes over the heap; composed of the backend's operations it would cost
 * more than the convolutions. Sums are in float64 and in a fixed order; arrays are float32.
 * Shapes: N = B x H x W elements of C channels, x, y, dy and dx [N, C]; the rest [C].
 */
import type * as tf from '@tensorflow/tfjs';
import { BATCH_NORM_EPSILON } from '../operations.ts';
import { allocate, viewOf, type WasmKernel } from './backend.ts';

/** @returns y, mean and biased variance */
export const trainingBatchNorm: WasmKernel = (backend, inputs, attributes) => {
  const [x, gamma, beta] = [inputs['x']!, inputs['gamma']!, inputs['beta']!];
  const channels = gamma.shape[0]!;
  const outputs = [x.shape, gamma.shape, gamma.shape].map((shape) => allocate(backend, shape));
  const [y, mean, variance] = outputs as [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];
  const values = viewOf(backend, x);
  const count = values.length / channels;
  const means = sumsOf(values, channels).map((sum) => sum / count);
  const variances = centredSquares(values, means).map((sum) => sum / count);
  viewOf(backend, mean).set(means);
  viewOf(backend, variance).set(variances);
  const [gammas, betas] = [viewOf(backend, gamma), viewOf(backend, beta)];
  const scale = variances.map((value, c) => gammas[c]! / Math.sqrt(value + BATCH_NORM_EPSILON));
  const shift = means.map((value, c) => betas[c]! - value * scale[c]!);
  const floor = attributes['rectify'] === true ? 0 : -Infinity;
  applyAffine(values, scale, shift, floor, viewOf(backend, y));
  return outputs;
};

/** @returns dx, dGamma and dBeta */
export const trainingBatchNormGradient: WasmKernel = (backend, inputs, attributes) => {
  const [x, gamma] = [inputs['x']!, inputs['gamma']!];
  const channels = gamma.shape[0]!;
  const outputs = [x.shape, gamma.shape, gamma.shape].map((shape) => allocate(backend, shape));
  const [dx, dGamma, dBeta] = outputs as [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];
  const view = (name: string): Float32Array => viewOf(backend, inputs[name]!);
  const [values, gammas, means] = [view('x'), view('gamma'), view('mean')];
  const inverse = Float64Array.from(view('variance'), (v) => 1 / Math.sqrt(v + BATCH_NORM_EPSILON));
  // Where the ReLU cut, y is 0 and no gradient passes.
  const open = attributes['rectify'] === true ? view('y') : null;
  const dy = view('dy');
  const { plain, weighted } = gradientSums(dy, open, values, means, channels);
  const gammaGradient = weighted.map((sum, c) => sum * inverse[c]!);
  viewOf(backend, dBeta).set(plain);
  viewOf(backend, dGamma).set(gammaGradient);
  // dx = gamma inverse (g - mean(g) - normal mean(g normal)), written as a g + b x + c for each channel.
  const count = values.length / channels;
  const a = inverse.map((value, c) => gammas[c]! * value);
  const b = a.map((value, c) => (-value * inverse[c]! * gammaGradient[c]!) / count);
  const shift = a.map((value, c) => (-value * plain[c]!) / count - b[c]! * means[c]!);
  combine(dy, open, values, { a, b, shift }, viewOf(backend, dx));
  return outputs;
};

/** @returns [C], sums over N */
function sumsOf(x: Float32Array, channels: number): Float64Array {
  const sums = new Float64Array(channels);
  for (let i = 0; i < x.length;) {
    for (let c = 0; c < channels; c += 1, i += 1) sums[c] = sums[c]! + x[i]!;
  }
  return sums;
}

/** @returns [C], sums over N of the squared distances to the mean */
function centredSquares(x: Float32Array, means: Float64Array): Float64Array {
  const sums = new Float64Array(means.length);
  for (let i = 0; i < x.length;) {
    for (let c = 0; c < means.length; c += 1, i += 1) {
      const centred = x[i]! - means[c]!;
      sums[c] = sums[c]! + centred * centred;
    }
  }
  return sums;
}

function applyAffine(
  x: Float32Array,
  scale: Float64Array,
  shift: Float64Array,
  floor: number,
  y: Float32Array,
): void {
  for (let i = 0; i < x.length;) {
    for (let c = 0; c < scale.length; c += 1, i += 1) {
      const value = x[i]! * scale[c]! + shift[c]!;
      y[i] = value < floor ? floor : value;
    }
  }
}

/** Sums over N of g and of g (x - mean), g being dy where `open` is positive or absent. */
function gradientSums(
  dy: Float32Array,
  open: Float32Array | null,
  x: Float32Array,
  means: Float32Array,
  channels: number,
): { plain: Float64Array; weighted: Float64Array } {
  const plain = new Float64Array(channels);
  const weighted = new Float64Array(channels);
  for (let i = 0; i < x.length;) {
    for (let c = 0; c < channels; c += 1, i += 1) {
      if (open !== null && open[i]! <= 0) continue;
      const g = dy[i]!;
      plain[c] = plain[c]! + g;
      weighted[c] = weighted[c]! + g * (x[i]! - means[c]!);
    }
  }
  return { plain, weighted };
}

function combine(
  dy: Float32Array,
  open: Float32Array | null,
  x: Float32Array,
  { a, b, shift }: { a: Float64Array; b: Float64Array; shift: Float64Array },
  dx: Float32Array,
): void {
  for (let i = 0; i < x.length;) {
    for (let c = 0; c < a.length; c += 1, i += 1) {
      const g = open !== null && open[i]! <= 0 ? 0 : dy[i]!;
      dx[i] = a[c]! * g + b[c]! * x[i]! + shift[c]!;
    }
  }
}
