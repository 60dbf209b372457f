/**
 * The nearest other rows of each row, by the engine's products: of each block of scores x·y - |y|²/2
 * only those rows y are looked at in float64 whose score, with its error, reaches the last one on
 * the list so far. Lists are those of float64 on every engine, with any cut into blocks. Source of
 * the bound: Higham, Accuracy and Stability of Numerical Algorithms, section 3.1. Shapes: n own
 * rows, c other rows, D columns, m neighbours. Memory besides the rows: a block of scores, 4 MiB.
 */
import * as tf from '@tensorflow/tfjs';
import { NeighbourLists } from '../../../clustering/pic/neighbour-lists.ts';
import {
  distanceBelow,
  requireRows,
  type NearestRows,
  type RowsOfImages,
} from '../../../clustering/pic/nearest-rows.ts';
import type { Products } from '../products.ts';
import { toHost } from '../to-host.ts';
import { normsOf } from './exact-rows.ts';
import { BLOCK_COLUMNS, BLOCK_ROWS } from './scan-kernels.ts';
import { SLACK, UNIT } from './score-blocks.ts';

export function nearestRowsOn({
  run,
  factorRounding,
}: Pick<Products, 'run' | 'factorRounding'>): NearestRows {
  return (own, others, dim, most, onProgress) => {
    requireRows(own, dim);
    requireRows(others, dim);
    const search = new BlockSearch(own, others, dim, most, factorRounding);
    for (let begin = 0; begin < own.ids.length; begin += BLOCK_ROWS) {
      for (let first = 0; first < others.ids.length; first += BLOCK_COLUMNS) {
        search.scan(
          run(() => search.products(begin, first)),
          begin,
          first,
        );
      }
      onProgress?.();
    }
    return search.lists;
  };
}

class BlockSearch {
  readonly lists: NeighbourLists;
  readonly #own: RowsOfImages;
  readonly #others: RowsOfImages;
  readonly #dim: number;
  /** [n] and [c] lengths of the rows. */
  readonly #ownNorms: Float64Array;
  readonly #otherNorms: Float64Array;
  /** The greatest length of another row. */
  readonly #longest: number;
  /** Of a product, relative to the lengths of its rows. */
  readonly #error: number;

  constructor(
    own: RowsOfImages,
    others: RowsOfImages,
    dim: number,
    most: number,
    factorRounding: number,
  ) {
    this.lists = new NeighbourLists(own.ids.length, most);
    this.#own = own;
    this.#others = others;
    this.#dim = dim;
    this.#ownNorms = normsOf(own.rows, own.ids.length, dim);
    this.#otherNorms = normsOf(others.rows, others.ids.length, dim);
    this.#longest = this.#otherNorms.reduce((most, norm) => Math.max(most, norm), 0);
    // γ for a sum of D products in any order, and both factors' rounding.
    this.#error = SLACK * ((dim + 4) * UNIT + 2 * factorRounding + factorRounding ** 2);
  }

  /** [rows, columns] of a block of own rows with a block of other rows. */
  products(begin: number, first: number): Float32Array {
    const [own, others, dim] = [this.#own, this.#others, this.#dim];
    const rows = Math.min(BLOCK_ROWS, own.ids.length - begin);
    const columns = Math.min(BLOCK_COLUMNS, others.ids.length - first);
    return toHost(() => {
      const x = tf.tensor2d(own.rows.subarray(begin * dim, (begin + rows) * dim), [rows, dim]);
      const y = others.rows.subarray(first * dim, (first + columns) * dim);
      return tf.matMul(x, tf.tensor2d(y, [columns, dim]), false, true);
    });
  }

  scan(products: Float32Array, begin: number, first: number): void {
    const { ids } = this.#others;
    const columns = Math.min(BLOCK_COLUMNS, ids.length - first);
    const halves = Float64Array.from(
      this.#otherNorms.subarray(first, first + columns),
      (norm) => norm ** 2 / 2,
    );
    for (let i = 0, at = 0; at < products.length; i += 1) {
      const row = begin + i;
      const id = this.#own.ids[row]!;
      let least = this.#leastScore(row);
      for (let c = 0; c < columns; c += 1, at += 1) {
        if (products[at]! - halves[c]! < least || ids[first + c] === id) continue;
        this.#offer(row, first + c);
        least = this.#leastScore(row);
      }
    }
  }

  #offer(row: number, other: number): void {
    const [{ rows: own }, { rows: others, ids }] = [this.#own, this.#others];
    const limit = this.lists.limit(row);
    const distance = distanceBelow(own, row, others, other, this.#dim, limit);
    this.lists.offer(row, ids[other]!, distance);
  }

  /**
   * Below it no score is that of a row whose distance, in float32, is at most the list's limit:
   * |x - y|² = |x|² - 2 (x·y - |y|²/2).
   */
  #leastScore(row: number): number {
    const norm = this.#ownNorms[row]!;
    const square = norm ** 2;
    const error = this.#error * norm * this.#longest + 4 * UNIT * (square + this.#longest ** 2);
    return (square - this.lists.limit(row)) / 2 - error;
  }
}
