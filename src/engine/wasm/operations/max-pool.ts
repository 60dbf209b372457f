/**
 * Max pooling and its gradient: each window's gradient goes to its first largest element, row by
 * row. The backend's own gradient kernel loses it where the largest element of a window is zero or
 * less, and takes the last of equal ones. Shapes: x and dx [B, H, W, C], y and dy [B, OH, OW, C].
 */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { addressOf, allocate, teamOf, viewOf, type WasmKernel } from '../backend.ts';
import { GROUP } from '../kernels/channel-kernels.ts';

type Geometry = tf.backend_util.Conv2DInfo;

/**
 * In place of the backend's kernel, which is left channels that fill no groups, and dilation.
 * @param stock that kernel
 */
export function maxPool(stock: WasmKernel): WasmKernel {
  return (backend, inputs, attributes) => {
    const x = inputs['x']!;
    const geometry = geometryOf(x, attributes);
    const isDilated = geometry.dilationHeight * geometry.dilationWidth !== 1;
    if (isDilated || geometry.inChannels % GROUP !== 0) return stock(backend, inputs, attributes);
    const y = allocate(backend, geometry.outShape);
    const operands = operandsOf(backend, geometry, x, y);
    teamOf(backend).run('poolRow', operands, geometry.batchSize * geometry.outHeight);
    return y;
  };
}

export const maxPoolGradient: WasmKernel = (backend, { dy, input, output }, attributes) => {
  const geometry = geometryOf(input!, attributes);
  const dx = allocate(backend, geometry.inShape);
  const operands = {
    ...operandsOf(backend, geometry, input!, output!),
    ...{ dy: addressOf(backend, dy!), dx: addressOf(backend, dx) },
  };
  teamOf(backend).run('poolGradient', operands, geometry.batchSize);
  if (geometry.inChannels % GROUP !== 0) {
    routeOthers(backend, geometry, { x: input!, y: output!, dy: dy!, dx });
  }
  return dx;
};

function geometryOf(x: tf.TensorInfo, attributes: Readonly<Record<string, unknown>>): Geometry {
  return tf.backend_util.computePool2DInfo(
    x.shape as [number, number, number, number],
    attributes['filterSize'] as number | [number, number],
    attributes['strides'] as number | [number, number],
    1,
    attributes['pad'] as 'valid' | 'same' | number | tf.backend_util.ExplicitPadding,
    attributes['dimRoundingMode'] as 'floor' | 'round' | 'ceil',
  );
}

function operandsOf(backend: BackendWasm, g: Geometry, x: tf.TensorInfo, y: tf.TensorInfo) {
  return {
    ...{ x: addressOf(backend, x), y: addressOf(backend, y), channels: g.inChannels },
    ...{ inHeight: g.inHeight, inWidth: g.inWidth, outHeight: g.outHeight, outWidth: g.outWidth },
    ...{ window: g.filterHeight, windowWidth: g.filterWidth, stride: g.strideHeight },
    ...{ strideWidth: g.strideWidth, top: g.padInfo.top, left: g.padInfo.left },
  };
}

/**
 * The channels that fill no group. The largest element is known: it is y. What is left is to find
 * where it is.
 */
function routeOthers(
  backend: BackendWasm,
  info: Geometry,
  tensors: Readonly<Record<'x' | 'y' | 'dy' | 'dx', tf.TensorInfo>>,
): void {
  const { batchSize, inHeight, inWidth, outHeight, outWidth, inChannels: channels } = info;
  const [x, y, dy, dx] = [tensors.x, tensors.y, tensors.dy, tensors.dx].map((tensor) =>
    viewOf(backend, tensor),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const firstChannel = channels - (channels % GROUP);
  const rowStep = inWidth * channels;
  let out = 0;
  for (let b = 0; b < batchSize; b += 1) {
    for (let oy = 0; oy < outHeight; oy += 1) {
      const top = oy * info.strideHeight - info.padInfo.top;
      const y0 = b * inHeight + Math.max(0, top);
      const rows = b * inHeight + Math.min(inHeight, top + info.filterHeight) - y0;
      for (let ox = 0; ox < outWidth; ox += 1, out += channels) {
        const left = ox * info.strideWidth - info.padInfo.left;
        const x0 = Math.max(0, left);
        const columns = Math.min(inWidth, left + info.filterWidth) - x0;
        const begin = y0 * rowStep + x0 * channels;
        for (let c = firstChannel; c < channels; c += 1) {
          const end = begin + rows * rowStep;
          const at = firstEqual(x, y[out + c]!, begin + c, end, rowStep, columns, channels);
          if (at >= 0) dx[at] = dx[at]! + dy[out + c]!;
        }
      }
    }
  }
}

/**
 * Index of the first element of a window that equals `value`; -1 if none does, which only NaN
 * brings about.
 */
function firstEqual(
  x: Float32Array,
  value: number,
  begin: number,
  end: number,
  rowStep: number,
  columns: number,
  channels: number,
): number {
  for (let row = begin; row < end; row += rowStep) {
    const rowEnd = row + columns * channels;
    for (let at = row; at < rowEnd; at += channels) if (x[at] === value) return at;
  }
  return -1;
}
