/**
 * What tells a healthy ODC run from a collapsing one: how even the clusters are, and how many samples change theirs.
 * Source: spec of ODC, section 9; the reference logs the change ratio and the range of sizes only. Shapes: K clusters.
 */
import { clusterEntropy } from '../agreement.ts';
import { NO_SMALL_CLUSTERS, type SmallClusterCounts } from './small-clusters.ts';

export interface SizeStatistics {
  readonly empty: number;
  readonly smallest: number;
  readonly largest: number;
  /** Entropy of the sizes, in nats, and exp of it: as many clusters of one size would be as uneven. */
  readonly entropyNats: number;
  readonly perplexity: number;
}

export function sizeStatistics(sizes: Int32Array): SizeStatistics {
  let empty = 0;
  let smallest = Infinity;
  let largest = 0;
  for (const size of sizes) {
    if (size === 0) empty += 1;
    smallest = Math.min(smallest, size);
    largest = Math.max(largest, size);
  }
  const entropyNats = clusterEntropy(sizes).nats;
  return { empty, smallest, largest, entropyNats, perplexity: Math.exp(entropyNats) };
}

/** What one step did. */
export interface StepStatistics {
  /** Rows that were mixed, repeated samples counted each time, and those whose pseudo-label changed by it. */
  readonly copies: number;
  readonly relabelled: number;
  readonly smallClusters: SmallClusterCounts;
}

export interface IntervalStatistics extends StepStatistics {
  readonly steps: number;
  /** relabelled / copies; 0 without any. */
  readonly changeRatio: number;
}

/** Adds up the steps of an interval. */
export function summariseInterval(steps: readonly StepStatistics[]): IntervalStatistics {
  let copies = 0;
  let relabelled = 0;
  let smallClusters = NO_SMALL_CLUSTERS;
  for (const step of steps) {
    copies += step.copies;
    relabelled += step.relabelled;
    smallClusters = addCounts(smallClusters, step.smallClusters);
  }
  const changeRatio = copies > 0 ? relabelled / copies : 0;
  return { steps: steps.length, copies, relabelled, changeRatio, smallClusters };
}

function addCounts(a: SmallClusterCounts, b: SmallClusterCounts): SmallClusterCounts {
  return {
    merges: a.merges + b.merges,
    splits: a.splits + b.splits,
    halvings: a.halvings + b.halvings,
    moves: a.moves + b.moves,
    postponed: a.postponed + b.postponed,
    unfilled: a.unfilled + b.unfilled,
  };
}
