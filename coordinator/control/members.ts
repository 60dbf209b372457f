/**
 * Who takes part: workers that join, are lost, beat, or fall silent; with them go their leases and
 * features. Pure.
 */
import type { Draft } from './draft.ts';
import type { CoordinatorState, Event, OfferedHolding } from './state.ts';

export function join(draft: Draft, event: Extract<Event, { type: 'workerJoined' }>): string {
  const { workerId, incarnation, holdings } = event;
  const { members } = draft.next;
  const earlier = members.get(workerId);
  const isDraining = earlier?.incarnation === incarnation && earlier.isDraining;
  if (earlier !== undefined) {
    const isSame = earlier.incarnation === incarnation;
    const why = isSame ? 'it connected again' : 'a new process took its place';
    lose(draft, workerId, earlier.incarnation, why);
    if (!isSame) drop(draft, workerId, earlier.incarnation);
  }
  const lastSeenMs = draft.nowMs;
  const common = { workerId, incarnation, lastSeenMs, isDraining };
  members.set(workerId, { ...common, progress: 0, isStuck: false });
  const kept = holdings.filter((offered) => takeHolding(draft, workerId, offered)).length;
  const reason = `${workerId} is ready; ${kept} of ${holdings.length} data shards it holds are of use`;
  draft.record('worker.joined', reason, { workerId, incarnation });
  return reason;
}

/**
 * Features of another clustering, even one of the same epoch and version, are of no use; nor are
 * those that lack an image, or have one more than those that count.
 */
function takeHolding(draft: Draft, workerId: string, offered: OfferedHolding): boolean {
  const { epoch, parameterVersion, clustering, holdings, shardRows } = draft.next;
  const { shard, stage } = offered;
  const isOfVersion = offered.epoch === epoch && offered.parameterVersion === parameterVersion;
  const isCurrent = isOfVersion && offered.clustering === clustering;
  if (!isCurrent || shardRows.get(shard) !== offered.rows) return false;
  if (!draft.active().includes(workerId) || holdings.has(shard)) return false;
  holdings.set(shard, { workerId, stage });
  return true;
}

export function lose(draft: Draft, workerId: string, incarnation: string, why: string): string {
  const { members, leases } = draft.next;
  const member = members.get(workerId);
  if (member?.incarnation !== incarnation) return `${workerId} was gone already`;
  members.delete(workerId);
  draft.forgetHoldings(workerId);
  for (const lease of leases.values()) {
    if (lease.workerId === workerId) draft.giveBack(lease);
  }
  const reason = `${workerId}: ${why}`;
  draft.record('worker.lost', reason, { workerId, incarnation });
  return reason;
}

export function beat(
  draft: Draft,
  { workerId, incarnation, progress }: Extract<Event, { type: 'heartbeat' }>,
): string {
  const { members, leases, settings } = draft.next;
  const member = members.get(workerId);
  if (member?.incarnation !== incarnation) return `${workerId} is not a member`;
  const hasMoved = progress !== member.progress;
  const isStuck = member.isStuck && !hasMoved;
  members.set(workerId, { ...member, lastSeenMs: draft.nowMs, progress, isStuck });
  if (!hasMoved) return `${workerId} lives`;
  const deadlineMs = draft.nowMs + settings.leaseTtlMs;
  for (const [id, lease] of leases) {
    if (lease.workerId === workerId) leases.set(id, { ...lease, deadlineMs });
  }
  return `${workerId} makes progress`;
}

/** What the clock alone ends: silent workers, and leases without progress. */
export function expire(draft: Draft): string {
  const { members, leases, settings } = draft.next;
  let expired = 0;
  for (const { workerId, incarnation, lastSeenMs } of members.values()) {
    const silentMs = draft.nowMs - lastSeenMs;
    if (silentMs <= settings.heartbeatTimeoutMs) continue;
    lose(draft, workerId, incarnation, `no heartbeat for ${silentMs} ms`);
    drop(draft, workerId, incarnation);
  }
  for (const lease of leases.values()) {
    if (lease.deadlineMs > draft.nowMs) continue;
    const { id: leaseId, workerId, task } = lease;
    expired += 1;
    draft.giveBack(lease);
    draft.changeMember(workerId, { isStuck: true });
    draft.forgetHoldings(workerId);
    const reason = `${workerId} made no progress on ${task}`;
    draft.record('lease.expired', reason, { leaseId, workerId });
  }
  return expired === 0 ? 'nothing expired' : `${expired} leases expired`;
}

/** `tooFew`: the run would pause without it. */
export type DrainVerdict = 'drained' | 'unknown' | 'tooFew';

/** Whether a worker can be let go. */
export function judgeDrain(
  { members, settings }: Pick<CoordinatorState, 'members' | 'settings'>,
  workerId: string,
): DrainVerdict {
  const member = members.get(workerId);
  if (member === undefined) return 'unknown';
  const others = [...members.values()].filter(
    (other) => other.workerId !== workerId && !other.isDraining,
  );
  const isMissed = !member.isDraining && others.length < Math.max(1, settings.minWorkers);
  return isMissed ? 'tooFew' : 'drained';
}

export function drain(draft: Draft, workerId: string): string {
  const member = draft.next.members.get(workerId);
  if (judgeDrain(draft.next, workerId) !== 'drained') return `${workerId} stays`;
  if (member === undefined || member.isDraining) return `${workerId} leaves already`;
  draft.changeMember(workerId, { isDraining: true });
  const leases = [...draft.next.leases.values()].filter((lease) => lease.workerId === workerId);
  const reason = `${workerId} is to leave once it has finished its ${leases.length} leases`;
  draft.record('worker.draining', reason, { workerId, leases: leases.length });
  return reason;
}

/** Lets those go who were to leave and have nothing left to do. */
export function dismissDrained(draft: Draft): void {
  const { members, leases } = draft.next;
  const busy = new Set([...leases.values()].map(({ workerId }) => workerId));
  for (const { workerId, incarnation, isDraining } of members.values()) {
    if (!isDraining || busy.has(workerId)) continue;
    members.delete(workerId);
    draft.forgetHoldings(workerId);
    draft.record('worker.drained', `${workerId}: a person let it go`, { workerId, incarnation });
    draft.actions.push({ type: 'dismissWorker', workerId, incarnation });
  }
}

function drop(draft: Draft, workerId: string, incarnation: string): void {
  draft.actions.push({ type: 'dropWorker', workerId, incarnation });
}
