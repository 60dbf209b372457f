/**
 * The pass that makes features: running statistics, no dropout, no gradient. Each convolution takes its batch norm in:
 * scale * (conv(x) + bias - mean) + beta is a convolution too, with another filter and bias. Shapes: B images.
 */
import * as tf from '@tensorflow/tfjs';
import { BATCH_NORM_EPSILON, type Operations } from '../engine/operations.ts';
import { cosines } from './cosine.ts';
import type { BatchNormLayer, ConvLayer, Layer, ResidualLayer } from './layers.ts';
import { variableOf, type Variables } from './training-pass.ts';

/** One operation of the pass; its result is new, `x` is left alone. */
type Stage = (x: tf.Tensor) => tf.Tensor;

export interface EvaluationPass {
  /** @param x [B, H, W, C]; the result is the caller's, and so is `x` */
  readonly run: (x: tf.Tensor) => tf.Tensor;
  readonly dispose: () => void;
}

/**
 * Prepares the pass through `layers`; what it holds of its own lives until `dispose`.
 * @param variables parameters and running statistics by name; must outlive the pass
 * @param operations of the engine that is current, now and when the pass runs
 */
export function evaluationPass(
  layers: readonly Layer[],
  variables: Variables,
  operations: Operations,
): EvaluationPass {
  const owned: tf.Tensor[] = [];
  const stages = stagesOf(layers, { variables, operations, owned });
  return {
    run: (x) => tf.tidy(() => runThrough(stages, x)),
    dispose: () => {
      tf.dispose(owned);
    },
  };
}

/** What stages are made of. */
interface Made {
  readonly variables: Variables;
  readonly operations: Operations;
  /** Receives the tensors that the stages hold. */
  readonly owned: tf.Tensor[];
}

function stagesOf(layers: readonly Layer[], made: Made): Stage[] {
  const { variables, operations, owned } = made;
  const stages: Stage[] = [];
  for (let i = 0; i < layers.length; i += 1) {
    const layer = layers[i]!;
    const [next, afterNext] = [layers[i + 1], layers[i + 2]];
    if (layer.kind === 'conv' && next?.kind === 'batchNorm') {
      const { filter, bias } = foldBatchNorm(layer, next, variables);
      owned.push(filter, bias);
      const activation = afterNext?.kind === 'relu' ? 'relu' : 'linear';
      stages.push((x) => operations.convolve(x as tf.Tensor4D, filter, bias, layer, activation));
      i += activation === 'relu' ? 2 : 1;
    } else if (layer.kind === 'batchNorm') {
      const { scale, shift } = affineOf(layer, variables);
      owned.push(scale, shift);
      stages.push((x) => tf.tidy(() => tf.add(tf.mul(x, scale), shift)));
    } else if (layer.kind === 'residual') {
      stages.push(residualStage(layer, made));
    } else {
      stages.push((x) => apply(layer, x, made));
    }
  }
  return stages;
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

function residualStage(block: ResidualLayer, made: Made): Stage {
  const main = stagesOf(block.main, made);
  const shortcut = stagesOf(block.shortcut, made);
  return (x) => {
    const [long, short] = [runThrough(main, x), runThrough(shortcut, x)];
    const sum = tf.add(long, short);
    const y = tf.relu(sum);
    tf.dispose([long, short, sum]);
    return y;
  };
}

/** Batch norm by running statistics: x times scale plus shift. @returns [C] each */
function affineOf(
  { name, channels, isAffine }: BatchNormLayer,
  variables: Variables,
): { scale: tf.Tensor1D; shift: tf.Tensor1D } {
  const get = (part: string): tf.Tensor1D =>
    variableOf(variables, `${name}.${part}`) as tf.Tensor1D;
  return tf.tidy(() => {
    const [gamma, beta] = isAffine
      ? [get('weight'), get('bias')]
      : [tf.ones<tf.Rank.R1>([channels]), tf.zeros<tf.Rank.R1>([channels])];
    const deviation = tf.sqrt(tf.add(get('running_var'), BATCH_NORM_EPSILON));
    const scale: tf.Tensor1D = tf.div(gamma, deviation);
    const shift: tf.Tensor1D = tf.sub(beta, tf.mul(get('running_mean'), scale));
    return { scale, shift };
  });
}

function foldBatchNorm(
  conv: ConvLayer,
  norm: BatchNormLayer,
  variables: Variables,
): { filter: tf.Tensor4D; bias: tf.Tensor1D } {
  return tf.tidy(() => {
    const { scale, shift } = affineOf(norm, variables);
    const filter: tf.Tensor4D = tf.mul(variableOf(variables, `${conv.name}.weight`), scale);
    if (!conv.hasBias) return { filter, bias: shift };
    const bias: tf.Tensor1D = tf.add(
      tf.mul(variableOf(variables, `${conv.name}.bias`), scale),
      shift,
    );
    return { filter, bias };
  });
}

function apply(
  layer: Exclude<Layer, BatchNormLayer | ResidualLayer>,
  x: tf.Tensor,
  { variables, operations }: Made,
): tf.Tensor {
  switch (layer.kind) {
    case 'conv':
      throw new TypeError('a convolution without batch norm');
    case 'relu':
      return tf.relu(x);
    case 'maxPool':
      return operations.maxPool(x as tf.Tensor4D, layer);
    case 'globalAveragePool':
      return operations.globalAveragePool(x as tf.Tensor4D);
    case 'flatten':
      return tf.reshape(x, [x.shape[0], -1]);
    case 'dropout':
      return tf.clone(x);
    case 'dense': {
      const product = tf.matMul(x, variableOf(variables, `${layer.name}.weight`));
      const y = tf.add(product, variableOf(variables, `${layer.name}.bias`));
      product.dispose();
      return y;
    }
    case 'cosine': {
      const weight = variableOf(variables, `${layer.name}.weight`) as tf.Tensor2D;
      return cosines(x as tf.Tensor2D, weight);
    }
  }
}
