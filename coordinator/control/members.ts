/** Who takes part: workers that join, are lost, beat, or fall silent; with them go their leases and features. Pure. */
import type { Draft } from './draft.ts';
import type { Event, OfferedHolding } from './state.ts';

export function join(draft: Draft, event: Extract<Event, { type: 'workerJoined' }>): string {
  const { workerId, incarnation, holdings } = event;
  const { members } = draft.next;
  const earlier = members.get(workerId);
  if (earlier !== undefined) {
    const isSame = earlier.incarnation === incarnation;
    const why = isSame ? 'it connected again' : 'a new process took its place';
    lose(draft, workerId, earlier.incarnation, why);
    if (!isSame) drop(draft, workerId, earlier.incarnation);
  }
  const lastSeenMs = draft.nowMs;
  members.set(workerId, { workerId, incarnation, lastSeenMs, progress: 0, isStuck: false });
  const kept = holdings.filter((offered) => takeHolding(draft, workerId, offered)).length;
  const reason = `${workerId} is ready; ${kept} of ${holdings.length} data shards it holds are of use`;
  draft.record('worker.joined', reason, { workerId, incarnation });
  return reason;
}

/** Features that lack an image, or have one more than those that count, are of no use. */
function takeHolding(draft: Draft, workerId: string, offered: OfferedHolding): boolean {
  const { epoch, parameterVersion, holdings, shardRows } = draft.next;
  const { shard, stage } = offered;
  const isCurrent = offered.epoch === epoch && offered.parameterVersion === parameterVersion;
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

function drop(draft: Draft, workerId: string, incarnation: string): void {
  draft.actions.push({ type: 'dropWorker', workerId, incarnation });
}
