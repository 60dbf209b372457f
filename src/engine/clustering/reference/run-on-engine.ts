/**
 * k-means and PCA of features in one process, with the kernels that a worker uses: what tests
 * compare the distributed computation with, and what benchmarks measure. No run uses it. Shapes: n
 * rows, D dimensions, K centroids; matrices are flat and row-major.
 */
import { inertiaOf, noSums } from '../../../clustering/cluster-sums.ts';
import type { ClusteringKernels, OnProgress } from '../../../clustering/kernels.ts';
import { nextCentroids } from '../../../clustering/kmeans-reducer.ts';
import type { KmeansResult } from '../../../clustering/kmeans.ts';
import type { Whitening } from '../../../clustering/whitening.ts';
import { gatherRows } from '../../../math/matrix.ts';

/**
 * Lloyd's algorithm from given rows.
 * @param kernels of an engine, or in float64
 * @param features [n, D] float32; read only
 * @param initialIds [K] rows that are the first centroids
 * @param finalAssignment whether labels and inertia of the last centroids are wanted; labels are
 *   empty if not
 * @returns objectives of each step, centroids, labels
 */
export function kmeansOnEngine(
  kernels: ClusteringKernels,
  features: Float32Array,
  n: number,
  dim: number,
  k: number,
  iterations: number,
  initialIds: Int32Array,
  finalAssignment = true,
): KmeansResult {
  let centroids = gatherRows(features, initialIds, dim);
  const rows = kernels.rowsToCluster(features, n, dim);
  const objectives: number[] = [];
  const refilled: number[] = [];
  try {
    for (let iteration = 0; iteration < iterations; iteration += 1) {
      const total = noSums(k, dim, 0);
      rows.sum(centroids, total);
      const next = nextCentroids(total, centroids);
      objectives.push(inertiaOf(total, centroids));
      refilled.push(next.refilled.length);
      centroids = Float32Array.from(next.centroids);
    }
    const { labels, inertia } = finalAssignment
      ? rows.assign(centroids, k)
      : { labels: new Int32Array(0), inertia: objectives.at(-1) ?? 0 };
    return { labels, centroids, objectives, inertia, refilled };
  } finally {
    rows.release();
  }
}

export interface PcaOptions {
  /** Eigenvalues at or below this fraction of the largest count as zero. */
  readonly epsilon?: number;
  readonly onProgress?: OnProgress;
}

/** @param features [n, D] float32; read only */
export function pcaOnEngine(
  kernels: ClusteringKernels,
  features: Float32Array,
  n: number,
  dim: number,
  outDim: number,
  { epsilon = 0, onProgress = () => undefined }: PcaOptions = {},
): { whitening: Whitening; rows: Float32Array } {
  const moments = kernels.moments(features, n, dim, onProgress);
  const whitening = kernels.solve(moments, { outDim, epsilon, onProgress });
  return { whitening, rows: kernels.project(whitening, features, n, onProgress) };
}
