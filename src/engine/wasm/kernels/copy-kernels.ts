/**
 * Copies in WebAssembly: into the order in which the matrix kernels read, and plain ones. Addresses
 * and steps in bytes.
 */
import {
  addTo,
  advance,
  f32,
  i32,
  local,
  memory,
  range,
  repeat,
  v128,
  type Code,
  type Repeated,
  type WasmFunction,
} from '../../assembly/assembler.ts';
import { PANEL, TILE_ROWS } from './matrix-kernels.ts';

const PANEL_BYTES = 4 * PANEL;

/**
 * Copies rows of whole panels: row by row, each panel of a row to its place behind the same panel's
 * earlier rows.
 * @param sourceStep from row to row
 * @param panelStep from panel to panel in the target
 * @param panels at least 1; so many `rows`
 */
export type PackRows = (
  source: number,
  sourceStep: number,
  target: number,
  panelStep: number,
  panels: number,
  rows: number,
) => void;

/** Copies `count` single floats, at least 1, a fixed step apart on both sides. */
export type CopyFloats = (
  source: number,
  sourceStep: number,
  target: number,
  targetStep: number,
  count: number,
) => void;

/**
 * Copies `count` single floats, at least 1, a fixed step apart, to where offsets say.
 * @param targetOffsets address of int32: where each goes, in bytes from `target`
 */
export type ScatterFloats = (
  source: number,
  sourceStep: number,
  target: number,
  targetOffsets: number,
  count: number,
) => void;

/**
 * Copies some consecutive elements of each window, as many as the tile is high, to TILE_ROWS floats
 * for each window.
 * @param a address of the windows' operand, at the first of the elements
 * @param windowOffsets address of int32: where each window begins
 * @param windows at least 1
 */
export type GatherTile = (
  a: number,
  windowOffsets: number,
  windows: number,
  target: number,
) => void;

export interface CopyKernels {
  readonly packRows: PackRows;
  readonly copyFloats: CopyFloats;
  readonly scatterFloats: ScatterFloats;
  /** By the tile's height, 1 to TILE_ROWS; the element 0 is not used. */
  readonly gatherTile: readonly GatherTile[];
  readonly copyBytes: (target: number, source: number, bytes: number) => void;
  readonly clearBytes: (target: number, bytes: number) => void;
}

export function copyKernelCode(): WasmFunction[] {
  const gathers = range(1, TILE_ROWS).map(gatherTileCode);
  return [
    ...[packRowsCode(), copyFloatsCode(), scatterFloatsCode()],
    ...[...gathers, COPY_BYTES, CLEAR_BYTES],
  ];
}

/** @param functions of a module that has these kernels, by name */
export function copyKernelsOf(functions: Readonly<Record<string, unknown>>): CopyKernels {
  const gathers = [0, ...range(1, TILE_ROWS)].map((height) => functions[`gather${height}`]);
  return {
    packRows: functions['packRows'] as PackRows,
    copyFloats: functions['copyFloats'] as CopyFloats,
    scatterFloats: functions['scatterFloats'] as ScatterFloats,
    gatherTile: gathers as GatherTile[],
    copyBytes: functions['copyBytes'] as CopyKernels['copyBytes'],
    clearBytes: functions['clearBytes'] as CopyKernels['clearBytes'],
  };
}

function packRowsCode(): WasmFunction {
  const params = 6;
  const [source, sourceStep, target, panelStep, panels, rows] = range(0, params) as Repeated<
    typeof params
  >;
  const [from, to, panel] = range(params, 3) as Repeated<3>;
  const copyPanel: Code = [
    ...[...local.get(to), ...local.get(from), ...v128.load(0), ...v128.store(0)],
    ...[...local.get(to), ...local.get(from), ...v128.load(16), ...v128.store(16)],
    ...[...advance(from, PANEL_BYTES), ...addTo(to, panelStep)],
  ];
  const body = repeat(rows, [
    ...[...local.get(source), ...local.set(from), ...local.get(target), ...local.set(to)],
    ...[...local.get(panels), ...local.set(panel), ...repeat(panel, copyPanel)],
    ...[...addTo(source, sourceStep), ...advance(target, PANEL_BYTES)],
  ]);
  return { name: 'packRows', params, i32Locals: 3, v128Locals: 0, body };
}

function copyFloatsCode(): WasmFunction {
  const params = 5;
  const [source, sourceStep, target, targetStep, count] = range(0, params) as Repeated<
    typeof params
  >;
  const body = repeat(count, [
    ...[...local.get(target), ...local.get(source), ...f32.load(0), ...f32.store(0)],
    ...[...addTo(source, sourceStep), ...addTo(target, targetStep)],
  ]);
  return { name: 'copyFloats', params, i32Locals: 0, v128Locals: 0, body };
}

function scatterFloatsCode(): WasmFunction {
  const params = 5;
  const [source, sourceStep, target, targetOffsets, count] = range(0, params) as Repeated<
    typeof params
  >;
  const body = repeat(count, [
    ...[...local.get(target), ...local.get(targetOffsets), ...i32.load(0), ...i32.add],
    ...[...local.get(source), ...f32.load(0), ...f32.store(0)],
    ...[...addTo(source, sourceStep), ...advance(targetOffsets, 4)],
  ]);
  return { name: 'scatterFloats', params, i32Locals: 0, v128Locals: 0, body };
}

function gatherTileCode(height: number): WasmFunction {
  const params = 4;
  const [a, windowOffsets, windows, target] = range(0, params) as Repeated<typeof params>;
  const element = params;
  const copy = (i: number): Code => [
    ...[...local.get(target), ...local.get(element), ...f32.load(4 * i), ...f32.store(4 * i)],
  ];
  const whole = [...local.get(target), ...local.get(element), ...v128.load(0), ...v128.store(0)];
  const body = repeat(windows, [
    ...[...local.get(a), ...local.get(windowOffsets), ...i32.load(0), ...i32.add],
    ...local.set(element),
    ...(height === TILE_ROWS ? whole : range(0, height).flatMap(copy)),
    ...[...advance(windowOffsets, 4), ...advance(target, 4 * TILE_ROWS)],
  ]);
  return { name: `gather${height}`, params, i32Locals: 1, v128Locals: 0, body };
}

const COPY_BYTES: WasmFunction = {
  name: 'copyBytes',
  params: 3,
  i32Locals: 0,
  v128Locals: 0,
  body: [...local.get(0), ...local.get(1), ...local.get(2), ...memory.copy],
};

const CLEAR_BYTES: WasmFunction = {
  name: 'clearBytes',
  params: 2,
  i32Locals: 0,
  v128Locals: 0,
  body: [...local.get(0), ...i32.const(0), ...local.get(1), ...memory.fill],
};
