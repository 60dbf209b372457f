/**
 * Convolution and its gradients on the TensorFlow runtime. On a GPU each is the operation of that name. On a CPU its
 * gradients are slower than its forward pass, by a third to a half; so the input gradient at stride 1 is computed as what it
 * is, a convolution of dy with the filter turned by half a turn, and the filter gradient sees an input padded beforehand.
 * Shapes: x [B, H, W, C], dy and y [B, OH, OW, K], filter [KH, KW, C, K].
 */
import * as tf from '@tensorflow/tfjs';
import type { Attribute, NativeKernel, Runtime } from './runtime.ts';

type Attributes = Readonly<Record<string, unknown>>;
type Pads = readonly (readonly [number, number])[];

/** Strides and zeros of a convolution. */
interface Geometry {
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  /** Before and after, by dimension; or TensorFlow's names. */
  readonly pad: Pads | 'SAME' | 'VALID';
}

export const convolution: NativeKernel = (runtime, { x, filter }, attributes) =>
  runtime.one('Conv2D', [x!, filter!], attributesOf(runtime, geometryOf(attributes)));

/** With bias and ReLU. */
export const fusedConvolution: NativeKernel = (runtime, { x, filter, bias }, attributes) => {
  const { activation } = attributes;
  if (activation !== 'linear' && activation !== 'relu') {
    throw new TypeError(`fused convolution: no activation ${String(activation)} here`);
  }
  const steps: ((y: tf.Tensor) => tf.Tensor)[] = [];
  if (bias !== undefined) {
    const format = [runtime.type.string('data_format', 'NHWC')];
    steps.push((y) => runtime.one('BiasAdd', [y, bias], format));
  }
  if (activation === 'relu') steps.push((y) => runtime.one('Relu', [y]));
  let y = runtime.one('Conv2D', [x!, filter!], attributesOf(runtime, geometryOf(attributes)));
  for (const step of steps) {
    const next = step(y);
    y.dispose();
    y = next;
  }
  return y;
};

export const convFilterGradient: NativeKernel = (runtime, { x, dy }, attributes) => {
  const geometry = geometryOf(attributes);
  const shape = tf.tensor1d(attributes['filterShape'] as number[], 'int32');
  const { pad } = geometry;
  const isPadded = !runtime.isGpu && typeof pad !== 'string' && pad.flat().some((p) => p > 0);
  const input = isPadded ? tf.pad(x!, pad as [number, number][]) : x!;
  const seen: Geometry = isPadded ? { ...geometry, pad: 'VALID' } : geometry;
  const operands = [input, shape, dy!];
  const gradient = runtime.one('Conv2DBackpropFilter', operands, attributesOf(runtime, seen));
  shape.dispose();
  if (isPadded) input.dispose();
  return gradient;
};

export const convInputGradient: NativeKernel = (runtime, { dy, filter }, attributes) => {
  const geometry = geometryOf(attributes);
  const turnedPad = runtime.isGpu ? null : padOfTurned(geometry, filter!.shape);
  if (turnedPad !== null) {
    const turned = halfTurn(runtime, filter!);
    const seen: Geometry = { ...geometry, pad: turnedPad };
    const gradient = runtime.one('Conv2D', [dy!, turned], attributesOf(runtime, seen));
    turned.dispose();
    return gradient;
  }
  const shape = tf.tensor1d(attributes['inputShape'] as number[], 'int32');
  const operands = [shape, filter!, dy!];
  const gradient = runtime.one('Conv2DBackpropInput', operands, attributesOf(runtime, geometry));
  shape.dispose();
  return gradient;
};

/** Zeros around dy in the convolution that is the input gradient; null where it is not a plain one. */
function padOfTurned(
  { strides, dilations, pad }: Geometry,
  filter: readonly number[],
): Pads | null {
  const isPlain = [...strides, ...dilations].every((step) => step === 1);
  if (!isPlain || typeof pad === 'string') return null;
  const around = pad.map(([before, after], i): readonly [number, number] => {
    const kernel = i === 1 || i === 2 ? filter[i - 1]! : 1;
    return [kernel - 1 - before, kernel - 1 - after];
  });
  return around.flat().every((p) => p >= 0) ? around : null;
}

/** Rows and columns backwards, input and output channels exchanged. */
function halfTurn(runtime: Runtime, filter: tf.Tensor): tf.Tensor {
  const isPoint = filter.shape[0] === 1 && filter.shape[1] === 1;
  const reversed = isPoint ? filter : tf.reverse(filter, [0, 1]);
  const turned = runtime.transpose(reversed, [0, 1, 3, 2]);
  if (!isPoint) reversed.dispose();
  return turned;
}

function geometryOf({ strides, dilations, pad }: Attributes): Geometry {
  return {
    strides: pairOf(strides ?? 1),
    dilations: pairOf(dilations ?? 1),
    pad: padOf(pad),
  };
}

function padOf(pad: unknown): Geometry['pad'] {
  if (typeof pad === 'string') return pad === 'same' ? 'SAME' : 'VALID';
  if (typeof pad !== 'number') return pad as Pads;
  const around = [pad, pad] as const;
  return [[0, 0], around, around, [0, 0]];
}

function pairOf(value: unknown): readonly [number, number] {
  return Array.isArray(value) ? (value as [number, number]) : [value as number, value as number];
}

function attributesOf({ type }: Runtime, geometry: Geometry): Attribute[] {
  const { strides, dilations, pad } = geometry;
  const isNamed = typeof pad === 'string';
  return [
    type.int('strides', [1, ...strides, 1]),
    type.int('dilations', [1, ...dilations, 1]),
    type.string('data_format', 'NHWC'),
    type.bool('use_cudnn_on_gpu', true),
    type.string('padding', isNamed ? pad : 'EXPLICIT'),
    ...(isNamed ? [] : [type.int('explicit_paddings', pad.flat())]),
  ];
}
