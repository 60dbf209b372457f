/**
 * Means of clusters, and how far their rows are from them, summed up row by row in float64: the
 * same bits wherever rows come from, as long as their order is the same. Shapes: n rows, d columns,
 * K clusters.
 */
import type { RowsOfImages } from './nearest-rows.ts';

export class ClusterMeans {
  readonly #clusters: number;
  /** Rows of each cluster so far. */
  readonly #sizes: Float64Array;
  /** [K, d]; empty before the first row. */
  #sums: Float64Array = new Float64Array(0);
  /** Σ |x|² */
  #squares = 0;

  constructor(clusters: number) {
    this.#clusters = clusters;
    this.#sizes = new Float64Array(clusters);
  }

  /** @param labelOf below 0 for images whose row does not count */
  add({ ids, rows }: RowsOfImages, labelOf: (id: number) => number): void {
    if (ids.length === 0) return;
    const dim = rows.length / ids.length;
    if (this.#sums.length === 0) this.#sums = new Float64Array(this.#clusters * dim);
    ids.forEach((id, i) => {
      const label = labelOf(id);
      if (label < 0) return;
      this.#sizes[label]! += 1;
      for (let j = 0; j < dim; j += 1) {
        const value = rows[i * dim + j]!;
        this.#sums[label * dim + j]! += value;
        this.#squares += value * value;
      }
    });
  }

  /** [K, d] float32; zeros for a cluster without rows. */
  means(): Float32Array {
    const dim = this.#sums.length / this.#clusters;
    return Float32Array.from(this.#sums, (sum, at) => {
      const size = this.#sizes[Math.floor(at / dim)]!;
      return size === 0 ? 0 : sum / size;
    });
  }

  /**
   * Sum of squared distances of the rows to these centres of their clusters: Σ |x|² + Σ n |c|² - 2
   * c·S; rounding may leave a trace below zero.
   * @param centres [K, d]
   */
  inertia(centres: Float32Array): number {
    const dim = this.#sums.length / this.#clusters;
    const change = centres.reduce((sum, value, at) => {
      const size = this.#sizes[Math.floor(at / dim)]!;
      return sum + value * (size * value - 2 * this.#sums[at]!);
    }, 0);
    return Math.max(0, this.#squares + change);
  }
}
