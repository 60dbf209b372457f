/**
 * The nearest neighbours of all images: block by block the rows of some data shards are given to
 * all workers, and every data shard's holder finds the nearest of them for its own. A search keeps
 * nothing in the worker, so one that is lost is simply done again. What is here besides a block:
 * 8 bytes for each neighbour of an image, at 1.28 M images 51 MB, twice where they are numbered.
 * Shapes: N images of the run, n of them with a row, m neighbours.
 */
import type { NeighbourTable } from '../../src/clustering/pic/affinity-graph.ts';
import { NO_NEIGHBOUR, NeighbourLists } from '../../src/clustering/pic/neighbour-lists.ts';
import { joinedIntegers } from '../../src/math/matrix.ts';
import { rowsToArrays } from '../../src/work/artifacts.ts';
import { findNeighbours } from '../../src/work/pic/find-neighbours.ts';
import type { ClusteringRound } from '../run/clustering-round.ts';
import type { ClusteringDeps } from './clustering-deps.ts';
import { rowsOfBlock, type ShardBlock } from './shared-rows.ts';

export interface ImageNeighbours extends NeighbourTable {
  /** [n] image of each place, ascending. */
  readonly ids: Int32Array;
}

/** @param blocks of all data shards, in their order */
export async function findNeighbourTable(
  round: ClusteringRound,
  blocks: readonly ShardBlock[],
  { config, imageCount, artifacts }: ClusteringDeps,
): Promise<ImageNeighbours> {
  const { neighbours: most } = config.clustering.pic;
  const lists = new NeighbourLists(imageCount, most);
  const shards = blocks.flat();
  const ids: Int32Array[] = [];
  let done = 0;
  for (const [block, own] of blocks.entries()) {
    const others = await rowsOfBlock(round, own);
    ids.push(others.ids);
    const rowsArtifact = artifacts.publish(round.nameOf(`rows-${block}`), rowsToArrays(others));
    await round.run({
      kind: findNeighbours,
      work: shards.map((shard) => ({ kind: 'findNeighbours' as const, shard, block })),
      order: ({ shard }) => ({ shard, rowsArtifact }),
      take: (_work, found) => {
        found.ids.forEach((id, row) => {
          lists.merge(id, found.lists, row);
        });
        done += 1;
        const { phase } = findNeighbours;
        round.progress(phase, done, blocks.length * shards.length, 'searches');
      },
    });
    artifacts.withdraw(rowsArtifact);
  }
  return tableOf(joinedIntegers(ids), lists);
}

/** Images by their places among those that have a row. */
function tableOf(ids: Int32Array, { most, ids: found, distances }: NeighbourLists) {
  const places = new Int32Array(found.length / most).fill(NO_NEIGHBOUR);
  ids.forEach((id, place) => (places[id] = place));
  const neighbours = new Int32Array(ids.length * most);
  const near = new Float32Array(ids.length * most);
  ids.forEach((id, place) => {
    for (let i = 0; i < most; i += 1) {
      const neighbour = found[id * most + i]!;
      neighbours[place * most + i] = neighbour < 0 ? NO_NEIGHBOUR : places[neighbour]!;
      near[place * most + i] = distances[id * most + i]!;
    }
  });
  return { most, ids, neighbours, distances: near };
}
