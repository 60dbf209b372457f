/**
 * The transforms of Winograd's convolution in tiles, four channels at a time, in WebAssembly. Each
 * is L X transpose(L) of a small matrix X for every channel. With them, M x M outputs of a filter
 * of R x R taps cost N x N products, N = M + R - 1, in place of M M R R. Sources: Lavin and Gray,
 * Fast Algorithms for Convolutional Neural Networks, CVPR 2016, section 4; the matrices are Toom
 * and Cook's, which interpolate at some points and at infinity. The gradients are those of that
 * very computation, transform by transform.
 */
import {
  advance,
  f32x4,
  i32,
  local,
  range,
  repeat,
  v128,
  type Code,
  type Repeated,
  type WasmFunction,
} from '../../assembly/assembler.ts';

/** Of a group of four channels. */
export const GROUP_BYTES = 16;

/** A way to cut a convolution into tiles. */
export interface TilePlan {
  /** R: rows and columns of the filter. */
  readonly taps: number;
  /** M: rows and columns of outputs that a tile gives. */
  readonly outputs: number;
  /** N = M + R - 1: rows and columns of inputs that it sees, and of products that it takes. */
  readonly inputs: number;
  /** N - 1 of them. Small ones, and not only pairs of opposite sign, lose the least by rounding. */
  readonly points: readonly number[];
}

/**
 * Known by their place in this list. By rounding, the first loses what a plain sum does, the other
 * twice that. 4 x 4 outputs of 3 x 3 taps would be faster still, but lose so much more in each
 * layer that the gradients of VGG16 are off by 0.003 in norm.
 */
export const TILE_PLANS: readonly TilePlan[] = [
  { taps: 3, outputs: 2, inputs: 4, points: [0, 1, -1] },
  { taps: 5, outputs: 2, inputs: 6, points: [0, 1, -1, 0.5, -2] },
];

type Matrix = readonly (readonly number[])[];

/**
 * target = L source transpose(L), channel by channel.
 * @param source address of the element (0, 0) of the first channel
 * @param sourceRow bytes from a row to the next one; `sourceColumn`: from a column
 * @param groups of channels, at least 1
 */
export type TransformTile = (
  source: number,
  sourceRow: number,
  sourceColumn: number,
  target: number,
  targetRow: number,
  targetColumn: number,
  groups: number,
) => void;

/**
 * target = max(L source transpose(L) + bias, floor)
 * @param bias address of a float for each channel
 * @param floor address of one float
 */
export type TransformProducts = (
  ...operands: [...Parameters<TransformTile>, bias: number, floor: number]
) => void;

/** The transforms of a plan. */
export interface TileTransforms {
  /** [N, N] to [N, N] */
  readonly transformInput: TransformTile;
  /** [R, R] to [N, N] */
  readonly transformFilter: TransformTile;
  /** [N, N] to [M, M] */
  readonly transformProducts: TransformProducts;
  /** The way back of `transformProducts`: [M, M] to [N, N] */
  readonly transformOutputGradient: TransformTile;
  /** The way back of `transformFilter`: [N, N] to [R, R] */
  readonly transformFilterGradient: TransformTile;
}

export interface TileKernels {
  /** By the plan's place in {@link TILE_PLANS}. */
  readonly tiles: readonly TileTransforms[];
}

export function tileKernelCode(): WasmFunction[] {
  return TILE_PLANS.flatMap((plan, number) => {
    const [filter, products] = [filterMatrix(plan), productsMatrix(plan)];
    return [
      transformCode(`transformInput${number}`, inputMatrix(plan)),
      transformCode(`transformFilter${number}`, filter),
      transformCode(`transformProducts${number}`, products, true),
      transformCode(`transformOutputGradient${number}`, transposed(products)),
      transformCode(`transformFilterGradient${number}`, transposed(filter)),
    ];
  });
}

/** @param functions of a module that has these kernels, by name */
export function tileKernelsOf(functions: Readonly<Record<string, unknown>>): TileKernels {
  const named = (name: string): TransformTile => functions[name] as TransformTile;
  const tiles = TILE_PLANS.map((_, plan) => ({
    transformInput: named(`transformInput${plan}`),
    transformFilter: named(`transformFilter${plan}`),
    transformProducts: functions[`transformProducts${plan}`] as TransformProducts,
    transformOutputGradient: named(`transformOutputGradient${plan}`),
    transformFilterGradient: named(`transformFilterGradient${plan}`),
  }));
  return { tiles };
}

/**
 * Toom and Cook's three: products ((filter g) * (input d)) is d convolved with g, in one dimension.
 * [N, N]
 */
function inputMatrix({ points }: TilePlan): Matrix {
  const rows = points.map((_, i) => [...withRoots(othersThan(points, i)), 0]);
  return [...rows, withRoots(points)];
}

/** [N, R] */
function filterMatrix({ taps, points }: TilePlan): Matrix {
  const rows = points.map((point, i) => {
    const norm = othersThan(points, i).reduce((product, other) => product * (point - other), 1);
    return powersOf(point, taps).map((power) => power / norm);
  });
  return [...rows, atInfinity(taps)];
}

/** [M, N] */
function productsMatrix({ outputs, points }: TilePlan): Matrix {
  return transposed([...points.map((point) => powersOf(point, outputs)), atInfinity(outputs)]);
}

function othersThan(points: readonly number[], i: number): number[] {
  return points.filter((_, j) => j !== i);
}

function powersOf(point: number, count: number): number[] {
  return range(0, count).map((power) => point ** power);
}

/** What is left of a polynomial there: its highest coefficient. */
function atInfinity(count: number): number[] {
  return range(1, count).map((i) => (i === count ? 1 : 0));
}

/** Coefficients of the product of (x - root), the constant first. */
function withRoots(roots: readonly number[]): number[] {
  return roots.reduce(
    (polynomial, root) =>
      range(0, polynomial.length + 1).map(
        (i) => (polynomial[i - 1] ?? 0) - root * (polynomial[i] ?? 0),
      ),
    [1],
  );
}

function transposed(matrix: Matrix): Matrix {
  return matrix[0]!.map((_, column) => matrix.map((row) => row[column]!));
}

/**
 * target = matrix source transpose(matrix), column by column, so that few sums are alive at a time.
 * @param isFinished whether bias and floor follow
 */
function transformCode(name: string, matrix: Matrix, isFinished = false): WasmFunction {
  const params = isFinished ? 9 : 7;
  const [source, sourceRow, sourceColumn, target, targetRow, targetColumn, groups] = range(
    0,
    7,
  ) as Repeated<7>;
  const [bias, floor] = [7, 8];
  const [rows, size] = [matrix.length, matrix[0]!.length];
  // Multiples of the steps, which do not change.
  const [sourceRows, sourceColumns] = [range(params, size), range(params + size, size)];
  const targetRows = range(params + 2 * size, rows);
  const targetColumns = range(params + 2 * size + rows, rows);
  const i32Locals = 2 * size + 2 * rows;
  const inner = range(params + i32Locals, size);

  const loads = sourceRows.map((row) =>
    sourceColumns.map((offset) => [
      ...[...local.get(source), ...local.get(row), ...i32.add],
      ...[...local.get(offset), ...i32.add, ...v128.load(0)],
    ]),
  );
  const finish: Code = [
    ...[...local.get(bias), ...v128.load(0), ...f32x4.add],
    ...[...local.get(floor), ...v128.loadSplat(0), ...f32x4.max],
  ];
  const column = (v: number): Code[] => [
    ...inner.flatMap((sum, i) => [
      ...combination(matrix[v]!, (j) => loads[i]![j]!),
      local.set(sum),
    ]),
    ...matrix.flatMap((coefficients, u) => [
      ...[local.get(target), local.get(targetRows[u]!), i32.add],
      ...[local.get(targetColumns[v]!), i32.add],
      ...combination(coefficients, (i) => local.get(inner[i]!)),
      ...[isFinished ? finish : [], v128.store(0)],
    ]),
  ];
  const group = [
    ...matrix.flatMap((_, v) => column(v)),
    ...[advance(source, GROUP_BYTES), advance(target, GROUP_BYTES)],
    isFinished ? advance(bias, GROUP_BYTES) : [],
  ];
  const steps = [
    ...[...multiples(sourceRows, sourceRow), ...multiples(sourceColumns, sourceColumn)],
    ...[...multiples(targetRows, targetRow), ...multiples(targetColumns, targetColumn)],
  ];
  const body = steps.concat(repeat(groups, group.flat()));
  return { name, params, i32Locals, v128Locals: size, body };
}

/** locals[i] = i step */
function multiples(locals: readonly number[], step: number): Code {
  return locals.flatMap((target, i) =>
    i === 0
      ? [...i32.const(0), ...local.set(target)]
      : [...local.get(locals[i - 1]!), ...local.get(step), ...i32.add, ...local.set(target)],
  );
}

/** The sum of terms with coefficients, left on the stack; one without a sign comes first. */
function combination(coefficients: readonly number[], term: (i: number) => Code): Code[] {
  const used = range(0, coefficients.length).filter((i) => coefficients[i] !== 0);
  const first = used.find((i) => coefficients[i]! > 0);
  const scaled = (i: number): Code[] => {
    const size = Math.abs(coefficients[i]!);
    return size === 1 ? [term(i)] : [term(i), v128.constant(size), f32x4.mul];
  };
  return [
    ...(first === undefined ? [v128.zero] : scaled(first)),
    ...used
      .filter((i) => i !== first)
      .flatMap((i) => [...scaled(i), coefficients[i]! < 0 ? f32x4.sub : f32x4.add]),
  ];
}
