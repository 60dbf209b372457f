/**
 * The kernels of clustering on the running engine. Labels, and the sums by cluster, are bit for bit those of float64.
 * Moments, whitening and projection are float64 but for float32 products of blocks; see each file for its bound.
 */
import type { ClusteringKernels, OnProgress, RowsToCluster } from '../../clustering/kernels.ts';
import type { Assignment, ShardSums } from '../../clustering/kmeans-reducer.ts';
import { solveWhitening, type EigenSolver } from '../../clustering/whitening.ts';
import { shapeMismatch } from '../../errors.ts';
import { runningEngine } from '../engine.ts';
import { hostKernels, PORTABLE, type HostModule } from './host-kernels.ts';
import { HostSearch, type HostOptions } from './host-search.ts';
import { momentsOnEngine } from './moments.ts';
import { NearestCentroids } from './nearest.ts';
import { projectOnEngine } from './project.ts';
import type { RowSearch } from './row-search.ts';
import { topEigen } from './top-eigen.ts';

/** Kernels of the host, and how they run. */
export interface Host extends HostOptions {
  readonly module: HostModule;
}

/**
 * For the engine that runs in this process; start it first.
 * @param host what searches and sums in the engine's place; null: nothing does
 */
export function engineKernels(host: Host | null = hostOfEngine()): ClusteringKernels {
  return {
    moments: momentsOnEngine,
    solve: (moments, options) => solveWhitening(moments, options, solveOnEngine),
    project: projectOnEngine,
    rowsToCluster: (features, count, dim) => new RowsOnEngine(features, count, dim, host),
  };
}

/** The host kernels where the engine computes on this processor, and they are made for its instructions. */
function hostOfEngine(): Host | null {
  const engine = runningEngine();
  const { module } = hostKernels();
  if (engine?.device !== 'CPU' || module === null) return null;
  return module.kernels[0] === PORTABLE ? null : { module, threads: engine.threads };
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

  constructor(features: Float32Array, count: number, dim: number, host: Host | null) {
    if (features.length !== count * dim) {
      throw shapeMismatch('features', [count, dim], [features.length]);
    }
    this.#dim = dim;
    this.#search =
      host !== null && dim <= host.module.mostDim
        ? new HostSearch(host.module, features, count, dim, host)
        : new NearestCentroids(features, count, dim);
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
