/**
 * The kernels of clustering on the running engine. Labels, and the sums by cluster, are bit for bit those of float64.
 * Moments, whitening and projection are float64 but for float32 products of blocks; see each file for its bound.
 */
import type { ClusteringKernels, OnProgress, RowsToCluster } from '../../clustering/kernels.ts';
import type { Assignment, ShardSums } from '../../clustering/kmeans-reducer.ts';
import { solveWhitening, type EigenSolver } from '../../clustering/whitening.ts';
import { shapeMismatch } from '../../errors.ts';
import { runningEngine } from '../start.ts';
import { hostKernels, PORTABLE, type HostModule } from './host/host-kernels.ts';
import { GpuSearch } from './search/gpu-search.ts';
import { HostSearch, sumByLabelOnHost, type HostOptions } from './host/host-search.ts';
import { momentsOnEngine } from './pca/moments.ts';
import { nativeBackend } from '../tensorflow/bfloat16.ts';
import { NearestCentroids } from './search/nearest.ts';
import { projectOnEngine } from './pca/project.ts';
import type { RowSearch, SumByLabel } from './search/row-search.ts';
import { sumByLabel } from './search/sum-by-label.ts';
import { topEigen } from './pca/top-eigen.ts';

/** What finds the nearest centroids of these rows: [n, D]. */
export type MakeSearch = (features: Float32Array, count: number, dim: number) => RowSearch;

/** For the engine that runs in this process; start it first. */
export function engineKernels(makeSearch: MakeSearch = searchOfEngine()): ClusteringKernels {
  return {
    moments: momentsOnEngine,
    solve: (moments, options) => solveWhitening(moments, options, solveOnEngine),
    project: projectOnEngine,
    rowsToCluster: (features, count, dim) => new RowsOnEngine(features, count, dim, makeSearch),
  };
}

/** By the engine's products and a scan on the host. */
export const searchOnEngine: MakeSearch = (features, count, dim) =>
  new NearestCentroids(features, count, dim);

/** Kernels of the host, and how they run. */
export interface Host extends HostOptions {
  readonly module: HostModule;
}

/** By the host kernels; what has more dimensions than they take, the engine searches. */
export const searchOnHost =
  (host: Host): MakeSearch =>
  (features, count, dim) =>
    dim <= host.module.mostDim
      ? new HostSearch(host.module, features, count, dim, host)
      : searchOnEngine(features, count, dim);

/** On the GPU, with sums by the host kernels where there are any. */
export const searchOnGpu =
  (host: Host | null): MakeSearch =>
  (features, count, dim) => {
    const sums: SumByLabel = host === null ? sumByLabel : sumByLabelOnHost(host.module, host);
    return new GpuSearch(features, count, dim, sums);
  };

/** On its GPU; else by the host kernels, where they are made for this processor's instructions; else on the engine. */
function searchOfEngine(): MakeSearch {
  const engine = runningEngine();
  const { module } = hostKernels();
  const isFast = module !== null && module.kernels[0] !== PORTABLE;
  const host = isFast && engine !== null ? { module, threads: engine.threads } : null;
  if (nativeBackend()?.isUsingGpuDevice === true) return searchOnGpu(host);
  return host === null ? searchOnEngine : searchOnHost(host);
}

const solveOnEngine: EigenSolver = (matrix, n, wanted, { onProgress, onFallback }) => {
  const solved = topEigen(matrix, n, wanted, onProgress === undefined ? {} : { onProgress });
  if (solved.failure !== null) onFallback?.(solved.failure);
  return solved;
};

const NO_PROGRESS: OnProgress = () => undefined;

class RowsOnEngine implements RowsToCluster {
  readonly #dim: number;
  readonly #search: RowSearch;
  /** Σ |x|² */
  readonly #squares: number;

  constructor(features: Float32Array, count: number, dim: number, makeSearch: MakeSearch) {
    if (features.length !== count * dim) {
      throw shapeMismatch('features', [count, dim], [features.length]);
    }
    this.#dim = dim;
    this.#search = makeSearch(features, count, dim);
    this.#squares = this.#search.lengths.reduce((sum, length) => sum + length * length, 0);
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
    const labels = this.#search.labels(centroids, k, onProgress);
    const { sums, counts } = this.#search.sumByLabel(labels, k);
    return { labels, sums, counts, inertia: this.#inertia(centroids, sums, counts) };
  }

  /** Σ |x - c|² = Σ |x|² + Σ over clusters of n |c|² - 2 c·S, all in float64; rounding may leave a trace below zero. */
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
