/**
 * Products of two matrices, either of them transposed, by the window kernels: rows of a plain matrix are windows of one
 * segment. Batched products, and those with both transposed, go to the backend's own kernel.
 */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { allocate, type WasmKernel } from './backend.ts';
import {
  PLAIN,
  matrixRows,
  multiplyTransposedWindows,
  multiplyWindows,
  rowOffsetsOf,
} from './window-products.ts';

/** In place of the backend's kernel. @param stock the backend's own kernel */
export function matrixProduct(stock: WasmKernel): WasmKernel {
  return (backend, inputs, attributes) => {
    const [a, b] = [inputs['a']!, inputs['b']!];
    const [isATurned, isBTurned] = [
      attributes['transposeA'] === true,
      attributes['transposeB'] === true,
    ];
    const isBatched = sizeOfBatch(a) * sizeOfBatch(b) > 1;
    const isEmpty = tf.util.sizeFromShape(a.shape) * tf.util.sizeFromShape(b.shape) === 0;
    if (isBatched || isEmpty || (isATurned && isBTurned)) return stock(backend, inputs, attributes);
    return isATurned ? turnedTimesPlain(backend, a, b) : plainTimes(backend, a, b, isBTurned);
  };
}

function plainTimes(
  backend: BackendWasm,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  isBTurned: boolean,
): tf.TensorInfo {
  const [rows, inner] = sidesOf(a);
  const columns = sidesOf(b)[isBTurned ? 0 : 1];
  const product = allocate(backend, [...leadingOf(a, b), rows, columns]);
  const starts = Int32Array.from({ length: inner }, (_, e) => (isBTurned ? e : e * columns));
  const matrix = { source: b, starts, columns, columnStride: isBTurned ? inner : 1 };
  const windows = matrixRows(a, rows, inner);
  multiplyWindows(backend, windows, matrix, PLAIN, product, rowOffsetsOf(rows, columns));
  return product;
}

function turnedTimesPlain(backend: BackendWasm, a: tf.TensorInfo, b: tf.TensorInfo): tf.TensorInfo {
  const [inner, rows] = sidesOf(a);
  const columns = sidesOf(b)[1];
  const product = allocate(backend, [...leadingOf(a, b), rows, columns]);
  multiplyTransposedWindows(backend, matrixRows(a, inner, rows), b, columns, product);
  return product;
}

function sidesOf({ shape }: tf.TensorInfo): readonly [number, number] {
  return shape.slice(-2) as [number, number];
}

/** Leading sides of the product; all of them 1 here. */
function leadingOf(a: tf.TensorInfo, b: tf.TensorInfo): number[] {
  return (a.shape.length >= b.shape.length ? a : b).shape.slice(0, -2);
}

function sizeOfBatch({ shape }: tf.TensorInfo): number {
  return tf.util.sizeFromShape(shape.slice(0, -2));
}
