/**
 * The two inner loops of training, in WebAssembly: matrix products of which one operand is never made, the windows of a
 * convolution's input. A window is a few segments of consecutive floats (one per kernel row, kernel width times channels
 * long), so rows of a plain matrix are windows of one segment, and a convolution needs no im2col.
 * A tile of up to TILE_ROWS by PANEL columns lives in registers. Each output element is one chain of multiply-adds in an
 * order that neither the batch nor the tile's height changes: a row's result has the same bits in any company.
 * Fused multiply-adds where the CPU and V8 have them (twice the rate, one rounding less), else multiply, then add.
 */
import { setFlagsFromString } from 'node:v8';
import {
  advance,
  assembleModule,
  f32x4,
  i32,
  local,
  repeat,
  v128,
  type Code,
  type WasmFunction,
} from './assembler.ts';

/** Rows of a tile: 6 x 2 accumulators, two vectors of one operand and one of the other fill the 16 registers of x64. */
export const TILE_ROWS = 4;
/** Columns of a tile: two vectors. */
export const PANEL = 8;
const PANEL_BYTES = 4 * PANEL;

/**
 * out[i, :] = window i times b, for as many windows as the tile is high.
 * @param a address of the windows' operand
 * @param windowOffsets address of int32: where each window begins, in bytes from `a`
 * @param outOffsets address of int32: where each output row begins, in bytes from `out`
 * @param b address of the packed matrix: by panel, then by window element, PANEL columns each
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
  panels: number,
  segments: number,
  segmentLength: number,
  gap: number,
) => void;

/**
 * out[i, :] += sum over m of (element i of window m) d[m, :], for as many consecutive elements as the tile is high.
 * @param a address of the windows' operand, at the first of the elements
 * @param windowOffsets as above
 * @param windows how many, at least 1
 * @param d address of d, whose rows are `dStride` bytes apart
 * @param out address of out, whose rows are `outStride` bytes apart
 * @param panels at least 1
 */
export type AddOuterProducts = (
  a: number,
  windowOffsets: number,
  windows: number,
  d: number,
  dStride: number,
  out: number,
  outStride: number,
  panels: number,
) => void;

export interface MatrixKernels {
  /** Whether multiply-adds are fused; results differ in rounding. */
  readonly isFused: boolean;
  /** By the tile's height, 1 to TILE_ROWS; the element 0 is not used. */
  readonly windowsTimesMatrix: readonly WindowsTimesMatrix[];
  readonly addOuterProducts: readonly AddOuterProducts[];
}

/** The kernels over this memory. @param allowFused false keeps to plain multiply and add */
export function createMatrixKernels(
  memory: WebAssembly.Memory,
  allowFused: boolean,
): MatrixKernels {
  const isFused = allowFused && canFuse();
  const heights = Array.from({ length: TILE_ROWS }, (_, i) => i + 1);
  const code = assembleModule([
    ...heights.map((height) => windowsTimesMatrixCode(height, isFused)),
    ...heights.map((height) => addOuterProductsCode(height, isFused)),
  ]);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } });
  const named = (name: string) => [0, ...heights].map((height) => instance.exports[name + height]);
  return {
    isFused,
    windowsTimesMatrix: named('windows') as unknown as WindowsTimesMatrix[],
    addOuterProducts: named('outer') as unknown as AddOuterProducts[],
  };
}

/** Node 20 has relaxed SIMD behind a flag of V8, Node 22 without. */
function canFuse(): boolean {
  const probe = (): boolean =>
    WebAssembly.validate(assembleModule([windowsTimesMatrixCode(1, true)]));
  if (probe()) return true;
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  return probe();
}

/** Multiply-add on the stack: the two factors are pushed by `factors`, the sum lies in local `sum`. */
function multiplyAdd(sum: number, factors: Code, isFused: boolean): Code {
  return isFused
    ? [...factors, ...local.get(sum), ...f32x4.relaxedMadd, ...local.set(sum)]
    : [...factors, ...f32x4.mul, ...local.get(sum), ...f32x4.add, ...local.set(sum)];
}

function windowsTimesMatrixCode(height: number, isFused: boolean): WasmFunction {
  const params = 9;
  const [a, windowOffsets, out, outOffsets, b, panels, segments, segmentLength, gap] = range(
    0,
    params,
  ) as [number, number, number, number, number, number, number, number, number];
  const [segment, step] = [params, params + 1] as const;
  const row = range(params + 2, height);
  const left = range(params + 2 + height, height);
  const right = range(params + 2 + 2 * height, height);
  const [bLeft, bRight, splat] = range(params + 2 + 3 * height, 3) as [number, number, number];

  const body: Code = [
    ...row.flatMap((pointer, i) => addressAt(a, windowOffsets, i, pointer)),
    ...[...left, ...right].flatMap((sum) => [...v128.zero, ...local.set(sum)]),
    ...[...local.get(segments), ...local.set(segment)],
    ...repeat(segment, [
      ...[...local.get(segmentLength), ...local.set(step)],
      ...repeat(step, [
        ...[...local.get(b), ...v128.load(0), ...local.set(bLeft)],
        ...[...local.get(b), ...v128.load(16), ...local.set(bRight)],
        ...advance(b, PANEL_BYTES),
        ...row.flatMap((pointer, i) => [
          ...[...local.get(pointer), ...v128.loadSplat(0), ...local.set(splat)],
          ...advance(pointer, 4),
          ...multiplyAdd(left[i]!, [...local.get(splat), ...local.get(bLeft)], isFused),
          ...multiplyAdd(right[i]!, [...local.get(splat), ...local.get(bRight)], isFused),
        ]),
      ]),
      ...row.flatMap((pointer) => add(pointer, gap)),
    ]),
    ...row.flatMap((pointer, i) => [
      ...addressAt(out, outOffsets, i, pointer),
      ...[...local.get(pointer), ...local.get(left[i]!), ...v128.store(0)],
      ...[...local.get(pointer), ...local.get(right[i]!), ...v128.store(16)],
    ]),
    ...advance(out, PANEL_BYTES),
  ];
  return {
    name: `windows${height}`,
    params,
    i32Locals: 2 + height,
    v128Locals: 2 * height + 3,
    body: repeat(panels, body),
  };
}

function addOuterProductsCode(height: number, isFused: boolean): WasmFunction {
  const params = 8;
  const [a, windowOffsets, windows, d, dStride, out, outStride, panels] = range(0, params) as [
    ...[number, number, number, number],
    ...[number, number, number, number],
  ];
  const [window, offset, dRow, outRow, element] = range(params, 5) as [
    ...[number, number, number, number, number],
  ];
  const left = range(params + 5, height);
  const right = range(params + 5 + height, height);
  const [dLeft, dRight, splat] = range(params + 5 + 2 * height, 3) as [number, number, number];

  const body: Code = [
    ...[...left, ...right].flatMap((sum) => [...v128.zero, ...local.set(sum)]),
    ...[...local.get(windows), ...local.set(window)],
    ...[...local.get(windowOffsets), ...local.set(offset)],
    ...[...local.get(d), ...local.set(dRow)],
    ...repeat(window, [
      ...[...local.get(dRow), ...v128.load(0), ...local.set(dLeft)],
      ...[...local.get(dRow), ...v128.load(16), ...local.set(dRight)],
      ...add(dRow, dStride),
      ...[...local.get(a), ...local.get(offset), ...i32.load(0), ...i32.add],
      ...local.set(element),
      ...advance(offset, 4),
      ...left.flatMap((sum, i) => [
        ...[...local.get(element), ...v128.loadSplat(4 * i), ...local.set(splat)],
        ...multiplyAdd(sum, [...local.get(splat), ...local.get(dLeft)], isFused),
        ...multiplyAdd(right[i]!, [...local.get(splat), ...local.get(dRight)], isFused),
      ]),
    ]),
    ...[...local.get(out), ...local.set(outRow)],
    ...left.flatMap((sum, i) => [
      ...addToMemory(outRow, 0, sum),
      ...addToMemory(outRow, 16, right[i]!),
      ...add(outRow, outStride),
    ]),
    ...advance(d, PANEL_BYTES),
    ...advance(out, PANEL_BYTES),
  ];
  return {
    name: `outer${height}`,
    params,
    i32Locals: 5,
    v128Locals: 2 * height + 3,
    body: repeat(panels, body),
  };
}

/** target = base + the i-th of these offsets */
function addressAt(base: number, offsets: number, i: number, target: number): Code {
  return [
    ...[...local.get(base), ...local.get(offsets), ...i32.load(4 * i), ...i32.add],
    ...local.set(target),
  ];
}

/** index += other */
function add(index: number, other: number): Code {
  return [...local.get(index), ...local.get(other), ...i32.add, ...local.set(index)];
}

/** The four floats at an address += local `value` */
function addToMemory(address: number, offset: number, value: number): Code {
  return [
    ...[...local.get(address), ...local.get(address), ...v128.load(offset)],
    ...[...local.get(value), ...f32x4.add, ...v128.store(offset)],
  ];
}

function range(start: number, length: number): number[] {
  return Array.from({ length }, (_, i) => start + i);
}
