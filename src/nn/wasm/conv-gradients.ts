/**
 * The gradients of a convolution as convolutions, because the backend's forward convolution is the only fast one:
 * - filter: x and dy with batch and channels exchanged, dy in the role of the filter, dilated by the forward stride;
 * - input: dy, spread by the stride and padded, convolved with the filter turned by 180 degrees.
 * Shapes: B images, x [B, H, W, C], dy [B, OH, OW, K], filter [KH, KW, C, K]; K is also the channels of dy.
 */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { allocate, free, reshaped, stockKernel, viewOf, type WasmKernel } from './backend.ts';

type Shape4 = [number, number, number, number];

/** Gradient with respect to the filter; the backend has no kernel of this name. */
export const convFilterGradient: WasmKernel = (backend, { x, dy }, attributes) => {
  const filterShape = attributes['filterShape'] as Shape4;
  const info = convolutionOf(x!.shape as Shape4, filterShape, attributes);
  const [b, h, w, c] = x!.shape as Shape4;
  const [, oh, ow, k] = dy!.shape as Shape4;
  const [kh, kw] = filterShape;
  const images = swapOuterAndInner(backend, x!, b, h * w, c);
  const filter = swapOuterTwo(backend, dy!, b, oh * ow, k);
  const { top, left } = info.padInfo;
  // Padding below and right such that the output has at least the filter's size; what it has more is left out.
  const bottom = Math.max(0, (oh - 1) * info.strideHeight + kh - h - top);
  const right = Math.max(0, (ow - 1) * info.strideWidth + kw - w - left);
  const product = convolve(
    backend,
    reshaped(images, [c, h, w, b]),
    reshaped(filter, [oh, ow, b, k]),
    {
      pad: [top, bottom, left, right],
      dilations: [info.strideHeight, info.strideWidth],
    },
  );
  free(backend, images, filter);
  const gradient = tapsFirst(backend, product, filterShape);
  free(backend, product);
  return gradient;
};

/** Gradient with respect to the input; the backend's own kernel is a plain loop. */
export const convInputGradient: WasmKernel = (backend, { dy, filter }, attributes) => {
  const inputShape = attributes['inputShape'] as Shape4;
  const filterShape = filter!.shape as Shape4;
  const info = convolutionOf(inputShape, filterShape, attributes);
  const [, oh, ow] = dy!.shape as Shape4;
  const [, h, w] = inputShape;
  const [kh, kw] = filterShape;
  const { strideHeight, strideWidth, padInfo } = info;
  const top = kh - 1 - padInfo.top;
  const left = kw - 1 - padInfo.left;
  const bottom = h - oh + padInfo.top;
  const right = w - ow + padInfo.left;
  const turned = turnedFilter(backend, filter!);
  const isPlain = strideHeight === 1 && strideWidth === 1;
  let dx: tf.TensorInfo;
  if (isPlain && Math.min(top, left, bottom, right) >= 0) {
    dx = convolve(backend, dy!, turned, { pad: [top, bottom, left, right], dilations: [1, 1] });
  } else {
    const size = [h + kh - 1, w + kw - 1] as const;
    const spread = spreadOut(backend, dy!, size, [strideHeight, strideWidth], [top, left]);
    dx = convolve(backend, spread, turned, { pad: [0, 0, 0, 0], dilations: [1, 1] });
    free(backend, spread);
  }
  free(backend, turned);
  return dx;
};

function convolutionOf(
  inputShape: Shape4,
  filterShape: Shape4,
  attributes: Readonly<Record<string, unknown>>,
): tf.backend_util.Conv2DInfo {
  return tf.backend_util.computeConv2DInfo(
    inputShape,
    filterShape,
    attributes['strides'] as number | [number, number],
    1,
    attributes['pad'] as 'valid' | 'same' | number | tf.backend_util.ExplicitPadding,
    attributes['dimRoundingMode'] as 'floor' | 'round' | 'ceil',
  );
}

interface Placement {
  /** top, bottom, left, right */
  readonly pad: readonly [number, number, number, number];
  readonly dilations: [number, number];
}

/** The backend's convolution, stride 1. */
function convolve(
  backend: BackendWasm,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  { pad: [top, bottom, left, right], dilations }: Placement,
): tf.TensorInfo {
  const pad = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
  const attributes = {
    strides: 1,
    pad,
    dilations,
    dimRoundingMode: 'floor',
    dataFormat: 'NHWC',
  };
  return stockKernel(tf.Conv2D)(backend, { x, filter }, attributes) as tf.TensorInfo;
}

/** Side of the square blocks in which arrays are transposed: two blocks fit the first-level cache. */
const BLOCK = 16;

/** [outer, middle, inner] to [inner, middle, outer]. */
function swapOuterAndInner(
  backend: BackendWasm,
  info: tf.TensorInfo,
  outer: number,
  middle: number,
  inner: number,
): tf.TensorInfo {
  const output = allocate(backend, [inner, middle, outer]);
  const from = viewOf(backend, info);
  const to = viewOf(backend, output);
  const step = middle * outer;
  for (let m = 0; m < middle; m += 1) {
    for (let i0 = 0; i0 < inner; i0 += BLOCK) {
      const i1 = Math.min(inner, i0 + BLOCK);
      for (let o = 0; o < outer; o += 1) {
        let source = (o * middle + m) * inner + i0;
        let target = (i0 * middle + m) * outer + o;
        for (let i = i0; i < i1; i += 1) {
          to[target] = from[source]!;
          source += 1;
          target += step;
        }
      }
    }
  }
  return output;
}

/** [outer, middle, inner] to [middle, outer, inner]. */
function swapOuterTwo(
  backend: BackendWasm,
  info: tf.TensorInfo,
  outer: number,
  middle: number,
  inner: number,
): tf.TensorInfo {
  const output = allocate(backend, [middle, outer, inner]);
  const from = viewOf(backend, info);
  const to = viewOf(backend, output);
  let source = 0;
  for (let o = 0; o < outer; o += 1) {
    for (let m = 0; m < middle; m += 1) {
      const target = (m * outer + o) * inner;
      for (let i = 0; i < inner; i += 1) to[target + i] = from[source + i]!;
      source += inner;
    }
  }
  return output;
}

/** [C, KH', KW', K] with KH' >= KH, KW' >= KW to [KH, KW, C, K], what is beyond the filter left out. */
function tapsFirst(
  backend: BackendWasm,
  product: tf.TensorInfo,
  [kh, kw, c, k]: Shape4,
): tf.TensorInfo {
  const output = allocate(backend, [kh, kw, c, k]);
  const from = viewOf(backend, product);
  const to = viewOf(backend, output);
  const [, rows, columns] = product.shape as Shape4;
  let target = 0;
  for (let y = 0; y < kh; y += 1) {
    for (let x = 0; x < kw; x += 1) {
      for (let i = 0; i < c; i += 1) {
        const source = ((i * rows + y) * columns + x) * k;
        for (let j = 0; j < k; j += 1) to[target + j] = from[source + j]!;
        target += k;
      }
    }
  }
  return output;
}

/** [KH, KW, C, K] to [KH, KW, K, C], turned by 180 degrees. */
function turnedFilter(backend: BackendWasm, filter: tf.TensorInfo): tf.TensorInfo {
  const [kh, kw, c, k] = filter.shape as Shape4;
  const output = allocate(backend, [kh, kw, k, c]);
  const from = viewOf(backend, filter);
  const to = viewOf(backend, output);
  const taps = kh * kw;
  for (let tap = 0; tap < taps; tap += 1) {
    const base = (taps - 1 - tap) * c * k;
    let source = tap * c * k;
    for (let i = 0; i < c; i += 1) {
      for (let j = 0; j < k; j += 1) {
        to[base + j * c + i] = from[source]!;
        source += 1;
      }
    }
  }
  return output;
}

/** dy with its pixels `stride` apart from (top, left) on, zeros between and around; what falls outside is left out. */
function spreadOut(
  backend: BackendWasm,
  dy: tf.TensorInfo,
  [height, width]: readonly [number, number],
  [strideHeight, strideWidth]: readonly [number, number],
  [top, left]: readonly [number, number],
): tf.TensorInfo {
  const [b, oh, ow, k] = dy.shape as Shape4;
  const output = allocate(backend, [b, height, width, k]);
  const from = viewOf(backend, dy);
  const to = viewOf(backend, output).fill(0);
  for (let image = 0; image < b; image += 1) {
    for (let i = 0; i < oh; i += 1) {
      const y = top + i * strideHeight;
      if (y < 0 || y >= height) continue;
      for (let j = 0; j < ow; j += 1) {
        const x = left + j * strideWidth;
        if (x < 0 || x >= width) continue;
        const source = ((image * oh + i) * ow + j) * k;
        const target = ((image * height + y) * width + x) * k;
        for (let c = 0; c < k; c += 1) to[target + c] = from[source + c]!;
      }
    }
  }
  return output;
}
