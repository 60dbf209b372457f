/**
 * Two loops over channels, four at a time, in WebAssembly: the sums of batch norm and the way back through max pooling.
 * Channels beyond the last four are the caller's.
 */
import {
  addTo,
  advance,
  f32x4,
  f64x2,
  local,
  range,
  repeat,
  v128,
  type Code,
  type Repeated,
  type WasmFunction,
} from './assembler.ts';

/** Channels of a group. */
export const GROUP = 4;
const GROUP_BYTES = 4 * GROUP;

/**
 * Adds, for each channel, the sums over rows of a and of a * b to eight float64 for each group: four of a, four of a * b.
 * @param a address of [rows, C]; so is `b`
 * @param rowBytes from row to row of both
 * @param rows at least 1
 * @param sums address of the float64
 * @param groups at least 1
 */
export type AddColumnSums = (
  a: number,
  b: number,
  rowBytes: number,
  rows: number,
  sums: number,
  groups: number,
) => void;

/**
 * Adds the gradient of a pooled pixel to the first elements of its window that equal the pixel, channel by channel.
 * @param y address of the pooled pixel; `dy` of its gradient
 * @param x address of the window; `dx` of its gradient
 * @param rows of the window, at least 1; so many `columns`
 * @param rowGap bytes from a window row's end to the next one's beginning; `columnBytes`: from pixel to pixel
 * @param groups at least 1
 */
export type RouteToFirst = (
  y: number,
  dy: number,
  x: number,
  dx: number,
  rows: number,
  columns: number,
  rowGap: number,
  columnBytes: number,
  groups: number,
) => void;

export interface ChannelKernels {
  readonly addColumnSums: AddColumnSums;
  readonly routeToFirst: RouteToFirst;
}

export function channelKernelCode(): WasmFunction[] {
  return [addColumnSumsCode(), routeToFirstCode()];
}

/** @param functions of a module that has these kernels, by name */
export function channelKernelsOf(functions: Readonly<Record<string, unknown>>): ChannelKernels {
  return {
    addColumnSums: functions['addColumnSums'] as AddColumnSums,
    routeToFirst: functions['routeToFirst'] as RouteToFirst,
  };
}

function addColumnSumsCode(): WasmFunction {
  const params = 6;
  const [a, b, rowBytes, rows, sums, groups] = range(0, params) as Repeated<typeof params>;
  const [row, aRow, bRow] = range(params, 3) as Repeated<3>;
  /** Two channels each: sums of a, then sums of a * b. */
  const sum = range(params + 3, 2);
  const productSum = range(params + 5, 2);
  const pair = params + 7;
  const addPair = (half: number): Code => [
    ...[...local.get(aRow), ...v128.loadPair(8 * half), ...f64x2.promote, ...local.set(pair)],
    ...[...local.get(sum[half]!), ...local.get(pair), ...f64x2.add, ...local.set(sum[half]!)],
    ...[...local.get(bRow), ...v128.loadPair(8 * half), ...f64x2.promote],
    ...[...local.get(pair), ...f64x2.mul, ...local.get(productSum[half]!), ...f64x2.add],
    ...local.set(productSum[half]!),
  ];
  const all = [...sum, ...productSum];
  const group: Code = [
    ...all.flatMap((s, i) => [...local.get(sums), ...v128.load(16 * i), ...local.set(s)]),
    ...[...local.get(a), ...local.set(aRow), ...local.get(b), ...local.set(bRow)],
    ...[...local.get(rows), ...local.set(row)],
    ...repeat(row, [
      ...[...addPair(0), ...addPair(1), ...addTo(aRow, rowBytes), ...addTo(bRow, rowBytes)],
    ]),
    ...all.flatMap((s, i) => [...local.get(sums), ...local.get(s), ...v128.store(16 * i)]),
    ...[...advance(a, GROUP_BYTES), ...advance(b, GROUP_BYTES), ...advance(sums, 16 * all.length)],
  ];
  return {
    name: 'addColumnSums',
    params,
    i32Locals: 3,
    v128Locals: 5,
    body: repeat(groups, group),
  };
}

function routeToFirstCode(): WasmFunction {
  const params = 9;
  const [y, dy, x, dx, rows, columns, rowGap, columnBytes, groups] = range(0, params) as Repeated<
    typeof params
  >;
  const [row, column, xAt, dxAt] = range(params, 4) as Repeated<4>;
  const [pooled, gradient, waiting, hit] = range(params + 4, 4) as Repeated<4>;
  const element: Code = [
    ...[...local.get(xAt), ...v128.load(0), ...local.get(pooled), ...f32x4.equal],
    ...[...local.get(waiting), ...v128.and, ...local.set(hit)],
    ...[...local.get(waiting), ...local.get(hit), ...v128.andNot, ...local.set(waiting)],
    ...[...local.get(dxAt), ...local.get(dxAt), ...v128.load(0)],
    ...[...local.get(gradient), ...local.get(hit), ...v128.and, ...f32x4.add, ...v128.store(0)],
    ...[...addTo(xAt, columnBytes), ...addTo(dxAt, columnBytes)],
  ];
  const group: Code = [
    ...[...local.get(y), ...v128.load(0), ...local.set(pooled)],
    ...[...local.get(dy), ...v128.load(0), ...local.set(gradient)],
    ...[...v128.ones, ...local.set(waiting)],
    ...[...local.get(x), ...local.set(xAt), ...local.get(dx), ...local.set(dxAt)],
    ...[...local.get(rows), ...local.set(row)],
    ...repeat(row, [
      ...[...local.get(columns), ...local.set(column), ...repeat(column, element)],
      ...[...addTo(xAt, rowGap), ...addTo(dxAt, rowGap)],
    ]),
    ...[y, dy, x, dx].flatMap((pointer) => advance(pointer, GROUP_BYTES)),
  ];
  return {
    name: 'routeToFirst',
    params,
    i32Locals: 4,
    v128Locals: 4,
    body: repeat(groups, group),
  };
}
