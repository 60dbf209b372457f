/**
 * The nearest centroid of every row, on the engine: scores block by block, never all of them, and
 * of each row only the centroids that the scores' error leaves possible. Where more than one is
 * left, float64 on the host decides, by the sums of src/clustering in their order: labels are those
 * of the float64 computation on every engine, with any number of threads, and with any cut into
 * blocks. Source of the bounds: Higham, Accuracy and Stability of Numerical Algorithms, section 3.1
 * (inner products).
 */
import type { OnProgress } from '../../../clustering/kernels.ts';
import type { Products } from '../products.ts';
import { BLOCK_COLUMNS, BLOCK_ROWS, GROUP, ScoreScanner, type ScoreBlock } from './scan-kernels.ts';
import type { LabelSums, RowSearch } from './row-search.ts';
import { bfloat16Scores } from './bfloat16-scores.ts';
import {
  floatScores,
  type CentroidTable,
  type Rows,
  type ScoreSource,
  type ScoreStep,
} from './score-blocks.ts';
import { sumByLabel } from './sum-by-label.ts';
import { normsOf, nearestOf, settleRows, tableOf } from './exact-rows.ts';

/** Candidates of a row that are looked at one by one; a row with more is done in full. */
const MOST_CANDIDATES = 64;
/** Above this share of rows that bfloat16 cannot tell, float32 does all from then on. */
const TOO_MANY_UNSURE = 1 / 64;

export class NearestCentroids implements RowSearch {
  readonly #rows: Rows;
  readonly #factorRounding: number;
  #source: ScoreSource;
  readonly #scanner = new ScoreScanner();
  readonly #candidates = new Candidates();

  constructor(products: Products, features: Float32Array, count: number, dim: number) {
    this.#rows = { features, count, dim, norms: normsOf(features, count, dim) };
    this.#factorRounding = products.factorRounding;
    const bfloat16 = products.bfloat16();
    this.#source =
      bfloat16 === null
        ? floatScores(this.#rows, this.#factorRounding)
        : bfloat16Scores(this.#rows, bfloat16);
  }

  /** [n] |x| */
  get norms(): Float64Array {
    return this.#rows.norms;
  }

  /**
   * @param centroids [K, D]
   * @returns [n]
   */
  labels(centroids: Float32Array, k: number, onProgress: OnProgress): Int32Array {
    const { count, dim } = this.#rows;
    const labels = new Int32Array(count);
    const table = tableOf(centroids, k, dim);
    const step = this.#source.begin(table);
    let unsure = 0;
    for (let begin = 0; begin < count; begin += BLOCK_ROWS) {
      const rows = Math.min(BLOCK_ROWS, count - begin);
      this.#collect(step, begin, rows);
      const open = this.#candidates.decide(this.#rows, table, begin, labels);
      settleRows(this.#rows, open, table, labels);
      unsure += open.length;
      onProgress();
    }
    step.release();
    if (this.#source.isBfloat16 && unsure > count * TOO_MANY_UNSURE) {
      this.#source.release();
      this.#source = floatScores(this.#rows, this.#factorRounding);
    }
    return labels;
  }

  sumByLabel(labels: Int32Array, into: LabelSums): void {
    sumByLabel(this.#rows.features, labels, this.#rows.dim, into);
  }

  release(): void {
    this.#source.release();
  }

  /** The candidates of a block of rows, tile by tile of centroids. */
  #collect(step: ScoreStep, begin: number, rows: number): void {
    const scanner = this.#scanner;
    const { isBfloat16 } = this.#source;
    const { factor, windowOf } = step.errors;
    scanner.begin(factor);
    for (let i = 0; i < rows; i += 1) scanner.windows[i] = windowOf(begin + i);
    this.#candidates.begin(rows);
    for (let tile = 0; tile < step.tiles; tile += 1) {
      scanner.bias.set(step.biasOf(tile));
      const block = step.scores(begin / BLOCK_ROWS, tile);
      const groups = scanner.scan(block);
      this.#candidates.take(
        block,
        groups,
        tile * BLOCK_COLUMNS,
        limitsOf(scanner, factor, isBfloat16),
        scanner.bias,
      );
    }
    this.#candidates.close(limitsOf(scanner, factor, isBfloat16));
  }
}

/** The lowest score of a row that may be the true maximum; NaN where scores cannot tell. */
function limitsOf(
  { maxima, windows }: ScoreScanner,
  factor: number,
  isBfloat16: boolean,
): (row: number) => number {
  const rounded = Math.fround(factor);
  return (row) => {
    const limit = Math.fround(Math.fround(maxima[row]! * rounded) - windows[row]!);
    return isBfloat16 && limit <= 0 ? NaN : limit;
  };
}

/** What may be the nearest centroid, for the rows of a block. */
class Candidates {
  #rows = 0;
  readonly #counts = new Int32Array(BLOCK_ROWS);
  readonly #indices = new Int32Array(BLOCK_ROWS * MOST_CANDIDATES);
  readonly #scores = new Float32Array(BLOCK_ROWS * MOST_CANDIDATES);

  begin(rows: number): void {
    this.#rows = rows;
    this.#counts.fill(0);
  }

  /**
   * Takes the scores at or above their row's limit; `first` is the index of the tile's first
   * centroid.
   */
  take(
    { columns, values }: ScoreBlock,
    groups: Int32Array,
    first: number,
    limitOf: (row: number) => number,
    bias: Float32Array,
  ): void {
    const perRow = columns / GROUP;
    const isFloat = values instanceof Float32Array;
    const pairs = isFloat
      ? null
      : new Int16Array(values.buffer, values.byteOffset, 2 * values.length);
    let row = -1;
    let limit = 0;
    for (const group of groups) {
      const own = Math.floor(group / perRow);
      if (own !== row) {
        row = own;
        limit = limitOf(row);
      }
      if (Number.isNaN(limit)) continue;
      const column = (group - row * perRow) * GROUP;
      for (let c = column; c < column + GROUP; c += 1) {
        const at = row * columns + c;
        const score =
          pairs === null ? Math.fround(values[at]! - bias[c]!) : floatOfBfloat16(pairs[at]!);
        if (score >= limit) this.#add(row, first + c, score);
      }
    }
  }

  /** Drops those that a later tile has ruled out, and marks the rows that scores cannot tell. */
  close(limitOf: (row: number) => number): void {
    const [counts, indices, scores] = [this.#counts, this.#indices, this.#scores];
    for (let row = 0; row < this.#rows; row += 1) {
      const limit = limitOf(row);
      const count = counts[row]!;
      if (Number.isNaN(limit) || count > MOST_CANDIDATES) {
        counts[row] = 0;
        continue;
      }
      if (count === 1) continue;
      const base = row * MOST_CANDIDATES;
      let kept = 0;
      for (let i = base; i < base + count; i += 1) {
        if (scores[i]! < limit) continue;
        indices[base + kept] = indices[i]!;
        kept += 1;
      }
      counts[row] = kept;
    }
  }

  /**
   * Writes the label of each row of the block: of several candidates the one with the least |c|²/2
   * - x·c in float64.
   * @returns rows without candidates, which are left open
   */
  decide(
    { features, dim }: Rows,
    table: CentroidTable,
    begin: number,
    labels: Int32Array,
  ): number[] {
    const open: number[] = [];
    for (let row = 0; row < this.#rows; row += 1) {
      const count = this.#counts[row]!;
      const base = row * MOST_CANDIDATES;
      if (count === 0) open.push(begin + row);
      else if (count === 1) labels[begin + row] = this.#indices[base]!;
      else
        labels[begin + row] = nearestOf(
          features,
          (begin + row) * dim,
          table,
          this.#indices,
          base,
          count,
        );
    }
    return open;
  }

  #add(row: number, index: number, score: number): void {
    const count = this.#counts[row]!;
    if (count < MOST_CANDIDATES) {
      this.#indices[row * MOST_CANDIDATES + count] = index;
      this.#scores[row * MOST_CANDIDATES + count] = score;
    }
    this.#counts[row] = Math.min(count + 1, MOST_CANDIDATES + 1);
  }
}

const bits = new Int32Array(1);
const float = new Float32Array(bits.buffer);

function floatOfBfloat16(pattern: number): number {
  bits[0] = pattern << 16;
  return float[0]!;
}
