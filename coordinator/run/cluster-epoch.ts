/**
 * The clustering of an epoch, in the order of the paper: features, moments, PCA whitening, k-means, assignment; and once more
 * from the beginning where images are left out in the middle. The steps are in clustering-round.ts.
 * Source: Caron et al. 2018, spec of DeepCluster, sections 4 and 5.
 */
import type { ClusteredRows, Clustering } from '../../src/algorithms/strategy.ts';
import { ImagesLeftOut } from '../images/missing-images.ts';
import { ClusteringRound, type ClusteringDeps } from './clustering-round.ts';

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
 * Clusters, and once more from the beginning when images are left out in the middle: every feature
 * is of the same images.
 */
async function withImages(
  parameterVersion: number,
  { images, imagesLeftOut }: ClusteringDeps,
  cluster: () => Promise<Clustering>,
): Promise<Clustering> {
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
