/**
 * Proves the engine in a process of its own: starts it as the program does, and compares a convolution and its gradient
 * with numbers worked out by hand. Prints one JSON object on stdout; anything else ends it with an error.
 */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../src/engine/start.ts';

/** Correlates [1 2 3; 4 5 6; 7 8 9] with [1 2; 3 4], and asks for the gradients of the sum. */
function checkConvolution(): void {
  const image = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
  const filter = tf.tensor4d([1, 2, 3, 4], [2, 2, 1, 1]);
  const correlate = (x: tf.Tensor, w: tf.Tensor): tf.Tensor =>
    tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'valid');
  const windows = [1 + 4 + 12 + 20, 2 + 6 + 15 + 24, 4 + 10 + 21 + 32, 5 + 12 + 24 + 36];
  assert.deepEqual([...correlate(image, filter).dataSync()], windows);

  const [byImage, byFilter] = tf.grads((x, w) => tf.sum(correlate(x, w)))([image, filter]);
  // Each pixel meets those weights whose window reaches it; each weight meets a window of four pixels.
  const perPixel = [1, 1 + 2, 2, 1 + 3, 1 + 2 + 3 + 4, 2 + 4, 3, 3 + 4, 4];
  const perWeight = [1 + 2 + 4 + 5, 2 + 3 + 5 + 6, 4 + 5 + 7 + 8, 5 + 6 + 8 + 9];
  assert.deepEqual([...byImage!.dataSync()], perPixel);
  assert.deepEqual([...byFilter!.dataSync()], perWeight);
}

const { version, device, threads, hasOwnKernels } = await startEngine('tensorflow', {});
tf.tidy(checkConvolution);
process.stdout.write(`${JSON.stringify({ version, device, threads, hasOwnKernels })}\n`);
