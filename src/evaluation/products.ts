/**
 * The products that classifiers need of the rows of features, in float64 on the caller's thread; an
 * engine may compute them in its place. Shapes: n rows, W columns, C classes.
 */
import { multiplyTransposed, widenRows } from '../math/matrix.ts';
import { addOuterProducts } from './softmax-rows.ts';

/** Products with the rows of one set, for as long as they are asked for. */
export interface RowProducts {
  /**
   * @param weights [C, W]
   * @returns [n, C] rows times weights transposed
   */
  logits(weights: Float64Array, classes: number): Float64Array;
  /**
   * @param residuals [n, C]
   * @returns [C, W] residuals transposed times rows
   */
  gradient(residuals: Float64Array, classes: number): Float64Array;
  /** Gives back what it holds. */
  end(): void;
}

/** @param rows [n, W] read only, and not changed before the end */
export type OpenProducts = (rows: Float32Array, width: number) => RowProducts;

/** Rows of more numbers go to an engine: in float64 on one thread they take minutes. */
export const WIDE = 1024;

/** Numbers of a tile: it stays in the nearest caches while all classes pass over it. */
const TILE_NUMBERS = 16_384;
const LEAST_TILE_ROWS = 8;
/** Rows that {@link multiplyTransposed} takes at once of its second factor. */
const BLOCK = 4;

export const float64Products: OpenProducts = (rows, width) => {
  const n = rows.length / width;
  const tileRows = Math.max(LEAST_TILE_ROWS, BLOCK * Math.floor(TILE_NUMBERS / width / BLOCK));
  const tile = new Float64Array(tileRows * width);
  return {
    logits: (weights, classes) => {
      // Whole blocks: what they leave over takes as long as they do.
      const padded = BLOCK * Math.ceil(classes / BLOCK);
      const factor = new Float64Array(padded * width);
      factor.set(weights);
      const products = new Float64Array(tileRows * padded);
      const logits = new Float64Array(n * classes);
      for (let begin = 0; begin < n; begin += tileRows) {
        const end = Math.min(n, begin + tileRows);
        widenRows(rows, begin, end, width, tile);
        multiplyTransposed(tile, end - begin, factor, padded, width, products);
        for (let i = 0; i < end - begin; i += 1) {
          const to = (begin + i) * classes;
          for (let c = 0; c < classes; c += 1) logits[to + c] = products[i * padded + c]!;
        }
      }
      return logits;
    },
    gradient: (residuals, classes) => {
      const gradient = new Float64Array(classes * width);
      for (let begin = 0; begin < n; begin += tileRows) {
        const count = Math.min(tileRows, n - begin);
        widenRows(rows, begin, begin + count, width, tile);
        const own = residuals.subarray(begin * classes, (begin + count) * classes);
        const batch = { count, rows: tile, residuals: own };
        addOuterProducts(batch, { width, classes, divisor: 1 }, gradient);
      }
      return gradient;
    },
    end: () => undefined,
  };
};
