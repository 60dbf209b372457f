/** What clustering asks of an engine: matrix products, and how exact they are. */
import type * as tf from '@tensorflow/tfjs';

/** A product of two matrices, each transposed first if asked. */
export type Multiply = (
  a: tf.Tensor2D,
  b: tf.Tensor2D,
  transposeA?: boolean,
  transposeB?: boolean,
) => tf.Tensor2D;

export interface Products {
  /** Does synchronous work on the engine. */
  readonly run: <T>(work: () => T) => T;
  /** In float32, with factors of 24 bits, also where the engine's own product takes fewer. */
  readonly multiply: Multiply;
  /**
   * By how much of its size the engine's own product rounds each factor; 0 where it takes all 24
   * bits.
   */
  readonly factorRounding: number;
  /**
   * Products in bfloat16, where the engine has them and they are faster than in float32; else null.
   */
  readonly bfloat16: () => Bfloat16Products | null;
}

/**
 * Matrices in bfloat16, which the tensor library has no name for: each goes by a number of the
 * engine's.
 */
export interface Bfloat16Products {
  /** Rounded to bfloat16, ties to even. @returns the number of a new matrix, to be dropped */
  round(tensor: tf.Tensor): number;
  /** The same numbers in float32. */
  widen(id: number): tf.Tensor;
  /**
   * The product, rounded to bfloat16: pairs of columns, the even one in the low half of an integer.
   */
  multiply(a: number, b: number, shape: readonly [rows: number, columns: number]): Int32Array;
  drop(id: number): void;
}
