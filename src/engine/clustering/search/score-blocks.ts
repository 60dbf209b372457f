/**
 * Scores of rows with centroids, block by block, by the engine's matrix product: x·c - |c|²/2,
 * greatest for the nearest centroid. In float32, or in bfloat16 where the native runtime multiplies
 * that faster; a bound of the error comes with them, so that what is made of the scores need not
 * depend on which. Shapes: n rows, D dimensions, K centroids in tiles of at most BLOCK_COLUMNS,
 * padded to whole groups.
 */
import * as tf from '@tensorflow/tfjs';
import { toHost } from '../to-host.ts';
import { BLOCK_COLUMNS, BLOCK_ROWS, GROUP, type ScoreBlock } from './scan-kernels.ts';

/** Centroids as scores need them. */
export interface CentroidTable {
  readonly k: number;
  readonly dim: number;
  /** [K, D] */
  readonly values: Float32Array;
  /** [K] |c|²/2, in float64 */
  readonly halfSquares: Float64Array;
  /** The greatest |c| and |c|²/2. */
  readonly longest: number;
}

/** How far scores may be off; of two of the same row, with the bounds of both. */
export interface ScoreErrors {
  /** Of the score itself. */
  readonly factor: number;
  /** Besides that, for row i. */
  readonly windowOf: (row: number) => number;
}

/** One step's scores. */
export interface ScoreStep {
  readonly tiles: number;
  readonly errors: ScoreErrors;
  /** [columns] to be subtracted from float32 scores of a tile. */
  readonly biasOf: (tile: number) => Float32Array;
  /** @param block of BLOCK_ROWS rows, the last one shorter */
  readonly scores: (block: number, tile: number) => ScoreBlock;
  readonly release: () => void;
}

export interface ScoreSource {
  /** Whether only positive scores can be compared. */
  readonly isBfloat16: boolean;
  readonly begin: (table: CentroidTable) => ScoreStep;
  readonly release: () => void;
}

export interface Rows {
  /** [n, D] */
  readonly features: Float32Array;
  readonly count: number;
  readonly dim: number;
  /** [n] |x| */
  readonly norms: Float64Array;
}

/** Unit roundoff of float32. */
export const UNIT = 2 ** -24;
/** Above rounding of the bounds themselves. */
export const SLACK = 1.001;
/** Score of a column that is padding, negated. */
const NEVER = 1e38;

/** Columns of a tile, padded. */
export function paddedColumns(k: number, tile: number): number {
  const columns = Math.min(BLOCK_COLUMNS, k - tile * BLOCK_COLUMNS);
  return Math.ceil(columns / GROUP) * GROUP;
}

/**
 * Of scores in float32: x·c by the engine, less |c|²/2.
 * @param factorRounding of the engine's products
 */
export function floatErrors(
  { dim, norms }: Pick<Rows, 'dim' | 'norms'>,
  { longest }: CentroidTable,
  factorRounding: number,
): ScoreErrors {
  // γ for a sum of D products in any order, both factors, and the rounding of the bias and of the
  // difference.
  const relative = (dim + 2) * UNIT * SLACK + 2 * factorRounding + 4 * UNIT;
  const largest = (longest * longest) / 2;
  return {
    factor: 1,
    windowOf: (row) => 2 * SLACK * (relative * norms[row]! * longest + 4 * UNIT * largest),
  };
}

export function floatScores(rows: Rows, factorRounding: number): ScoreSource {
  const { features, count, dim } = rows;
  return {
    isBfloat16: false,
    begin: (table) => {
      const tiles = Math.ceil(table.k / BLOCK_COLUMNS);
      const columns = Array.from({ length: tiles }, (_, tile) =>
        tf.tensor2d(columnsOf(table, tile, 0), [dim, paddedColumns(table.k, tile)]),
      );
      return {
        tiles,
        errors: floatErrors(rows, table, factorRounding),
        biasOf: (tile) => {
          const bias = new Float32Array(paddedColumns(table.k, tile)).fill(NEVER);
          const first = tile * BLOCK_COLUMNS;
          for (let c = first; c < Math.min(table.k, first + BLOCK_COLUMNS); c += 1) {
            bias[c - first] = table.halfSquares[c]!;
          }
          return bias;
        },
        scores: (block, tile) => {
          const begin = block * BLOCK_ROWS;
          const end = Math.min(begin + BLOCK_ROWS, count);
          const values = toHost(() => {
            const part = features.subarray(begin * dim, end * dim);
            const x = tf.tensor2d(part, [end - begin, dim]);
            return tf.matMul(x, columns[tile]!);
          });
          return { rows: end - begin, columns: paddedColumns(table.k, tile), values };
        },
        release: () => {
          tf.dispose(columns);
        },
      };
    },
    release: () => undefined,
  };
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The nearest bfloat16; ties go to the even one. */
export function roundToBfloat16(value: number): number {
  float[0] = value;
  const pattern = bits[0]!;
  bits[0] = ((pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16) << 16;
  return float[0];
}

/**
 * A tile of centroids as columns: [D + parts, columns], `shift` minus the bias in the last rows if
 * there are parts.
 */
export function columnsOf(
  { values, halfSquares, k, dim }: CentroidTable,
  tile: number,
  parts: number,
  shift = 0,
): Float32Array {
  const first = tile * BLOCK_COLUMNS;
  const width = paddedColumns(k, tile);
  const columns = new Float32Array((dim + parts) * width);
  const count = Math.min(k - first, BLOCK_COLUMNS);
  for (let c = 0; c < count; c += 1) {
    const from = (first + c) * dim;
    for (let j = 0; j < dim; j += 1) columns[j * width + c] = values[from + j]!;
  }
  if (parts === 0) return columns;
  for (let c = 0; c < width; c += 1) {
    const bias = c < count ? shift - halfSquares[first + c]! : -NEVER;
    const part = roundToBfloat16(bias);
    columns[dim * width + c] = part;
    columns[(dim + 1) * width + c] = c < count ? bias - part : 0;
  }
  return columns;
}
