/**
 * The kernels of clustering on an engine. Labels, and the sums by cluster, are bit for bit those of
 * float64. Moments, whitening and projection are float64 but for float32 products of blocks; see
 * each file for its bound.
 */
import { inertiaOf, noSums, type ClusterSums } from '../../clustering/cluster-sums.ts';
import { requireUnitRows } from '../../clustering/exact-sums.ts';
import type { ClusteringKernels, OnProgress, RowsToCluster } from '../../clustering/kernels.ts';
import type { Assignment } from '../../clustering/kmeans-reducer.ts';
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
  /** max |x| */
  readonly #longest: number;

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
    this.#longest = this.#search.norms.reduce((most, norm) => Math.max(most, norm), 0);
  }

  assign(centroids: Float32Array, k: number, onProgress = NO_PROGRESS): Assignment {
    const total = noSums(k, this.#dim, 0);
    const labels = this.#step(centroids, total, onProgress);
    return { labels, inertia: inertiaOf(total, centroids) };
  }

  sum(centroids: Float32Array, into: ClusterSums, onProgress = NO_PROGRESS): void {
    requireUnitRows(this.#longest, into.rounder);
    this.#step(centroids, into, onProgress);
  }

  release(): void {
    this.#search.release();
  }

  /** @returns labels of the rows, which have been added to `into` */
  #step(centroids: Float32Array, into: ClusterSums, onProgress: OnProgress): Int32Array {
    const { counts, rounder } = into;
    const { length: k } = counts;
    if (centroids.length !== k * this.#dim) {
      throw shapeMismatch('centroids', [k, this.#dim], [centroids.length]);
    }
    const labels = this.#run(() => this.#search.labels(centroids, k, onProgress));
    this.#search.sumByLabel(labels, into);
    for (const norm of this.#search.norms) into.squares += norm * norm + rounder - rounder;
    return labels;
  }
}
