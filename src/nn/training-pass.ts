/**
 * One pass through the network in training mode: batch statistics, dropout, and the way back. The network is a chain, so
 * the way back is the chain reversed: no graph, no recording. Shapes: B images, C channels.
 */
import * as tf from '@tensorflow/tfjs';
import type { Layer } from './architectures.ts';
import {
  batchNorm,
  batchNormGradient,
  convFilterGradient,
  convInputGradient,
  convolve,
  maxPool,
  maxPoolGradient,
} from './operations.ts';

export type Variables = ReadonlyMap<string, tf.Tensor>;

/** Receives the gradient of a named variable; the tensor is disposed after the call. */
export type GradientSink = (name: string, gradient: tf.Tensor) => void;

/** What a batch-norm layer measured. */
export interface BatchStatistics {
  /** Of the layer. */
  readonly name: string;
  /** [C] */
  readonly mean: Float32Array;
  /** [C], biased */
  readonly variance: Float32Array;
  /** Elements behind each mean: B x H x W. */
  readonly count: number;
}

export interface TrainingPass {
  readonly output: tf.Tensor;
  readonly statistics: readonly BatchStatistics[];
  /** Goes back once, freeing what the pass holds; `dOutput` is the gradient with respect to `output`. */
  readonly backward: (dOutput: tf.Tensor, sink: GradientSink) => void;
}

export interface PassInput {
  readonly layers: readonly Layer[];
  readonly variables: Variables;
  /** Of a named dropout layer: a factor for each of these elements, 0 or 1 / (1 - probability). */
  readonly dropoutMask: (name: string, probability: number, elements: number) => Float32Array;
}

/** Call it, and its `backward`, inside one `tf.tidy`. @param x the network's input [B, H, W, C] */
export function trainingPass(x: tf.Tensor, input: PassInput): TrainingPass {
  const { layers } = input;
  const tape: Step[] = [];
  const statistics: BatchStatistics[] = [];
  let y = x;
  for (let i = 0; i < layers.length; i += 1) {
    const layer = layers[i]!;
    const next = layers[i + 1]?.kind;
    if (layer.kind === 'batchNorm') {
      const rectify = next === 'relu';
      const step = normalise(layer.name, y as tf.Tensor4D, rectify, input.variables);
      statistics.push(step.statistics);
      tape.push(step);
      y = step.y;
      if (rectify) i += 1;
      continue;
    }
    const step = forward(layer, y, input, { isFirst: i === 0, beforeNorm: next === 'batchNorm' });
    tape.push(step);
    y = step.y;
  }
  return {
    output: y,
    statistics,
    backward: (dy, sink) => {
      runBack(tape, dy, sink);
    },
  };
}

/** Gradient with respect to a layer's input, given that with respect to its output; null where nobody needs it. */
type Backward = (dy: tf.Tensor, sink: GradientSink) => tf.Tensor | null;

/** A step frees its output when it has gone back: the step before it, whose output is its input, still needs that. */
function runBack(tape: readonly Step[], dOutput: tf.Tensor, sink: GradientSink): void {
  let dy: tf.Tensor | null = dOutput;
  for (const { y, backward } of tape.toReversed()) {
    if (dy === null) return;
    const dx: tf.Tensor | null = backward(dy, sink);
    tf.dispose([dy, y]);
    dy = dx;
  }
  dy?.dispose();
}

interface Step {
  /** The step's own tensor. */
  readonly y: tf.Tensor;
  readonly backward: Backward;
}

function forward(
  layer: Exclude<Layer, { kind: 'batchNorm' }>,
  x: tf.Tensor,
  { variables, dropoutMask }: PassInput,
  place: { isFirst: boolean; beforeNorm: boolean },
): Step {
  switch (layer.kind) {
    case 'conv': {
      const filter = variableOf(variables, `${layer.name}.weight`) as tf.Tensor4D;
      const bias = variableOf(variables, `${layer.name}.bias`) as tf.Tensor1D;
      const input = x as tf.Tensor4D;
      const backward: Backward = (dy4, sink) => {
        const dy = dy4 as tf.Tensor4D;
        give(sink, `${layer.name}.weight`, convFilterGradient(input, dy, filter.shape, layer));
        // A batch norm behind it subtracts the bias again: its gradient is zero, and not computed.
        if (!place.beforeNorm) give(sink, `${layer.name}.bias`, tf.sum(dy, [0, 1, 2]));
        return place.isFirst ? null : convInputGradient(dy, filter, input.shape, layer);
      };
      return { y: convolve(input, filter, bias, layer), backward };
    }
    case 'relu': {
      const y = tf.relu(x);
      return { y, backward: (dy) => tf.tidy(() => tf.mul(dy, tf.step(y))) };
    }
    case 'maxPool': {
      const { window, stride } = layer;
      const y = maxPool(x as tf.Tensor4D, window, stride);
      const backward: Backward = (dy) =>
        maxPoolGradient(dy as tf.Tensor4D, x as tf.Tensor4D, y, window, stride);
      return { y, backward };
    }
    case 'flatten': {
      const { shape } = x;
      return { y: tf.reshape(x, [shape[0], -1]), backward: (dy) => tf.reshape(dy, shape) };
    }
    case 'dropout': {
      if (layer.probability === 0) return { y: tf.clone(x), backward: (dy) => tf.clone(dy) };
      const mask = tf.tensor(dropoutMask(layer.name, layer.probability, x.size), x.shape);
      return { y: tf.mul(x, mask), backward: (dy) => tf.mul(dy, mask) };
    }
    case 'dense': {
      const weight = variableOf(variables, `${layer.name}.weight`);
      const bias = variableOf(variables, `${layer.name}.bias`);
      const backward: Backward = (dy, sink) => {
        give(sink, `${layer.name}.weight`, tf.matMul(x, dy, true, false));
        give(sink, `${layer.name}.bias`, tf.sum(dy, 0));
        return tf.matMul(dy, weight, false, true);
      };
      return { y: tf.tidy(() => tf.add(tf.matMul(x, weight), bias)), backward };
    }
  }
}

function normalise(
  name: string,
  x: tf.Tensor4D,
  rectify: boolean,
  variables: Variables,
): Step & { readonly statistics: BatchStatistics } {
  const gamma = variableOf(variables, `${name}.weight`) as tf.Tensor1D;
  const beta = variableOf(variables, `${name}.bias`) as tf.Tensor1D;
  const batch = batchNorm(x, gamma, beta, rectify);
  const statistics = {
    name,
    mean: batch.mean.dataSync<'float32'>(),
    variance: batch.variance.dataSync<'float32'>(),
    count: x.size / gamma.size,
  };
  const backward: Backward = (dy, sink) => {
    const { dx, dGamma, dBeta } = batchNormGradient(dy as tf.Tensor4D, x, gamma, batch, rectify);
    give(sink, `${name}.weight`, dGamma);
    give(sink, `${name}.bias`, dBeta);
    tf.dispose([batch.mean, batch.variance]);
    return dx;
  };
  return { y: batch.y, statistics, backward };
}

function give(sink: GradientSink, name: string, gradient: tf.Tensor): void {
  sink(name, gradient);
  gradient.dispose();
}

export function variableOf(variables: Variables, name: string): tf.Tensor {
  const variable = variables.get(name);
  if (variable === undefined) throw new TypeError(`no variable ${name} is loaded`);
  return variable;
}
