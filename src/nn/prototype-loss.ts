/**
 * The loss of DeepCluster-v2: unit features against frozen prototypes, one softmax for each head.
 * Source: Caron et al. 2020 (arXiv:2006.09882), section 4 and appendix on DeepCluster-v2:
 * l = mean over heads of CE(softmax(C z / temperature), y), z = f / |f|.
 * Shapes: R views, d columns, K prototypes of a head, H heads.
 */
import * as tf from '@tensorflow/tfjs';
import { NORM_EPSILON } from '../clustering/nearest-two.ts';
import type { Prototypes } from '../clustering/prototypes.ts';
import type { Operations } from '../engine/operations.ts';

export interface PrototypeLoss {
  /** [R, d] z, the features as unit rows. */
  readonly rows: tf.Tensor2D;
  /** [R, d] gradient of the sum with respect to the features. */
  readonly gradient: tf.Tensor2D;
  /** Sum over views of the mean over heads, times `scale`; waits for the device. */
  readonly lossSum: () => number;
}

/**
 * @param features [R, d] of any length but 0
 * @param targets [R, H] a prototype for each view and head
 * @param scale what each view's loss is multiplied by: 1 / crops, where an image's loss is the mean
 * over its crops
 * @throws TrainerError PROTOCOL_VIOLATION for a target that is no prototype
 */
export function prototypeLoss(
  features: tf.Tensor2D,
  targets: Int32Array,
  { values, heads, clusters, temperature }: Prototypes,
  scale: number,
  operations: Pick<Operations, 'softmaxCrossEntropy'>,
): PrototypeLoss {
  const [views, dim] = features.shape;
  const lengths = tf.add(tf.norm(features, 'euclidean', 1, true), NORM_EPSILON);
  const rows = tf.div<tf.Tensor2D>(features, lengths);
  const sums: (() => number)[] = [];
  let byRows: tf.Tensor2D = tf.zeros([views, dim]);
  for (let head = 0; head < heads; head += 1) {
    const size = clusters * dim;
    const centroids = tf.tensor2d(values.subarray(head * size, (head + 1) * size), [clusters, dim]);
    const logits = tf.div<tf.Tensor2D>(tf.matMul(rows, centroids, false, true), temperature);
    const own = Int32Array.from({ length: views }, (_, view) => targets[view * heads + head]!);
    const { gradient, lossSum } = operations.softmaxCrossEntropy(logits, own, null);
    byRows = tf.add(byRows, tf.matMul(gradient, centroids));
    sums.push(lossSum);
  }
  const share = scale / heads;
  // Through z = f / |f|: what points along z does not change it.
  const along = tf.mul(rows, tf.sum(tf.mul(rows, byRows), 1, true));
  const perLogit = share / temperature;
  const gradient = tf.mul<tf.Tensor2D>(tf.div(tf.sub(byRows, along), lengths), perLogit);
  return { rows, gradient, lossSum: () => share * sums.reduce((sum, next) => sum + next(), 0) };
}
