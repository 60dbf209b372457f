/**
 * Gives the native backend the kernels that training needs: upstream's gradients refuse explicit
 * padding, and its batch norm, softmax and ReLU gradients are composed of many small ones. Each is
 * one or a few operations of the TensorFlow runtime.
 */
import * as tf from '@tensorflow/tfjs';
import { BATCH_NORM_EPSILON } from '../operations.ts';
import {
  ADD_INTO_KERNEL,
  BATCH_NORM_GRADIENT_KERNEL,
  BATCH_NORM_KERNEL,
  COPY_OUT_KERNEL,
  DENSE_INPUT_GRADIENT_KERNEL,
  DROPOUT_MASK_KERNEL,
  NETWORK_INPUT_KERNEL,
  RELU_GRADIENT_KERNEL,
  SOFTMAX_LOSS_KERNEL,
  hasKernel,
} from '../tfjs/named-kernels.ts';
import {
  addBiasStepwise,
  convFilterGradient,
  convInputGradient,
  convolution,
  fusedConvolution,
} from './convolution.ts';
import { gpuNetworkInput } from './gpu-input.ts';
import { maxPool, maxPoolGradient } from './max-pool.ts';
import {
  addBiasInPlace,
  ownAddInto,
  ownBatchNorm,
  ownBatchNormGradient,
  ownCopyOut,
  ownDropoutMask,
  ownMaxPoolGradient,
  ownNetworkInput,
} from './own-kernels.ts';
import { runtimeOf, type NativeKernel, type Runtime } from './runtime.ts';

type Kernels = Readonly<Record<string, NativeKernel>>;

let isRegistered = false;

/** Once in a process, with the native backend started; more often changes nothing. */
export function registerTensorflowKernels(): void {
  if (isRegistered) return;
  isRegistered = true;
  register({
    [tf.Conv2D]: convolution,
    [tf.Conv2DBackpropFilter]: convFilterGradient,
    [tf.Conv2DBackpropInput]: convInputGradient,
    [tf.BatchMatMul]: matrixProduct(stockKernel(tf.BatchMatMul)),
    [tf.MaxPool]: maxPool,
    [RELU_GRADIENT_KERNEL]: (runtime, { dy, y }) => runtime.one('ReluGrad', [dy!, y!]),
    [SOFTMAX_LOSS_KERNEL]: softmaxCrossEntropy,
    [DENSE_INPUT_GRADIENT_KERNEL]: denseInputGradient,
  });
  const { isGpu, hasOwnKernels } = runtimeOf(tf.findBackend('tensorflow'));
  const set = hasOwnKernels ? 'own' : 'runtime';
  chooseKernels(isGpu ? `gpu-${set}` : set);
}

/**
 * For what there are several kernels: this project's own, or the runtime's operations; and what a
 * GPU takes of either.
 */
export type KernelSet = 'own' | 'runtime' | 'gpu-own' | 'gpu-runtime';

/** In place of the set before; tests take each of them on the CPU. */
export function chooseKernels(set: KernelSet): void {
  for (const name of Object.keys(OWN)) unregister(name);
  register(SETS[set]);
}

function register(kernels: Kernels): void {
  for (const [kernelName, kernel] of Object.entries(kernels)) {
    unregister(kernelName);
    tf.registerKernel({
      kernelName,
      backendName: 'tensorflow',
      kernelFunc: ({ inputs, attrs, backend }) =>
        kernel(runtimeOf(backend), inputs as Record<string, tf.Tensor>, attrs ?? {}),
    });
  }
}

function unregister(kernelName: string): void {
  if (hasKernel(kernelName, 'tensorflow')) tf.unregisterKernel(kernelName, 'tensorflow');
}

/** The backend's own kernel of that name; take it before replacing it. */
function stockKernel(kernelName: string): NativeKernel {
  const { kernelFunc } = tf.getKernel(kernelName, 'tensorflow');
  return (_runtime, inputs, attributes) =>
    kernelFunc({
      inputs: inputs,
      attrs: attributes as tf.NamedAttrMap,
      backend: tf.findBackend('tensorflow'),
    }) as tf.Tensor;
}

/**
 * Products of two matrices by MatMul, which is faster than the batched operation that upstream uses
 * for all.
 */
function matrixProduct(stock: NativeKernel): NativeKernel {
  return (runtime, inputs, attributes) => {
    const { a, b } = inputs as Record<'a' | 'b', tf.Tensor>;
    if (a.shape.length !== 2 || b.shape.length !== 2) return stock(runtime, inputs, attributes);
    return runtime.one(
      'MatMul',
      [a, b],
      [
        runtime.type.bool('transpose_a', attributes['transposeA'] === true),
        runtime.type.bool('transpose_b', attributes['transposeB'] === true),
      ],
    );
  };
}

/** FusedBatchNormV3, and the ReLU behind it. */
const trainingBatchNorm: NativeKernel = (runtime, { x, gamma, beta }, attributes) => {
  const { type } = runtime;
  const none = tf.tensor1d([]);
  const [normal, mean, variance, ...saved] = runtime.many(
    'FusedBatchNormV3',
    [x!, gamma!, beta!, none, none],
    6,
    [...NORM_ATTRIBUTES(runtime), type.float('exponential_avg_factor', 1)],
  ) as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
  none.dispose();
  if (attributes['rectify'] !== true) return [normal, mean, variance, ...saved];
  const y = runtime.one('Relu', [normal]);
  normal.dispose();
  return [y, mean, variance, ...saved];
};

const trainingBatchNormGradient: NativeKernel = (runtime, inputs, attributes) => {
  const { dy, x, y, gamma, saved0, saved1, saved2 } = inputs as Record<string, tf.Tensor>;
  const isRectified = attributes['rectify'] === true;
  const g = isRectified ? runtime.one('ReluGrad', [dy!, y!]) : dy!;
  const [dx, dGamma, dBeta, ...unused] = runtime.many(
    'FusedBatchNormGradV3',
    [g, x!, gamma!, saved0!, saved1!, saved2!],
    5,
    NORM_ATTRIBUTES(runtime),
  ) as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
  tf.dispose(unused);
  if (isRectified) g.dispose();
  return [dx, dGamma, dBeta];
};

const NORM_ATTRIBUTES = ({ type }: Runtime) => [
  type.dtype('U', 'float32'),
  type.float('epsilon', BATCH_NORM_EPSILON),
  type.string('data_format', 'NHWC'),
  type.bool('is_training', true),
];

const softmaxCrossEntropy: NativeKernel = (runtime, { logits, labels }) =>
  runtime.many('SparseSoftmaxCrossEntropyWithLogits', [logits!, labels!], 2, [
    runtime.type.dtype('Tlabels', 'int32'),
  ]);

/**
 * On CPUs the product with a transposed second matrix runs at a third of the speed of a plain one:
 * the few rows of dy are turned instead, and the result turned back.
 */
const denseInputGradient: NativeKernel = (runtime, { dy, weight }) => {
  const turned = (a: boolean, b: boolean) => [
    runtime.type.bool('transpose_a', a),
    runtime.type.bool('transpose_b', b),
  ];
  if (runtime.isGpu) return runtime.one('MatMul', [dy!, weight!], turned(false, true));
  const columns = runtime.transpose(dy!, [1, 0]);
  const product = runtime.one('MatMul', [weight!, columns], turned(false, false));
  const dx = runtime.transpose(product, [1, 0]);
  tf.dispose([columns, product]);
  return dx;
};

const OWN: Kernels = {
  [tf.FusedConv2D]: fusedConvolution(addBiasInPlace),
  [tf.MaxPoolGrad]: ownMaxPoolGradient(maxPoolGradient),
  [BATCH_NORM_KERNEL]: ownBatchNorm,
  [BATCH_NORM_GRADIENT_KERNEL]: ownBatchNormGradient,
  [NETWORK_INPUT_KERNEL]: ownNetworkInput,
  [COPY_OUT_KERNEL]: ownCopyOut,
  [DROPOUT_MASK_KERNEL]: ownDropoutMask,
  [ADD_INTO_KERNEL]: ownAddInto,
};

/** Of some of the above the runtime has none: what calls them does without. */
const OF_RUNTIME: Kernels = {
  [tf.FusedConv2D]: fusedConvolution(addBiasStepwise),
  [tf.MaxPoolGrad]: maxPoolGradient,
  [BATCH_NORM_KERNEL]: trainingBatchNorm,
  [BATCH_NORM_GRADIENT_KERNEL]: trainingBatchNormGradient,
};

const ON_GPU: Kernels = { ...OF_RUNTIME, [NETWORK_INPUT_KERNEL]: gpuNetworkInput };

const SETS: Readonly<Record<KernelSet, Kernels>> = {
  own: OWN,
  runtime: OF_RUNTIME,
  'gpu-own': { ...ON_GPU, [COPY_OUT_KERNEL]: ownCopyOut, [DROPOUT_MASK_KERNEL]: ownDropoutMask },
  'gpu-runtime': ON_GPU,
};
