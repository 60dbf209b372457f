/**
 * The nearest centroid of every row on a GPU: rows stay there, and so do the scores x·c - |c|²/2;
 * of each row the host reads the greatest few. Where the scores' error leaves more than one of them
 * possible, float64 on the host decides, so that labels are those of the float64 computation here,
 * too. Memory on the GPU: the rows, and BLOCK_SCORES scores a few times. Shapes: n rows, D
 * dimensions, K centroids.
 */
import * as tf from '@tensorflow/tfjs';
import type { OnProgress } from '../../../clustering/kernels.ts';
import type { Products } from '../products.ts';
import { normsOf, nearestOf, settleRows, tableOf } from './exact-rows.ts';
import type { LabelSums, RowSearch, SumByLabel } from './row-search.ts';
import { floatErrors, type CentroidTable, type Rows, type ScoreErrors } from './score-blocks.ts';

/**
 * Rows that go to the GPU at a time, and that it scores at a time, if there are not too many
 * centroids.
 */
const BLOCK_ROWS = 8192;
/** Of one product: 512 MiB. */
const BLOCK_SCORES = 2 ** 27;
/**
 * Greatest scores of a row that are read. Where all of these are possible, there may be more: the
 * row is done in full.
 */
const CANDIDATES = 8;

/** The greatest scores of some rows, on the device. */
interface Best {
  /** Of the rows. */
  readonly begin: number;
  /** [rows, CANDIDATES] descending */
  readonly values: tf.Tensor;
  /** [rows, CANDIDATES] int32 */
  readonly indices: tf.Tensor;
}

export class GpuSearch implements RowSearch {
  readonly #rows: Rows;
  /** [BLOCK_ROWS, D] each, the last one shorter. */
  readonly #blocks: readonly tf.Tensor2D[];
  readonly #factorRounding: number;
  readonly #sumByLabel: SumByLabel;

  constructor(
    { factorRounding }: Pick<Products, 'factorRounding'>,
    features: Float32Array,
    count: number,
    dim: number,
    sumByLabel: SumByLabel,
  ) {
    this.#rows = { features, count, dim, norms: normsOf(features, count, dim) };
    this.#blocks = Array.from({ length: Math.ceil(count / BLOCK_ROWS) }, (_, block) => {
      const begin = block * BLOCK_ROWS;
      const end = Math.min(begin + BLOCK_ROWS, count);
      return tf.tensor2d(features.subarray(begin * dim, end * dim), [end - begin, dim]);
    });
    this.#factorRounding = factorRounding;
    this.#sumByLabel = sumByLabel;
  }

  get norms(): Float64Array {
    return this.#rows.norms;
  }

  labels(centroids: Float32Array, k: number, onProgress: OnProgress): Int32Array {
    const { count, dim } = this.#rows;
    const labels = new Int32Array(count);
    const table = tableOf(centroids, k, dim);
    const errors = floatErrors(this.#rows, table, this.#factorRounding);
    const matrix = tf.tensor2d(centroids.slice(), [k, dim]);
    const bias = tf.tensor1d(Float32Array.from(table.halfSquares));
    // What a block gave is read when the next one has been started: the device does not wait for
    // the host.
    let started: Best | null = null;
    for (const best of this.#scored(matrix, bias)) {
      if (started !== null) this.#decide(started, table, errors, labels);
      started = best;
      onProgress();
    }
    if (started !== null) this.#decide(started, table, errors, labels);
    tf.dispose([matrix, bias]);
    return labels;
  }

  sumByLabel(labels: Int32Array, into: LabelSums): void {
    this.#sumByLabel(this.#rows.features, labels, this.#rows.dim, into);
  }

  release(): void {
    tf.dispose([...this.#blocks]);
  }

  *#scored(matrix: tf.Tensor2D, bias: tf.Tensor1D): Generator<Best> {
    const [k] = matrix.shape;
    const atOnce = Math.max(1, Math.floor(BLOCK_SCORES / k));
    for (const [block, rows] of this.#blocks.entries()) {
      for (let from = 0; from < rows.shape[0]; from += atOnce) {
        const height = Math.min(atOnce, rows.shape[0] - from);
        yield tf.tidy(() => {
          const x = height === rows.shape[0] ? rows : tf.slice2d(rows, [from, 0], [height, -1]);
          const scores = tf.sub(tf.matMul(x, matrix, false, true), bias);
          const best = tf.topk(scores, Math.min(CANDIDATES, k));
          return { begin: block * BLOCK_ROWS + from, ...best };
        });
      }
    }
  }

  /** Writes the labels of these rows, and disposes of the scores. */
  #decide(
    { begin, values, indices }: Best,
    table: CentroidTable,
    { windowOf }: ScoreErrors,
    labels: Int32Array,
  ): void {
    const { features, dim } = this.#rows;
    const [height, width] = values.shape as [number, number];
    const scores = values.dataSync<'float32'>();
    const centroids = indices.dataSync<'int32'>();
    tf.dispose([values, indices]);
    const open: number[] = [];
    for (let i = 0; i < height; i += 1) {
      const [row, at] = [begin + i, i * width];
      const limit = scores[at]! - windowOf(row);
      let possible = 1;
      while (possible < width && scores[at + possible]! >= limit) possible += 1;
      // What is not finite cannot be compared.
      if (!Number.isFinite(limit) || (possible === width && width < table.k)) {
        open.push(row);
      } else if (possible === 1) {
        labels[row] = centroids[at]!;
      } else {
        // Ascending: ties go to the lower index.
        const candidates = centroids.subarray(at, at + possible).sort();
        labels[row] = nearestOf(features, row * dim, table, candidates, 0, possible);
      }
    }
    settleRows(this.#rows, open, table, labels);
  }
}
