/**
 * Matrix products with the windows of a tensor on the heap: a convolution forward and back is three
 * such products, a fully connected layer too. Columns that do not fill a panel are computed beside,
 * and copied. Shapes: M windows of E elements, N columns. Offsets are in bytes, steps in floats.
 */
import type * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { Scratch, addressOf, teamOf, viewOf } from '../backend.ts';
import type { JobName, ParametersOf } from '../jobs/jobs.ts';
import { PANEL, TILE_ROWS } from '../kernels/matrix-kernels.ts';
import { BLOCK_PANELS, OUTER_SCRATCH_BYTES } from '../jobs/window-jobs.ts';

/** M stretches of a tensor, which may overlap: each of `segments` segments, a fixed step apart. */
export interface Windows {
  readonly source: tf.TensorInfo;
  /** [M], where each window begins in `source`. */
  readonly offsets: Int32Array;
  /** At least 1. */
  readonly segments: number;
  /** Floats of a segment, at least 1; E is segments x segmentLength. */
  readonly segmentLength: number;
  /** From one segment's beginning to the next one's. */
  readonly segmentStep: number;
}

/**
 * A matrix [E, N] where it lies: its rows are those of a grid of taps, each of `tapLength` rows.
 * Element e of tap (i, j) in column k is at `first + i tapRowStep + j tapColumnStep + e elementStep
 * + k columnStep`.
 */
export interface PlacedMatrix {
  readonly source: tf.TensorInfo;
  readonly first: number;
  readonly tapRows: number;
  readonly tapColumns: number;
  readonly tapRowStep: number;
  readonly tapColumnStep: number;
  readonly tapLength: number;
  readonly elementStep: number;
  readonly columnStep: number;
  readonly columns: number;
}

/** Applied to each sum of a product. */
export interface Epilogue {
  /** [N], added; null: nothing. */
  readonly bias: tf.TensorInfo | null;
  /** Whether results below zero become zero. */
  readonly rectify: boolean;
}

export const PLAIN: Epilogue = { bias: null, rectify: false };

const BYTES = Float32Array.BYTES_PER_ELEMENT;
/** Of packed panels used in one pass over the windows: a part of the second-level cache. */
const PANEL_BLOCK_BYTES = 256 * 1024;
/** Chunks of a product for each thread: enough that a slow one is made up for. */
const CHUNKS_OF_THREAD = 6;
/** Fewest windows of a chunk. */
const LEAST_ROWS = 4 * TILE_ROWS;
/**
 * Tiles of output rows that share a packed block: fewer make packing show, more leave the cache.
 */
const [LEAST_TILES, MOST_TILES] = [16, 64] as const;

/** Row i of the plain matrix [M, E] as window i. */
export function matrixRows(source: tf.TensorInfo, rows: number, columns: number): Windows {
  const offsets = rowOffsetsOf(rows, columns);
  return { source, offsets, segments: 1, segmentLength: columns, segmentStep: 0 };
}

/** The matrix [E, N] that lies plain, or whose transpose [N, E] does. */
export function plainMatrix(
  source: tf.TensorInfo,
  rows: number,
  columns: number,
  isTransposed = false,
): PlacedMatrix {
  const grid = { first: 0, tapRows: 1, tapColumns: 1, tapRowStep: 0, tapColumnStep: 0 };
  const [elementStep, columnStep] = isTransposed ? [1, rows] : [columns, 1];
  return { source, ...grid, tapLength: rows, elementStep, columnStep, columns };
}

/** Where the rows of a plain matrix begin. */
export function rowOffsetsOf(rows: number, columns: number): Int32Array {
  const offsets = new Int32Array(rows);
  for (let i = 0; i < rows; i += 1) offsets[i] = i * columns * BYTES;
  return offsets;
}

/**
 * out row i = epilogue(window i times matrix).
 * @param rowOffsets [M], where each row of N floats begins in `out`
 */
export function multiplyWindows(
  backend: BackendWasm,
  windows: Windows,
  matrix: PlacedMatrix,
  { bias, rectify }: Epilogue,
  out: tf.TensorInfo,
  rowOffsets: Int32Array,
): void {
  const { segments, segmentLength, segmentStep } = windows;
  const rows = rowOffsets.length;
  const elements = segments * segmentLength;
  const scratch = new Scratch(backend);
  const target = wideTarget(scratch, out, rows, matrix.columns);
  const wide = wholePanels(matrix.columns);
  const packed = scratch.floats(elements * wide);
  const biases = scratch.floats(wide);
  const floor = scratch.floats(1);
  const windowOffsets = scratch.ints(windows.offsets);
  const outOffsets = scratch.ints(target === out ? rowOffsets : rowOffsetsOf(rows, wide));
  viewOf(backend, biases).fill(0);
  if (bias !== null) viewOf(backend, biases).set(viewOf(backend, bias));
  viewOf(backend, floor)[0] = rectify ? 0 : -Infinity;
  const at = (info: tf.TensorInfo): number => addressOf(backend, info);
  const team = teamOf(backend);
  const packing = packingOf(matrix, at(matrix.source), at(packed), team.threads);
  team.run('packMatrix', packing.operands, packing.chunks);
  const product = productOf(
    {
      ...{ windows: at(windows.source), windowOffsets: at(windowOffsets), count: rows },
      ...{ segments, segmentLength, gap: (segmentStep - segmentLength) * BYTES },
      ...{ packed: at(packed), panels: wide / PANEL },
      ...{ biases: at(biases), floor: at(floor), out: at(target), outOffsets: at(outOffsets) },
    },
    team.threads,
  );
  team.run('windowTiles', product.operands, product.chunks);
  if (target !== out) {
    narrow(backend, target, out, at(scratch.ints(rowOffsets)), rows, matrix.columns);
  }
  scratch.free();
}

/** A job's operands, and into how many chunks they cut it. */
interface CutJob<Name extends JobName> {
  readonly operands: ParametersOf<Name>;
  readonly chunks: number;
}

/** Cuts the packing of a matrix. @param source address; `packed` too */
export function packingOf(
  matrix: Omit<PlacedMatrix, 'source'>,
  source: number,
  packed: number,
  threads: number,
): CutJob<'packMatrix'> {
  const { tapRows, tapColumns, tapLength, columns } = matrix;
  const panels = Math.ceil(columns / PANEL);
  const panelsOfChunk = Math.ceil(panels / (CHUNKS_OF_THREAD * threads));
  const operands = {
    ...{ source: source + matrix.first * BYTES, packed, tapRows, tapColumns, tapLength, columns },
    tapRowStep: matrix.tapRowStep * BYTES,
    tapColumnStep: matrix.tapColumnStep * BYTES,
    elementStep: matrix.elementStep * BYTES,
    columnStep: matrix.columnStep * BYTES,
    panelsOfChunk,
  };
  return { operands, chunks: Math.ceil(panels / panelsOfChunk) };
}

/** Cuts a product of windows and a packed matrix. */
export function productOf(
  addresses: Omit<ParametersOf<'windowTiles'>, 'blockPanels' | 'rowsOfChunk'>,
  threads: number,
): CutJob<'windowTiles'> {
  const { count, segments, segmentLength, panels } = addresses;
  const panelBytes = segments * segmentLength * PANEL * BYTES;
  const blockPanels = clamp(Math.floor(PANEL_BLOCK_BYTES / panelBytes), 1, panels);
  const blocks = Math.ceil(panels / blockPanels);
  const rowsOfChunk = rowsOfChunks(count, Math.ceil((CHUNKS_OF_THREAD * threads) / blocks));
  return {
    operands: { ...addresses, blockPanels, rowsOfChunk },
    chunks: blocks * Math.ceil(count / rowsOfChunk),
  };
}

/** Cuts a product of transposed windows. */
export function outerProductOf(
  addresses: Omit<ParametersOf<'outerTiles'>, 'blockPanels' | 'tilesOfChunk'>,
  threads: number,
): CutJob<'outerTiles'> {
  const { columns, segments, segmentLength } = addresses;
  const panels = Math.ceil(columns / PANEL);
  const tiles = segments * Math.ceil(segmentLength / TILE_ROWS);
  const { blockPanels, tilesOfChunk } = outerChunks(tiles, panels, threads);
  return {
    operands: { ...addresses, blockPanels, tilesOfChunk },
    chunks: Math.ceil(panels / blockPanels) * Math.ceil(tiles / tilesOfChunk),
  };
}

/**
 * out = transpose(windows) times d.
 * @param d [M, N]
 * @param out [E, N], overwritten
 * @param summation of the M products of each sum: `parts`, which loses less, or in `sequence`, as
 *   {@link multiplyWindows}
 */
export function multiplyTransposedWindows(
  backend: BackendWasm,
  windows: Windows,
  d: tf.TensorInfo,
  columns: number,
  out: tf.TensorInfo,
  summation: 'parts' | 'sequence' = 'parts',
): void {
  const { segments, segmentLength, segmentStep } = windows;
  const elements = segments * segmentLength;
  const team = teamOf(backend);
  const scratch = new Scratch(backend);
  const target = wideTarget(scratch, out, elements, columns);
  const windowOffsets = scratch.ints(windows.offsets);
  const ownMemory = scratch.floats((team.threads * OUTER_SCRATCH_BYTES) / BYTES);
  const at = (info: tf.TensorInfo): number => addressOf(backend, info);
  const product = outerProductOf(
    {
      ...{ windows: at(windows.source), windowOffsets: at(windowOffsets) },
      ...{ count: windows.offsets.length, segments, segmentLength },
      ...{ segmentStep: segmentStep * BYTES, matrix: at(d), columns },
      ...{ continues: summation === 'sequence' ? 1 : 0, adds: 0 },
      ...{ out: at(target), scratch: at(ownMemory), scratchBytes: OUTER_SCRATCH_BYTES },
    },
    team.threads,
  );
  team.run('outerTiles', product.operands, product.chunks);
  if (target !== out) {
    const rowOffsets = scratch.ints(rowOffsetsOf(elements, columns));
    narrow(backend, target, out, at(rowOffsets), elements, columns);
  }
  scratch.free();
}

/** Two chunks for each thread, if that leaves them large enough. */
function outerChunks(
  tiles: number,
  panels: number,
  threads: number,
): { blockPanels: number; tilesOfChunk: number } {
  const isTall = tiles > MOST_TILES;
  const blockPanels = isTall
    ? BLOCK_PANELS
    : clamp(Math.ceil(panels / (2 * threads)), BLOCK_PANELS / 4, BLOCK_PANELS);
  const blocks = Math.ceil(panels / blockPanels);
  const wanted = Math.ceil(tiles / Math.ceil((2 * threads) / blocks));
  const fair = Math.ceil(tiles / Math.ceil(threads / blocks));
  return { blockPanels, tilesOfChunk: Math.min(clamp(wanted, LEAST_TILES, MOST_TILES), fair) };
}

/** target [N, M] = the transpose of a plain matrix [M, N]. */
export function transposeMatrix(
  backend: BackendWasm,
  source: tf.TensorInfo,
  [rows, columns]: readonly [number, number],
  target: tf.TensorInfo,
): void {
  const [from, to] = [addressOf(backend, source), addressOf(backend, target)];
  teamOf(backend).run(
    'transposeRow',
    { source: from, rows, columns, target: to },
    Math.min(rows, columns),
  );
}

function narrow(
  backend: BackendWasm,
  from: tf.TensorInfo,
  to: tf.TensorInfo,
  rowOffsets: number,
  rows: number,
  columns: number,
): void {
  const team = teamOf(backend);
  const rowsOfChunk = rowsOfChunks(rows, CHUNKS_OF_THREAD * team.threads);
  const operands = {
    ...{ source: addressOf(backend, from), sourceStep: wholePanels(columns) * BYTES, rowOffsets },
    ...{ target: addressOf(backend, to), rows, columns, rowsOfChunk },
  };
  team.run('narrowRows', operands, Math.ceil(rows / rowsOfChunk));
}

/** Where a product's rows may be written in whole panels. */
function wideTarget(
  scratch: Scratch,
  out: tf.TensorInfo,
  rows: number,
  columns: number,
): tf.TensorInfo {
  return columns % PANEL === 0 ? out : scratch.floats(rows * wholePanels(columns));
}

function wholePanels(columns: number): number {
  return Math.ceil(columns / PANEL) * PANEL;
}

/** Whole tiles, about as many chunks as asked for. */
function rowsOfChunks(rows: number, chunks: number): number {
  const tiles = Math.ceil(rows / chunks / TILE_ROWS);
  return Math.max(LEAST_ROWS, tiles * TILE_ROWS);
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
