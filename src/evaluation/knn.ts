/**
 * kNN classification on frozen features by plain majority: no training and no temperature, so that
 * the figure is the features' own. Shapes: n training rows, m test rows, D feature dimensions.
 */
import { requireUsable, type LabelledFeatures } from './labelled-features.ts';
import { multiplyTransposed } from '../math/matrix.ts';
import type { OpenProducts } from './products.ts';

export interface KnnSet extends LabelledFeatures {
  /** Neighbours that vote; lowered to n. */
  readonly k: number;
  /** Where similarities are computed; left out: in float64 on this thread. */
  readonly products?: OpenProducts;
}

/** Rows of a block: two blocks of 256 float64 columns stay in a core's own cache. */
const BLOCK = 64;
/** Test rows of one product of an engine. */
const PRODUCT_BLOCK = 256;

/** Share of test images whose class is right. @returns 0 to 1; otherwise as {@link knnHits} */
export function knnTop1(set: KnnSet): number {
  const hits = knnHits(set);
  return hits.length === 0 ? 0 : hits.reduce((sum, hit) => sum + hit, 0) / hits.length;
}

/**
 * Which test images are given their class: each of the k training rows with the greatest cosine
 * similarity has one vote for its class. Between equal similarities the lower row is nearer;
 * between classes with as many votes the one with the nearest voter wins. A row of zeros has
 * similarity 0 to every other.
 * @returns [m] 1 where it is right, else 0; all 0 where there is nothing to learn from
 * @throws TrainerError SHAPE_MISMATCH, NON_FINITE
 */
export function knnHits(set: KnnSet): Uint8Array {
  requireUsable(set);
  const { trainLabels, testLabels } = set;
  const hits = new Uint8Array(testLabels.length);
  if (trainLabels.length === 0) return hits;
  const k = Math.min(set.k, trainLabels.length);
  const votes = new Float64Array(set.classes);
  const classOf = set.products === undefined ? nearestOfTiles : nearestByProducts(set.products);
  classOf(set, k, (query, best) => {
    if (best.classOf(trainLabels, votes) === testLabels[query]) hits[query] = 1;
  });
  return hits;
}

type NearestOfEach = (
  set: LabelledFeatures,
  k: number,
  take: (query: number, best: Nearest) => void,
) => void;

const nearestOfTiles: NearestOfEach = ({ train, trainLabels, test, testLabels, dim }, k, take) => {
  const n = trainLabels.length;
  const m = testLabels.length;
  const trainScales = inverseNorms(train, n, dim);
  const testScales = inverseNorms(test, m, dim);
  const queries = new Float64Array(BLOCK * dim);
  const candidates = new Float64Array(BLOCK * dim);
  const similarities = new Float64Array(BLOCK * BLOCK);
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
      take(from + i, best);
    });
  }
};

/** The same, where the training rows stay and the test rows come in blocks. */
function nearestByProducts(open: OpenProducts): NearestOfEach {
  return ({ train, trainLabels, test, testLabels, dim }, k, take) => {
    const n = trainLabels.length;
    const m = testLabels.length;
    const unit = new Float32Array(n * dim);
    copyUnitRows(train, inverseNorms(train, n, dim), 0, n, dim, unit);
    const testScales = inverseNorms(test, m, dim);
    const products = open(unit, dim);
    for (let from = 0; from < m; from += PRODUCT_BLOCK) {
      const rows = Math.min(PRODUCT_BLOCK, m - from);
      const queries = new Float64Array(rows * dim);
      copyUnitRows(test, testScales, from, rows, dim, queries);
      const similarities = products.logits(queries, rows);
      for (let i = 0; i < rows; i += 1) {
        const best = new Nearest(k);
        for (let j = 0; j < n; j += 1) best.offer(similarities[j * rows + i]!, j);
        take(from + i, best);
      }
    }
    products.end();
  };
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
  block: Float64Array | Float32Array,
): void {
  for (let i = 0; i < rows; i += 1) {
    const scale = scales[from + i]!;
    const source = (from + i) * dim;
    for (let j = 0; j < dim; j += 1) block[i * dim + j] = features[source + j]! * scale;
  }
}
