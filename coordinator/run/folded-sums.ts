/**
 * The phases of a clustering whose results are exact sums: one for all the data shards that a
 * worker holds, added in place as they come, so that nothing waits for another's turn and the
 * coordinator has one total and one result at a time. Shapes: K centroids, D columns.
 */
import { addPacked, noSums, type ClusterSums } from '../../src/clustering/cluster-sums.ts';
import { addMoments, type MomentRounders, type MomentSums } from '../../src/clustering/moments.ts';
import type { Work } from '../../src/work/kind.ts';
import { kmeansStep } from '../../src/work/kmeans-step.ts';
import { moments } from '../../src/work/moments.ts';
import type { Step } from '../clustering/clustering-deps.ts';

/** Has a step done, all of it. */
type RunStep = <Piece extends Work, Order, Result>(
  step: Step<Piece, Order, Result>,
) => Promise<void>;

/** @param shards data shards of the run, at least one */
export async function sumMoments(
  run: RunStep,
  shards: readonly number[],
  rounders: MomentRounders,
): Promise<MomentSums> {
  let total = null as MomentSums | null;
  await run({
    kind: moments,
    work: shards.map((shard) => ({ kind: 'moments', shard })),
    order: (piece, further) => ({ shards: shardsOf([piece, ...further]), rounders }),
    take: (_first, part) => {
      if (total === null) total = part;
      else addMoments(total, part);
    },
  });
  if (total === null) throw new Error('moments: expected data shards, got none');
  return total;
}

/** Centroids, which a step adds rows up by. */
export interface PublishedCentroids {
  /** Steps before this one. */
  readonly iteration: number;
  readonly artifact: string;
  readonly k: number;
  readonly dim: number;
}

/** @returns [K, D] over all shards */
export async function sumClusters(
  run: RunStep,
  shards: readonly number[],
  { iteration, artifact: centroidsArtifact, k, dim }: PublishedCentroids,
): Promise<ClusterSums> {
  const total = noSums(k, dim, 0);
  await run({
    kind: kmeansStep,
    work: shards.map((shard) => ({ kind: 'kmeansStep', shard, iteration })),
    order: (piece, further) => ({ shards: shardsOf([piece, ...further]), centroidsArtifact }),
    take: (_first, part) => {
      addPacked(total, part);
    },
  });
  return total;
}

function shardsOf(pieces: readonly { readonly shard: number }[]): number[] {
  return pieces.map(({ shard }) => shard);
}
