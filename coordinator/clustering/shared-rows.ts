/**
 * The whitened rows of all images in the coordinator, some data shards at a time in their order: so
 * that every worker can search all of them, and sums over them have the same bits whoever holds
 * which. Never more than a block is here: at 1.28 M images of 256 columns, 40 blocks of 32 MiB.
 */
import type { RowsOfImages } from '../../src/clustering/pic/nearest-rows.ts';
import { joined, joinedIntegers } from '../../src/math/matrix.ts';
import { shareRows } from '../../src/work/pic/share-rows.ts';
import type { ClusteringRound } from '../run/clustering-round.ts';

/** Of rows; a data shard that has more is a block by itself. */
const BLOCK_BYTES = 32 * 2 ** 20;

/** Data shards whose rows are here at the same time. */
export type ShardBlock = readonly number[];

/**
 * @param rowsOf of a data shard
 * @param columns of a row, at most
 */
export function blocksOf(
  shards: readonly number[],
  rowsOf: (shard: number) => number,
  columns: number,
): ShardBlock[] {
  const most = BLOCK_BYTES / (columns * Float32Array.BYTES_PER_ELEMENT);
  const blocks: number[][] = [];
  let rows = Infinity;
  for (const shard of shards) {
    rows += rowsOf(shard);
    if (rows > most) {
      blocks.push([]);
      rows = rowsOf(shard);
    }
    blocks.at(-1)!.push(shard);
  }
  return blocks;
}

/** The rows of a block, in the order of its data shards. */
export async function rowsOfBlock(
  round: ClusteringRound,
  block: ShardBlock,
): Promise<RowsOfImages> {
  const parts = new Map<number, RowsOfImages>();
  await round.run({
    kind: shareRows,
    work: block.map((shard) => ({ kind: 'shareRows' as const, shard })),
    order: ({ shard }) => ({ shard }),
    take: ({ shard }, rows) => {
      parts.set(shard, rows);
    },
  });
  const inOrder = block.map((shard) => parts.get(shard)!);
  return {
    ids: joinedIntegers(inOrder.map(({ ids }) => ids)),
    rows: joined(inOrder.map(({ rows }) => rows)),
  };
}
