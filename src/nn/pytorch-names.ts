/**
 * Parameters and statistics as the arrays of the reference's PyTorch modules, and back: the same names, other shapes.
 * An engine keeps a variable as [S, C, O], PyTorch keeps it as [O, C, S], where O are the outputs, C the input channels,
 * and S the places that a weight differs by: the taps of a filter, the pixels of the map that a fully connected layer
 * flattens, or a single one. Left out is `num_batches_tracked`, which counts steps and enters no result.
 */
import { shapeMismatch } from '../errors.ts';
import { requireLength } from '../math/checks.ts';
import type { StatisticSpec } from '../ps/layout.ts';
import type { ModelSpec } from './architectures.ts';

export interface PytorchArray {
  readonly data: Float32Array;
  /** Convolutions [out, in, kh, kw], fully connected [out, in], with inputs in PyTorch's order. */
  readonly shape: readonly number[];
}

export type PytorchArrays = Readonly<Record<string, PytorchArray>>;

type Described = Pick<ModelSpec, 'layers' | 'layout'>;

/**
 * Every variable and running statistic by name; the arrays are the caller's.
 * @param parameters [P]
 * @param statistics [S]
 * @throws TrainerError SHAPE_MISMATCH
 */
export function toPytorch(
  spec: Described,
  parameters: Float32Array,
  statistics: Float32Array,
): PytorchArrays {
  const { layout } = spec;
  requireLength('parameters', parameters, layout.parameterCount);
  requireLength('statistics', statistics, layout.statisticCount);
  const named = (vector: Float32Array) => (variable: StatisticSpec) =>
    [variable.name, pytorchArray(spec, variable, vector)] as const;
  return Object.fromEntries([
    ...layout.variables.map(named(parameters)),
    ...layout.statistics.map(named(statistics)),
  ]);
}

/** One entry of a flat vector as {@link toPytorch} has it. @param vector [P] for a variable, [S] for a statistic */
export function pytorchArray(
  { layers }: Described,
  { name, shape, offset, size }: StatisticSpec,
  vector: Float32Array,
): PytorchArray {
  const values = vector.subarray(offset, offset + size);
  const data = reversed(values, axesOf(shape, flattenedPixels(layers, name)));
  return { data, shape: pytorchShape(shape) };
}

/**
 * The flat vectors that these arrays make. Names that the layout does not have are ignored: a state dict has more of them.
 * @throws TrainerError SHAPE_MISMATCH for an array that is missing or of another shape
 */
export function fromPytorch(
  { layers, layout }: Described,
  arrays: PytorchArrays,
): { parameters: Float32Array; statistics: Float32Array } {
  const filled = (count: number, specs: readonly StatisticSpec[]): Float32Array => {
    const vector = new Float32Array(count);
    for (const { name, shape, offset, size } of specs) {
      const data = requireArray(arrays, name, pytorchShape(shape), size);
      const [places, inputs, outputs] = axesOf(shape, flattenedPixels(layers, name));
      vector.set(reversed(data, [outputs, inputs, places]), offset);
    }
    return vector;
  };
  return {
    parameters: filled(layout.parameterCount, layout.variables),
    statistics: filled(layout.statisticCount, layout.statistics),
  };
}

/** Lengths of the three axes of a row-major array. */
type Axes = readonly [number, number, number];

/** [S, C, O] of a variable in the engine's order. */
function axesOf(shape: readonly number[], pixels: number): Axes {
  const outputs = shape.at(-1)!;
  const inputs = shape.at(-2) ?? 1;
  if (shape.length < 4) return [pixels, inputs / pixels, outputs];
  return [shape[0]! * shape[1]!, inputs, outputs];
}

/** Convolutions [kh, kw, in, out] become [out, in, kh, kw]; fully connected layers [in, out] become [out, in]. */
export function pytorchShape(shape: readonly number[]): number[] {
  return [...shape.slice(-2).toReversed(), ...shape.slice(0, -2)];
}

/** Pixels of the map that this variable's layer takes its inputs from; 1 where they come from no map. */
function flattenedPixels(layers: ModelSpec['layers'], variable: string): number {
  const flatten = layers.findIndex(({ kind }) => kind === 'flatten');
  if (flatten < 0) return 1;
  const conv = layers.slice(0, flatten).findLast((layer) => layer.kind === 'conv');
  const dense = layers.slice(flatten).find((layer) => layer.kind === 'dense');
  if (conv === undefined || dense === undefined || variable !== `${dense.name}.weight`) return 1;
  return dense.inFeatures / conv.outChannels;
}

/** The row-major array [a, b, c] as [c, b, a]. */
function reversed(values: Float32Array, [a, b, c]: Axes): Float32Array {
  const result = new Float32Array(values.length);
  let out = 0;
  for (let k = 0; k < c; k += 1) {
    for (let j = 0; j < b; j += 1) {
      for (let i = 0; i < a; i += 1, out += 1) result[out] = values[(i * b + j) * c + k]!;
    }
  }
  return result;
}

function requireArray(
  arrays: PytorchArrays,
  name: string,
  shape: readonly number[],
  size: number,
): Float32Array {
  const array = Object.hasOwn(arrays, name) ? arrays[name] : undefined;
  if (array === undefined) throw shapeMismatch(`array ${name}`, shape, ['no such array']);
  if (array.shape.join() !== shape.join()) {
    throw shapeMismatch(`array ${name}`, shape, array.shape);
  }
  if (array.data.length !== size) {
    throw shapeMismatch(`elements of ${name}`, [size], [array.data.length]);
  }
  return array.data;
}
