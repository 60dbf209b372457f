/**
 * Products of two matrices, either of them transposed, by the window kernels: rows of a plain
 * matrix are windows of one segment. Batched products, and those with both transposed, go to the
 * backend's own kernel.
 */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { Scratch, allocate, type WasmKernel } from '../backend.ts';
import {
  PLAIN,
  matrixRows,
  multiplyTransposedWindows,
  multiplyWindows,
  plainMatrix,
  rowOffsetsOf,
  transposeMatrix,
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

/**
 * Rows up to which packing the right matrix, which is read only once for each, would cost more than
 * it saves.
 */
const FEW_ROWS = 64;

/**
 * Each way to the product sums in the same order: the bits of a row do not depend on how many there
 * are.
 */
function plainTimes(
  backend: BackendWasm,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  isBTurned: boolean,
): tf.TensorInfo {
  const [rows, inner] = sidesOf(a);
  const columns = sidesOf(b)[isBTurned ? 0 : 1];
  const product = allocate(backend, [...leadingOf(a, b), rows, columns]);
  if (rows > FEW_ROWS || columns < rows) {
    const matrix = plainMatrix(b, inner, columns, isBTurned);
    const rowOffsets = rowOffsetsOf(rows, columns);
    multiplyWindows(backend, matrixRows(a, rows, inner), matrix, PLAIN, product, rowOffsets);
    return product;
  }
  const scratch = new Scratch(backend);
  if (isBTurned) {
    // transpose(b transpose(a)): the large matrix is read once, row by row.
    const turned = scratch.floats(columns * rows);
    const matrix = plainMatrix(a, inner, rows, true);
    const rowOffsets = rowOffsetsOf(columns, rows);
    multiplyWindows(backend, matrixRows(b, columns, inner), matrix, PLAIN, turned, rowOffsets);
    transposeMatrix(backend, turned, [columns, rows], product);
  } else {
    const turned = scratch.floats(inner * rows);
    transposeMatrix(backend, a, [rows, inner], turned);
    const windows = matrixRows(turned, inner, rows);
    multiplyTransposedWindows(backend, windows, b, columns, product, 'sequence');
  }
  scratch.free();
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
