/**
 * The clusters of a finished run: those of its images by its final parameters, as a checkpoint
 * keeps them. The pseudo-labels that it trained on last are one epoch older, and stay beside
 * them. Shapes: N images, K clusters, d columns of the rows that are clustered.
 */
import { arrayOf } from '../arrays/bundle.ts';
import type { NamedArrays } from '../arrays/safetensors.ts';
import type { FinalClusterFigures } from '../report/summary.ts';
import { detailsFromArrays, detailsToArrays, type AssignmentDetails } from '../work/assign.ts';
import { holdsWhitening, whiteningFromArrays, whiteningToArrays } from './whitening-arrays.ts';

export interface FinalClustering {
  readonly figures: FinalClusterFigures;
  /** [N] int32 cluster of each image; -1 where it could not be read. */
  readonly clusters: Int32Array;
  /** [N] each; NaN and -1 where an image could not be read. */
  readonly details: AssignmentDetails;
  /** [K, d] float32, and what features go through before they are compared with them. */
  readonly centroids: NamedArrays[string];
  readonly whitening: NamedArrays;
}

export function finalToArrays({
  clusters,
  details,
  centroids,
  whitening,
}: FinalClustering): NamedArrays {
  return {
    clusters: { data: clusters, shape: [clusters.length] },
    ...detailsToArrays(details),
    centroids,
    ...whitening,
  };
}

/** @throws TrainerError PROTOCOL_VIOLATION for arrays that are missing or of another type */
export function finalFromArrays(
  figures: FinalClusterFigures,
  arrays: NamedArrays,
): FinalClustering {
  const data = arrayOf(arrays, 'centroids', Float32Array);
  return {
    figures,
    clusters: arrayOf(arrays, 'clusters', Int32Array),
    details: detailsFromArrays(arrays),
    centroids: { data, shape: arrays['centroids']!.shape },
    whitening: holdsWhitening(arrays) ? whiteningToArrays(whiteningFromArrays(arrays)) : {},
  };
}
