/**
 * kNN classification on frozen features by plain majority: no training and no temperature, so that
 * the figure is the features' own. Shapes: n training rows, m test rows, D feature dimensions.
 */
import { requireUsable, type LabelledFeatures } from './labelled-features.ts';
import { multiplyTransposed } from '../math/matrix.ts';

export interface KnnSet extends LabelledFeatures {
  /** Neighbours that vote; lowered to n. */
  readonly k: number;
}

/** Rows of a block: two blocks of 256 float64 columns stay in a core's own cache. */
const BLOCK = 64;

/**
 * Share of test images whose class is right: each of the k training rows with the greatest cosine
 * similarity has one vote for its class. Between equal similarities the lower row is nearer;
 * between classes with as many votes the one with the nearest voter wins. A row of zeros has
 * similarity 0 to every other.
 * @returns 0 to 1; 0 where there is nothing to learn from or to test on
 * @throws TrainerError SHAPE_MISMATCH, NON_FINITE
 */
export function knnTop1(set: KnnSet): number {
  requireUsable(set);
  const { train, trainLabels, test, testLabels, dim } = set;
  const n = trainLabels.length;
  const m = testLabels.length;
  if (n === 0 || m === 0) return 0;
  const k = Math.min(set.k, n);
  const trainScales = inverseNorms(train, n, dim);
  const testScales = inverseNorms(test, m, dim);
  const queries = new Float64Array(BLOCK * dim);
  const candidates = new Float64Array(BLOCK * dim);
  const similarities = new Float64Array(BLOCK * BLOCK);
  const votes = new Float64Array(set.classes);
  let right = 0;
  for (let from = 0; from < m; from += BLOCK) {
    const rows = Math.min(BLOCK, m - from);
    const nearest = Array.from({ length: rows }, () => new Nearest(k));
    copyUnitRows(test, testScales, from, rows, dim, queries);
    for (let begin = 0; begin < n; begin += BLOCK) {
      const columns = Math.min(BLOCK, n - begin);
      copyUnitRows(train, trainScales, begin, columns, dim, candidates);
      multiplyTransposed(queries, rows, candidates, columns, dim, similarities);
      nearest.forEach((best, i) => {
        for (let j = 0; j < columns; j += 1) best.offer(similarities[i * columns + j]!, begin + j);
      });
    }
    nearest.forEach((best, i) => {
      if (best.classOf(trainLabels, votes) === testLabels[from + i]) right += 1;
    });
  }
  return right / m;
}

/**
 * The k rows of greatest similarity among those offered so far; rows are offered in ascending
 * order.
 */
class Nearest {
  /** [k] descending; -Infinity where fewer than k were offered. */
  readonly #similarities: Float64Array;
  /** [k] the rows they belong to; of equals, the lower row first. */
  readonly #rows: Int32Array;

  constructor(k: number) {
    this.#similarities = new Float64Array(k).fill(-Infinity);
    this.#rows = new Int32Array(k);
  }

  offer(similarity: number, row: number): void {
    const similarities = this.#similarities;
    let at = similarities.length - 1;
    if (similarity <= similarities[at]!) return;
    const rows = this.#rows;
    for (; at > 0 && similarities[at - 1]! < similarity; at -= 1) {
      similarities[at] = similarities[at - 1]!;
      rows[at] = rows[at - 1]!;
    }
    similarities[at] = similarity;
    rows[at] = row;
  }

  /** @param votes [classes] scratch */
  classOf(labels: Int32Array, votes: Float64Array): number {
    votes.fill(0);
    for (const row of this.#rows) votes[labels[row]!]! += 1;
    // The nearest first, so that it decides between equals.
    let winner = labels[this.#rows[0]!]!;
    for (const row of this.#rows) {
      const own = labels[row]!;
      if (votes[own]! > votes[winner]!) winner = own;
    }
    return winner;
  }
}

/** [count] 1 / |row|, and 0 for a row of zeros. */
function inverseNorms(features: Float32Array, count: number, dim: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    let squares = 0;
    for (let j = i * dim; j < (i + 1) * dim; j += 1) squares += features[j]! * features[j]!;
    return squares > 0 ? 1 / Math.sqrt(squares) : 0;
  });
}

/** Rows from..from + rows, scaled to length 1, to the start of `block`. */
function copyUnitRows(
  features: Float32Array,
  scales: Float64Array,
  from: number,
  rows: number,
  dim: number,
  block: Float64Array,
): void {
  for (let i = 0; i < rows; i += 1) {
    const scale = scales[from + i]!;
    const source = (from + i) * dim;
    for (let j = 0; j < dim; j += 1) block[i * dim + j] = features[source + j]! * scale;
  }
}
