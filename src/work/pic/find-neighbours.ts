/**
 * The nearest neighbours of a data shard's rows among the shared rows of some data shards. Shapes:
 * n rows of the shard, m neighbours.
 */
import { arrayOf } from '../../arrays/bundle.ts';
import { NeighbourLists } from '../../clustering/pic/neighbour-lists.ts';
import { protocolViolation } from '../../errors.ts';
import { decodeBody, encodeBody } from '../../rpc/bodies.ts';
import { wire } from '../../rpc/definitions.ts';
import { rowsFromArrays } from '../artifacts.ts';
import type { WorkKind } from '../kind.ts';

export type FindNeighboursWork = {
  readonly kind: 'findNeighbours';
  readonly shard: number;
  /** Which of the blocks of shared rows it is. */
  readonly block: number;
};

export interface FindNeighboursOrder {
  readonly shard: number;
  readonly rowsArtifact: string;
}

export interface FoundNeighbours {
  /** [n] image ids. */
  readonly ids: Int32Array;
  /** Of n rows, by image id. */
  readonly lists: NeighbourLists;
}

export const findNeighbours: WorkKind<FindNeighboursWork, FindNeighboursOrder, FoundNeighbours> = {
  name: 'findNeighbours',
  phase: 'neighbours',
  timedAs: 'kmeans',
  needs: 'projected',
  makes: 'none',
  readsImages: false,
  isBackedUp: false,
  key: ({ kind, shard, block }) => `${kind}/${shard}/${block}`,

  encodeOrder: (order) => encodeBody(wire.FindNeighbours, order),
  decodeOrder: (body) => decodeBody('findNeighbours', wire.FindNeighbours, body),

  prepare: ({ rowsArtifact }, _ids, { artifact }) => {
    artifact(rowsArtifact).catch(() => undefined);
  },

  perform: async ({ shard, rowsArtifact }, { epoch }, { held, artifact, config, advance }) => {
    const others = rowsFromArrays(await artifact(rowsArtifact));
    const { ids, features: rows, dim } = held.of(epoch, shard, true);
    const { neighbours } = config.clustering.pic;
    const { nearestRows } = held.kernelsFor(ids.length);
    return { ids, lists: nearestRows({ ids, rows }, others, dim, neighbours, advance) };
  },

  encodeResult: ({ ids, lists: { most, ids: neighbours, distances } }) => ({
    arrays: {
      ids: { data: ids, shape: [ids.length] },
      neighbours: { data: neighbours, shape: [ids.length, most] },
      distances: { data: distances, shape: [ids.length, most] },
    },
  }),
  decodeResult: ({ arrays }) => {
    const ids = arrayOf(arrays, 'ids', Int32Array);
    const neighbours = arrayOf(arrays, 'neighbours', Int32Array);
    const distances = arrayOf(arrays, 'distances', Float32Array);
    const most = arrays['neighbours']!.shape[1];
    const length = ids.length * (most ?? NaN);
    if (most === undefined || neighbours.length !== length || distances.length !== length) {
      const got = `${neighbours.length} and ${distances.length} numbers for ${ids.length} rows`;
      const remedy = 'run the same release on every process';
      throw protocolViolation('neighbours of a data shard', 'a list for each row', got, remedy);
    }
    return { ids, lists: new NeighbourLists(ids.length, most, neighbours, distances) };
  },
};
