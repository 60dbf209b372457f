/**
 * The workers as the page lists them, by their names: the members, and those that are gone. Pure.
 */
import { activeMembers } from '../control/draft.ts';
import type { CoordinatorState, Lease, Member } from '../control/state.ts';
import type { WorkDone } from '../control/membership.ts';
import type { WorkerPast } from './event-digest.ts';
import type { LiveWorker, WorkerState } from './live-state.ts';

export interface WorkerSources {
  /** Null between terms. */
  readonly state: Pick<CoordinatorState, 'members' | 'leases' | 'holdings' | 'settings'> | null;
  readonly workOf: (workerId: string) => WorkDone;
  readonly speedOf: (workerId: string) => number | null;
  readonly past: readonly WorkerPast[];
  readonly nowMs: number;
}

/** `worker-2` before `worker-10`. */
const BY_NAME = new Intl.Collator('en', { numeric: true });

export function listWorkers({ state, workOf, speedOf, past, nowMs }: WorkerSources): LiveWorker[] {
  const pastOf = new Map(past.map((worker) => [worker.workerId, worker]));
  const members = [...(state?.members.values() ?? [])];
  const active = state === null ? [] : activeMembers(state);
  const present = members.map((member): LiveWorker => {
    const { workerId: id } = member;
    const leases = [...state!.leases.values()].filter(({ workerId }) => workerId === id);
    const held = [...state!.holdings.values()].filter(({ workerId }) => workerId === id);
    return {
      ...{ id, state: stateOf(member, leases, active), reason: '', leases: leases.length },
      leaseSeconds: oldest(leases, nowMs),
      shardsHeld: held.length,
      ordersDone: workOf(id).orders,
      imagesPerSecond: speedOf(id),
      cameBack: pastOf.get(id)?.cameBack ?? 0,
    };
  });
  const isPresent = new Set(present.map(({ id }) => id));
  const absent = past.filter(({ workerId }) => !isPresent.has(workerId)).flatMap(gone);
  return [...present, ...absent].sort((a, b) => BY_NAME.compare(a.id, b.id));
}

function stateOf(
  { workerId, isDraining, isStuck }: Member,
  leases: readonly Lease[],
  active: readonly string[],
): WorkerState {
  if (isDraining) return 'draining';
  if (!active.includes(workerId)) return 'standby';
  if (isStuck) return 'stuck';
  return leases.length > 0 ? 'working' : 'idle';
}

function oldest(leases: readonly Lease[], nowMs: number): number | null {
  if (leases.length === 0) return null;
  return Math.max(0, nowMs - Math.min(...leases.map(({ givenMs }) => givenMs))) / 1000;
}

/** None where it joined, and its term ended: it comes back by itself. */
function gone({ workerId: id, gone: how, cameBack }: WorkerPast): LiveWorker[] {
  if (how === null) return [];
  const nothing = { leases: 0, leaseSeconds: null, shardsHeld: 0, ordersDone: 0 };
  return [{ id, state: how.how, reason: how.reason, ...nothing, imagesPerSecond: null, cameBack }];
}

/** Time over which a worker's speed is measured [ms]. */
const WINDOW_MS = 15_000;

/** Speeds of workers, from what they have done at some moments. */
export class SpeedMeter {
  #samples: { readonly atMs: number; readonly images: ReadonlyMap<string, number> }[] = [];

  /** @param images that each worker has read so far */
  note(images: ReadonlyMap<string, number>, atMs: number): void {
    this.#samples = [
      ...this.#samples.filter((one) => atMs - one.atMs <= WINDOW_MS),
      { atMs, images },
    ];
  }

  /** Images per second over the last moments; null where it has not been seen twice. */
  of(workerId: string): number | null {
    const seen = this.#samples.filter(({ images }) => images.has(workerId));
    const [first, last] = [seen[0], seen.at(-1)];
    if (first === undefined || last === undefined || last.atMs - first.atMs < 1000) return null;
    const images = last.images.get(workerId)! - first.images.get(workerId)!;
    return images < 0 ? null : (1000 * images) / (last.atMs - first.atMs);
  }
}
