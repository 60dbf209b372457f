/**
 * Which work comes first for a task, and which worker has it: the one that holds the data shard,
 * else the least busy. Pure.
 */
import type { Holding } from './state.ts';
import type { Stage, Work, WorkKind } from '../../src/work/kind.ts';

/** Work on resident features is short and needs no decoding: deeper queues hide the round trip. */
const ORDERS_IN_FLIGHT_RESIDENT = 8;

/** By data shard. */
type Holdings = ReadonlyMap<number, Holding>;

/** The task's own work, or what must be made of its shard first. */
export function nextWork(work: Work, needed: Stage, holdings: Holdings): Work {
  const { shard } = work;
  if (shard === undefined || needed === 'none') return work;
  const holding = holdings.get(shard);
  if (holding === undefined) return { kind: 'extract', shard };
  if (needed === 'projected' && holding.stage === 'extracted') return { kind: 'project', shard };
  return work;
}

export interface Places {
  /** Leases of each worker that may have more. */
  readonly load: ReadonlyMap<string, number>;
  readonly holdings: Holdings;
  /** Leases a worker has at most, of work that reads images. */
  readonly ordersInFlight: number;
}

/** @returns null when all that could have it have enough to do */
export function pickWorker(
  { shard }: Work,
  { needs, makes, readsImages }: Pick<WorkKind, 'needs' | 'makes' | 'readsImages'>,
  { load, holdings, ordersInFlight }: Places,
): string | null {
  const limit = readsImages ? ordersInFlight : ORDERS_IN_FLIGHT_RESIDENT;
  const holder = needs === 'none' || shard === undefined ? undefined : holdings.get(shard);
  if (holder !== undefined) {
    const count = load.get(holder.workerId);
    return count !== undefined && count < limit ? holder.workerId : null;
  }
  let best: string | null = null;
  let bestLoad = limit;
  for (const [workerId, count] of load) {
    const weight = makes === 'extracted' ? count + shardsHeld(workerId, holdings) : count;
    if (count < limit && (best === null || weight < bestLoad)) {
      best = workerId;
      bestLoad = weight;
    }
  }
  return best;
}

/**
 * Of the workers with their load, those that may read what some could not; all, where all could
 * not.
 */
export function readersOf(
  load: ReadonlyMap<string, number>,
  unreadBy: readonly string[],
): ReadonlyMap<string, number> {
  if (unreadBy.length === 0) return load;
  const others = [...load].filter(([workerId]) => !unreadBy.includes(workerId));
  return others.length === 0 ? load : new Map(others);
}

function shardsHeld(workerId: string, holdings: Holdings): number {
  let held = 0;
  for (const holding of holdings.values()) if (holding.workerId === workerId) held += 1;
  return held;
}
