/**
 * The clustering of an epoch, in the order of the paper: features, moments, PCA whitening, k-means,
 * assignment, or the clusters of a graph; and once more from the beginning where images are left
 * out in the middle. The steps are in clustering-round.ts. Source: Caron et al. 2018, spec of
 * DeepCluster, sections 4 and 5.
 */
import type {
  ClusteredRows,
  Clustering,
  FinalPlan,
  MemoryHead,
  MemoryToCluster,
} from '../../src/algorithms/strategy.ts';
import type { RowMetric } from '../../src/clustering/nearest-two.ts';
import { clusterByGraph } from '../clustering/cluster-by-graph.ts';
import { ImagesLeftOut } from '../images/missing-images.ts';
import { clusterHeadsWhole } from './cluster-heads.ts';
import type { ClusteringDeps, DetailedClustering } from '../clustering/clustering-deps.ts';
import { ClusteringRound } from './clustering-round.ts';

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
    if (deps.config.clustering.method === 'pic') return clusterByGraph(epoch, round, deps);
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
    const { isSpherical } = plan;
    const round = new ClusteringRound(epoch, parameterVersion, deps, { isSpherical });
    await round.extract();
    if (plan.rows === 'whitened') await round.whiten();
    else await round.normalise();
    if (deps.config.clustering.method === 'pic') {
      await clusterByGraph(epoch, round, deps);
    } else if (plan.centroids === null) {
      await round.drawCentroids();
      await round.iterate();
    } else {
      round.takeCentroids(plan.centroids);
    }
    return round.assignFinally(metric);
  });
}

/**
 * Fills the sample memory with the unit features of random crops of all images.
 * @returns [images] 0 where one has a row, -1 where it could not be read
 */
export async function fillWithCrops(
  epoch: number,
  parameterVersion: number,
  crops: number,
  deps: ClusteringDeps,
): Promise<Int32Array> {
  const { pseudoLabels } = await withImages(parameterVersion, deps, async () => {
    const round = new ClusteringRound(epoch, parameterVersion, deps);
    await round.extract('crops');
    await round.normalise({ count: crops, taken: null });
    await round.fillMemory();
    const { leftOut } = deps.images;
    const labelOf = (_: number, id: number): number => (leftOut.has(id) ? -1 : 0);
    return { pseudoLabels: new Int32Array(deps.imageCount).map(labelOf) };
  });
  return pseudoLabels;
}

/**
 * Spherical k-means over the sample memory: several, each over a part of its rows.
 * @returns in the order of `heads`
 */
export async function clusterMemory(
  epoch: number,
  parameterVersion: number,
  memory: MemoryToCluster,
  deps: ClusteringDeps,
): Promise<Clustering[]> {
  if (memory.isWhole) return clusterHeadsWhole(epoch, parameterVersion, memory, deps);
  const { heads, hasRow } = memory;
  const found = new Map<MemoryHead, Clustering>();
  const parts = new Set(heads.map(({ part }) => part));
  for (const taken of parts) {
    const options = { isSpherical: true, hasRow };
    const round = new ClusteringRound(epoch, parameterVersion, deps, options);
    const own = heads.filter(({ part }) => part === taken);
    await round.extract('memory');
    await round.normalise({ count: own[0]!.parts, taken });
    for (const head of own) {
      await round.drawCentroids(head.head);
      await round.iterate();
      found.set(head, await round.assign());
    }
  }
  return heads.map((head) => found.get(head)!);
}

/**
 * Clusters, and once more from the beginning when images are left out in the middle: every feature
 * is of the same images.
 */
async function withImages<Found extends Pick<Clustering, 'pseudoLabels'>>(
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
