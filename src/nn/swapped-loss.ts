/**
 * SwAV's loss at the end of a training pass. The cosines come to the host and their gradient goes
 * back: the codes are made there (src/clustering/swapped-prediction.ts). Shapes: n images of V
 * crops, d columns of a feature, K prototypes, L images of the queue.
 */
import * as tf from '@tensorflow/tfjs';
import { swappedLoss, type SwappedPrediction } from '../clustering/swapped-prediction.ts';
import { requireLength } from '../math/checks.ts';
import { cosines, unitRows } from './cosine.ts';

export interface LossOfPass {
  /** [n * V, K] of the sum, with respect to the pass' cosines. */
  readonly gradient: tf.Tensor2D;
  readonly lossSum: () => number;
  /** [n * V, d] unit rows; waits for the device. */
  readonly features: () => Float32Array;
}

/** What a pass came to. */
interface PassEnd {
  /** [n * V, K] cosines */
  readonly output: tf.Tensor2D;
  /** [n * V, d] features of any length */
  readonly features: tf.Tensor2D;
}

/**
 * @param prototypes [d, K] of any length, by which the pass made its cosines
 * @throws TrainerError SHAPE_MISMATCH for a queue of other rows
 */
export function lossOfPass(
  { output, features }: PassEnd,
  prototypes: tf.Tensor2D,
  swapped: SwappedPrediction,
): LossOfPass {
  const [rows, clusters] = output.shape;
  const own = output.dataSync<'float32'>();
  const queue = queueCosines(prototypes, swapped);
  const { lossSum, gradient } = swappedLoss({ own, queue, clusters }, swapped);
  return {
    gradient: tf.tensor2d(gradient, [rows, clusters]),
    lossSum: () => lossSum,
    features: () => unitRows(features).dataSync<'float32'>().slice(),
  };
}

/** @returns [L, V, K] */
function queueCosines(prototypes: tf.Tensor2D, { queue, crops }: SwappedPrediction): Float32Array {
  if (queue.length === 0) return queue;
  const [dim] = prototypes.shape;
  const images = Math.floor(queue.length / (crops * dim));
  requireLength('rows of the queue', queue, images * crops * dim);
  return cosines(tf.tensor2d(queue, [images * crops, dim]), prototypes).dataSync<'float32'>();
}
