/**
 * Convolution and its gradients on the TensorFlow runtime. On a GPU each is the operation of that
 * name. On a CPU its gradients are slower than its forward pass, by a third to a half; so the input
 * gradient at stride 1 is computed as what it is, a convolution of dy with the filter turned by
 * half a turn, at a larger stride as one convolution for all phases of the pixels, and the filter
 * gradient never sees explicit padding. A convolution of single pixels is a product of matrices,
 * whose operation is faster by a tenth, for the filter by a third. Shapes: x [B, H, W, C], dy and y
 * [B, OH, OW, K], filter [KH, KW, C, K].
 */
import * as tf from '@tensorflow/tfjs';
import { pairOf, type Attribute, type NativeKernel, type Runtime } from './runtime.ts';

type Attributes = Readonly<Record<string, unknown>>;
/** Zeros before and after, for rows and columns. */
type Pads = readonly [readonly [number, number], readonly [number, number]];

/** Strides and zeros of a convolution over images of known size. */
interface Geometry {
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly pads: Pads;
  /** The runtime's own names for these zeros where it has one: its kernels are faster then. */
  readonly padding: 'SAME' | 'VALID' | 'EXPLICIT';
}

export const convolution: NativeKernel = (runtime, { x, filter }, attributes) => {
  const geometry = geometryOf(x!.shape, filter!.shape, attributes);
  if (!runtime.isGpu && isOfPixels(geometry, filter!.shape)) {
    return pixelProduct(runtime, x!, filter!);
  }
  return runtime.one('Conv2D', [x!, filter!], attributesOf(runtime, geometry));
};

/** Whether each output pixel is made of the one input pixel at its place. */
function isOfPixels({ strides, pads }: Geometry, filter: readonly number[]): boolean {
  const isPoint = filter[0] === 1 && filter[1] === 1;
  return isPoint && [...strides, ...pads.flat()].every((value, i) => value === (i < 2 ? 1 : 0));
}

/** Each pixel of `x` times the filter's matrix. */
function pixelProduct(runtime: Runtime, x: tf.Tensor, filter: tf.Tensor): tf.Tensor {
  const [rows, inChannels, outChannels] = [x.shape.slice(0, 3), filter.shape[2], filter.shape[3]!];
  const pixels = tf.reshape(x, [-1, inChannels!]);
  const matrix = tf.reshape(filter, [inChannels!, outChannels]);
  const product = runtime.one('MatMul', [pixels, matrix], transposed(runtime, false));
  const y = tf.reshape(product, [...rows, outChannels]);
  tf.dispose([pixels, matrix, product]);
  return y;
}

const transposed = ({ type }: Runtime, a: boolean): Attribute[] => [
  type.bool('transpose_a', a),
  type.bool('transpose_b', false),
];

/** Adds a bias [C], and a ReLU if asked. Takes `y` over, and returns what became of it. */
export type AddBias = (
  runtime: Runtime,
  y: tf.Tensor,
  bias: tf.Tensor,
  rectify: boolean,
) => tf.Tensor;

/** With bias and ReLU, which `addBias` adds. */
export function fusedConvolution(addBias: AddBias): NativeKernel {
  return (runtime, { x, filter, bias }, attributes) => {
    const { activation } = attributes;
    if (activation !== 'linear' && activation !== 'relu') {
      throw new TypeError(`fused convolution: no activation ${String(activation)} here`);
    }
    const rectify = activation === 'relu';
    const geometry = geometryOf(x!.shape, filter!.shape, attributes);
    const y = runtime.one('Conv2D', [x!, filter!], attributesOf(runtime, geometry));
    if (bias !== undefined) return addBias(runtime, y, bias, rectify);
    return rectify ? inPlaceOf(y, runtime.one('Relu', [y])) : y;
  };
}

/** By one operation of the runtime each. */
export const addBiasStepwise: AddBias = (runtime, y, bias, rectify) => {
  const format = [runtime.type.string('data_format', 'NHWC')];
  const sum = inPlaceOf(y, runtime.one('BiasAdd', [y, bias], format));
  return rectify ? inPlaceOf(sum, runtime.one('Relu', [sum])) : sum;
};

function inPlaceOf(before: tf.Tensor, after: tf.Tensor): tf.Tensor {
  before.dispose();
  return after;
}

export const convFilterGradient: NativeKernel = (runtime, { x, dy }, attributes) => {
  const filterShape = attributes['filterShape'] as number[];
  const geometry = geometryOf(x!.shape, filterShape, attributes);
  if (!runtime.isGpu && isOfPixels(geometry, filterShape)) {
    return pixelFilterGradient(runtime, x!, dy!, filterShape);
  }
  if (!runtime.isGpu && breaksTheHeap(geometry, filterShape)) {
    const steps = [1, ...geometry.strides, 1];
    const seen = tf.stridedSlice(x!, [0, 0, 0, 0], x!.shape, steps);
    const gradient = pixelFilterGradient(runtime, seen, dy!, filterShape);
    seen.dispose();
    return gradient;
  }
  const isPadded = !runtime.isGpu && geometry.padding === 'EXPLICIT';
  const around = geometry.pads.map((pair): [number, number] => [...pair]);
  const input = isPadded ? tf.pad(x!, [[0, 0], ...around, [0, 0]]) : x!;
  const seen: Geometry = isPadded ? { ...geometry, padding: 'VALID' } : geometry;
  const shape = tf.tensor1d(filterShape, 'int32');
  const operands = [input, shape, dy!];
  const gradient = runtime.one('Conv2DBackpropFilter', operands, attributesOf(runtime, seen));
  shape.dispose();
  if (isPadded) input.dispose();
  return gradient;
};

/**
 * Whether oneDNN would write beyond its memory: in the gradient of a filter of single pixels at a
 * stride, with fewer than 16 channels, an odd batch and two threads (TensorFlow 2.21, AVX-512).
 */
function breaksTheHeap({ strides, pads }: Geometry, filter: readonly number[]): boolean {
  const isPoint = filter[0] === 1 && filter[1] === 1 && pads.flat().every((p) => p === 0);
  return isPoint && strides.some((stride) => stride > 1) && filter[2]! < 16;
}

/** Of a filter of single pixels at stride 1. @param x the pixels that dy has gradients for */
function pixelFilterGradient(
  runtime: Runtime,
  x: tf.Tensor,
  dy: tf.Tensor,
  filterShape: number[],
): tf.Tensor {
  const [, , inChannels, outChannels] = filterShape as [number, number, number, number];
  const [pixels, dPixels] = [tf.reshape(x, [-1, inChannels]), tf.reshape(dy, [-1, outChannels])];
  const product = runtime.one('MatMul', [pixels, dPixels], transposed(runtime, true));
  const gradient = tf.reshape(product, filterShape);
  tf.dispose([pixels, dPixels, product]);
  return gradient;
}

export const convInputGradient: NativeKernel = (runtime, { dy, filter }, attributes) => {
  const inputShape = attributes['inputShape'] as number[];
  const geometry = geometryOf(inputShape, filter!.shape, attributes);
  const turnedPads = runtime.isGpu ? null : padsOfTurned(geometry, filter!.shape);
  if (turnedPads !== null) {
    const turned = halfTurn(runtime, filter!);
    const seen = geometryOf(dy!.shape, turned.shape, { ...attributes, pad: turnedPads });
    const gradient = isOfPixels(seen, turned.shape)
      ? pixelProduct(runtime, dy!, turned)
      : runtime.one('Conv2D', [dy!, turned], attributesOf(runtime, seen));
    turned.dispose();
    return gradient;
  }
  const phases = runtime.isGpu ? null : phasesOf(geometry, inputShape, filter!.shape, dy!.shape);
  if (phases !== null) return gradientByPhases(runtime, phases, inputShape, dy!, filter!);
  const shape = tf.tensor1d(inputShape, 'int32');
  const operands = [shape, filter!, dy!];
  const gradient = runtime.one('Conv2DBackpropInput', operands, attributesOf(runtime, geometry));
  shape.dispose();
  return gradient;
};

/**
 * Zeros around dy in the convolution that is the input gradient; null where it is not a plain one.
 */
function padsOfTurned(geometry: Geometry, filter: readonly number[]): number[][] | null {
  const { strides, dilations, pads } = geometry;
  if ([...strides, ...dilations].some((step) => step !== 1)) return null;
  const around = pads.map(([before, after], i) => {
    const kernel = filter[i]!;
    return [kernel - 1 - before, kernel - 1 - after];
  });
  return around.flat().every((p) => p >= 0) ? [[0, 0], ...around, [0, 0]] : null;
}

/**
 * An input gradient at stride s: input pixels at s i + a, for the phases a = 0 .. s - 1, see the
 * outputs at i + t through the filter's tap a + padding - s t. Their gradients are s * s sets of
 * channels of a convolution at stride 1.
 */
interface Phases {
  readonly stride: number;
  /** T, taps of each phase. */
  readonly taps: number;
  /** Zeros before the filter's taps, which make their number with the padding a multiple of s. */
  readonly shift: number;
  /** i, for rows and columns. */
  readonly sides: readonly [number, number];
  /** Around dy. */
  readonly pads: Pads;
}

/**
 * Null where it is no such gradient, or the operation of the runtime is no slower: for filters of
 * single pixels.
 */
function phasesOf(
  { strides, dilations, pads }: Geometry,
  input: readonly number[],
  filter: readonly number[],
  dy: readonly number[],
): Phases | null {
  const [stride, kernel, padding] = [strides[0], filter[0]!, pads[0][0]];
  const isSquare = strides[1] === stride && filter[1] === kernel && pads[1][0] === padding;
  if (!isSquare || stride === 1 || kernel <= stride || dilations.some((d) => d !== 1)) return null;
  const shift = (stride - (padding % stride)) % stride;
  const taps = Math.ceil((kernel + shift) / stride);
  const before = taps - 1 - (padding + shift) / stride;
  const sides = [1, 2].map((axis) => Math.ceil(input[axis]! / stride)) as [number, number];
  const around = sides.map((side, i) => [before, side + taps - 1 - dy[i + 1]! - before]);
  if (around.flat().some((p) => p < 0)) return null;
  return { stride, taps, shift, sides, pads: around as unknown as Pads };
}

function gradientByPhases(
  runtime: Runtime,
  { stride, taps, shift, sides, pads }: Phases,
  input: readonly number[],
  dy: tf.Tensor,
  filter: tf.Tensor,
): tf.Tensor {
  const [batch, height, width, channels] = input as [number, number, number, number];
  const [kernel, , , outChannels] = filter.shape as [number, number, number, number];
  const [rows, columns] = sides;
  const after = taps * stride - kernel - shift;
  return tf.tidy(() => {
    const around: [number, number] = [shift, after];
    const padded = tf.pad(filter, [around, around, [0, 0], [0, 0]]);
    const split = tf.reshape(padded, [taps, stride, taps, stride, channels, outChannels]);
    const turned = runtime.transpose(tf.reverse(split, [0, 2]), [0, 2, 5, 1, 3, 4]);
    const perPhase = tf.reshape(turned, [taps, taps, outChannels, stride * stride * channels]);
    const seen = geometryOf(dy.shape, perPhase.shape, { strides: 1, pad: [[0, 0], ...pads] });
    const maps = runtime.one('Conv2D', [dy, perPhase], attributesOf(runtime, seen));
    // From [i, j, phase of the row, phase of the column] to rows and columns of pixels.
    const apart = tf.reshape(maps, [batch * rows, columns, stride, stride * channels]);
    const woven = runtime.transpose(apart, [0, 2, 1, 3]);
    const whole = tf.reshape(woven, [batch, rows * stride, columns * stride, channels]);
    const isExact = rows * stride === height && columns * stride === width;
    return isExact ? whole : tf.slice(whole, [0, 0, 0, 0], [batch, height, width, channels]);
  });
}

/** Rows and columns backwards, input and output channels exchanged. */
function halfTurn(runtime: Runtime, filter: tf.Tensor): tf.Tensor {
  const isPoint = filter.shape[0] === 1 && filter.shape[1] === 1;
  const reversed = isPoint ? filter : tf.reverse(filter, [0, 1]);
  const turned = runtime.transpose(reversed, [0, 1, 3, 2]);
  if (!isPoint) reversed.dispose();
  return turned;
}

/** @param x [B, H, W, C], the shape of the images; `filter` [KH, KW, C, K], that of the filter */
function geometryOf(
  x: readonly number[],
  filter: readonly number[],
  attributes: Attributes,
): Geometry {
  const strides = pairOf(attributes['strides'] ?? 1);
  const dilations = pairOf(attributes['dilations'] ?? 1);
  const same = [0, 1].map((i) =>
    samePad(x[i + 1]!, dilations[i]! * (filter[i]! - 1) + 1, strides[i]!),
  );
  const pads = padsOf(attributes['pad'], same as unknown as Pads);
  const isNone = pads.flat().every((p) => p === 0);
  const isSame = pads.every(
    ([before, after], i) => before === same[i]![0] && after === same[i]![1],
  );
  return { strides, dilations, pads, padding: isNone ? 'VALID' : isSame ? 'SAME' : 'EXPLICIT' };
}

/**
 * Zeros by TensorFlow's rule SAME: as many as give size / stride outputs, rounded up; the odd one
 * behind.
 */
function samePad(size: number, window: number, stride: number): readonly [number, number] {
  const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + window - size);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

/**
 * @param pad as the library gives it: a name, one number for all sides, or pairs for the four
 *   dimensions
 */
function padsOf(pad: unknown, same: Pads): Pads {
  if (pad === 'same') return same;
  if (pad === 'valid')
    return [
      [0, 0],
      [0, 0],
    ];
  if (typeof pad === 'number')
    return [
      [pad, pad],
      [pad, pad],
    ];
  return (pad as number[][]).slice(1, 3) as unknown as Pads;
}

function attributesOf({ type }: Runtime, geometry: Geometry): Attribute[] {
  const { strides, dilations, pads, padding } = geometry;
  return [
    type.int('strides', [1, ...strides, 1]),
    type.int('dilations', [1, ...dilations, 1]),
    type.string('data_format', 'NHWC'),
    type.bool('use_cudnn_on_gpu', true),
    type.string('padding', padding),
    ...(padding === 'EXPLICIT'
      ? [type.int('explicit_paddings', [0, 0, ...pads.flat(), 0, 0])]
      : []),
  ];
}
