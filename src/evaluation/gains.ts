/**
 * The three networks of an evaluation side by side: figures with their intervals, and by how much
 * the trained one is better than what it is to beat.
 */
import { accuracyEstimate, differenceEstimate, type Estimate } from './confidence.ts';
import type { NetworkScores } from './network-scores.ts';

/** `pixels`: the images themselves in place of features. */
export const NETWORKS = ['trained', 'random', 'pixels'] as const;
/** `trained`: the current parameters. `random`: the network as the run's seed initialised it. */
export type Network = (typeof NETWORKS)[number];
/** What features are to beat. */
export type Baseline = Exclude<Network, 'trained'>;

export type OfNetworks<Figure> = Readonly<Record<Network, Figure>>;

/** Where the intervals of accuracies come from. */
export type IntervalSource = 'splits and test images' | 'test images';

/** Differences of accuracies, as parts of 1, with the intervals of the differences. */
export interface Gain {
  readonly knnTop1: Estimate;
  readonly linearTop1: Estimate;
}

export interface ComparedScores {
  readonly knnTop1: OfNetworks<Estimate>;
  readonly linearTop1: OfNetworks<Estimate>;
  readonly kmeansNmi: OfNetworks<Estimate>;
  readonly intervalsFrom: IntervalSource;
  readonly gains: Readonly<Record<Baseline, Gain>>;
}

export function compareScores(scores: OfNetworks<NetworkScores>): ComparedScores {
  const { trained, random, pixels } = scores;
  const each = (find: (of: NetworkScores) => Estimate): OfNetworks<Estimate> => ({
    trained: find(trained),
    random: find(random),
    pixels: find(pixels),
  });
  const over = (baseline: NetworkScores): Gain => ({
    knnTop1: differenceEstimate(trained.knn, baseline.knn),
    linearTop1: differenceEstimate(trained.linear, baseline.linear),
  });
  const isOfOneSplit = trained.knn.bySplit.length < 2;
  return {
    knnTop1: each(({ knn }) => accuracyEstimate(knn)),
    linearTop1: each(({ linear }) => accuracyEstimate(linear)),
    kmeansNmi: each(({ nmi }) => nmi),
    intervalsFrom: isOfOneSplit ? 'test images' : 'splits and test images',
    gains: { random: over(random), pixels: over(pixels) },
  };
}
