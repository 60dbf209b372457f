/** Max pooling and its gradient on the TensorFlow runtime, with zeros or more around the images. */
import { pairOf, type Attribute, type NativeKernel, type Runtime } from './runtime.ts';

export const maxPool: NativeKernel = (runtime, { x }, attributes) =>
  runtime.one('MaxPool', [x!], attributesOf(runtime, attributes));

export const maxPoolGradient: NativeKernel = (runtime, { dy, input, output }, attributes) =>
  runtime.one('MaxPoolGrad', [input!, output!, dy!], attributesOf(runtime, attributes));

function attributesOf(
  { type }: Runtime,
  { filterSize, strides, pad }: Readonly<Record<string, unknown>>,
): Attribute[] {
  const isNamed = typeof pad === 'string';
  return [
    type.int('ksize', [1, ...pairOf(filterSize), 1]),
    type.int('strides', [1, ...pairOf(strides), 1]),
    type.string('data_format', 'NHWC'),
    type.string('padding', isNamed ? pad.toUpperCase() : 'EXPLICIT'),
    ...(isNamed ? [] : [type.int('explicit_paddings', (pad as number[][]).flat())]),
  ];
}
