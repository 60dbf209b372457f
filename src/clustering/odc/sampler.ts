/**
 * Which samples an epoch of ODC trains on, in which order, and when its intervals are due.
 * Source: spec of ODC, sections 4, 6 and 10. Every draw depends on the run's seed and the epoch alone, so that an epoch can be
 * drawn again in its middle.
 */
import { seededRng, shuffleInPlace, type Rng } from '../../math/rng.ts';

export interface OdcEpochDraw {
  /** Samples that have a feature; those whose image cannot be read are not drawn. */
  readonly ids: Int32Array;
  readonly seed: number;
  readonly epoch: number;
  /** The reference draws with replacement: an epoch then touches about 63 % of the samples, some more than once. */
  readonly withReplacement: boolean;
}

/** @returns as many draws as there are samples */
export function drawOdcEpoch({ ids, seed, epoch, withReplacement }: OdcEpochDraw): Int32Array {
  const rng = seededRng(seed, 'odc-epoch', epoch);
  if (withReplacement) return ids.map(() => ids[rng.integer(ids.length)]!);
  const permuted = ids.slice();
  shuffleInPlace(permuted, rng);
  return permuted;
}

/** Every nth step of the run, counted from 0, at its end: n = 10 means steps 9, 19, …; n <= 0 means never. */
export function isIntervalDue(step: number, interval: number): boolean {
  return interval > 0 && (step + 1) % interval === 0;
}

/**
 * The reference's slices of a list: one after the other, of one length, the last filled up with the first entries again. This
 * project's own slices differ in size instead, and repeat nothing; this is for comparisons.
 */
export function contiguousSlices(list: Int32Array, workers: number): Int32Array[] {
  const length = Math.ceil(list.length / workers);
  return Array.from({ length: workers }, (_, worker) =>
    Int32Array.from({ length }, (_, i) => list[(worker * length + i) % list.length]!),
  );
}

/** Draws that each cluster with members has in an epoch when clusters are balanced by sampling instead of by weights. */
export function classQuota(total: number, clusters: number): number {
  return Math.floor(total / clusters) + 1;
}

/**
 * Balanced by sampling, the reference's alternative to loss weights: the quota from each cluster, with replacement where the
 * cluster is no larger; shuffled, and cut to the number of samples. With many empty clusters it is shorter.
 * Unlike DeepCluster's sampler (sampler.ts), the quota counts empty clusters too.
 * @param members of each cluster
 */
export function drawByQuota(members: readonly Int32Array[], rng: Rng): Int32Array {
  const total = members.reduce((sum, { length }) => sum + length, 0);
  const quota = classQuota(total, members.length);
  const draws = Int32Array.from(
    members.flatMap((own) => {
      if (own.length === 0) return [];
      if (own.length <= quota)
        return Array.from({ length: quota }, () => own[rng.integer(own.length)]!);
      const pool = own.slice();
      shuffleInPlace(pool, rng);
      return [...pool.subarray(0, quota)];
    }),
  );
  shuffleInPlace(draws, rng);
  return draws.slice(0, total);
}
