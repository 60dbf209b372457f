/**
 * The gradient of max pooling: each window's gradient goes to its first largest element, row by row. The backend's own
 * kernel loses it where the largest element of a window is zero or less, and takes the last of equal ones.
 * Shapes: x and dx [B, H, W, C], y and dy [B, OH, OW, C].
 */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { allocate, viewOf, type WasmKernel } from './backend.ts';
import { GROUP } from './channel-kernels.ts';
import { kernelsOf } from './kernels.ts';

const BYTES = Float32Array.BYTES_PER_ELEMENT;

export const maxPoolGradient: WasmKernel = (backend, { dy, input, output }, attributes) => {
  const info = tf.backend_util.computePool2DInfo(
    input!.shape as [number, number, number, number],
    attributes['filterSize'] as number | [number, number],
    attributes['strides'] as number | [number, number],
    1,
    attributes['pad'] as 'valid' | 'same' | number | tf.backend_util.ExplicitPadding,
    attributes['dimRoundingMode'] as 'floor' | 'round' | 'ceil',
  );
  const result = allocate(backend, info.inShape);
  viewOf(backend, result).fill(0);
  routeToFirst(backend, info, { x: input!, y: output!, dy: dy!, dx: result });
  return result;
};

/** The largest element is known: it is y. What is left is to find where it is. */
function routeToFirst(
  backend: BackendWasm,
  info: tf.backend_util.Conv2DInfo,
  tensors: Readonly<Record<'x' | 'y' | 'dy' | 'dx', tf.TensorInfo>>,
): void {
  const { batchSize, inHeight, inWidth, outHeight, outWidth, inChannels: channels } = info;
  const { routeToFirst: routeGroups } = kernelsOf(backend);
  const [x, y, dy, dx] = [tensors.x, tensors.y, tensors.dy, tensors.dx].map((tensor) =>
    viewOf(backend, tensor),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const groups = Math.floor(channels / GROUP);
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
        if (groups > 0) {
          routeGroups(
            y.byteOffset + BYTES * out,
            dy.byteOffset + BYTES * out,
            x.byteOffset + BYTES * begin,
            dx.byteOffset + BYTES * begin,
            rows,
            columns,
            BYTES * (rowStep - columns * channels),
            BYTES * channels,
            groups,
          );
        }
        for (let c = groups * GROUP; c < channels; c += 1) {
          const end = begin + rows * rowStep;
          const at = firstEqual(x, y[out + c]!, begin + c, end, rowStep, columns, channels);
          if (at >= 0) dx[at] = dx[at]! + dy[out + c]!;
        }
      }
    }
  }
}

/** Index of the first element of a window that equals `value`; -1 if none does, which only NaN brings about. */
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
