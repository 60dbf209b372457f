/**
 * The clustering of a run's end. The pseudo-labels of its last epoch are of the network as the
 * epoch began; whoever takes the network gets clusters that are its own.
 */
import { algorithmNamed } from '../../src/algorithms/registry.ts';
import type { Strategy } from '../../src/algorithms/strategy.ts';
import {
  clusterEntropy,
  clusterSizes,
  normalizedMutualInformation,
} from '../../src/clustering/agreement.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { TrainerError } from '../../src/errors.ts';
import type { FinalClustering } from '../../src/run/final-clustering.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import type { RunFolder } from '../record/run-folder.ts';
import { clusterFinally } from './cluster-epoch.ts';
import type { ClusteringDeps, DetailedClustering } from '../clustering/clustering-deps.ts';

export interface AtEndDeps {
  readonly config: RunConfig;
  readonly source: Pick<ImageSource, 'truth'>;
  readonly clustering: ClusteringDeps;
  readonly folder: Pick<RunFolder, 'event'>;
  readonly logger: Pick<Logger, 'warn'>;
}

/**
 * @returns null where there is nothing to cluster, or the final features of all images are the
 * same
 */
export async function clusterAtEnd(
  strategy: Strategy,
  version: number,
  deps: AtEndDeps,
): Promise<FinalClustering | null> {
  const { config, folder, logger } = deps;
  const metric = algorithmNamed(config.algorithm).metric(config);
  const plan = strategy.finalClustering();
  if (plan === null) return null;
  try {
    const found = await clusterFinally(config.epochs, version, { plan, metric }, deps.clustering);
    return finalOf(found, strategy.pseudoLabels, deps);
  } catch (error) {
    if (!(error instanceof TrainerError) || error.details['hasCollapsed'] !== true) throw error;
    const reason =
      "the final features of all images are the same; the clusters are those of the last epoch's beginning";
    folder.event('clusters.not-final', reason);
    logger.warn('clusters.not-final', { reason });
    return null;
  }
}

function finalOf(
  found: DetailedClustering,
  trained: Int32Array,
  { config, source }: AtEndDeps,
): FinalClustering {
  const { k } = config.clustering;
  const { pseudoLabels: clusters, details, inertia, refilled, whitening } = found;
  const { centroids, clusterCount: count } = found;
  const sizes = clusterSizes(clusters, k);
  const { truth } = source;
  return {
    ...{ clusters, details, whitening },
    centroids: { data: centroids, shape: [count, centroids.length / count] },
    figures: {
      ...{ inertia, refilled },
      nmiToTraining: normalizedMutualInformation(trained, clusters),
      nmiToTruth: truth === null ? null : normalizedMutualInformation(truth.labels, clusters),
      emptyClusters: sizes.filter((size) => size === 0).length,
      entropy: clusterEntropy(sizes).normalised,
    },
  };
}
