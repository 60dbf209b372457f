/**
 * The two inner loops of training, in WebAssembly: products with matrices that are never made, the
 * windows of a convolution's input. A window is a few segments of consecutive floats: one per
 * kernel row, kernel width times channels long. A plain matrix's row is a window of one segment. A
 * tile of up to TILE_ROWS by PANEL sums lives in registers. Each sum is one chain of multiply-adds
 * in an order that neither the number of windows nor the tile's height changes: a row's result has
 * the same bits in any company. Multiply-adds are fused where CPU and V8 can: fewer instructions,
 * and one rounding less.
 */
import {
  addTo,
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

/**
 * Rows of a tile. V8 moves all loads of a loop's body before its arithmetic: 4 x 2 sums, 4 splats
 * and 2 vectors are 14 of the 15 registers it has on x64; with 5 rows, or the loop unrolled here,
 * it would keep sums in memory.
 */
export const TILE_ROWS = 4;
/** Columns of a tile: two vectors. */
export const PANEL = 8;
const PANEL_BYTES = 4 * PANEL;

/**
 * out[i, :] = max(bias + window i times b, floor), for as many windows as the tile is high.
 * @param a address of the windows' operand
 * @param windowOffsets address of int32: where each window begins, in bytes from `a`
 * @param outOffsets address of int32: where each output row begins, in bytes from `out`
 * @param b address of the packed matrix: by panel, then by window element, PANEL columns each
 * @param bias address of a float for each column
 * @param floor address of one float
 * @param panels at least 1
 * @param segments of a window, at least 1
 * @param segmentLength floats of a segment
 * @param gap bytes from a segment's end to the next one's beginning
 */
export type WindowsTimesMatrix = (
  a: number,
  windowOffsets: number,
  out: number,
  outOffsets: number,
  b: number,
  bias: number,
  floor: number,
  panels: number,
  segments: number,
  segmentLength: number,
  gap: number,
) => void;

/**
 * out[i, :] += sum over m of a[m, i] b[m, :], for as many i as the tile is high.
 * @param a address of a tile's elements: by window, TILE_ROWS floats each
 * @param windows how many, at least 1
 * @param b address of a packed matrix, as above, with one row for each window
 * @param out address of out, whose rows are `outStride` bytes apart
 * @param panels at least 1
 */
export type AddOuterProducts = (
  a: number,
  windows: number,
  b: number,
  out: number,
  outStride: number,
  panels: number,
) => void;

export interface MatrixKernels {
  /** By the tile's height, 1 to TILE_ROWS; the element 0 is not used. */
  readonly windowsTimesMatrix: readonly WindowsTimesMatrix[];
  /** Sums by themselves, then adds: long sums in parts lose less. */
  readonly addOuterProducts: readonly AddOuterProducts[];
  /**
   * Goes on from what is there: in many parts the same bits as in one, and as `windowsTimesMatrix`.
   */
  readonly continueOuterProducts: readonly AddOuterProducts[];
}

/** Heights of tiles. */
const HEIGHTS = range(1, TILE_ROWS);

export function matrixKernelCode(isFused: boolean): WasmFunction[] {
  return HEIGHTS.flatMap((height) => [
    windowsTimesMatrixCode(height, isFused),
    outerProductsCode('outer', height, isFused),
    outerProductsCode('chain', height, isFused),
  ]);
}

/** @param functions of a module that has these kernels, by name */
export function matrixKernelsOf(functions: Readonly<Record<string, unknown>>): MatrixKernels {
  const named = (name: string): unknown[] =>
    [0, ...HEIGHTS].map((height) => functions[`${name}${height}`]);
  return {
    windowsTimesMatrix: named('windows') as WindowsTimesMatrix[],
    addOuterProducts: named('outer') as AddOuterProducts[],
    continueOuterProducts: named('chain') as AddOuterProducts[],
  };
}

/** sum += x * y */
function multiplyAdd(sum: number, x: number, y: number, isFused: boolean): Code {
  const factors = [...local.get(x), ...local.get(y)];
  return isFused
    ? [...factors, ...local.get(sum), ...f32x4.relaxedMadd, ...local.set(sum)]
    : [...factors, ...f32x4.mul, ...local.get(sum), ...f32x4.add, ...local.set(sum)];
}

function windowsTimesMatrixCode(height: number, isFused: boolean): WasmFunction {
  const params = 11;
  const [a, windowOffsets, out, outOffsets, b, bias, floor, panels, segments, segmentLength, gap] =
    range(0, params) as Repeated<typeof params>;
  const [segment, step] = range(params, 2) as Repeated<2>;
  const row = range(params + 2, height);
  const left = range(params + 2 + height, height);
  const right = range(params + 2 + 2 * height, height);
  const [bLeft, bRight, splat] = range(params + 2 + 3 * height, 3) as Repeated<3>;

  const element: Code = [
    ...[...local.get(b), ...v128.load(0), ...local.set(bLeft)],
    ...[...local.get(b), ...v128.load(16), ...local.set(bRight)],
    ...advance(b, PANEL_BYTES),
    ...row.flatMap((pointer, i) => [
      ...[...local.get(pointer), ...v128.loadSplat(0), ...local.set(splat)],
      ...advance(pointer, 4),
      ...multiplyAdd(left[i]!, splat, bLeft, isFused),
      ...multiplyAdd(right[i]!, splat, bRight, isFused),
    ]),
  ];
  const floored = (sum: number): Code => [
    ...[...local.get(sum), ...local.get(floor), ...v128.loadSplat(0), ...f32x4.max],
  ];
  const panel: Code = [
    ...row.flatMap((pointer, i) => addressAt(a, windowOffsets, i, pointer)),
    ...left.flatMap((sum) => [...local.get(bias), ...v128.load(0), ...local.set(sum)]),
    ...right.flatMap((sum) => [...local.get(bias), ...v128.load(16), ...local.set(sum)]),
    ...[...local.get(segments), ...local.set(segment)],
    ...repeat(segment, [
      ...[...local.get(segmentLength), ...local.set(step)],
      ...repeat(step, element),
      ...row.flatMap((pointer) => addTo(pointer, gap)),
    ]),
    ...row.flatMap((pointer, i) => [
      ...addressAt(out, outOffsets, i, pointer),
      ...[...local.get(pointer), ...floored(left[i]!), ...v128.store(0)],
      ...[...local.get(pointer), ...floored(right[i]!), ...v128.store(16)],
    ]),
    ...[...advance(out, PANEL_BYTES), ...advance(bias, PANEL_BYTES)],
  ];
  return {
    name: `windows${height}`,
    params,
    i32Locals: 2 + height,
    v128Locals: 2 * height + 3,
    body: repeat(panels, panel),
  };
}

function outerProductsCode(
  kind: 'outer' | 'chain',
  height: number,
  isFused: boolean,
): WasmFunction {
  const params = 6;
  const [a, windows, b, out, outStride, panels] = range(0, params) as Repeated<typeof params>;
  const [window, element, outRow] = range(params, 3) as Repeated<3>;
  const left = range(params + 3, height);
  const right = range(params + 3 + height, height);
  const [bLeft, bRight, splat] = range(params + 3 + 2 * height, 3) as Repeated<3>;

  const begin: Record<typeof kind, Code> = {
    outer: [...left, ...right].flatMap((sum) => [...v128.zero, ...local.set(sum)]),
    chain: [
      ...[...local.get(out), ...local.set(outRow)],
      ...left.flatMap((sum, i) => [
        ...[...local.get(outRow), ...v128.load(0), ...local.set(sum)],
        ...[...local.get(outRow), ...v128.load(16), ...local.set(right[i]!)],
        ...addTo(outRow, outStride),
      ]),
    ],
  };
  const storeSum = kind === 'outer' ? addToMemory : setMemory;
  const panel: Code = [
    ...begin[kind],
    ...[...local.get(windows), ...local.set(window)],
    ...[...local.get(a), ...local.set(element)],
    ...repeat(window, [
      ...[...local.get(b), ...v128.load(0), ...local.set(bLeft)],
      ...[...local.get(b), ...v128.load(16), ...local.set(bRight)],
      ...advance(b, PANEL_BYTES),
      ...left.flatMap((sum, i) => [
        ...[...local.get(element), ...v128.loadSplat(4 * i), ...local.set(splat)],
        ...multiplyAdd(sum, splat, bLeft, isFused),
        ...multiplyAdd(right[i]!, splat, bRight, isFused),
      ]),
      ...advance(element, 4 * TILE_ROWS),
    ]),
    ...[...local.get(out), ...local.set(outRow)],
    ...left.flatMap((sum, i) => [
      ...storeSum(outRow, 0, sum),
      ...storeSum(outRow, 16, right[i]!),
      ...addTo(outRow, outStride),
    ]),
    ...advance(out, PANEL_BYTES),
  ];
  return {
    name: `${kind}${height}`,
    params,
    i32Locals: 3,
    v128Locals: 2 * height + 3,
    body: repeat(panels, panel),
  };
}

/** target = base + the i-th of these offsets */
function addressAt(base: number, offsets: number, i: number, target: number): Code {
  return [
    ...[...local.get(base), ...local.get(offsets), ...i32.load(4 * i), ...i32.add],
    ...local.set(target),
  ];
}

/** The four floats at an address += local `value` */
function addToMemory(address: number, offset: number, value: number): Code {
  return [
    ...[...local.get(address), ...local.get(address), ...v128.load(offset)],
    ...[...local.get(value), ...f32x4.add, ...v128.store(offset)],
  ];
}

/** The four floats at an address = local `value` */
function setMemory(address: number, offset: number, value: number): Code {
  return [...local.get(address), ...local.get(value), ...v128.store(offset)];
}
