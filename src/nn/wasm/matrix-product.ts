/**
 * Products of two matrices where one is transposed: turned first, then multiplied, since the backend is fast for plain
 * products only. Batched products go to the backend's own kernel.
 */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { allocate, free, reshaped, viewOf, type WasmKernel } from './backend.ts';

/** The backend's kernel with transposed matrices made plain. @param stock the backend's own kernel */
export function matrixProduct(stock: WasmKernel): WasmKernel {
  return (backend, inputs, attributes) => {
    const [a, b] = [inputs['a']!, inputs['b']!];
    const { transposeA, transposeB } = attributes;
    const isPlain = transposeA !== true && transposeB !== true;
    if (isPlain || sizeOfBatch(a) * sizeOfBatch(b) > 1) return stock(backend, inputs, attributes);
    const left = transposeA === true ? transposed(backend, a) : a;
    const right = transposeB === true ? transposed(backend, b) : b;
    const plain = { transposeA: false, transposeB: false };
    const product = stock(backend, { a: left, b: right }, plain) as tf.TensorInfo;
    if (left !== a) free(backend, left);
    if (right !== b) free(backend, right);
    return product;
  };
}

function sizeOfBatch({ shape }: tf.TensorInfo): number {
  return tf.util.sizeFromShape(shape.slice(0, -2));
}

/** Side of the square blocks: one is read by rows and written by columns while both lie in the cache. */
const BLOCK = 32;

/** [..., R, C] to [..., C, R], for leading sides of 1. */
function transposed(backend: BackendWasm, info: tf.TensorInfo): tf.TensorInfo {
  const [rows, columns] = info.shape.slice(-2) as [number, number];
  const output = allocate(backend, [columns, rows]);
  const from = viewOf(backend, info);
  const to = viewOf(backend, output);
  for (let r0 = 0; r0 < rows; r0 += BLOCK) {
    const r1 = Math.min(rows, r0 + BLOCK);
    for (let c0 = 0; c0 < columns; c0 += BLOCK) {
      const c1 = Math.min(columns, c0 + BLOCK);
      for (let c = c0; c < c1; c += 1) {
        for (let r = r0; r < r1; r += 1) to[c * rows + r] = from[r * columns + c]!;
      }
    }
  }
  return reshaped(output, [...info.shape.slice(0, -2), columns, rows]);
}
