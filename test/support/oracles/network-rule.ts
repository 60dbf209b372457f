/**
 * Weights, images and labels of the networks' oracle: the rule that test/oracle/make_network_oracle.py documents, to the
 * bit, and the digests that stand for its large arrays. Indices count elements row by row in PyTorch's order.
 */
import type { ModelSpec } from '../../../src/nn/architectures.ts';
import { fromPytorch, toPytorch, type PytorchArray } from '../../../src/nn/pytorch-names.ts';

/** What the oracle keeps of an array. */
export interface Digest {
  readonly norm: number;
  /** Elements in the middle of each of as many equal parts. */
  readonly at: readonly number[];
  /** Scalar products with vectors of signs. */
  readonly products: readonly number[];
}

/** Parameters [P] and running statistics [S] of a network. */
export function ruledValues(spec: ModelSpec): {
  parameters: Float32Array;
  statistics: Float32Array;
} {
  const { layout } = spec;
  // Only the shapes are taken from these.
  const shaped = toPytorch(
    spec,
    new Float32Array(layout.parameterCount),
    new Float32Array(layout.statisticCount),
  );
  const arrays = Object.entries(shaped).map(([name, { shape, data }]) => {
    fillByRule(name, shape, data);
    return [name, { shape, data }] as const;
  });
  return fromPytorch(spec, Object.fromEntries(arrays));
}

function fillByRule(name: string, shape: readonly number[], data: Float32Array): void {
  const value = ruleOf(name, shape);
  const start = textHash(name);
  // The last batch norm of a residual branch; a power of two, exact wherever it is applied.
  const damping = /\.bn3\.(weight|bias)$/.test(name) ? 1 / 4 : 1;
  for (let i = 0; i < data.length; i += 1) data[i] = value(unitOf(hashAt(start, i))) * damping;
}

function ruleOf(name: string, shape: readonly number[]): (unit: number) => number {
  if (name.endsWith('running_mean')) return (unit) => unit * (2 / 5);
  if (name.endsWith('running_var')) return (unit) => 1 + unit;
  if (shape.length > 1) {
    const scale = Math.sqrt(24 / shape.slice(1).reduce((n, side) => n * side, 1));
    return (unit) => unit * scale;
  }
  if (name.endsWith('weight')) return (unit) => 1 + unit / 2;
  if (name.startsWith('backbone')) return (unit) => unit + (unit < 0 ? -2 : 2);
  return (unit) => unit * (1 / 5);
}

/** [batch, size, size, 3]: a coarse pattern of its own for each image, with noise. */
export function ruledImages(seed: number, batch: number, size: number): Uint8Array {
  const images = new Uint8Array(batch * size * size * 3);
  const [fine, coarse] = [textHash(`images ${seed} fine`), textHash(`images ${seed} coarse`)];
  const cell = (pixel: number) => Math.floor((pixel * 4) / size);
  for (let b = 0, i = 0; b < batch; b += 1) {
    for (let y = 0; y < size; y += 1) {
      for (let x = 0; x < size; x += 1) {
        for (let c = 0; c < 3; c += 1, i += 1) {
          const large = hashAt(coarse, ((b * 4 + cell(y)) * 4 + cell(x)) * 3 + c) >>> 24;
          images[i] = (3 * large + (hashAt(fine, i) >>> 24)) >> 2;
        }
      }
    }
  }
  return images;
}

export function ruledLabels(seed: number, batch: number, classes: number): Int32Array {
  const start = textHash(`labels ${seed}`);
  return Int32Array.from({ length: batch }, (_, i) => hashAt(start, i) % classes);
}

/**
 * Norm of the difference between an array and the one that a digest stands for, over the norm of the latter: estimated
 * by products with random signs, whose mean square error is the square of that norm.
 */
export function relativeError(
  name: string,
  { data }: Pick<PytorchArray, 'data'>,
  digest: Digest,
): number {
  const products = signProducts(name, data, digest.products.length);
  const squares = products.map((product, j) => (product - digest.products[j]!) ** 2);
  const mean = squares.reduce((sum, square) => sum + square, 0) / squares.length;
  return Math.sqrt(mean) / digest.norm;
}

/** Elements in the middle of each of `count` equal parts. */
export function elementsAtPlaces(data: Float32Array, count: number): number[] {
  return Array.from({ length: count }, (_, p) => {
    return data[Math.floor(((2 * p + 1) * data.length) / (2 * count))]!;
  });
}

function signProducts(name: string, data: Float32Array, count: number): number[] {
  const start = textHash(`signs ${name}`);
  const products = new Float64Array(count);
  for (let i = 0; i < data.length; i += 1) {
    const [value, hash] = [data[i]!, hashAt(start, i)];
    for (let j = 0; j < count; j += 1) products[j]! += (1 - 2 * ((hash >>> j) & 1)) * value;
  }
  return [...products];
}

/** FNV-1a over a text of ASCII. */
function textHash(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  }
  return hash >>> 0;
}

/** The hash of element `index` of what begins at `start`: 32 bits. */
function hashAt(start: number, index: number): number {
  let hash = (start + Math.imul(index, 0x9e37_79b9)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** In [-0.5, 0.5), exact in float32. */
function unitOf(hash: number): number {
  return (hash >>> 8) / 2 ** 24 - 0.5;
}
