/**
 * The search of the nearest centroids by the host kernels, with all threads of the engine: rows are
 * coded in bytes once, and each step multiplies codes. Memory besides the features: a quarter of
 * them, and O(block).
 */
import type { OnProgress } from '../../../clustering/kernels.ts';
import { CODED_NUMBERS, QUAD, type HostModule, type HostRowArrays } from './host-kernels.ts';
import type { LabelSums, RowSearch, SumByLabel } from '../search/row-search.ts';

export interface HostOptions {
  readonly threads: number;
  /** Index of the kernels; the fastest if absent. */
  readonly kernels?: number;
}

/** Multiply-adds between two signs of progress: less than a second on one thread. */
const PROGRESS_PRODUCTS = 2 ** 35;

/** For at most `mostDim` dimensions. */
export class HostSearch implements RowSearch {
  readonly #module: HostModule;
  readonly #threads: number;
  readonly #kernels: number;
  readonly #rows: HostRowArrays;
  /** [n] of the step before: where most rows' nearest centroid still is. */
  readonly #guesses: Int32Array;

  constructor(
    module: HostModule,
    features: Float32Array,
    count: number,
    dim: number,
    { threads, kernels = 0 }: HostOptions,
  ) {
    this.#module = module;
    this.#threads = threads;
    this.#kernels = kernels;
    this.#rows = [
      count,
      dim,
      features,
      new Float32Array(dim),
      new Int8Array(count * Math.ceil(dim / QUAD) * QUAD),
      new Float32Array(count * CODED_NUMBERS),
      new Float64Array(count),
    ];
    module.encodeRows(this.#kernels, threads, ...this.#rows);
    this.#guesses = new Int32Array(count).fill(-1);
  }

  get norms(): Float64Array {
    return this.#rows[6];
  }

  labels(centroids: Float32Array, k: number, onProgress: OnProgress): Int32Array {
    const [count, dim] = this.#rows;
    const atOnce = Math.max(1, Math.floor(PROGRESS_PRODUCTS / (k * dim)));
    for (let begin = 0; begin < count; begin += atOnce) {
      const end = Math.min(begin + atOnce, count);
      this.#module.findNearest(
        this.#kernels,
        this.#threads,
        ...this.#rows,
        k,
        centroids,
        begin,
        end,
        this.#guesses,
      );
      onProgress();
    }
    return this.#guesses.slice();
  }

  sumByLabel(labels: Int32Array, into: LabelSums): void {
    const [, dim, features] = this.#rows;
    const options = { threads: this.#threads, kernels: this.#kernels };
    sumByLabelOnHost(this.#module, options)(features, labels, dim, into);
  }

  /** What was prepared goes with this object. */
  release(): void {
    return;
  }
}

/** The sums alone, for rows that something else searches. */
export function sumByLabelOnHost(
  module: HostModule,
  { threads, kernels = 0 }: HostOptions,
): SumByLabel {
  return (features, labels, dim, { sums, counts, rounder }) => {
    const [count, k] = [labels.length, counts.length];
    module.sumByLabel(kernels, threads, count, dim, features, labels, k, rounder, sums, counts);
  };
}
