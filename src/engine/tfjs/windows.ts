/** Convolution, max pooling and their gradients, by the kernels that the library has names for. */
import * as tf from '@tensorflow/tfjs';
import type { ConvGeometry, Operations, PoolGeometry } from '../operations.ts';
import { runKernel } from './named-kernels.ts';

export const convolve: Operations['convolve'] = (
  x,
  filter,
  bias,
  { stride, padding },
  activation = 'linear',
) => {
  const attributes = {
    strides: stride,
    pad: explicitPadding(padding),
    dilations: 1,
    dataFormat: 'NHWC',
    dimRoundingMode: 'floor',
  };
  if (bias === null && activation === 'linear') {
    return runKernel(tf.Conv2D, { x, filter }, attributes) as tf.Tensor4D;
  }
  const inputs = bias === null ? { x, filter } : { x, filter, bias };
  return runKernel(tf.FusedConv2D, inputs, { ...attributes, activation }) as tf.Tensor4D;
};

export const convFilterGradient: Operations['convFilterGradient'] = (
  x,
  dy,
  filterShape,
  geometry,
) => {
  const attributes = { ...gradientAttributes(geometry), filterShape: [...filterShape] };
  return runKernel(tf.Conv2DBackpropFilter, { x, dy }, attributes) as tf.Tensor4D;
};

export const convInputGradient: Operations['convInputGradient'] = (
  dy,
  filter,
  inputShape,
  geometry,
) => {
  const attributes = { ...gradientAttributes(geometry), inputShape: [...inputShape] };
  return runKernel(tf.Conv2DBackpropInput, { dy, filter }, attributes) as tf.Tensor4D;
};

export const maxPool: Operations['maxPool'] = (x, geometry) =>
  runKernel(tf.MaxPool, { x }, poolAttributes(geometry)) as tf.Tensor4D;

export const maxPoolGradient: Operations['maxPoolGradient'] = (dy, input, output, geometry) =>
  runKernel(tf.MaxPoolGrad, { dy, input, output }, poolAttributes(geometry)) as tf.Tensor4D;

function gradientAttributes({ stride, padding }: ConvGeometry) {
  return {
    dataFormat: 'NHWC',
    dimRoundingMode: 'floor',
    strides: stride,
    pad: explicitPadding(padding),
  };
}

function poolAttributes({ window, stride, padding }: PoolGeometry): Record<string, unknown> {
  // What the library makes of the number 0 is `valid`, which every engine's kernel knows.
  const pad = padding === 0 ? 'valid' : explicitPadding(padding);
  return { filterSize: window, strides: stride, pad, dimRoundingMode: 'floor' };
}

function explicitPadding(
  p: number,
): [[number, number], [number, number], [number, number], [number, number]] {
  return [
    [0, 0],
    [p, p],
    [p, p],
    [0, 0],
  ];
}
