/**
 * The clustering of an epoch, in the order of the paper: features, moments, PCA whitening, k-means,
 * assignment; and once more from the beginning where images are left out in the middle. The steps
 * are in clustering-round.ts. Source: Caron et al. 2018, spec of DeepCluster, sections 4 and 5.
 */
import type { ClusteredRows, Clustering, FinalPlan } from '../../src/algorithms/strategy.ts';
import type { RowMetric } from '../../src/clustering/nearest-two.ts';
import { ImagesLeftOut } from '../images/missing-images.ts';
import {
  ClusteringRound,
  type ClusteringDeps,
  type DetailedClustering,
} from './clustering-round.ts';

/** @param rows that the algorithm asks for */
export async function clusterImages(
  epoch: number,
  parameterVersion: number,
  rows: ClusteredRows,
  deps: ClusteringDeps,
): Promise<Clustering> {
  return withImages(parameterVersion, deps, async () => {
    const round = new ClusteringRound(epoch, parameterVersion, deps);
    await round.extract();
    if (rows === 'whitened') await round.whiten();
    else await round.normalise();
    await round.drawCentroids();
    await round.iterate();
    const clustering = await round.assign();
    if (rows === 'unitToMemory') await round.fillMemory();
    return clustering;
  });
}

/**
 * The clusters of a run's end, with their details.
 * @param epoch the one that would come next: new centroids are those that it would begin with
 * @param metric by which rows are compared with centroids
 */
export async function clusterFinally(
  epoch: number,
  parameterVersion: number,
  { plan, metric }: { readonly plan: FinalPlan; readonly metric: RowMetric },
  deps: ClusteringDeps,
): Promise<DetailedClustering> {
  return withImages(parameterVersion, deps, async () => {
    const round = new ClusteringRound(epoch, parameterVersion, deps);
    await round.extract();
    if (plan.rows === 'whitened') await round.whiten();
    else await round.normalise();
    if (plan.centroids === null) {
      await round.drawCentroids();
      await round.iterate();
    } else {
      round.takeCentroids(plan.centroids);
    }
    return round.assignFinally(metric);
  });
}

/**
 * Clusters, and once more from the beginning when images are left out in the middle: every feature
 * is of the same images.
 */
async function withImages<Found extends Clustering>(
  parameterVersion: number,
  { images, imagesLeftOut }: ClusteringDeps,
  cluster: () => Promise<Found>,
): Promise<Found> {
  images.beginClustering(parameterVersion);
  for (;;) {
    try {
      const clustering = await cluster();
      images.clustered(clustering.pseudoLabels);
      return clustering;
    } catch (error) {
      if (!(error instanceof ImagesLeftOut)) throw error;
      await imagesLeftOut();
    }
  }
}
