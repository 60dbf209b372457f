/**
 * This project's own kernels for CPUs, which the setup compiles into the addon (native/): what
 * TensorFlow's own do slowly, in several operations, or on one thread. An addon without them takes
 * TensorFlow's; so does a GPU, but for two. Shapes: activations [B, H, W, C].
 */
import * as tf from '@tensorflow/tfjs';
import { BATCH_NORM_EPSILON } from '../operations.ts';
import { besselFactor } from '../tfjs/batch-norm.ts';
import type { AddBias } from './convolution.ts';
import { pairOf, type NativeKernel, type Runtime } from './runtime.ts';

/** @param otherwise for padding by a name of TensorFlow's that depends on the image's size */
export function ownMaxPoolGradient(otherwise: NativeKernel): NativeKernel {
  return (runtime, inputs, attributes) => {
    const { filterSize, strides, pad } = attributes;
    if (typeof pad === 'string' && pad !== 'valid') return otherwise(runtime, inputs, attributes);
    const { dy, input, output } = inputs as Record<'dy' | 'input' | 'output', tf.Tensor>;
    const [, rows, columns] = pad === 'valid' ? [[0], [0], [0]] : (pad as number[][]);
    return runtime.one(
      'DeepclusterMaxPoolGradient',
      [input, output, dy],
      [
        runtime.type.int('window', pairOf(filterSize)),
        runtime.type.int('strides', pairOf(strides)),
        runtime.type.int('pads', [rows![0]!, columns![0]!]),
      ],
    );
  };
}

/**
 * Saves scale and shift, by which the gradient finds what passed the ReLU without reading y, and
 * the biased variance.
 */
export const ownBatchNorm: NativeKernel = (runtime, { x, gamma, beta }, attributes) => {
  const inputs = [x!, gamma!, beta!];
  const options = normAttributes(runtime, attributes);
  const outputs = runtime.many('DeepclusterBatchNorm', inputs, 5, options);
  const [y, mean, biased, ...saved] = outputs as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
  const variance = tf.mul(biased, besselFactor(x!.size / gamma!.size));
  return [y, mean, variance, ...saved, biased];
};

export const ownBatchNormGradient: NativeKernel = (runtime, inputs, attributes) => {
  const { dy, x, mean, saved0, saved1, saved2 } = inputs as Record<string, tf.Tensor>;
  return runtime.many(
    'DeepclusterBatchNormGradient',
    [dy!, x!, mean!, saved2!, saved0!, saved1!],
    3,
    normAttributes(runtime, attributes),
  );
};

function normAttributes({ type }: Runtime, attributes: Readonly<Record<string, unknown>>) {
  return [
    type.bool('rectify', attributes['rectify'] === true),
    type.float('epsilon', BATCH_NORM_EPSILON),
  ];
}

/** @param inputs `pixels`: bytes, as the addon knows them: of type bool */
export const ownNetworkInput: NativeKernel = (runtime, { pixels }, attributes) =>
  runtime.one(
    'DeepclusterNetworkInput',
    [pixels!],
    [runtime.type.bool('sobel', attributes['sobel'] === true)],
  );

export const ownDropoutMask: NativeKernel = (runtime, { state }, attributes) =>
  runtime.one(
    'DeepclusterDropoutMask',
    [state!],
    [
      runtime.type.int('elements', attributes['elements'] as number),
      runtime.type.int('threshold', attributes['threshold'] as number),
      runtime.type.float('scale', attributes['scale'] as number),
    ],
  );

export const ownAddInto: NativeKernel = (runtime, { sum, part }, attributes) =>
  runtime.many('DeepclusterAddInto', [sum!, part!], 0, [
    runtime.type.bool('rectify', attributes['rectify'] === true),
  ]);

/** Writes `part` into the array whose memory is `destination`, an int32 tensor. */
export const ownCopyOut: NativeKernel = (runtime, { destination, part }, attributes) =>
  runtime.many('DeepclusterCopyOut', [destination!, part!], 0, [
    runtime.type.int('offset', attributes['offset'] as number),
  ]);

/** In the memory of `y`: nobody else has it yet. */
export const addBiasInPlace: AddBias = (runtime, y, bias, rectify) => {
  runtime.many('DeepclusterAddBias', [y, bias], 0, [runtime.type.bool('rectify', rectify)]);
  return y;
};
