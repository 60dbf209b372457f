/**
 * Convolution and its two gradients as products of windows: forward, windows of x times the filter;
 * filter gradient, the same windows transposed times dy; input gradient, windows of dy times the
 * filter's taps, one product for each remainder of the input's position modulo the stride, because
 * those positions meet the same taps. Shapes: B images, x [B, H, W, C], dy and y [B, OH, OW, K],
 * filter [KH, KW, C, K].
 */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { Scratch, allocate, viewOf, type WasmKernel } from '../backend.ts';
import { imagesOf, padImages, type Images, type Shape4 } from './images.ts';
import { convolveTiles, planOf, tiledFilterGradient, type Margin } from './tile-convolution.ts';
import {
  PLAIN,
  multiplyTransposedWindows,
  multiplyWindows,
  plainMatrix,
  rowOffsetsOf,
  type Epilogue,
  type PlacedMatrix,
  type Windows,
} from './window-products.ts';

type Attributes = Readonly<Record<string, unknown>>;
type Geometry = tf.backend_util.Conv2DInfo;

const BYTES = Float32Array.BYTES_PER_ELEMENT;

/**
 * In place of the backend's kernel, which is left what this one does not do.
 * @param stock the backend's own kernel
 */
export function convolution(stock: WasmKernel): WasmKernel {
  return (backend, inputs, attributes) =>
    isPlain(attributes)
      ? convolve(backend, inputs['x']!, inputs['filter']!, attributes, PLAIN)
      : stock(backend, inputs, attributes);
}

/** With bias and ReLU. @param stock the backend's own kernel */
export function fusedConvolution(stock: WasmKernel): WasmKernel {
  return (backend, inputs, attributes) => {
    const { activation } = attributes;
    const isKnown = activation === 'linear' || activation === 'relu';
    if (!isPlain(attributes) || !isKnown) return stock(backend, inputs, attributes);
    const epilogue = { bias: inputs['bias'] ?? null, rectify: activation === 'relu' };
    return convolve(backend, inputs['x']!, inputs['filter']!, attributes, epilogue);
  };
}

/** Gradient with respect to the filter; the backend has no kernel of this name. */
export const convFilterGradient: WasmKernel = (backend, { x, dy }, attributes) => {
  const filterShape = attributes['filterShape'] as Shape4;
  const geometry = geometryOf(x!.shape as Shape4, filterShape, attributes);
  const gradient = allocate(backend, filterShape);
  const plan = planOf(geometry);
  if (plan !== null) {
    tiledFilterGradient(backend, plan, x!, marginOf(geometry), dy!, gradient);
    return gradient;
  }
  const scratch = new Scratch(backend);
  const windows = inputWindows(backend, x!, geometry, scratch);
  multiplyTransposedWindows(backend, windows, dy!, geometry.outChannels, gradient);
  scratch.free();
  return gradient;
};

/** Gradient with respect to the input; the backend's own kernel is a plain loop. */
export const convInputGradient: WasmKernel = (backend, { dy, filter }, attributes) => {
  const inputShape = attributes['inputShape'] as Shape4;
  const geometry = geometryOf(inputShape, filter!.shape as Shape4, attributes);
  const plan = planOf(geometry);
  if (plan !== null) {
    const dx = allocate(backend, inputShape);
    const [top, left] = marginOf(geometry);
    const margin = [geometry.filterHeight - 1 - top, geometry.filterWidth - 1 - left] as const;
    convolveTiles(backend, dy!, margin, { plan, filter: filter!, isTurned: true }, dx, PLAIN);
    return dx;
  }
  const { batchSize, outChannels, outHeight, outWidth, padInfo } = geometry;
  const { filterHeight, filterWidth, strideHeight, strideWidth } = geometry;
  const rows = phasesOf(filterHeight, strideHeight, padInfo.top, geometry.inHeight);
  const columns = phasesOf(filterWidth, strideWidth, padInfo.left, geometry.inWidth);
  const scratch = new Scratch(backend);
  const dx = allocate(backend, inputShape);
  const top = tapsAtMost(filterHeight, strideHeight) - 1;
  const left = tapsAtMost(filterWidth, strideWidth) - 1;
  const height = Math.max(top + outHeight, ...rows.map(endOfLastWindow));
  const width = Math.max(left + outWidth, ...columns.map(endOfLastWindow));
  const padded: Images = { batch: batchSize, height, width, channels: outChannels };
  const source = padImages(backend, dy!, padded, [top, left], scratch);
  // Positions that no tap reaches, where the stride is larger than the filter.
  if (filterHeight < strideHeight || filterWidth < strideWidth) viewOf(backend, dx).fill(0);
  for (const row of rows) {
    for (const column of columns) {
      const windows: Windows = {
        source,
        offsets: pixelOffsets(padded, row.windows, column.windows),
        segments: row.taps,
        segmentLength: column.taps * outChannels,
        segmentStep: width * outChannels,
      };
      const taps = tapsOf(filter!, row, column, geometry);
      const outputs = pixelOffsets(imagesOf(inputShape), row.inputs, column.inputs);
      multiplyWindows(backend, windows, taps, PLAIN, dx, outputs);
    }
  }
  scratch.free();
  return dx;
};

function isPlain({ dataFormat, dilations }: Attributes): boolean {
  const isDilated = [dilations ?? 1].flat().some((dilation) => dilation !== 1);
  return !isDilated && (dataFormat ?? 'NHWC') === 'NHWC';
}

function geometryOf(x: Shape4, filter: Shape4, attributes: Attributes): Geometry {
  return tf.backend_util.computeConv2DInfo(
    x,
    filter,
    attributes['strides'] as number | [number, number],
    1,
    attributes['pad'] as 'valid' | 'same' | number | tf.backend_util.ExplicitPadding,
    attributes['dimRoundingMode'] as 'floor' | 'round' | 'ceil',
  );
}

function convolve(
  backend: BackendWasm,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  attributes: Attributes,
  epilogue: Epilogue,
): tf.TensorInfo {
  const geometry = geometryOf(x.shape as Shape4, filter.shape as Shape4, attributes);
  const y = allocate(backend, geometry.outShape);
  const plan = planOf(geometry);
  if (plan !== null) {
    convolveTiles(backend, x, marginOf(geometry), { plan, filter, isTurned: false }, y, epilogue);
    return y;
  }
  const scratch = new Scratch(backend);
  const windows = inputWindows(backend, x, geometry, scratch);
  const columns = geometry.outChannels;
  const rowOffsets = rowOffsetsOf(windows.offsets.length, columns);
  const matrix = plainMatrix(filter, windows.segments * windows.segmentLength, columns);
  multiplyWindows(backend, windows, matrix, epilogue, y, rowOffsets);
  scratch.free();
  return y;
}

function marginOf({ padInfo }: Geometry): Margin {
  return [padInfo.top, padInfo.left];
}

/** What each output pixel sees of x. */
function inputWindows(
  backend: BackendWasm,
  x: tf.TensorInfo,
  geometry: Geometry,
  scratch: Scratch,
): Windows {
  const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = geometry;
  const { batch, height, width, channels } = imagesOf(x.shape as Shape4);
  const { top, bottom, left, right } = padInfo;
  const [reach, across] = [
    (geometry.outHeight - 1) * strideHeight + filterHeight,
    (geometry.outWidth - 1) * strideWidth + filterWidth,
  ];
  const padded: Images = {
    batch,
    height: Math.max(top + height + bottom, reach),
    width: Math.max(left + width + right, across),
    channels,
  };
  const isPadded = padded.height > height || padded.width > width;
  return {
    source: isPadded ? padImages(backend, x, padded, [top, left], scratch) : x,
    offsets: pixelOffsets(
      padded,
      multiples(geometry.outHeight, strideHeight),
      multiples(geometry.outWidth, strideWidth),
    ),
    segments: filterHeight,
    segmentLength: filterWidth * channels,
    segmentStep: padded.width * channels,
  };
}

/** Positions of the input, in one dimension, that meet the same taps of the filter. */
interface Phase {
  readonly inputs: readonly number[];
  /** The first of these taps; the others follow a stride apart. */
  readonly firstTap: number;
  readonly taps: number;
  /**
   * By position in `inputs`: where its window begins in dy, padded by what the largest window needs
   * before it.
   */
  readonly windows: readonly number[];
}

/**
 * Position y meets output (y + padding - tap) / stride through every tap that leaves no remainder.
 */
function phasesOf(kernel: number, stride: number, padding: number, size: number): Phase[] {
  const margin = tapsAtMost(kernel, stride) - 1;
  const phases = multiples(Math.min(stride, kernel), 1).map((firstTap) => {
    const taps = tapsAtMost(kernel - firstTap, stride);
    const inputs = multiples(size, 1).filter((y) => (y + padding - firstTap) % stride === 0);
    const windows = inputs.map((y) => margin + (y + padding - firstTap) / stride - (taps - 1));
    return { inputs, firstTap, taps, windows };
  });
  return phases.filter(({ inputs }) => inputs.length > 0);
}

function endOfLastWindow({ windows, taps }: Phase): number {
  return windows.at(-1)! + taps;
}

function tapsAtMost(kernel: number, stride: number): number {
  return Math.ceil(kernel / stride);
}

/**
 * A phase's taps as a matrix [taps x K, C]: the last tap first, since it meets the first output.
 */
function tapsOf(
  filter: tf.TensorInfo,
  row: Phase,
  column: Phase,
  { filterWidth, strideHeight, strideWidth, inChannels, outChannels }: Geometry,
): PlacedMatrix {
  const lastRow = row.firstTap + (row.taps - 1) * strideHeight;
  const lastColumn = column.firstTap + (column.taps - 1) * strideWidth;
  const tapSize = inChannels * outChannels;
  return {
    source: filter,
    first: (lastRow * filterWidth + lastColumn) * tapSize,
    tapRows: row.taps,
    tapColumns: column.taps,
    tapRowStep: -strideHeight * filterWidth * tapSize,
    tapColumnStep: -strideWidth * tapSize,
    tapLength: outChannels,
    elementStep: 1,
    columnStep: outChannels,
    columns: inChannels,
  };
}

/** Where the pixels at these rows and columns begin in each of the images [B x rows x columns]. */
function pixelOffsets(
  { batch, height, width, channels }: Images,
  rows: readonly number[],
  columns: readonly number[],
): Int32Array {
  const offsets = new Int32Array(batch * rows.length * columns.length);
  let i = 0;
  for (let b = 0; b < batch; b += 1) {
    for (const y of rows) {
      for (const x of columns) {
        offsets[i] = ((b * height + y) * width + x) * channels * BYTES;
        i += 1;
      }
    }
  }
  return offsets;
}

/** 0, step, 2 step, ... */
function multiples(count: number, step: number): number[] {
  return Array.from({ length: count }, (_, i) => i * step);
}
