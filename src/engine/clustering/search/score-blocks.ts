/**
 * Scores of rows with centroids, block by block, by the engine's matrix product: x·c - |c|²/2, greatest for the nearest
 * centroid. In float32, or in bfloat16 where the native runtime multiplies that faster; a bound of the error comes with
 * them, so that what is made of the scores need not depend on which.
 * Shapes: n rows, D dimensions, K centroids in tiles of at most BLOCK_COLUMNS, padded to whole groups.
 */
import * as tf from '@tensorflow/tfjs';
import { nativeBackend, type NativeBackend } from '../../tensorflow/bfloat16.ts';
import { numbersOf } from '../../tfjs/to-host.ts';
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
  readonly isHalf: boolean;
  readonly begin: (table: CentroidTable) => ScoreStep;
  readonly release: () => void;
}

export interface Rows {
  /** [n, D] */
  readonly features: Float32Array;
  readonly count: number;
  readonly dim: number;
  /** [n] |x| */
  readonly lengths: Float64Array;
}

/** Unit roundoff of float32, and of the 10 bits that GPUs keep of a factor where they multiply as TF32. */
const UNIT = 2 ** -24;
const TF32_UNIT = 2 ** -11;
/** Above rounding of the bounds themselves. */
const SLACK = 1.001;
/** Score of a column that is padding, negated. */
const NEVER = 1e38;

/** Columns of a tile, padded. */
export function paddedColumns(k: number, tile: number): number {
  const columns = Math.min(BLOCK_COLUMNS, k - tile * BLOCK_COLUMNS);
  return Math.ceil(columns / GROUP) * GROUP;
}

/** Of scores in float32: x·c by the engine, less |c|²/2. */
export function floatErrors(
  { dim, lengths }: Pick<Rows, 'dim' | 'lengths'>,
  { longest }: CentroidTable,
): ScoreErrors {
  const factorRounding = nativeBackend()?.isUsingGpuDevice === true ? 2 * TF32_UNIT : 0;
  // γ for a sum of D products in any order, TF32 factors, and the rounding of the bias and of the difference.
  const relative = (dim + 2) * UNIT * SLACK + factorRounding + 4 * UNIT;
  const largest = (longest * longest) / 2;
  return {
    factor: 1,
    windowOf: (row) => 2 * SLACK * (relative * lengths[row]! * longest + 4 * UNIT * largest),
  };
}

export function floatScores(rows: Rows): ScoreSource {
  const { features, count, dim } = rows;
  return {
    isHalf: false,
    begin: (table) => {
      const tiles = Math.ceil(table.k / BLOCK_COLUMNS);
      const columns = Array.from({ length: tiles }, (_, tile) =>
        tf.tensor2d(columnsOf(table, tile, 0), [dim, paddedColumns(table.k, tile)]),
      );
      return {
        tiles,
        errors: floatErrors(rows, table),
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
          const values = numbersOf(() => {
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

/** Rows of two more columns: the bias comes in two bfloat16 parts with the factors of 1 that the rows bring. */
const BIAS_PARTS = 2;
/** Unit roundoff of bfloat16. */
const HALF_UNIT = 2 ** -8;

/**
 * Scores in bfloat16, above a constant such that the greatest of a row is positive for all but odd rows.
 * The rows stay on the device, at half the size of the features.
 */
export function halfScores(rows: Rows, backend: NativeBackend): ScoreSource {
  const { count, dim, lengths } = rows;
  const blocks = Array.from({ length: Math.ceil(count / BLOCK_ROWS) }, (_, block) => block);
  const losses = new Float32Array(count);
  const held = blocks.map((block) => holdRows(rows, backend, block, losses));
  return {
    isHalf: true,
    begin: (table) => {
      const shift = table.halfSquares.reduce((most, half) => Math.max(most, half), 0);
      const tiles = Math.ceil(table.k / BLOCK_COLUMNS);
      const columns = Array.from({ length: tiles }, (_, tile) =>
        tf.tidy(() => {
          const values = columnsOf(table, tile, BIAS_PARTS, shift);
          const width = paddedColumns(table.k, tile);
          return backend.toHalf(tf.tensor2d(values, [dim + BIAS_PARTS, width]));
        }),
      );
      const centroidLoss = greatestLoss(table);
      const { longest } = table;
      // What the two parts leave of the bias, and sums of D + 2 products in float32, rounded twice each.
      const biasLoss = HALF_UNIT * HALF_UNIT * shift;
      const summing = (dim + BIAS_PARTS + 2) * 2 * UNIT * (1 + HALF_UNIT) ** 2;
      return {
        tiles,
        errors: {
          // Both scores are rounded to bfloat16 at the end.
          factor: 1 - 2 * HALF_UNIT * (1 + 2 * HALF_UNIT),
          windowOf: (row) => {
            const length = lengths[row]!;
            const loss = losses[row]! * longest * (1 + HALF_UNIT) + length * centroidLoss;
            return 2 * SLACK * (loss + biasLoss + summing * (length * longest + shift));
          },
        },
        biasOf: (tile) => new Float32Array(paddedColumns(table.k, tile)),
        scores: (block, tile) => {
          const height = Math.min(BLOCK_ROWS, count - block * BLOCK_ROWS);
          const width = paddedColumns(table.k, tile);
          const values = backend.multiplyHalves(held[block]!, columns[tile]!, [height, width]);
          return { rows: height, columns: width, values };
        },
        release: () => {
          for (const id of columns) backend.drop(id);
        },
      };
    },
    release: () => {
      for (const id of held) backend.drop(id);
    },
  };
}

/** A block of rows as bfloat16, each with its ones; writes what rounding took of them, as lengths, to `losses`. */
function holdRows(
  { features, count, dim }: Rows,
  backend: NativeBackend,
  block: number,
  losses: Float32Array,
): number {
  const begin = block * BLOCK_ROWS;
  const end = Math.min(begin + BLOCK_ROWS, count);
  return tf.tidy(() => {
    const x = tf.tensor2d(features.subarray(begin * dim, end * dim), [end - begin, dim]);
    const held = backend.toHalf(tf.concat([x, tf.ones([end - begin, BIAS_PARTS])], 1));
    const kept = tf.slice(backend.fromHalf(held), [0, 0], [end - begin, dim]);
    const lost = tf.norm(tf.sub(kept, x), 'euclidean', 1).dataSync<'float32'>();
    // Above the rounding of the sum of squares.
    for (let i = begin; i < end; i += 1) losses[i] = lost[i - begin]! * (1 + dim * 4 * UNIT);
    return held;
  });
}

/** The length of what rounding to bfloat16 takes of a centroid, at most. */
function greatestLoss({ values, k, dim }: CentroidTable): number {
  let most = 0;
  for (let c = 0; c < k; c += 1) {
    let squares = 0;
    for (let j = c * dim; j < (c + 1) * dim; j += 1) {
      const lost = values[j]! - roundToHalf(values[j]!);
      squares += lost * lost;
    }
    most = Math.max(most, squares);
  }
  return Math.sqrt(most);
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The nearest bfloat16; ties go to the even one. */
export function roundToHalf(value: number): number {
  float[0] = value;
  const pattern = bits[0]!;
  bits[0] = ((pattern + 0x7fff + ((pattern >>> 16) & 1)) >>> 16) << 16;
  return float[0];
}

/** A tile of centroids as columns: [D + parts, columns], `shift` minus the bias in the last rows if there are parts. */
function columnsOf(
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
    const part = roundToHalf(bias);
    columns[dim * width + c] = part;
    columns[(dim + 1) * width + c] = c < count ? bias - part : 0;
  }
  return columns;
}
