/**
 * Products of the rows of two matrices, by an engine. Shapes: n and m rows, D columns; matrices
 * are flat and row-major.
 */
import * as tf from '@tensorflow/tfjs';
import type { Engine } from './engine.ts';

/**
 * Each product is summed in float32, in an order of the engine's.
 * @param a [n, D]
 * @param b [m, D]
 * @returns [n, m], the caller's
 */
export function rowProducts(
  { run, products }: Pick<Engine, 'run' | 'products'>,
  a: Float32Array,
  b: Float32Array,
  dim: number,
): Float32Array {
  return run(() => {
    const rows = tf.tensor2d(a, [a.length / dim, dim]);
    const columns = tf.tensor2d(b, [b.length / dim, dim]);
    const product = products.multiply(rows, columns, false, true);
    const values = product.dataSync<'float32'>().slice();
    tf.dispose([rows, columns, product]);
    return values;
  });
}
