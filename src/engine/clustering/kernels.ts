/**
 * The kernels of clustering on an engine. Labels, and the sums by cluster, are bit for bit those of
 * float64. Moments, whitening and projection are float64 but for float32 products of blocks; see
 * each file for its bound.
 */
import type { ClusteringKernels, OnProgress, RowsToCluster } from '../../clustering/kernels.ts';
import type { Assignment, ShardSums } from '../../clustering/kmeans-reducer.ts';
import { solveWhitening, type EigenSolver } from '../../clustering/whitening.ts';
import { shapeMismatch } from '../../errors.ts';
import { momentsOnEngine } from './pca/moments.ts';
import { projectOnEngine } from './pca/project.ts';
import { topEigen } from './pca/top-eigen.ts';
import type { Products } from './products.ts';
import { nearestRowsOn } from './search/nearest-rows.ts';
import type { RowSearch } from './search/row-search.ts';
import type { MakeSearch } from './searches.ts';

export function clusteringKernels(products: Products, makeSearch: MakeSearch): ClusteringKernels {
  const { run, multiply } = products;
  const solveOnEngine: EigenSolver = (matrix, n, wanted, { onProgress, onFallback }) => {
    const options = onProgress === undefined ? {} : { onProgress };
    const solved = topEigen(multiply, matrix, n, wanted, options);
    if (solved.failure !== null) onFallback?.(solved.failure);
    return solved;
  };
  return {
    moments: (...input) => run(() => momentsOnEngine(multiply, ...input)),
    solve: (moments, options) => run(() => solveWhitening(moments, options, solveOnEngine)),
    project: (...input) => run(() => projectOnEngine(multiply, ...input)),
    rowsToCluster: (features, count, dim) =>
      new RowsOnEngine(products, features, count, dim, makeSearch),
    nearestRows: nearestRowsOn(products),
  };
}

const NO_PROGRESS: OnProgress = () => undefined;

class RowsOnEngine implements RowsToCluster {
  readonly #run: Products['run'];
  readonly #dim: number;
  readonly #search: RowSearch;
  /** Σ |x|² */
  readonly #squares: number;

  constructor(
    { run }: Products,
    features: Float32Array,
    count: number,
    dim: number,
    makeSearch: MakeSearch,
  ) {
    if (features.length !== count * dim) {
      throw shapeMismatch('features', [count, dim], [features.length]);
    }
    this.#dim = dim;
    this.#run = run;
    this.#search = run(() => makeSearch(features, count, dim));
    this.#squares = this.#search.norms.reduce((sum, norm) => sum + norm * norm, 0);
  }

  assign(centroids: Float32Array, k: number, onProgress = NO_PROGRESS): Assignment {
    const { labels, inertia } = this.#step(centroids, k, onProgress);
    return { labels, inertia };
  }

  sum(centroids: Float32Array, k: number, shard: number, onProgress = NO_PROGRESS): ShardSums {
    const { sums, counts, inertia } = this.#step(centroids, k, onProgress);
    return { shard, sums, counts, inertia };
  }

  release(): void {
    this.#search.release();
  }

  #step(
    centroids: Float32Array,
    k: number,
    onProgress: OnProgress,
  ): Omit<ShardSums, 'shard'> & Assignment {
    const dim = this.#dim;
    if (centroids.length !== k * dim) {
      throw shapeMismatch('centroids', [k, dim], [centroids.length]);
    }
    const labels = this.#run(() => this.#search.labels(centroids, k, onProgress));
    const { sums, counts } = this.#search.sumByLabel(labels, k);
    return { labels, sums, counts, inertia: this.#inertia(centroids, sums, counts) };
  }

  /**
   * Σ |x - c|² = Σ |x|² + Σ over clusters of n |c|² - 2 c·S, all in float64; rounding may leave a
   * trace below zero.
   */
  #inertia(centroids: Float32Array, sums: Float64Array, counts: Uint32Array): number {
    const dim = this.#dim;
    let inertia = this.#squares;
    for (let c = 0; c < counts.length; c += 1) {
      let change = 0;
      for (let j = c * dim; j < (c + 1) * dim; j += 1) {
        change += centroids[j]! * (counts[c]! * centroids[j]! - 2 * sums[j]!);
      }
      inertia += change;
    }
    return Math.max(0, inertia);
  }
}
