/**
 * The operations of the network for engines that are backends of TensorFlow.js: kernels by name, so
 * that an engine brings its own, and for those that no engine must have, compositions and plain
 * loops.
 */
import * as tf from '@tensorflow/tfjs';
import type { Operations } from '../operations.ts';
import * as frontEnd from '../plain/front-end.ts';
import { requireClass, softmaxLoss } from '../plain/softmax-loss.ts';
import { batchNorm, batchNormGradient } from './batch-norm.ts';
import { dropoutMask } from './dropout-mask.ts';
import {
  ADD_INTO_KERNEL,
  DENSE_INPUT_GRADIENT_KERNEL,
  NETWORK_INPUT_KERNEL,
  RELU_GRADIENT_KERNEL,
  SOFTMAX_LOSS_KERNEL,
  hasKernel,
  runKernel,
} from './named-kernels.ts';
import {
  convFilterGradient,
  convInputGradient,
  convolve,
  maxPool,
  maxPoolGradient,
} from './windows.ts';

/** @param backend as the library knows it; must be the current one when an operation is called */
export function operationsOn(backend: string): Operations {
  return {
    ...{ convolve, convFilterGradient, convInputGradient, maxPool, maxPoolGradient },
    networkInput: (...input) => networkInput(backend, ...input),
    batchNorm: (...input) => batchNorm(backend, ...input),
    batchNormGradient: (...input) => batchNormGradient(backend, ...input),
    globalAveragePool: (x) => tf.mean(x, [1, 2]),
    globalAveragePoolGradient: (dy, [b, h, w, c]) =>
      tf.tidy(() => tf.tile(tf.reshape(tf.div(dy, h * w), [b, 1, 1, c]), [1, h, w, 1])),
    reluGradient: (dy, y) =>
      hasKernel(RELU_GRADIENT_KERNEL, backend)
        ? (runKernel(RELU_GRADIENT_KERNEL, { dy, y }, {}) as tf.Tensor)
        : tf.tidy(() => tf.mul(dy, tf.step(y))),
    addInto: (...input) => addInto(backend, ...input),
    denseInputGradient: (dy, weight) =>
      hasKernel(DENSE_INPUT_GRADIENT_KERNEL, backend)
        ? (runKernel(DENSE_INPUT_GRADIENT_KERNEL, { dy, weight }, {}) as tf.Tensor)
        : tf.matMul(dy, weight, false, true),
    dropoutMask: (...input) => dropoutMask(backend, ...input),
    softmaxCrossEntropy: (...input) => softmaxCrossEntropy(backend, ...input),
  };
}

/** On the engine where that has a kernel for it, else by plain loops. */
function networkInput(
  backend: string,
  ...[images, count, size, sobel]: Parameters<Operations['networkInput']>
): tf.Tensor4D {
  if (hasKernel(NETWORK_INPUT_KERNEL, backend)) {
    // Bytes are of type bool to the library: its only type that takes them as they are.
    const pixels = tf.tensor4d(images, [count, size, size, 3], 'bool');
    const input = runKernel(NETWORK_INPUT_KERNEL, { pixels }, { sobel }) as tf.Tensor4D;
    pixels.dispose();
    return input;
  }
  const values = frontEnd.networkInput(images, count, size, sobel);
  return tf.tensor4d(values, [count, size, size, sobel ? 2 : 3]);
}

function addInto(
  backend: string,
  ...[sum, part, rectify]: Parameters<Operations['addInto']>
): tf.Tensor {
  if (hasKernel(ADD_INTO_KERNEL, backend)) {
    runKernel(ADD_INTO_KERNEL, { sum, part }, { rectify });
    return sum;
  }
  const y = tf.tidy(() => {
    const plain = tf.add(sum, part);
    return rectify ? tf.relu(plain) : plain;
  });
  sum.dispose();
  return y;
}

function softmaxCrossEntropy(
  backend: string,
  ...[logits, pseudoLabels, weights]: Parameters<Operations['softmaxCrossEntropy']>
): ReturnType<Operations['softmaxCrossEntropy']> {
  const [rows, classes] = logits.shape;
  if (!hasKernel(SOFTMAX_LOSS_KERNEL, backend)) {
    const loss = softmaxLoss(logits.dataSync<'float32'>(), pseudoLabels, classes, weights);
    return { gradient: tf.tensor2d(loss.gradient, [rows, classes]), lossSum: () => loss.lossSum };
  }
  for (const label of pseudoLabels) requireClass(label, classes);
  const labels = tf.tensor1d(pseudoLabels, 'int32');
  const outputs = runKernel(SOFTMAX_LOSS_KERNEL, { logits, labels }, {});
  labels.dispose();
  const [losses, plain] = outputs as [tf.Tensor1D, tf.Tensor2D];
  const lossSum = (): number =>
    losses
      .dataSync<'float32'>()
      .reduce((sum, loss, row) => sum + (weights === null ? 1 : weights[row]!) * loss, 0);
  if (weights === null) return { gradient: plain, lossSum };
  const gradient: tf.Tensor2D = tf.tidy(() => tf.mul(plain, tf.tensor2d(weights, [rows, 1])));
  plain.dispose();
  return { gradient, lossSum };
}
