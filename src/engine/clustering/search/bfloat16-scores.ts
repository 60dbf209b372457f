/**
 * Scores of rows with centroids in bfloat16, for engines that multiply it faster than float32, with
 * the bound of their error. Shapes as in score-blocks.ts.
 */
import * as tf from '@tensorflow/tfjs';
import type { Bfloat16Products } from '../products.ts';
import { BLOCK_COLUMNS, BLOCK_ROWS } from './scan-kernels.ts';
import {
  SLACK,
  UNIT,
  columnsOf,
  paddedColumns,
  roundToBfloat16,
  type CentroidTable,
  type Rows,
  type ScoreSource,
} from './score-blocks.ts';

/**
 * Rows of two more columns: the bias comes in two bfloat16 parts with the factors of 1 that the
 * rows bring.
 */
const BIAS_PARTS = 2;
/** Unit roundoff of bfloat16. */
const BFLOAT16_UNIT = 2 ** -8;

/**
 * Scores in bfloat16, above a constant such that the greatest of a row is positive for all but odd
 * rows. The rows stay on the device, at half the size of the features.
 */
export function bfloat16Scores(rows: Rows, bfloat16: Bfloat16Products): ScoreSource {
  const { count, dim, norms } = rows;
  const blocks = Array.from({ length: Math.ceil(count / BLOCK_ROWS) }, (_, block) => block);
  const losses = new Float32Array(count);
  const held = blocks.map((block) => holdRows(rows, bfloat16, block, losses));
  return {
    isBfloat16: true,
    begin: (table) => {
      const shift = table.halfSquares.reduce((most, half) => Math.max(most, half), 0);
      const tiles = Math.ceil(table.k / BLOCK_COLUMNS);
      const columns = Array.from({ length: tiles }, (_, tile) =>
        tf.tidy(() => {
          const values = columnsOf(table, tile, BIAS_PARTS, shift);
          const width = paddedColumns(table.k, tile);
          return bfloat16.round(tf.tensor2d(values, [dim + BIAS_PARTS, width]));
        }),
      );
      const centroidLoss = greatestLoss(table);
      const { longest } = table;
      // What the two parts leave of the bias, and sums of D + 2 products in float32, rounded twice
      // each.
      const biasLoss = BFLOAT16_UNIT * BFLOAT16_UNIT * shift;
      const summing = (dim + BIAS_PARTS + 2) * 2 * UNIT * (1 + BFLOAT16_UNIT) ** 2;
      return {
        tiles,
        errors: {
          // Both scores are rounded to bfloat16 at the end.
          factor: 1 - 2 * BFLOAT16_UNIT * (1 + 2 * BFLOAT16_UNIT),
          windowOf: (row) => {
            const norm = norms[row]!;
            const loss = losses[row]! * longest * (1 + BFLOAT16_UNIT) + norm * centroidLoss;
            return 2 * SLACK * (loss + biasLoss + summing * (norm * longest + shift));
          },
        },
        biasOf: (tile) => new Float32Array(paddedColumns(table.k, tile)),
        scores: (block, tile) => {
          const height = Math.min(BLOCK_ROWS, count - block * BLOCK_ROWS);
          const width = paddedColumns(table.k, tile);
          const values = bfloat16.multiply(held[block]!, columns[tile]!, [height, width]);
          return { rows: height, columns: width, values };
        },
        release: () => {
          for (const id of columns) bfloat16.drop(id);
        },
      };
    },
    release: () => {
      for (const id of held) bfloat16.drop(id);
    },
  };
}

/**
 * A block of rows as bfloat16, each with its ones; writes what rounding took of them, as norms, to
 * `losses`.
 */
function holdRows(
  { features, count, dim }: Rows,
  bfloat16: Bfloat16Products,
  block: number,
  losses: Float32Array,
): number {
  const begin = block * BLOCK_ROWS;
  const end = Math.min(begin + BLOCK_ROWS, count);
  return tf.tidy(() => {
    const x = tf.tensor2d(features.subarray(begin * dim, end * dim), [end - begin, dim]);
    const held = bfloat16.round(tf.concat([x, tf.ones([end - begin, BIAS_PARTS])], 1));
    const kept = tf.slice(bfloat16.widen(held), [0, 0], [end - begin, dim]);
    const lost = tf.norm(tf.sub(kept, x), 'euclidean', 1).dataSync<'float32'>();
    // Above the rounding of the sum of squares.
    for (let i = begin; i < end; i += 1) losses[i] = lost[i - begin]! * (1 + dim * 4 * UNIT);
    return held;
  });
}

/** The norm of what rounding to bfloat16 takes of a centroid, at most. */
function greatestLoss({ values, k, dim }: CentroidTable): number {
  let most = 0;
  for (let c = 0; c < k; c += 1) {
    let squares = 0;
    for (let j = c * dim; j < (c + 1) * dim; j += 1) {
      const lost = values[j]! - roundToBfloat16(values[j]!);
      squares += lost * lost;
    }
    most = Math.max(most, squares);
  }
  return Math.sqrt(most);
}
