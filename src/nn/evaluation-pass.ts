/**
 * The pass that makes features: running statistics, no dropout, no gradient. Each convolution takes its batch norm in:
 * scale * (conv(x) + bias - mean) + beta is a convolution too, with another filter and bias. Shapes: B images.
 */
import * as tf from '@tensorflow/tfjs';
import type { Layer } from './architectures.ts';
import { BATCH_NORM_EPSILON, convolve, maxPool } from './operations.ts';
import { variableOf, type Variables } from './training-pass.ts';

/** One operation of the pass. */
type Stage = (x: tf.Tensor) => tf.Tensor;

export interface EvaluationPass {
  /** @param x [B, H, W, C]; the result is the caller's, and so is `x` */
  readonly run: (x: tf.Tensor) => tf.Tensor;
  readonly dispose: () => void;
}

/**
 * Prepares the pass through `layers`; what it holds of its own lives until `dispose`.
 * @param variables parameters and running statistics by name; must outlive the pass
 */
export function evaluationPass(layers: readonly Layer[], variables: Variables): EvaluationPass {
  const owned: tf.Tensor[] = [];
  const stages: Stage[] = [];
  for (let i = 0; i < layers.length; i += 1) {
    const layer = layers[i]!;
    if (layer.kind === 'conv') {
      const [norm, relu] = [layers[i + 1], layers[i + 2]];
      if (norm?.kind !== 'batchNorm') throw new TypeError('a convolution without batch norm');
      const { filter, bias } = foldBatchNorm(layer.name, norm.name, variables);
      owned.push(filter, bias);
      const activation = relu?.kind === 'relu' ? 'relu' : 'linear';
      stages.push((x) => convolve(x as tf.Tensor4D, filter, bias, layer, activation));
      i += activation === 'relu' ? 2 : 1;
    } else {
      stages.push((x) => apply(layer, x, variables));
    }
  }
  return {
    run: (x) => tf.tidy(() => runThrough(stages, x)),
    dispose: () => {
      tf.dispose(owned);
    },
  };
}

/** Frees each activation as soon as the next is there: what a batch needs is two of them. */
function runThrough(stages: readonly Stage[], x: tf.Tensor): tf.Tensor {
  let y = tf.clone(x);
  for (const stage of stages) {
    const next = stage(y);
    y.dispose();
    y = next;
  }
  return y;
}

function foldBatchNorm(
  conv: string,
  norm: string,
  variables: Variables,
): { filter: tf.Tensor4D; bias: tf.Tensor1D } {
  const get = (layer: string, name: string): tf.Tensor1D =>
    variableOf(variables, `${layer}.${name}`) as tf.Tensor1D;
  return tf.tidy(() => {
    const variance = get(norm, 'running_var');
    const scale = tf.div(get(norm, 'weight'), tf.sqrt(tf.add(variance, BATCH_NORM_EPSILON)));
    const shift = tf.sub(get(conv, 'bias'), get(norm, 'running_mean'));
    const filter: tf.Tensor4D = tf.mul(variableOf(variables, `${conv}.weight`), scale);
    const bias: tf.Tensor1D = tf.add(tf.mul(shift, scale), get(norm, 'bias'));
    return { filter, bias };
  });
}

function apply(
  layer: Exclude<Layer, { kind: 'conv' }>,
  x: tf.Tensor,
  variables: Variables,
): tf.Tensor {
  switch (layer.kind) {
    case 'relu':
      return tf.relu(x);
    case 'maxPool':
      return maxPool(x as tf.Tensor4D, layer.window, layer.stride);
    case 'flatten':
      return tf.reshape(x, [x.shape[0], -1]);
    case 'dropout':
      return tf.clone(x);
    case 'dense': {
      const product = tf.matMul(x, variableOf(variables, `${layer.name}.weight`));
      return tf.add(product, variableOf(variables, `${layer.name}.bias`));
    }
    case 'batchNorm':
      throw new TypeError('a batch norm without convolution');
  }
}
