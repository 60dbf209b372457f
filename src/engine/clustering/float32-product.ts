/**
 * Products of matrices in float32. A GPU multiplies float32 as TF32, which keeps 11 significant
 * bits of each factor: good for training, but neither for moments nor for eigenvectors. There each
 * factor is cut in two that TF32 holds, and what is left out is the product of the two smaller
 * parts: about 2^-22 of the product of the factors, as with float32 itself. Sources: Dekker 1971
 * (the cut, by Veltkamp); Markidis et al. 2018 (products of low precision refined by their
 * remainders).
 */
import * as tf from '@tensorflow/tfjs';
import type { Multiply } from './products.ts';

/** @param multiply whose factors may be rounded to 11 bits */
export function splitProduct(
  a: tf.Tensor2D,
  b: tf.Tensor2D,
  transposeA = false,
  transposeB = false,
  multiply: Multiply = tf.matMul,
): tf.Tensor2D {
  return tf.tidy(() => {
    const [left, right] = [splitFactor(a), splitFactor(b)];
    const times = (x: tf.Tensor2D, y: tf.Tensor2D) => multiply(x, y, transposeA, transposeB);
    const small = tf.add(times(left.high, right.low), times(left.low, right.high));
    return tf.add<tf.Tensor2D>(times(left.high, right.high), small);
  });
}

/** 2^13 + 1: leaves 24 - 13 bits. */
const SPLITTER = 8193;

/** high + low is the matrix to the bit, high has 11 significant bits, and low no more than 13. */
export function splitFactor(matrix: tf.Tensor2D): { high: tf.Tensor2D; low: tf.Tensor2D } {
  return tf.tidy(() => {
    const scaled = tf.mul<tf.Tensor2D>(matrix, SPLITTER);
    const high = tf.sub<tf.Tensor2D>(scaled, tf.sub(scaled, matrix));
    return { high, low: tf.sub<tf.Tensor2D>(matrix, high) };
  });
}
