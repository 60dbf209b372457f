/** The plan of data shards: contiguous ranges of sample ids, the unit of extraction and of every reduction. */
import { seededRng, shuffleInPlace } from '../math/rng.ts';

/** Samples begin <= id < end. */
export interface DataShard {
  readonly index: number;
  readonly begin: number;
  readonly end: number;
}

/** Cuts `count` samples into data shards of `shardSize`; the last one holds the rest. */
export function planShards(count: number, shardSize: number): DataShard[] {
  return Array.from({ length: Math.ceil(count / shardSize) }, (_, index) => ({
    index,
    begin: index * shardSize,
    end: Math.min((index + 1) * shardSize, count),
  }));
}

/**
 * All samples in an order of their own, for work that must not see them in that of their folders:
 * data shard i then has those at begin <= place < end. The same one wherever it is asked for.
 * @returns [count] sample ids
 */
export function shuffledIds(count: number, seed: number): Int32Array {
  const ids = Int32Array.from({ length: count }, (_, id) => id);
  shuffleInPlace(ids, seededRng(seed, 'shuffled ids'));
  return ids;
}
