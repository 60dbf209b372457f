/**
 * Gives the wasm backend the kernels that training needs and upstream lacks, or has slow or wrong.
 */
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { BATCH_NORM_GRADIENT_KERNEL, BATCH_NORM_KERNEL } from '../tfjs/named-kernels.ts';
import { registerWasmKernel, stockKernel } from './backend.ts';
import { trainingBatchNorm, trainingBatchNormGradient } from './operations/batch-norm.ts';
import {
  convFilterGradient,
  convInputGradient,
  convolution,
  fusedConvolution,
} from './operations/convolution.ts';
import { watchHeap } from './heap.ts';
import { canFuse } from './kernels/kernels.ts';
import { matrixProduct } from './operations/matrix-product.ts';
import { maxPool, maxPoolGradient } from './operations/max-pool.ts';

let isRegistered = false;

/**
 * Once in a process, with the wasm backend started; more often changes nothing.
 * @returns whether multiply-adds are fused: results of engines that differ in it differ in rounding
 */
export function registerWasmKernels(): { isFused: boolean } {
  const isFused = canFuse();
  watchHeap(tf.findBackend('wasm') as unknown as BackendWasm);
  if (isRegistered) return { isFused };
  isRegistered = true;
  registerWasmKernel(tf.Conv2D, convolution(stockKernel(tf.Conv2D)));
  registerWasmKernel(tf.FusedConv2D, fusedConvolution(stockKernel(tf.FusedConv2D)));
  registerWasmKernel(tf.Conv2DBackpropFilter, convFilterGradient);
  registerWasmKernel(tf.Conv2DBackpropInput, convInputGradient);
  registerWasmKernel(tf.MaxPool, maxPool(stockKernel(tf.MaxPool)));
  registerWasmKernel(tf.MaxPoolGrad, maxPoolGradient);
  registerWasmKernel(tf.BatchMatMul, matrixProduct(stockKernel(tf.BatchMatMul)));
  registerWasmKernel(BATCH_NORM_KERNEL, trainingBatchNorm);
  registerWasmKernel(BATCH_NORM_GRADIENT_KERNEL, trainingBatchNormGradient);
  return { isFused };
}
