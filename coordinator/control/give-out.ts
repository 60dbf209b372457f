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
    give(draft, key, task, work, workerId);
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
    give(draft, late.task, task, late.work, workerId);
    const forMs = Math.round(nowMs - late.givenMs);
    const reason = `${late.workerId} has had ${late.task} for ${forMs} ms; ${workerId} computes it too`;
    draft.record('slice.backed', reason, { task: late.task, workerId });
  }
}

function give(draft: Draft, key: string, task: Task, work: Work, workerId: string): void {
  const { next, nowMs } = draft;
  const { leasePrefix, leaseTtlMs } = next.settings;
  const member = next.members.get(workerId);
  if (member === undefined) return;
  next.leaseCount += 1;
  const lease: Lease = {
    id: `${leasePrefix}${next.leaseCount}:${draft.keyOf(work)}`,
    task: key,
    work,
    generation: task.generation + 1,
    workerId,
    incarnation: member.incarnation,
    givenMs: nowMs,
    deadlineMs: nowMs + leaseTtlMs,
  };
  next.highestGeneration = Math.max(next.highestGeneration, lease.generation);
  next.leases.set(lease.id, lease);
  next.tasks.set(key, { ...task, status: 'leased', generation: lease.generation });
  draft.actions.push({ type: 'sendOrder', lease });
}
