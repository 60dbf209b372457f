/**
 * Clusterings that an evaluation looks at: the images clustered anew by each network, and the
 * clusters that the run's own centroids give them. Shapes: m images, D dimensions of what is
 * clustered, d of the rows.
 */
import { clusterEntropy, clusterSizes } from '../../clustering/agreement.ts';
import { EQUAL_FEATURES } from '../../clustering/clusterable.ts';
import { spreadOfMoments } from '../../clustering/collapse.ts';
import { clusterSeed, kmeans } from '../../clustering/kmeans.ts';
import type { Whitening } from '../../clustering/whitening.ts';
import type { Engine } from '../../engine/engine.ts';
import { clusterQuality } from '../../evaluation/cluster-quality.ts';
import { sampledSilhouette } from '../../evaluation/silhouette.ts';
import { clusteringRows, clustersOfRows } from '../clustering-space.ts';
import type { Centroids, OpenedRun } from '../open-run.ts';
import { SAMPLE_IMAGES, type Evaluated, type NetworkFeatures } from './evaluated.ts';
import type { ClusterFigures } from './report.ts';

/** Images in clusters, and what it takes to put others into the same ones. */
export interface ClusteredImages {
  readonly whitening: Whitening | null;
  readonly centroids: Centroids;
  /** [m, d] */
  readonly rows: Float32Array;
  /** [m] */
  readonly clusters: Int32Array;
}

/** K of a clustering of these images: the run's, or one for each where they are fewer. */
export function clusterCount({ config, centroids }: OpenedRun, images: number): number {
  return Math.min(centroids?.count ?? config.clustering.k, images);
}

/**
 * As the run's next epoch would: whitened as its last clustering was, k-means by its settings and
 * the seed of that epoch.
 * @returns null where all features are equal
 */
export function clusterAnew(
  { run, engine, ids }: Pick<Evaluated, 'run' | 'engine' | 'ids'>,
  { feature }: NetworkFeatures,
): ClusteredImages | null {
  const { length: m } = ids;
  const { clustering, seed } = run.config;
  const moments = engine.clustering.moments(feature, m, feature.length / m);
  if (!(spreadOfMoments(moments) > EQUAL_FEATURES)) return null;
  const { pcaDim: outDim, pcaEpsilon: epsilon, iterations, freshSeed } = clustering;
  const isWhitened = run.centroids === null || run.whitening !== null;
  const whitening = isWhitened ? engine.clustering.solve(moments, { outDim, epsilon }) : null;
  const rows = clusteringRows({ whitening }, engine, feature, m);
  const dim = rows.length / m;
  const count = clusterCount(run, m);
  const { labels: clusters, centroids: values } = kmeans(rows, m, dim, count, {
    ...{ iterations, kernels: engine.clustering },
    seed: clusterSeed(seed, run.record.epochs.length, freshSeed),
  });
  return { whitening, centroids: { values, count, dim }, rows, clusters };
}

/** By the run's whitening, centroids and measure; null where it has not clustered yet. */
export function clusterByRun(
  { run, engine }: Pick<Evaluated, 'run' | 'engine'>,
  { feature }: NetworkFeatures,
  m: number,
): ClusteredImages | null {
  const { whitening, centroids } = run;
  if (centroids === null) return null;
  const rows = clusteringRows(run, engine, feature, m);
  return { whitening, centroids, rows, clusters: clustersOfRows(run, rows, centroids).first };
}

/** Clusters of other features of the same network: the nearest centroids, as k-means has them. */
export function nearestClusters(
  { whitening, centroids }: ClusteredImages,
  engine: Engine,
  feature: Float32Array,
  m: number,
): Int32Array {
  const rows = clusteringRows({ whitening }, engine, feature, m);
  const prepared = engine.clustering.rowsToCluster(rows, m, centroids.dim);
  const { labels } = prepared.assign(centroids.values, centroids.count);
  prepared.release();
  return labels;
}

export function clusterFigures(
  { run, truth }: Pick<Evaluated, 'run' | 'truth'>,
  clustered: ClusteredImages | null,
): ClusterFigures | null {
  if (clustered === null) return null;
  const { rows, clusters, centroids } = clustered;
  const sizes = clusterSizes(clusters, centroids.count);
  const sample = { maxRows: SAMPLE_IMAGES, seed: run.config.seed };
  return {
    empty: sizes.reduce((empty, size) => empty + (size === 0 ? 1 : 0), 0),
    entropy: clusterEntropy(sizes).normalised,
    silhouette: sampledSilhouette(rows, clusters, centroids.dim, sample),
    agreement: truth === null ? null : clusterQuality(clusters, truth.labels),
  };
}
