/**
 * What becomes of a result: taken, refused, counted as a failure, or set aside until its images can
 * be read. Pure.
 */
import { tasksOf, type Draft } from './draft.ts';
import { judgeFailure, type OrderFailure } from './failure-policy.ts';
import type { Event, Lease, Task } from './state.ts';
import { usualTime } from './stragglers.ts';

type Arrived = Extract<Event, { type: 'resultArrived' }>;

export function takeResult(draft: Draft, event: Arrived): string {
  const lease = draft.next.leases.get(event.leaseId);
  const isHeld = lease?.generation === event.generation && lease.incarnation === event.incarnation;
  if (!isHeld) return refuse(draft, event.leaseId);
  draft.next.leases.delete(lease.id);
  draft.changeMember(lease.workerId, { lastSeenMs: draft.nowMs, isStuck: false });
  if (event.waitsForImages === true) {
    setAside(draft, lease);
    for (const key of lease.further) draft.reopen(key);
    // Not noted as answered: who made features without some of the images is to forget them,
    // however often it asks.
    draft.answer('fenced', lease);
    return `${lease.workerId} could not read all images of ${lease.task}`;
  }
  for (const key of tasksOf(lease)) {
    changeTask(draft, key, ({ answered }) => ({ answered: [...answered, lease.id] }));
  }
  return event.failure ? noteFailure(draft, lease, event.failure) : accept(draft, lease, event);
}

function accept(
  draft: Draft,
  lease: Lease,
  { samples = 0, repeatedPush = false }: Arrived,
): string {
  const kind = draft.kindOf(lease.work);
  const key = kind.key(lease.work);
  const completesTask = key === lease.task;
  draft.next.failuresInRow = 0;
  noteFeatures(draft, lease, samples);
  if (kind.isBackedUp) {
    const tookMs = draft.nowMs - lease.givenMs;
    draft.next.sliceMs = usualTime(draft.next.sliceMs, lease.work, tookMs);
  }
  draft.answer('accepted', lease, completesTask);
  if (completesTask) {
    if (repeatedPush) draft.countDuplicate();
    for (const task of tasksOf(lease)) complete(draft, task);
  } else draft.reopen(lease.task);
  return `${lease.workerId} did ${key}`;
}

function refuse(draft: Draft, leaseId: string): string {
  const { tasks, earlierTasks } = draft.next;
  const isDuplicate = [...tasks.values(), ...earlierTasks.values()].some((task) =>
    task.answered.includes(leaseId),
  );
  if (isDuplicate) {
    draft.countDuplicate();
    draft.record('push.duplicate', `lease ${leaseId} was answered before`, { leaseId });
  } else {
    draft.next.fenced += 1;
    draft.record('push.fenced', `lease ${leaseId} is not held any more`, { leaseId });
  }
  draft.answer(isDuplicate ? 'duplicate' : 'fenced', null);
  return `a result for lease ${leaseId} was refused`;
}

function noteFailure(draft: Draft, lease: Lease, failure: OrderFailure): string {
  const { workerId, task: key, further } = lease;
  const { code, message } = failure;
  const isAlone = further.length === 0;
  draft.next.failuresInRow += 1;
  if (code === 'NON_FINITE' && isAlone) {
    changeTask(draft, key, (task) => ({ nonFiniteBy: [...task.nonFiniteBy, workerId] }));
  }
  draft.record('order.failed', `${workerId}: ${message}`, { leaseId: lease.id, code });
  draft.answer('failed', lease);
  const { failuresInRow } = draft.next;
  const { nonFiniteBy = [] } = draft.next.tasks.get(key) ?? {};
  const ended = judgeFailure(failure, { workerId, nonFiniteBy, failuresInRow });
  if (ended !== null) draft.failRun(ended);
  // Of several, nobody knows which one failed, and features of all of them are much to make again.
  if (!isAlone) return separate(draft, lease);
  forgetFeatures(draft, lease);
  draft.reopen(key);
  return `${workerId} could not do ${key}; it goes to another`;
}

/**
 * Each task of the lease is given out by itself from now on: the one that failed will fail again.
 */
function separate(draft: Draft, lease: Lease): string {
  const keys = tasksOf(lease);
  for (const key of keys) {
    changeTask(draft, key, () => ({ isAlone: true }));
    draft.reopen(key);
  }
  return `${lease.workerId} could not do ${keys.length} tasks at once; each is given out by itself`;
}

/** Not to be given for now, unless somebody else still has it. */
function setAside(draft: Draft, { task: key, workerId }: Lease): void {
  if (draft.next.tasks.get(key)?.status !== 'leased') return;
  const status = draft.leasesOn(key).length > 0 ? 'leased' : 'waiting';
  changeTask(draft, key, ({ unreadBy }) => ({ status, unreadBy: [...unreadBy, workerId] }));
}

/** Tasks that waited are given out again. */
export function release(draft: Draft, keys: readonly string[]): string {
  for (const key of keys) {
    if (draft.next.tasks.get(key)?.status !== 'waiting') continue;
    changeTask(draft, key, () => ({ status: 'todo' }));
  }
  return `${keys.length} tasks are given out again`;
}

function complete(draft: Draft, key: string): void {
  const task = draft.next.tasks.get(key);
  if (task === undefined || task.status === 'done') return;
  changeTask(draft, key, () => ({ status: 'done' }));
  for (const overtaken of draft.leasesOn(key)) {
    draft.next.leases.delete(overtaken.id);
    draft.changeMember(overtaken.workerId, { isStuck: true });
  }
  draft.next.open -= 1;
  if (draft.next.open > 0) return;
  const { phase, epoch } = draft.next;
  draft.actions.push({ type: 'phaseDone', phase, epoch });
}

/**
 * Who failed may not hold what it was thought to hold: an order that it had begun in an earlier
 * session changes features too.
 */
function forgetFeatures(draft: Draft, { work, workerId }: Lease): void {
  const { shard } = work;
  if (shard === undefined || draft.kindOf(work).needs === 'none') return;
  const { holdings } = draft.next;
  if (holdings.get(shard)?.workerId === workerId) holdings.delete(shard);
}

function noteFeatures(draft: Draft, { work, task, workerId }: Lease, rows: number): void {
  const { shard } = work;
  const kind = draft.kindOf(work);
  const { makes: stage } = kind;
  if (shard === undefined || stage === 'none') return;
  draft.next.holdings.set(shard, { workerId, stage });
  // Features that are made again are of the same images.
  if (stage !== 'extracted' || kind.key(work) !== task) return;
  draft.next.shardRows = new Map([...draft.next.shardRows, [shard, rows]]);
}

function changeTask(draft: Draft, key: string, change: (task: Task) => Partial<Task>): void {
  const task = draft.next.tasks.get(key);
  if (task !== undefined) draft.next.tasks.set(key, { ...task, ...change(task) });
}
