/**
 * Products of one matrix of rows with others, by an engine: the matrix stays there between them.
 * In float32. Shapes: n rows, W columns, C rows of the other factor; all flat and row-major.
 */
import * as tf from '@tensorflow/tfjs';
import type { Engine } from './engine.ts';

/** The engine must outlive what is opened. @returns opens a matrix [n, W] */
export function rowMatricesOn({ run, products }: Pick<Engine, 'run' | 'products'>) {
  return (rows: Float32Array, width: number) => {
    const shape: [number, number] = [rows.length / width, width];
    const matrix = run(() => tf.tensor2d(rows, shape));
    const product = (factor: tf.Tensor2D, transposesRows: boolean): Float64Array => {
      const result = transposesRows
        ? products.multiply(factor, matrix, true)
        : products.multiply(matrix, factor, false, true);
      const values = Float64Array.from(result.dataSync<'float32'>());
      tf.dispose([factor, result]);
      return values;
    };
    return {
      /** @param weights [C, W] @returns [n, C] */
      logits: (weights: Float64Array, classes: number): Float64Array =>
        run(() => product(tf.tensor2d(Float32Array.from(weights), [classes, width]), false)),
      /** @param residuals [n, C] @returns [C, W] */
      gradient: (residuals: Float64Array, classes: number): Float64Array =>
        run(() => product(tf.tensor2d(Float32Array.from(residuals), [shape[0], classes]), true)),
      end: (): void => {
        run(() => {
          matrix.dispose();
        });
      },
    };
  };
}
