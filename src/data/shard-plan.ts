/** The plan of data shards: contiguous ranges of sample ids, the unit of extraction and of every reduction. */

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
