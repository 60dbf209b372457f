/**
 * The layer of prototypes: cosines of features and learned directions. Source: Caron et al. 2020
 * (arXiv:2006.09882), section 3.1, which keeps both at length 1. Here the lengths are divided out
 * in the pass. Shapes: R rows, d columns, K prototypes; the weight is [d, K].
 */
import * as tf from '@tensorflow/tfjs';
import { NORM_EPSILON } from '../clustering/nearest-two.ts';

/** Vectors along an axis, as directions and lengths. */
interface Normalised {
  readonly unit: tf.Tensor2D;
  /** Of the same rank. */
  readonly lengths: tf.Tensor;
}

export interface CosineGradients {
  /** [R, d] */
  readonly dx: tf.Tensor2D;
  /** [d, K] */
  readonly dWeight: tf.Tensor2D;
}

/** @returns [R, K] */
export function cosines(x: tf.Tensor2D, weight: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => tf.matMul(normalised(x, 1).unit, normalised(weight, 0).unit));
}

/** @returns [R, d] */
export function unitRows(x: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => normalised(x, 1).unit);
}

/** @param dy [R, K] gradient with respect to the cosines */
export function cosineGradients(
  dy: tf.Tensor2D,
  x: tf.Tensor2D,
  weight: tf.Tensor2D,
): CosineGradients {
  return tf.tidy(() => {
    const [rows, prototypes] = [normalised(x, 1), normalised(weight, 0)];
    const dRows = tf.matMul<tf.Tensor2D>(dy, prototypes.unit, false, true);
    const dPrototypes = tf.matMul<tf.Tensor2D>(rows.unit, dy, true, false);
    return {
      dx: throughLength(dRows, rows, 1),
      dWeight: throughLength(dPrototypes, prototypes, 0),
    };
  });
}

function normalised(vectors: tf.Tensor2D, axis: 0 | 1): Normalised {
  const lengths = tf.add(tf.norm(vectors, 'euclidean', axis, true), NORM_EPSILON);
  return { unit: tf.div(vectors, lengths), lengths };
}

/** Through u = v / |v|: what points along u does not change it. @param dUnit with respect to u */
function throughLength(dUnit: tf.Tensor2D, { unit, lengths }: Normalised, axis: 0 | 1) {
  const along = tf.mul(unit, tf.sum(tf.mul(unit, dUnit), axis, true));
  return tf.div<tf.Tensor2D>(tf.sub(dUnit, along), lengths);
}
