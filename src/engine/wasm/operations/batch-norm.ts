/**
 * Batch norm in training, with its ReLU, in few passes; composed of the backend's general
 * operations it would cost more than the convolutions. Sums are in float64 and a fixed order,
 * whatever the number of threads. Where the ReLU cut, y is 0 and no gradient passes. Shapes: N = B
 * x H x W elements of C channels, x, y, dy and dx [N, C]; the rest [C].
 */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { BATCH_NORM_EPSILON } from '../../operations.ts';
import { besselFactor } from '../../tfjs/batch-norm.ts';
import { Scratch, addressOf, allocate, free, teamOf, viewOf, type WasmKernel } from '../backend.ts';
import { SUM_BYTES_OF_GROUP } from '../jobs/channel-jobs.ts';
import { GROUP } from '../kernels/channel-kernels.ts';

/** @returns y, mean, unbiased and biased variance */
export const trainingBatchNorm: WasmKernel = (backend, inputs, attributes) => {
  const [x, gamma, beta] = [inputs['x']!, inputs['gamma']!, inputs['beta']!];
  const channels = gamma.shape[0]!;
  const count = tf.util.sizeFromShape(x.shape) / channels;
  const { plain, product } = columnSums(backend, x, x, null, channels);
  const means = plain.map((sum) => sum / count);
  // In float64 nothing is lost by the difference, unless a mean is a million times its deviation.
  const variances = product.map((sum, c) => Math.max(0, sum / count - means[c]! * means[c]!));
  const [gammas, betas] = [viewOf(backend, gamma), viewOf(backend, beta)];
  const scale = variances.map((value, c) => gammas[c]! / Math.sqrt(value + BATCH_NORM_EPSILON));
  const shift = means.map((value, c) => betas[c]! - value * scale[c]!);
  const y = affine(backend, x, scale, shift, attributes['rectify'] === true);
  const unbiased = variances.map((value) => value * besselFactor(count));
  return [y, ...[means, unbiased, variances].map((values) => vector(backend, values))];
};

/** @returns dx, dGamma and dBeta */
export const trainingBatchNormGradient: WasmKernel = (backend, inputs, attributes) => {
  const { dy, x, y, gamma, mean, saved0 } = inputs as Record<string, tf.TensorInfo>;
  const open = attributes['rectify'] === true ? y! : null;
  const means = Float64Array.from(viewOf(backend, mean!));
  const { plain, product } = columnSums(backend, dy!, x!, open, means.length);
  const gammas = Float64Array.from(viewOf(backend, gamma!));
  const inverse = Float64Array.from(
    viewOf(backend, saved0!),
    (value) => 1 / Math.sqrt(value + BATCH_NORM_EPSILON),
  );
  const gammaGradient = product.map((sum, c) => (sum - means[c]! * plain[c]!) * inverse[c]!);
  // dx = gamma inverse (g - mean(g) - normal mean(g normal)), written as a g + (b x + shift) for
  // each channel.
  const count = tf.util.sizeFromShape(x!.shape) / means.length;
  const a = inverse.map((value, c) => gammas[c]! * value);
  const b = a.map((value, c) => (-value * inverse[c]! * gammaGradient[c]!) / count);
  const shift = a.map((value, c) => (-value * plain[c]!) / count - b[c]! * means[c]!);
  const dx = blend(backend, { dy: dy!, x: x!, open }, { a, b, shift });
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
  const channels = scale.length;
  const y = allocate(backend, x.shape);
  const factors = { scale: vector(backend, scale), shift: vector(backend, shift) };
  const least = vector(backend, Float64Array.of(rectify ? 0 : -Infinity));
  const rows = tf.util.sizeFromShape(x.shape) / channels;
  const at = (info: tf.TensorInfo): number => addressOf(backend, info);
  if (channels >= GROUP) {
    const { rowsOfChunk, chunks } = rowChunks(backend, rows);
    const operands = {
      ...{ x: at(x), y: at(y), channels, rows, rowsOfChunk },
      ...{ scale: at(factors.scale), shift: at(factors.shift), floor: at(least) },
    };
    teamOf(backend).run('scaleColumns', operands, chunks);
  }
  const [from, to] = [viewOf(backend, x), viewOf(backend, y)];
  const [scales, shifts] = [viewOf(backend, factors.scale), viewOf(backend, factors.shift)];
  eachOtherElement(channels, rows, (i, c) => {
    const value = Math.fround(from[i]! * scales[c]!) + shifts[c]!;
    to[i] = rectify ? Math.max(0, value) : value;
  });
  free(backend, factors.scale, factors.shift, least);
  return y;
}

/** a dy + (b x + shift) for each channel, where dy counts only where `open` is above zero. */
function blend(
  backend: BackendWasm,
  { dy, x, open }: { dy: tf.TensorInfo; x: tf.TensorInfo; open: tf.TensorInfo | null },
  { a, b, shift }: Readonly<Record<'a' | 'b' | 'shift', Float64Array>>,
): tf.TensorInfo {
  const channels = a.length;
  const dx = allocate(backend, x.shape);
  const factors = [a, b, shift].map((values) => vector(backend, values)) as Three<tf.TensorInfo>;
  const rows = tf.util.sizeFromShape(x.shape) / channels;
  const at = (info: tf.TensorInfo): number => addressOf(backend, info);
  if (channels >= GROUP) {
    const { rowsOfChunk, chunks } = rowChunks(backend, rows);
    const operands = {
      ...{ dy: at(dy), y: at(open ?? dy), masked: open === null ? 0 : 1, x: at(x), dx: at(dx) },
      ...{
        channels,
        rows,
        rowsOfChunk,
        a: at(factors[0]),
        b: at(factors[1]),
        shift: at(factors[2]),
      },
    };
    teamOf(backend).run('blendColumns', operands, chunks);
  }
  const [from, along, to] = [dy, x, dx].map((info) => viewOf(backend, info)) as Three<Float32Array>;
  const gate = open === null ? null : viewOf(backend, open);
  const views = factors.map((info) => viewOf(backend, info)) as Three<Float32Array>;
  eachOtherElement(channels, rows, (i, c) => {
    const [slope, other, constant] = [views[0][c]!, views[1][c]!, views[2][c]!];
    const g = gate === null || gate[i]! > 0 ? from[i]! : 0;
    const rest = Math.fround(Math.fround(along[i]! * other) + constant);
    to[i] = Math.fround(g * slope) + rest;
  });
  free(backend, ...factors);
  return dx;
}

type Three<T> = [T, T, T];

/** Calls for the elements whose channels fill no group. */
function eachOtherElement(
  channels: number,
  rows: number,
  visit: (index: number, channel: number) => void,
): void {
  for (let c = channels - (channels % GROUP); c < channels; c += 1) {
    for (let row = 0, i = c; row < rows; row += 1, i += channels) visit(i, c);
  }
}

function vector(backend: BackendWasm, values: Float64Array): tf.TensorInfo {
  const info = allocate(backend, [values.length]);
  viewOf(backend, info).set(values);
  return info;
}

/** A few chunks for each thread. */
function rowChunks(backend: BackendWasm, rows: number): { rowsOfChunk: number; chunks: number } {
  const rowsOfChunk = Math.max(LEAST_ROWS, Math.ceil(rows / (4 * teamOf(backend).threads)));
  return { rowsOfChunk, chunks: Math.ceil(rows / rowsOfChunk) };
}

/** Below that, handing out a chunk costs more than it brings. */
const LEAST_ROWS = 64;
/** Parts of a sum: the same ones for every number of threads. */
const [SUM_PARTS, LEAST_SUM_ROWS] = [32, 256] as const;

/**
 * @param open where it is 0 or less, a counts as 0; null: a counts everywhere
 * @returns [C] each, sums over N of a, and of a b
 */
function columnSums(
  backend: BackendWasm,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  open: tf.TensorInfo | null,
  channels: number,
): { plain: Float64Array; product: Float64Array } {
  const rows = tf.util.sizeFromShape(a.shape) / channels;
  const plain = new Float64Array(channels);
  const product = new Float64Array(channels);
  if (channels >= GROUP) addGroupSums(backend, { a, b, open }, rows, { plain, product });
  const [left, right] = [viewOf(backend, a), viewOf(backend, b)];
  const gate = open === null ? null : viewOf(backend, open);
  eachOtherElement(channels, rows, (i, c) => {
    if (gate !== null && gate[i]! <= 0) return;
    plain[c] = plain[c]! + left[i]!;
    product[c] = product[c]! + left[i]! * right[i]!;
  });
  return { plain, product };
}

/** The sums of the channels in whole groups, part by part. */
function addGroupSums(
  backend: BackendWasm,
  { a, b, open }: { a: tf.TensorInfo; b: tf.TensorInfo; open: tf.TensorInfo | null },
  rows: number,
  { plain, product }: { plain: Float64Array; product: Float64Array },
): void {
  const channels = plain.length;
  const groups = Math.floor(channels / GROUP);
  const rowsOfChunk = Math.max(LEAST_SUM_ROWS, Math.ceil(rows / SUM_PARTS));
  const chunks = Math.ceil(rows / rowsOfChunk);
  const scratch = new Scratch(backend);
  const info = scratch.floats((chunks * groups * SUM_BYTES_OF_GROUP) / 4);
  const at = (tensor: tf.TensorInfo): number => addressOf(backend, tensor);
  const operands = {
    ...{ a: at(a), b: at(b), y: at(open ?? a), masked: open === null ? 0 : 1 },
    ...{ channels, rows, rowsOfChunk, sums: at(info) },
  };
  teamOf(backend).run('sumColumns', operands, chunks);
  const sums = new Float64Array(viewOf(backend, info).slice().buffer);
  for (let chunk = 0, at = 0; chunk < chunks; chunk += 1) {
    for (let first = 0; first < groups * GROUP; first += GROUP, at += 2 * GROUP) {
      for (let i = 0; i < GROUP; i += 1) {
        plain[first + i] = plain[first + i]! + sums[at + i]!;
        product[first + i] = product[first + i]! + sums[at + GROUP + i]!;
      }
    }
  }
  scratch.free();
}
