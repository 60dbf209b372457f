/**
 * The loops over channels, four at a time, in WebAssembly: the passes of batch norm and of max
 * pooling. Channels beyond the last four are the caller's. A gradient that came through a ReLU
 * counts where its output is above 0.
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
} from '../../assembly/assembler.ts';

/** Channels of a group. */
export const GROUP = 4;
const GROUP_BYTES = 4 * GROUP;

/**
 * Adds, for each channel, the sums over rows of a and of a * b to eight float64 for each group:
 * four of a, four of a * b.
 * @param a address of [rows, C]; so is `b`
 * @param y address of [rows, C]: a counts where it is above 0; the other form has no use for it
 * @param rowBytes from row to row of all
 * @param rows at least 1
 * @param sums address of the float64
 * @param groups at least 1
 */
export type AddColumnSums = (
  a: number,
  b: number,
  y: number,
  rowBytes: number,
  rows: number,
  sums: number,
  groups: number,
) => void;

/**
 * y = max(scale x + shift, floor) for each channel.
 * @param x address of [rows, C]; so is `y`
 * @param rowGap bytes from a row's last whole group to the next row
 * @param scale address of a float for each channel; so is `shift`
 * @param floor address of one float
 */
export type ScaleRows = (
  x: number,
  y: number,
  rows: number,
  groups: number,
  rowGap: number,
  scale: number,
  shift: number,
  floor: number,
) => void;

/**
 * dx = a dy + (b x + shift) for each channel: the gradient of batch norm.
 * @param dy address of [rows, C]; so are `y`, x and dx; dy counts as for the column sums
 * @param a address of a float for each channel; so are `b` and `shift`
 */
export type BlendRows = (
  dy: number,
  y: number,
  x: number,
  dx: number,
  rows: number,
  groups: number,
  rowGap: number,
  a: number,
  b: number,
  shift: number,
) => void;

/**
 * The largest element of a window, channel by channel.
 * @param x address of the window, at least 1 x 1; the rest as below
 */
export type TakeLargest = (
  x: number,
  y: number,
  rows: number,
  columns: number,
  rowGap: number,
  columnBytes: number,
  groups: number,
) => void;

/**
 * Adds the gradient of a pooled pixel to the first elements of its window that equal the pixel,
 * channel by channel.
 * @param y address of the pooled pixel; `dy` of its gradient
 * @param x address of the window; `dx` of its gradient
 * @param rows of the window, at least 1; so many `columns`
 * @param rowGap bytes from a window row's end to the next one's beginning; `columnBytes`: from
 *   pixel to pixel
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
  /** Of a where y is above 0. */
  readonly addOpenColumnSums: AddColumnSums;
  readonly scaleRows: ScaleRows;
  readonly blendRows: BlendRows;
  /** Of dy where y is above 0. */
  readonly blendOpenRows: BlendRows;
  readonly takeLargest: TakeLargest;
  readonly routeToFirst: RouteToFirst;
}

export function channelKernelCode(): WasmFunction[] {
  return [
    ...[addColumnSumsCode('addColumnSums', false), addColumnSumsCode('addOpenColumnSums', true)],
    ...[scaleRowsCode(), blendRowsCode('blendRows', false), blendRowsCode('blendOpenRows', true)],
    ...[takeLargestCode(), routeToFirstCode()],
  ];
}

/** @param functions of a module that has these kernels, by name */
export function channelKernelsOf(functions: Readonly<Record<string, unknown>>): ChannelKernels {
  return {
    addColumnSums: functions['addColumnSums'] as AddColumnSums,
    addOpenColumnSums: functions['addOpenColumnSums'] as AddColumnSums,
    scaleRows: functions['scaleRows'] as ScaleRows,
    blendRows: functions['blendRows'] as BlendRows,
    blendOpenRows: functions['blendOpenRows'] as BlendRows,
    takeLargest: functions['takeLargest'] as TakeLargest,
    routeToFirst: functions['routeToFirst'] as RouteToFirst,
  };
}

function addColumnSumsCode(name: string, isMasked: boolean): WasmFunction {
  const params = 7;
  const [a, b, y, rowBytes, rows, sums, groups] = range(0, params) as Repeated<typeof params>;
  const [row, aRow, bRow, yRow] = range(params, 4) as Repeated<4>;
  /** Two channels each: sums of a, then sums of a * b. */
  const sum = range(params + 4, 2);
  const productSum = range(params + 6, 2);
  const pair = params + 8;
  const mask = (half: number): Code => [
    ...[...local.get(yRow), ...v128.loadPair(8 * half), ...v128.zero, ...f32x4.greater],
    ...v128.and,
  ];
  const addPair = (half: number): Code => [
    ...[...local.get(aRow), ...v128.loadPair(8 * half), ...(isMasked ? mask(half) : [])],
    ...[...f64x2.promote, ...local.set(pair)],
    ...[...local.get(sum[half]!), ...local.get(pair), ...f64x2.add, ...local.set(sum[half]!)],
    ...[...local.get(bRow), ...v128.loadPair(8 * half), ...f64x2.promote],
    ...[...local.get(pair), ...f64x2.mul, ...local.get(productSum[half]!), ...f64x2.add],
    ...local.set(productSum[half]!),
  ];
  const all = [...sum, ...productSum];
  const group: Code = [
    ...all.flatMap((s, i) => [...local.get(sums), ...v128.load(16 * i), ...local.set(s)]),
    ...[...local.get(a), ...local.set(aRow), ...local.get(b), ...local.set(bRow)],
    ...[...local.get(y), ...local.set(yRow), ...local.get(rows), ...local.set(row)],
    ...repeat(row, [
      ...[...addPair(0), ...addPair(1)],
      ...[aRow, bRow, yRow].flatMap((pointer) => addTo(pointer, rowBytes)),
    ]),
    ...all.flatMap((s, i) => [...local.get(sums), ...local.get(s), ...v128.store(16 * i)]),
    ...[a, b, y].flatMap((pointer) => advance(pointer, GROUP_BYTES)),
    ...advance(sums, 16 * all.length),
  ];
  return { name, params, i32Locals: 4, v128Locals: 5, body: repeat(groups, group) };
}

function scaleRowsCode(): WasmFunction {
  const params = 8;
  const [x, y, rows, groups, rowGap, scale, shift, floor] = range(0, params) as Repeated<
    typeof params
  >;
  const [group, scaleAt, shiftAt] = range(params, 3) as Repeated<3>;
  const least = params + 3;
  const body: Code = [
    ...[...local.get(floor), ...v128.loadSplat(0), ...local.set(least)],
    ...repeat(rows, [
      ...[...local.get(groups), ...local.set(group)],
      ...[...local.get(scale), ...local.set(scaleAt), ...local.get(shift), ...local.set(shiftAt)],
      ...repeat(group, [
        ...[...local.get(y), ...local.get(x), ...v128.load(0)],
        ...[...local.get(scaleAt), ...v128.load(0), ...f32x4.mul],
        ...[...local.get(shiftAt), ...v128.load(0), ...f32x4.add],
        ...[...local.get(least), ...f32x4.max, ...v128.store(0)],
        ...[x, y, scaleAt, shiftAt].flatMap((pointer) => advance(pointer, GROUP_BYTES)),
      ]),
      ...[...addTo(x, rowGap), ...addTo(y, rowGap)],
    ]),
  ];
  return { name: 'scaleRows', params, i32Locals: 3, v128Locals: 1, body };
}

function blendRowsCode(name: string, isMasked: boolean): WasmFunction {
  const params = 10;
  const [dy, y, x, dx, rows, groups, rowGap, a, b, shift] = range(0, params) as Repeated<
    typeof params
  >;
  const [group, aAt, bAt, shiftAt] = range(params, 4) as Repeated<4>;
  const mask: Code = [
    ...[...local.get(y), ...v128.load(0), ...v128.zero, ...f32x4.greater, ...v128.and],
  ];
  const body = repeat(rows, [
    ...[...local.get(groups), ...local.set(group), ...local.get(a), ...local.set(aAt)],
    ...[...local.get(b), ...local.set(bAt), ...local.get(shift), ...local.set(shiftAt)],
    ...repeat(group, [
      ...[...local.get(dx), ...local.get(dy), ...v128.load(0), ...(isMasked ? mask : [])],
      ...[...local.get(aAt), ...v128.load(0), ...f32x4.mul],
      ...[...local.get(x), ...v128.load(0), ...local.get(bAt), ...v128.load(0), ...f32x4.mul],
      ...[...local.get(shiftAt), ...v128.load(0), ...f32x4.add, ...f32x4.add, ...v128.store(0)],
      ...[dy, y, x, dx, aAt, bAt, shiftAt].flatMap((pointer) => advance(pointer, GROUP_BYTES)),
    ]),
    ...[dy, y, x, dx].flatMap((pointer) => addTo(pointer, rowGap)),
  ]);
  return { name, params, i32Locals: 4, v128Locals: 0, body };
}

function takeLargestCode(): WasmFunction {
  const params = 7;
  const [x, y, rows, columns, rowGap, columnBytes, groups] = range(0, params) as Repeated<
    typeof params
  >;
  const [row, column, xAt] = range(params, 3) as Repeated<3>;
  const largest = params + 3;
  const element: Code = [
    ...[...local.get(xAt), ...v128.load(0), ...local.get(largest), ...f32x4.max],
    ...[...local.set(largest), ...addTo(xAt, columnBytes)],
  ];
  const body = repeat(groups, [
    ...[...local.get(x), ...local.tee(xAt), ...v128.load(0), ...local.set(largest)],
    ...[...local.get(rows), ...local.set(row)],
    ...repeat(row, [
      ...[...local.get(columns), ...local.set(column), ...repeat(column, element)],
      ...addTo(xAt, rowGap),
    ]),
    ...[...local.get(y), ...local.get(largest), ...v128.store(0)],
    ...[...advance(x, GROUP_BYTES), ...advance(y, GROUP_BYTES)],
  ]);
  return { name: 'takeLargest', params, i32Locals: 3, v128Locals: 1, body };
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
