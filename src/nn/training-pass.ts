/**
 * One pass through the network in training mode: batch statistics, dropout, and the way back. The network is a chain, in
 * residual blocks two that meet again, so the way back is the chain reversed: no graph, no recording. Nothing here waits for
 * the device. Shapes: B images, C channels.
 */
import * as tf from '@tensorflow/tfjs';
import type { BatchStatistics } from '../engine/engine.ts';
import type { Operations } from '../engine/operations.ts';
import { cosineGradients, cosines } from './cosine.ts';
import type { BatchNormLayer, Layer, ResidualLayer } from './layers.ts';
import { normaliseGroups } from './norm-groups.ts';

export type Variables = ReadonlyMap<string, tf.Tensor>;

/** Receives the gradient of a named variable, and owns it from then on. */
export type GradientSink = (name: string, gradient: tf.Tensor) => void;

export interface TrainingPass {
  readonly output: tf.Tensor;
  /** Output of the layer that `keep` names, the caller's; null without one. */
  readonly kept: tf.Tensor | null;
  /** The caller's, as `output` is. */
  readonly statistics: readonly BatchStatistics[];
  /** Goes back once, freeing what the pass holds; `dOutput` is the gradient with respect to `output`, and is freed too. */
  readonly backward: (dOutput: tf.Tensor, sink: GradientSink) => void;
}

export interface PassInput {
  readonly layers: readonly Layer[];
  /** Index of a layer whose output is wanted, too. */
  readonly keep?: number;
  /** How many images each group has that batch norm normalises together; left out: all are one. */
  readonly normGroups?: readonly number[];
  readonly variables: Variables;
  /** Of the engine that is current. */
  readonly operations: Operations;
  /** Of a named dropout layer: a factor for each element of this shape, 0 or 1 / (1 - probability). */
  readonly dropoutMask: (name: string, probability: number, shape: readonly number[]) => tf.Tensor;
}

/** Call it, and its `backward`, inside one `tf.tidy`. @param x the network's input [B, H, W, C]; left alone */
export function trainingPass(x: tf.Tensor, input: PassInput): TrainingPass {
  const pass: Pass = { ...input, statistics: [] };
  const end = input.keep === undefined ? 0 : input.keep + 1;
  const first = chain(input.layers.slice(0, end), x, pass, true);
  // The chain frees its tensors on the way back; what is kept is a second handle on the same numbers.
  const kept = input.keep === undefined ? null : tf.clone(first.y);
  const second = chain(input.layers.slice(end), first.y, pass, end === 0);
  return {
    output: second.y,
    kept,
    statistics: pass.statistics,
    backward: (dOutput, sink) => {
      const dFirst = second.backward(dOutput, sink);
      if (dFirst !== null) first.backward(dFirst, sink)?.dispose();
    },
  };
}

interface Pass extends Omit<PassInput, 'layers' | 'keep'> {
  readonly statistics: BatchStatistics[];
}

/**
 * Gradient with respect to a layer's input, given that with respect to its output; null where nobody needs it. It may be
 * dy itself, handed on.
 */
type Backward = (dy: tf.Tensor, sink: GradientSink) => tf.Tensor | null;

interface Step {
  /** The step's own tensor. */
  readonly y: tf.Tensor;
  readonly backward: Backward;
}

/** Some layers in a row, as one step. @param isFirst whether nobody needs the gradient with respect to `x` */
function chain(layers: readonly Layer[], x: tf.Tensor, pass: Pass, isFirst: boolean): Step {
  const tape: Step[] = [];
  let y = x;
  for (let i = 0; i < layers.length; i += 1) {
    const layer = layers[i]!;
    const next = layers[i + 1]?.kind;
    if (layer.kind === 'batchNorm') {
      const rectify = next === 'relu';
      const before = layers[i - 1];
      const biasName = before?.kind === 'conv' && before.hasBias ? `${before.name}.bias` : null;
      tape.push(normalise(layer, y, { rectify, biasName }, pass));
      if (rectify) i += 1;
    } else {
      const place = { isFirst: isFirst && i === 0, beforeNorm: next === 'batchNorm' };
      tape.push(forward(layer, y, pass, place));
    }
    y = tape.at(-1)!.y;
  }
  return { y, backward: (dy, sink) => runBack(tape, dy, sink) };
}

/**
 * A step's output is freed when the step has gone back: the step before it, whose output is its input, still needs that.
 * What arrives here of `dOutput` is freed on the way.
 */
function runBack(tape: readonly Step[], dOutput: tf.Tensor, sink: GradientSink): tf.Tensor | null {
  let dy: tf.Tensor | null = dOutput;
  for (const { y, backward } of tape.toReversed()) {
    const dx: tf.Tensor | null = dy === null ? null : backward(dy, sink);
    if (dx !== dy) dy?.dispose();
    y.dispose();
    dy = dx;
  }
  return dy;
}

function forward(
  layer: Exclude<Layer, BatchNormLayer>,
  x: tf.Tensor,
  pass: Pass,
  place: { isFirst: boolean; beforeNorm: boolean },
): Step {
  const { variables, operations, dropoutMask } = pass;
  switch (layer.kind) {
    case 'conv': {
      const filter = variableOf(variables, `${layer.name}.weight`) as tf.Tensor4D;
      // A batch norm behind it subtracts the bias again: it is not even added, and its gradient is zero.
      const isBiased = layer.hasBias && !place.beforeNorm;
      const bias = isBiased ? (variableOf(variables, `${layer.name}.bias`) as tf.Tensor1D) : null;
      const input = x as tf.Tensor4D;
      const backward: Backward = (dy4, sink) => {
        const dy = dy4 as tf.Tensor4D;
        sink(`${layer.name}.weight`, operations.convFilterGradient(input, dy, filter.shape, layer));
        if (isBiased) sink(`${layer.name}.bias`, tf.sum(dy, [0, 1, 2]));
        return place.isFirst ? null : operations.convInputGradient(dy, filter, input.shape, layer);
      };
      return { y: operations.convolve(input, filter, bias, layer), backward };
    }
    case 'relu': {
      const y = tf.relu(x);
      return { y, backward: (dy) => operations.reluGradient(dy, y) };
    }
    case 'maxPool': {
      const y = operations.maxPool(x as tf.Tensor4D, layer);
      const backward: Backward = (dy) =>
        operations.maxPoolGradient(dy as tf.Tensor4D, x as tf.Tensor4D, y, layer);
      return { y, backward };
    }
    case 'globalAveragePool': {
      const { shape } = x as tf.Tensor4D;
      const backward: Backward = (dy) =>
        operations.globalAveragePoolGradient(dy as tf.Tensor2D, shape);
      return { y: operations.globalAveragePool(x as tf.Tensor4D), backward };
    }
    case 'flatten': {
      const { shape } = x;
      return { y: tf.reshape(x, [shape[0], -1]), backward: (dy) => tf.reshape(dy, shape) };
    }
    case 'dropout': {
      if (layer.probability === 0) return { y: tf.clone(x), backward: (dy) => dy };
      const mask = dropoutMask(layer.name, layer.probability, x.shape);
      return { y: tf.mul(x, mask), backward: (dy) => tf.mul(dy, mask) };
    }
    case 'dense': {
      const weight = variableOf(variables, `${layer.name}.weight`);
      const bias = variableOf(variables, `${layer.name}.bias`);
      const backward: Backward = (dy, sink) => {
        sink(`${layer.name}.weight`, tf.matMul(x, dy, true, false));
        sink(`${layer.name}.bias`, tf.sum(dy, 0));
        return operations.denseInputGradient(dy, weight);
      };
      return { y: tf.tidy(() => tf.add(tf.matMul(x, weight), bias)), backward };
    }
    case 'cosine': {
      const weight = variableOf(variables, `${layer.name}.weight`) as tf.Tensor2D;
      const rows = x as tf.Tensor2D;
      const backward: Backward = (dy, sink) => {
        const { dx, dWeight } = cosineGradients(dy as tf.Tensor2D, rows, weight);
        sink(`${layer.name}.weight`, dWeight);
        return dx;
      };
      return { y: cosines(rows, weight), backward };
    }
    case 'residual':
      return residual(layer, x, pass);
  }
}

function residual({ main, shortcut }: ResidualLayer, x: tf.Tensor, pass: Pass): Step {
  const { operations } = pass;
  const long = chain(main, x, pass, false);
  const short = chain(shortcut, x, pass, false);
  // Both ways end in a batch norm, whose gradient does not read its output.
  const y = operations.addInto(long.y, short.y, true);
  if (shortcut.length > 0) short.y.dispose();
  const backward: Backward = (dy, sink) => {
    const dSum = operations.reluGradient(dy, y);
    // Either way frees what it is given, so each gets a tensor of its own; a clone shares the numbers.
    const dLong = long.backward(tf.clone(dSum), sink)!;
    const dShort = short.backward(dSum, sink)!;
    const dx = operations.addInto(dLong, dShort, false);
    dShort.dispose();
    return dx;
  };
  return { y, backward };
}

function normalise(
  { name, channels, isAffine }: BatchNormLayer,
  x: tf.Tensor,
  { rectify, biasName }: { rectify: boolean; biasName: string | null },
  { variables, operations, statistics, normGroups }: Pass,
): Step {
  const [gamma, beta] = (
    isAffine
      ? [variableOf(variables, `${name}.weight`), variableOf(variables, `${name}.bias`)]
      : [tf.ones([channels]), tf.zeros([channels])]
  ) as [tf.Tensor1D, tf.Tensor1D];
  // Vectors [B, C] are maps of one pixel; a reshaped tensor is a second handle on the same numbers.
  const isVector = x.rank === 2;
  const maps = (tensor: tf.Tensor): tf.Tensor4D =>
    isVector ? tf.reshape(tensor, [-1, 1, 1, channels]) : (tensor as tf.Tensor4D);
  const input = maps(x);
  const sizes = normGroups ?? [input.shape[0]];
  const batch = normaliseGroups({ x: input, gamma, beta, rectify }, sizes, operations);
  statistics.push({
    name,
    mean:
      biasName === null ? batch.mean.clone() : tf.add(batch.mean, variableOf(variables, biasName)),
    variance: batch.variance.clone(),
  });
  const backward: Backward = (dy, sink) => {
    const g = maps(dy);
    const { dx, dGamma, dBeta } = batch.gradient(g);
    if (isAffine) {
      sink(`${name}.weight`, dGamma);
      sink(`${name}.bias`, dBeta);
    }
    batch.dispose();
    if (!isVector) return dx;
    const vectors = tf.reshape(dx, x.shape);
    tf.dispose([g, input, batch.y, dx]);
    return vectors;
  };
  return { y: isVector ? tf.reshape(batch.y, x.shape) : batch.y, backward };
}

export function variableOf(variables: Variables, name: string): tf.Tensor {
  const variable = variables.get(name);
  if (variable === undefined) throw new TypeError(`no variable ${name} is loaded`);
  return variable;
}
