/**
 * The clustering of an epoch, in the order of the paper: features, moments, PCA whitening, k-means, assignment; and once more
 * from the beginning where images are left out in the middle. The steps are in clustering-round.ts.
 * Source: Caron et al. 2018, spec of DeepCluster, sections 4 and 5.
 */
import { ImagesLeftOut } from '../images/missing-images.ts';
import { ClusteringRound, type Clustering, type ClusteringDeps } from './clustering-round.ts';

export type { Clustering, ClusteringDeps };

export async function clusterEpoch(
  epoch: number,
  parameterVersion: number,
  deps: ClusteringDeps,
): Promise<Clustering> {
  return withImages(parameterVersion, deps, async () => {
    const round = new ClusteringRound(epoch, parameterVersion, deps);
    await round.extract();
    await round.whiten();
    await round.drawCentroids();
    await round.iterate();
    return round.assign();
  });
}

/** ODC's one clustering, before its first step: unit rows as they are, k-means, and the rows to the sample memory. */
export async function clusterOnce(
  parameterVersion: number,
  deps: ClusteringDeps,
): Promise<Clustering> {
  return withImages(parameterVersion, deps, async () => {
    const round = new ClusteringRound(0, parameterVersion, deps);
    await round.extract();
    await round.normalise();
    await round.drawCentroids();
    await round.iterate();
    const clustering = await round.assign();
    await round.fillMemory();
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
