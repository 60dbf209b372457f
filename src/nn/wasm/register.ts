/** Gives the wasm backend the kernels that training needs and upstream lacks, or has slow or wrong. */
import * as tf from '@tensorflow/tfjs';
import { BATCH_NORM_GRADIENT_KERNEL, BATCH_NORM_KERNEL } from '../operations.ts';
import { registerWasmKernel, stockKernel } from './backend.ts';
import { trainingBatchNorm, trainingBatchNormGradient } from './batch-norm.ts';
import { convFilterGradient, convInputGradient } from './conv-gradients.ts';
import { matrixProduct } from './matrix-product.ts';
import { maxPoolGradient } from './max-pool-gradient.ts';

let isRegistered = false;

/** Once in a process, with the wasm backend in place; more often changes nothing. */
export function registerWasmKernels(): void {
  if (isRegistered) return;
  isRegistered = true;
  registerWasmKernel(tf.Conv2DBackpropFilter, convFilterGradient);
  registerWasmKernel(tf.Conv2DBackpropInput, convInputGradient);
  registerWasmKernel(tf.MaxPoolGrad, maxPoolGradient);
  registerWasmKernel(tf.BatchMatMul, matrixProduct(stockKernel(tf.BatchMatMul)));
  registerWasmKernel(BATCH_NORM_KERNEL, trainingBatchNorm);
  registerWasmKernel(BATCH_NORM_GRADIENT_KERNEL, trainingBatchNormGradient);
}
