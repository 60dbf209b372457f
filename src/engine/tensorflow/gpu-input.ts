/**
 * What the first convolution sees, made on a GPU: the bytes go there as they are, a quarter of what
 * the floats would be, and nothing of it is done by a loop on the host. float32 throughout: off by
 * a few roundings from front-end.ts.
 */
import * as tf from '@tensorflow/tfjs';
import { MEAN, STD } from '../plain/front-end.ts';
import type { NativeKernel } from './runtime.ts';

/**
 * @param inputs `pixels`: bytes [B, H, W, 3], which the library calls bool, not yet on the device
 */
export const gpuNetworkInput: NativeKernel = (runtime, { pixels }, attributes) => {
  const bytes = pixels!.dataSync() as Uint8Array;
  return tf.tidy(() => {
    const factor = tf.tensor1d(STD.map((std) => 1 / (255 * std)));
    const shift = tf.tensor1d(STD.map((std, channel) => -MEAN[channel]! / std));
    const values = runtime.floatsOfBytes(bytes, pixels!.shape);
    const colours: tf.Tensor4D = tf.add(tf.mul(values, factor), shift);
    return attributes['sobel'] === true ? sobelOf(tf.mean(colours, 3)) : colours;
  });
};

/**
 * Each map is a difference along one axis of a sum, weighted 1 2 1, along the other.
 * @param grey [B, H, W]
 * @returns [B, H, W, 2]: left minus right, upper minus lower
 */
function sobelOf(grey: tf.Tensor3D): tf.Tensor4D {
  const [batch, height, width] = grey.shape;
  const padded = tf.pad3d(grey, [
    [0, 0],
    [1, 1],
    [1, 1],
  ]);
  const rows = (from: number, x: tf.Tensor3D) =>
    tf.slice3d(x, [0, from, 0], [batch, height, x.shape[2]]);
  const columns = (from: number, x: tf.Tensor3D) =>
    tf.slice3d(x, [0, 0, from], [batch, x.shape[1], width]);
  const smooth = (part: typeof rows, x: tf.Tensor3D): tf.Tensor3D =>
    tf.add(tf.add(part(0, x), part(2, x)), tf.mul(part(1, x), 2));
  const across = smooth(rows, tf.sub(columns(0, padded), columns(2, padded)));
  const down = smooth(columns, tf.sub(rows(0, padded), rows(2, padded)));
  return tf.stack([across, down], 3) as tf.Tensor4D;
}
