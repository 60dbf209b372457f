/** Distances and centroids of a run's final clusters, as whoever shows them takes them. */
import type { FinalClustering } from '../../src/run/final-clustering.ts';
import type { Centroids } from '../../src/run/open-run.ts';
import type { AssignmentDetails } from '../../src/work/assign.ts';

/** Null where the final parameters tell no images apart. */
export interface KnownClusters {
  readonly details: AssignmentDetails | null;
  readonly centroids: Centroids | null;
}

export function knownOf(final: FinalClustering | null): KnownClusters {
  if (final === null) return { details: null, centroids: null };
  const { details, centroids } = final;
  const [count = 0, dim = 0] = centroids.shape;
  return { details, centroids: { values: centroids.data as Float32Array, count, dim } };
}
