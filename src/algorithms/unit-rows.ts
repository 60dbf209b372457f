/**
 * What algorithms know of a sample memory of unit rows that no step assigns to clusters. Shapes: N
 * images, K clusters, d columns.
 */
import { figuresOf, type CollapseFigures } from '../clustering/collapse.ts';
import type { Clustering } from './strategy.ts';

/**
 * The labels that the memory is sealed with: it holds rows, and tells no clusters apart.
 * @param pseudoLabels [N] -1 for an image without a row
 */
export function presence(pseudoLabels: Int32Array): Int32Array {
  return pseudoLabels.map((label) => Math.min(label, 0));
}

/** How far a spherical k-means is from collapse. @param clusters K */
export function unitRowFigures(
  { pseudoLabels, centroids }: Pick<Clustering, 'pseudoLabels' | 'centroids'>,
  clusters: number,
): CollapseFigures {
  return figuresOf(spreadOf(pseudoLabels, centroids, clusters), pseudoLabels, clusters);
}

/**
 * How far unit rows are from being all the same, by the centroids of their clusters: 1 - |mean
 * centroid|², 0 where one centroid is all that there is. The spread within clusters and that of the
 * centroids make up the whole.
 * @param centroids [K, d] unit rows
 */
function spreadOf(pseudoLabels: Int32Array, centroids: Float32Array, k: number): number {
  const dim = centroids.length / k;
  const mean = new Float64Array(dim);
  let count = 0;
  for (const label of pseudoLabels) {
    if (label < 0) continue;
    count += 1;
    for (let j = 0; j < dim; j += 1) mean[j]! += centroids[label * dim + j]!;
  }
  const squared = mean.reduce((sum, value) => sum + (value / count) ** 2, 0);
  return Math.max(0, 1 - squared);
}
