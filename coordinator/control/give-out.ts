/**
 * Gives every task that can be given: shard tasks to their holders, the rest to whoever has least
 * to do. Pure.
 */
import type { Work } from '../../src/work/kind.ts';
import { workingMembers, type Draft } from './draft.ts';
import { nextWork, pickWorker, readersOf } from './placement.ts';
import type { Lease, Task } from './state.ts';
import { lateSlices } from './stragglers.ts';

export function giveOutWork(draft: Draft): void {
  const { next } = draft;
  if (next.open === 0 || next.failure !== null) return;
  notePause(draft);
  if (next.isPaused) return;
  const load = loadOf(draft);
  for (const [key, task] of next.tasks) {
    if (task.status !== 'todo') continue;
    const work = nextWork(task.work, draft.kindOf(task.work).needs, next.holdings);
    const workerId = pickWorker(work, draft.kindOf(work), {
      load: readersOf(load, task.unreadBy),
      holdings: next.holdings,
      ordersInFlight: next.settings.ordersInFlight,
    });
    if (workerId === null) continue;
    load.set(workerId, (load.get(workerId) ?? 0) + 1);
    const further = furtherTasks(draft, key, { work, workerId });
    give(draft, key, { work, workerId, further });
  }
  giveBackups(draft, load);
}

/** Leases of each worker that may have more. */
function loadOf(draft: Draft): Map<string, number> {
  const { leases } = draft.next;
  const load = new Map(workingMembers(draft.next).map((workerId) => [workerId, 0]));
  for (const { workerId } of leases.values()) {
    const count = load.get(workerId);
    if (count !== undefined) load.set(workerId, count + 1);
  }
  return load;
}

function notePause(draft: Draft): void {
  const { members, settings } = draft.next;
  const { minWorkers } = settings;
  const { size: workers } = members;
  const isPaused = workers < minWorkers;
  if (isPaused === draft.next.isPaused) return;
  draft.next.isPaused = isPaused;
  const reason = `${workers} of at least ${minWorkers} workers are there`;
  draft.record(isPaused ? 'run.paused' : 'run.continued', reason, { workers, minWorkers });
}

/** Late units to workers that have nothing to do. */
function giveBackups(draft: Draft, load: ReadonlyMap<string, number>): void {
  const { next, nowMs } = draft;
  const idle = [...load].filter(([, count]) => count === 0).map(([workerId]) => workerId);
  if (idle.length === 0) return;
  const rule = { nowMs, usualMs: next.sliceMs, factor: next.settings.backupFactor };
  const slices = [...next.leases.values()].filter(({ work }) => draft.kindOf(work).isBackedUp);
  for (const late of lateSlices(slices, rule)) {
    const task = next.tasks.get(late.task);
    const place = idle.findIndex((workerId) => task?.unreadBy.includes(workerId) === false);
    const [workerId] = place < 0 ? [] : idle.splice(place, 1);
    if (workerId === undefined || task === undefined) continue;
    give(draft, late.task, { work: late.work, workerId, further: [] });
    const forMs = Math.round(nowMs - late.givenMs);
    const reason = `${late.workerId} has had ${late.task} for ${forMs} ms; ${workerId} computes it too`;
    draft.record('slice.backed', reason, { task: late.task, workerId });
  }
}

/** What is given for a task. */
interface Given {
  readonly work: Work;
  readonly workerId: string;
  readonly further: readonly string[];
}

/**
 * Of work that is folded, the other tasks that are to be done, on data shards that the worker holds
 * in the form that it takes. The group is what the worker holds at this moment: one that is lost
 * leaves single tasks, which make groups again where their features come to lie.
 */
function furtherTasks(
  draft: Draft,
  key: string,
  { work, workerId }: Omit<Given, 'further'>,
): string[] {
  const { tasks, holdings } = draft.next;
  const { isFolded = false, needs } = draft.kindOf(work);
  const isReady = (task: Task): boolean => {
    const { shard, kind } = task.work;
    const isSame = kind === work.kind && task.status === 'todo' && !task.isAlone;
    const holder = shard === undefined ? undefined : holdings.get(shard)?.workerId;
    return isSame && holder === workerId && nextWork(task.work, needs, holdings) === task.work;
  };
  const first = tasks.get(key);
  if (!isFolded || first === undefined || first.work !== work || !isReady(first)) return [];
  return [...tasks].flatMap(([other, task]) => (other !== key && isReady(task) ? [other] : []));
}

function give(draft: Draft, key: string, given: Given): void {
  const { next, nowMs } = draft;
  const { leasePrefix, leaseTtlMs } = next.settings;
  const { work, workerId, further } = given;
  const member = next.members.get(workerId);
  const keys = [key, ...further];
  const tasks = keys.map((name) => next.tasks.get(name)!);
  if (member === undefined) return;
  next.leaseCount += 1;
  const lease: Lease = {
    id: `${leasePrefix}${next.leaseCount}:${draft.keyOf(work)}`,
    task: key,
    further,
    work,
    // Above those of every earlier lease on any of them.
    generation: 1 + Math.max(...tasks.map(({ generation }) => generation)),
    workerId,
    incarnation: member.incarnation,
    givenMs: nowMs,
    deadlineMs: nowMs + leaseTtlMs,
  };
  const { generation } = lease;
  next.highestGeneration = Math.max(next.highestGeneration, generation);
  next.leases.set(lease.id, lease);
  tasks.forEach((task, i) => next.tasks.set(keys[i]!, { ...task, status: 'leased', generation }));
  draft.actions.push({ type: 'sendOrder', lease });
}
