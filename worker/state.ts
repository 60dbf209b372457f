/**
 * What a worker holds of the data shards, and what becomes of it: pure. Features of a data shard
 * live here between the orders of one clustering; those of an earlier clustering, or of other
 * parameters, are let go.
 */
import { TrainerError } from '../src/errors.ts';
import type { ResidentShard } from '../src/work/tools.ts';

/** By data shard. */
export type Residency = ReadonlyMap<number, ResidentShard>;

export const NOTHING_HELD: Residency = new Map();

/** Takes a shard's features in; lets go of every shard of another clustering. */
export function hold(held: Residency, resident: ResidentShard): Residency {
  const isSame = (
    key: 'epoch' | 'parameterVersion' | 'clustering',
    other: ResidentShard,
  ): boolean => other[key] === resident[key];
  const kept = [...held].filter(
    ([, other]) =>
      isSame('epoch', other) && isSame('parameterVersion', other) && isSame('clustering', other),
  );
  return new Map([...kept, [resident.shard, resident]]);
}

/** Rows in memory over all shards. */
export function residentRows(held: Residency): number {
  let rows = 0;
  for (const { ids } of held.values()) rows += ids.length;
  return rows;
}

/**
 * The shard's features for an order of `epoch`.
 * @throws TrainerError LEASE_LOST when they are not here in that form: the order came from an older
 *   view of this worker
 */
export function residentShard(
  held: Residency,
  shard: number,
  epoch: number,
  isProjected: boolean,
): ResidentShard {
  const resident = held.get(shard);
  if (resident?.epoch === epoch && resident.isProjected === isProjected) return resident;
  throw new TrainerError(
    'LEASE_LOST',
    `data shard ${shard} of epoch ${epoch}: its ${isProjected ? 'projected' : 'extracted'} features are not held here`,
    { shard, epoch },
  );
}
