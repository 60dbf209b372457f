/**
 * Matrix products with the windows of a tensor on the heap, cut into tiles for the kernels: a convolution forward and back
 * is three such products, a fully connected layer too. Columns that do not fill a panel are computed beside, and copied.
 * Shapes: M windows of E elements, N columns. Offsets are in bytes.
 */
import type * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { Scratch, addressOf, viewOf } from './backend.ts';
import { kernelsOf, type Kernels } from './kernels.ts';
import { PANEL, TILE_ROWS } from './matrix-kernels.ts';

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

/** A matrix [E, N] where it lies: element e of column j is `starts[e] + j * columnStride` floats into the source. */
export interface StridedMatrix {
  readonly source: tf.TensorInfo;
  readonly starts: Int32Array;
  readonly columns: number;
  readonly columnStride: number;
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
/** Windows whose products are summed in registers before they go to memory: their rows fit the first-level cache. */
const WINDOW_BLOCK = 64;

/** Row i of the plain matrix [M, E] as window i. */
export function matrixRows(source: tf.TensorInfo, rows: number, columns: number): Windows {
  const offsets = rowOffsetsOf(rows, columns);
  return { source, offsets, segments: 1, segmentLength: columns, segmentStep: 0 };
}

/** Where the rows of a plain matrix begin. */
export function rowOffsetsOf(rows: number, columns: number): Int32Array {
  return Int32Array.from({ length: rows }, (_, i) => i * columns * BYTES);
}

/**
 * out row i = epilogue(window i times matrix).
 * @param rowOffsets [M], where each row of N floats begins in `out`
 */
export function multiplyWindows(
  backend: BackendWasm,
  windows: Windows,
  matrix: StridedMatrix,
  { bias, rectify }: Epilogue,
  out: tf.TensorInfo,
  rowOffsets: Int32Array,
): void {
  const { columns, starts } = matrix;
  const rows = rowOffsets.length;
  const wide = wholePanels(columns);
  const scratch = new Scratch(backend);
  const target = wide === columns ? out : scratch.floats(rows * wide);
  const targetOffsets = wide === columns ? rowOffsets : rowOffsetsOf(rows, wide);
  const packed = scratch.floats(starts.length * wide);
  const biases = scratch.floats(wide);
  const floor = scratch.floats(1);
  const operands = {
    windows: addressOf(backend, windows.source),
    windowOffsets: addressOf(backend, scratch.ints(windows.offsets)),
    packed: addressOf(backend, packed),
    biases: addressOf(backend, biases),
    floor: addressOf(backend, floor),
    out: addressOf(backend, target),
    outOffsets: addressOf(backend, scratch.ints(targetOffsets)),
  };
  packPanels(viewOf(backend, matrix.source), matrix, viewOf(backend, packed));
  viewOf(backend, biases).fill(0);
  if (bias !== null) viewOf(backend, biases).set(viewOf(backend, bias));
  viewOf(backend, floor)[0] = rectify ? 0 : -Infinity;
  runTiles(kernelsOf(backend), windows, wide, operands);
  if (target !== out) {
    copyColumns(viewOf(backend, target), wide, viewOf(backend, out), rowOffsets, columns);
  }
  scratch.free();
}

/** Addresses of what the tiles of a product read and write. */
type TileOperands = Readonly<
  Record<'windows' | 'windowOffsets' | 'packed' | 'biases' | 'floor' | 'out' | 'outOffsets', number>
>;

function runTiles(kernels: Kernels, windows: Windows, wide: number, at: TileOperands): void {
  const { offsets, segments, segmentLength, segmentStep } = windows;
  const panels = wide / PANEL;
  const panelBytes = segments * segmentLength * PANEL * BYTES;
  const blockPanels = Math.max(1, Math.floor(PANEL_BLOCK_BYTES / panelBytes));
  for (let panel = 0; panel < panels; panel += blockPanels) {
    const columnBytes = panel * PANEL * BYTES;
    for (let i = 0; i < offsets.length; i += TILE_ROWS) {
      kernels.windowsTimesMatrix[Math.min(TILE_ROWS, offsets.length - i)]!(
        at.windows,
        at.windowOffsets + i * BYTES,
        at.out + columnBytes,
        at.outOffsets + i * BYTES,
        at.packed + panel * panelBytes,
        at.biases + columnBytes,
        at.floor,
        Math.min(blockPanels, panels - panel),
        segments,
        segmentLength,
        segmentStep - segmentLength * BYTES,
      );
    }
  }
}

/**
 * out = transpose(windows) times d.
 * @param d [M, N]
 * @param out [E, N], overwritten
 */
export function multiplyTransposedWindows(
  backend: BackendWasm,
  windows: Windows,
  d: tf.TensorInfo,
  columns: number,
  out: tf.TensorInfo,
): void {
  const elements = windows.segments * windows.segmentLength;
  const wide = wholePanels(columns);
  const scratch = new Scratch(backend);
  const right = wide === columns ? d : scratch.floats(windows.offsets.length * wide);
  const target = wide === columns ? out : scratch.floats(elements * wide);
  const operands = {
    windows: addressOf(backend, windows.source),
    windowOffsets: addressOf(backend, scratch.ints(windows.offsets)),
    d: addressOf(backend, right),
    out: addressOf(backend, target),
  };
  if (right !== d) widenRows(viewOf(backend, d), columns, viewOf(backend, right), wide);
  viewOf(backend, target).fill(0);
  runTransposedTiles(kernelsOf(backend), windows, wide, operands);
  if (target !== out) {
    const rowOffsets = rowOffsetsOf(elements, columns);
    copyColumns(viewOf(backend, target), wide, viewOf(backend, out), rowOffsets, columns);
  }
  scratch.free();
}

function runTransposedTiles(
  kernels: Kernels,
  { offsets, segments, segmentLength, segmentStep }: Windows,
  wide: number,
  at: Readonly<Record<'windows' | 'windowOffsets' | 'd' | 'out', number>>,
): void {
  const rowBytes = wide * BYTES;
  for (let window = 0; window < offsets.length; window += WINDOW_BLOCK) {
    for (let segment = 0; segment < segments; segment += 1) {
      for (let i = 0; i < segmentLength; i += TILE_ROWS) {
        kernels.addOuterProducts[Math.min(TILE_ROWS, segmentLength - i)]!(
          at.windows + segment * segmentStep + i * BYTES,
          at.windowOffsets + window * BYTES,
          Math.min(WINDOW_BLOCK, offsets.length - window),
          at.d + window * rowBytes,
          rowBytes,
          at.out + (segment * segmentLength + i) * rowBytes,
          rowBytes,
          wide / PANEL,
        );
      }
    }
  }
}

function wholePanels(columns: number): number {
  return Math.ceil(columns / PANEL) * PANEL;
}

/** By panel, then by element, PANEL columns each; columns that are not there are zero. */
function packPanels(
  source: Float32Array,
  { starts, columns, columnStride }: StridedMatrix,
  packed: Float32Array,
): void {
  // What lies behind the last column changes no result; but stray denormals would be slow to multiply.
  if (columns % PANEL !== 0) packed.fill(0);
  let to = 0;
  for (let first = 0; first < columns; first += PANEL) {
    const here = Math.min(PANEL, columns - first);
    const skipped = first * columnStride;
    for (let e = 0; e < starts.length; e += 1, to += PANEL) {
      let from = starts[e]! + skipped;
      for (let j = 0; j < here; j += 1, from += columnStride) packed[to + j] = source[from]!;
    }
  }
}

/** [M, N] to [M, wide], zeros behind. */
function widenRows(from: Float32Array, columns: number, to: Float32Array, wide: number): void {
  to.fill(0);
  for (let i = 0, row = 0; i < from.length; i += columns, row += wide) {
    for (let j = 0; j < columns; j += 1) to[row + j] = from[i + j]!;
  }
}

/** The first columns of each row [M, wide], to where its offset says. */
function copyColumns(
  from: Float32Array,
  wide: number,
  to: Float32Array,
  rowOffsets: Int32Array,
  columns: number,
): void {
  for (let i = 0; i < rowOffsets.length; i += 1) {
    const [source, target] = [i * wide, rowOffsets[i]! / BYTES];
    for (let j = 0; j < columns; j += 1) to[target + j] = from[source + j]!;
  }
}
