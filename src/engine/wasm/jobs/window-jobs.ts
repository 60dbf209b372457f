/**
 * The matrix products and the copies around them, cut into chunks that write different memory: jobs
 * for several threads. How a job is cut changes no sum's order. All operands are addresses in the
 * memory of the kernels; steps are in bytes. Shapes: M windows of E elements, N columns, in panels
 * of PANEL.
 */
import { defineJob, type Job, type JobParameters } from './job.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { PANEL, TILE_ROWS } from '../kernels/matrix-kernels.ts';

const BYTES = Float32Array.BYTES_PER_ELEMENT;
const PANEL_BYTES = PANEL * BYTES;

/**
 * Windows whose products are summed in registers before they go to memory; no power of 2: panels
 * then share no cache sets.
 */
export const WINDOW_BLOCK = 252;
/** Panels of a packed block: with WINDOW_BLOCK rows a part of the second-level cache. */
export const BLOCK_PANELS = 32;
/** What a thread needs for itself in `outerTiles`: a packed block, and a tile's elements. */
export const OUTER_SCRATCH_BYTES = WINDOW_BLOCK * (BLOCK_PANELS * PANEL_BYTES + TILE_ROWS * BYTES);

/**
 * Windows times a packed matrix, with bias and floor. A chunk is some rows of a block of panels;
 * rows run fastest.
 */
export const windowTiles = defineJob(
  [
    ...(['windows', 'windowOffsets', 'count', 'segments', 'segmentLength', 'gap'] as const),
    ...(['packed', 'panels', 'blockPanels', 'rowsOfChunk'] as const),
    ...(['biases', 'floor', 'out', 'outOffsets'] as const),
  ],
  (kernels, p, chunk) => {
    const rowChunks = Math.ceil(p.count / p.rowsOfChunk);
    const panel = Math.floor(chunk / rowChunks) * p.blockPanels;
    const begin = (chunk % rowChunks) * p.rowsOfChunk;
    const end = Math.min(p.count, begin + p.rowsOfChunk);
    const columnBytes = panel * PANEL_BYTES;
    const packed = p.packed + columnBytes * p.segments * p.segmentLength;
    for (let i = begin; i < end; i += TILE_ROWS) {
      kernels.windowsTimesMatrix[Math.min(TILE_ROWS, end - i)]!(
        p.windows,
        p.windowOffsets + i * BYTES,
        p.out + columnBytes,
        p.outOffsets + i * BYTES,
        packed,
        p.biases + columnBytes,
        p.floor,
        Math.min(p.blockPanels, p.panels - panel),
        p.segments,
        p.segmentLength,
        p.gap,
      );
    }
  },
);

/**
 * Windows, transposed, times a plain matrix [M, N]; with `adds` to what is in `out`. A chunk is
 * some tiles of output rows of a block of panels. Output rows have whole panels.
 */
export const outerTiles = defineJob(
  [
    ...(['windows', 'windowOffsets', 'count', 'segments', 'segmentLength', 'segmentStep'] as const),
    ...(['matrix', 'columns', 'blockPanels', 'tilesOfChunk', 'continues', 'adds'] as const),
    ...(['out', 'scratch', 'scratchBytes'] as const),
  ],
  (kernels, p, chunk, thread) => {
    const panels = Math.ceil(p.columns / PANEL);
    const outStep = panels * PANEL_BYTES;
    const tilesOfSegment = Math.ceil(p.segmentLength / TILE_ROWS);
    const tiles = p.segments * tilesOfSegment;
    const tileChunks = Math.ceil(tiles / p.tilesOfChunk);
    const panel = Math.floor(chunk / tileChunks) * p.blockPanels;
    const panelsHere = Math.min(p.blockPanels, panels - panel);
    const columns = Math.min(p.columns - panel * PANEL, panelsHere * PANEL);
    const begin = (chunk % tileChunks) * p.tilesOfChunk;
    const end = Math.min(tiles, begin + p.tilesOfChunk);
    const block = p.scratch + thread * p.scratchBytes;
    const gathered = block + WINDOW_BLOCK * BLOCK_PANELS * PANEL_BYTES;
    const multiply = p.continues === 1 ? kernels.continueOuterProducts : kernels.addOuterProducts;
    for (let window = 0; window < p.count; window += WINDOW_BLOCK) {
      const windows = Math.min(WINDOW_BLOCK, p.count - window);
      const offsets = p.windowOffsets + window * BYTES;
      const at = p.matrix + (window * p.columns + panel * PANEL) * BYTES;
      const source = { at, elementStep: p.columns * BYTES, columnStep: BYTES };
      packPanels(kernels, source, [windows, columns], block, windows * PANEL_BYTES);
      for (let tile = begin; tile < end; tile += 1) {
        const segment = Math.floor(tile / tilesOfSegment);
        const first = (tile % tilesOfSegment) * TILE_ROWS;
        const height = Math.min(TILE_ROWS, p.segmentLength - first);
        const from = p.windows + segment * p.segmentStep + first * BYTES;
        const out = p.out + (segment * p.segmentLength + first) * outStep + panel * PANEL_BYTES;
        if (window === 0 && p.adds === 0) {
          for (let i = 0; i < height; i += 1) {
            kernels.clearBytes(out + i * outStep, panelsHere * PANEL_BYTES);
          }
        }
        kernels.gatherTile[height]!(from, offsets, windows, gathered);
        multiply[height]!(gathered, windows, block, out, outStep, panelsHere);
      }
    }
  },
);

/**
 * Packs a matrix [E, N] where it lies: a grid of taps, `tapLength` elements each. Element e of tap
 * (i, j) in column k is at `source + i tapRowStep + j tapColumnStep + e elementStep + k
 * columnStep`. A chunk is some panels.
 */
export const packMatrix = defineJob(
  [
    ...(['source', 'tapRows', 'tapColumns', 'tapRowStep', 'tapColumnStep', 'tapLength'] as const),
    ...(['elementStep', 'columnStep', 'columns', 'packed', 'panelsOfChunk'] as const),
  ],
  (kernels, p, chunk) => {
    const first = chunk * p.panelsOfChunk * PANEL;
    const columns = Math.min(p.columns - first, p.panelsOfChunk * PANEL);
    const panelStep = p.tapRows * p.tapColumns * p.tapLength * PANEL_BYTES;
    let target = p.packed + (first / PANEL) * panelStep;
    for (let i = 0; i < p.tapRows; i += 1) {
      for (let j = 0; j < p.tapColumns; j += 1) {
        const tap = p.source + i * p.tapRowStep + j * p.tapColumnStep;
        const source = { at: tap + first * p.columnStep, ...stepsOf(p) };
        packPanels(kernels, source, [p.tapLength, columns], target, panelStep);
        target += p.tapLength * PANEL_BYTES;
      }
    }
  },
);

/**
 * Copies columns [M, N] out of rows that are wider, to where `rowOffsets` say. A chunk is some
 * rows.
 */
export const narrowRows = defineJob(
  ['source', 'sourceStep', 'rowOffsets', 'target', 'rows', 'columns', 'rowsOfChunk'],
  (kernels, p, chunk) => {
    const begin = chunk * p.rowsOfChunk;
    const end = Math.min(p.rows, begin + p.rowsOfChunk);
    for (let column = 0; column < p.columns; column += 1) {
      kernels.scatterFloats(
        p.source + begin * p.sourceStep + column * BYTES,
        p.sourceStep,
        p.target + column * BYTES,
        p.rowOffsets + begin * BYTES,
        end - begin,
      );
    }
  },
);

/**
 * Transposes a plain matrix [M, N]. A chunk is one of its rows or columns, of whichever there are
 * fewer.
 */
export const transposeRow = defineJob(
  ['source', 'rows', 'columns', 'target'],
  (kernels, { source, rows, columns, target }, chunk) => {
    const [rowBytes, columnBytes] = [columns * BYTES, rows * BYTES];
    if (rows <= columns) {
      const [from, to] = [source + chunk * rowBytes, target + chunk * BYTES];
      kernels.copyFloats(from, BYTES, to, columnBytes, columns);
    } else {
      const [from, to] = [source + chunk * BYTES, target + chunk * columnBytes];
      kernels.copyFloats(from, rowBytes, to, BYTES, rows);
    }
  },
);

/** Images with zeros around them. A chunk is one image. */
export const padImage = defineJob(
  ['source', 'target', 'rows', 'rowBytes', 'imageBytes', 'paddedRowBytes', 'offset'],
  (kernels, p, chunk) => {
    const image = p.target + chunk * p.imageBytes;
    kernels.clearBytes(image, p.imageBytes);
    for (let row = 0; row < p.rows; row += 1) {
      const from = p.source + (chunk * p.rows + row) * p.rowBytes;
      kernels.copyBytes(image + p.offset + row * p.paddedRowBytes, from, p.rowBytes);
    }
  },
);

/**
 * A job for each of several layers: of each operand in `moving`, the next layer's lies `…Layer`
 * further on.
 */
function ofLayers<Name extends string, Moving extends Name>(
  { names, run }: Job<Name>,
  moving: readonly Moving[],
): Job<Name | `${Moving}Layer` | 'chunksOfLayer'> {
  const steps = moving.map((name) => `${name}Layer` as const);
  return defineJob([...names, ...steps, 'chunksOfLayer'], (kernels, p, chunk, thread) => {
    const layer = Math.floor(chunk / p.chunksOfLayer);
    const operands: Record<string, number> = { ...p };
    for (const name of moving) operands[name] = p[name] + layer * p[`${name}Layer`];
    run(kernels, operands as JobParameters<Name>, chunk % p.chunksOfLayer, thread);
  });
}

export const windowTilesOfLayers = ofLayers(windowTiles, ['windows', 'packed', 'out']);
export const outerTilesOfLayers = ofLayers(outerTiles, ['windows', 'matrix', 'out']);
export const packMatrices = ofLayers(packMatrix, ['source', 'packed']);

interface Steps {
  readonly elementStep: number;
  readonly columnStep: number;
}

function stepsOf({ elementStep, columnStep }: Steps): Steps {
  return { elementStep, columnStep };
}

/**
 * Packs one tap's [elements, columns]; what lies behind the last column becomes zero: stray
 * denormals are slow.
 */
function packPanels(
  kernels: Kernels,
  { at, elementStep, columnStep }: Steps & { readonly at: number },
  [elements, columns]: readonly [number, number],
  target: number,
  panelStep: number,
): void {
  const isByRow = columnStep === BYTES;
  const whole = isByRow ? Math.floor(columns / PANEL) : 0;
  if (whole > 0) kernels.packRows(at, elementStep, target, panelStep, whole, elements);
  for (let column = whole * PANEL; column < columns; column += 1) {
    const panel = target + Math.floor(column / PANEL) * panelStep;
    const isCut = columns - (column - (column % PANEL)) < PANEL;
    if (isCut && column % PANEL === 0) kernels.clearBytes(panel, elements * PANEL_BYTES);
    const source = at + column * columnStep;
    const to = panel + (column % PANEL) * BYTES;
    kernels.copyFloats(source, elementStep, to, PANEL_BYTES, elements);
  }
}
