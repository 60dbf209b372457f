/** Stacks of images on the heap. Shapes: B images, [B, H, W, C]. */
import type * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { addressOf, teamOf, type Scratch } from '../backend.ts';

export type Shape4 = [number, number, number, number];

const BYTES = Float32Array.BYTES_PER_ELEMENT;

export interface Images {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

export function imagesOf([batch, height, width, channels]: Readonly<Shape4>): Images {
  return { batch, height, width, channels };
}

/** The images with zeros around them. @param target the size with them */
export function padImages(
  backend: BackendWasm,
  source: tf.TensorInfo,
  target: Images,
  [top, left]: readonly [number, number],
  scratch: Scratch,
): tf.TensorInfo {
  const { batch, height, width, channels } = imagesOf(source.shape as Shape4);
  const pixelBytes = channels * BYTES;
  const padded = scratch.floats(batch * target.height * target.width * channels);
  const operands = {
    ...{ source: addressOf(backend, source), target: addressOf(backend, padded) },
    ...{ rows: height, rowBytes: width * pixelBytes },
    imageBytes: target.height * target.width * pixelBytes,
    paddedRowBytes: target.width * pixelBytes,
    offset: (top * target.width + left) * pixelBytes,
  };
  teamOf(backend).run('padImage', operands, batch);
  return padded;
}
