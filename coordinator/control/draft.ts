/**
 * One transition of the coordinator's state under way: a copy of what may change, the actions so
 * far, and what the rules of members, results, phases and giving out have in common.
 */
import type { Work, WorkKind } from '../../src/work/kind.ts';
import { kindNamed, type WorkKinds } from '../../src/work/kinds.ts';
import type { RunFailure } from './failure-policy.ts';
import type { Action, CoordinatorState, Holding, Lease, Member, Task, Verdict } from './state.ts';

/** Maps that change so often that each transition has its own copy; the others are replaced. */
interface Copies {
  readonly members: Map<string, Member>;
  readonly leases: Map<string, Lease>;
  readonly holdings: Map<number, Holding>;
  tasks: Map<string, Task>;
}

type Next = {
  -readonly [Key in Exclude<keyof CoordinatorState, keyof Copies>]: CoordinatorState[Key];
} & Copies;

/** Keys of the tasks that a lease is on. */
export function tasksOf({ task, further }: Pick<Lease, 'task' | 'further'>): readonly string[] {
  return [task, ...further];
}

/** Those who came first, up to the limit; whoever is about to leave makes room for another. */
export function activeMembers({
  members,
  settings,
}: Pick<CoordinatorState, 'members' | 'settings'>): string[] {
  const staying = [...members.values()].filter(({ isDraining }) => !isDraining);
  return staying.slice(0, settings.maxWorkers).map(({ workerId }) => workerId);
}

/** Of these, those that are given orders: not who has made no progress for too long. */
export function workingMembers(state: Pick<CoordinatorState, 'members' | 'settings'>): string[] {
  return activeMembers(state).filter((workerId) => state.members.get(workerId)?.isStuck === false);
}

export class Draft {
  /** The state as it becomes. */
  readonly next: Next;
  readonly actions: Action[] = [];
  readonly nowMs: number;
  readonly #kinds: WorkKinds;

  constructor(state: CoordinatorState, nowMs: number, kinds: WorkKinds) {
    this.next = {
      ...state,
      members: new Map(state.members),
      tasks: new Map(state.tasks),
      leases: new Map(state.leases),
      holdings: new Map(state.holdings),
    };
    this.nowMs = nowMs;
    this.#kinds = kinds;
  }

  kindOf(work: Work): WorkKind {
    return kindNamed(work.kind, this.#kinds);
  }

  keyOf(work: Work): string {
    return this.kindOf(work).key(work);
  }

  /** Members that may have work: those who came first, up to the limit. */
  active(): string[] {
    return activeMembers(this.next);
  }

  leasesOn(key: string): Lease[] {
    return [...this.next.leases.values()].filter(
      ({ task, further }) => task === key || further.includes(key),
    );
  }

  /** The lease is over, its work undone. */
  giveBack(lease: Lease): void {
    this.next.leases.delete(lease.id);
    for (const key of tasksOf(lease)) this.reopen(key);
    const { ledger } = this.next;
    this.next.ledger = { ...ledger, returned: ledger.returned + 1 };
  }

  /** Back to be given again, unless somebody else still has it. */
  reopen(key: string): void {
    const task = this.next.tasks.get(key);
    if (task?.status !== 'leased' || this.leasesOn(key).length > 0) return;
    this.next.tasks.set(key, { ...task, status: 'todo' });
  }

  /**
   * The features are made again by others: who does not answer, or is gone, must not keep a data
   * shard to itself.
   */
  forgetHoldings(workerId: string): void {
    for (const [shard, holding] of this.next.holdings) {
      if (holding.workerId === workerId) this.next.holdings.delete(shard);
    }
  }

  changeMember(workerId: string, change: Partial<Member>): void {
    const member = this.next.members.get(workerId);
    if (member !== undefined) this.next.members.set(workerId, { ...member, ...change });
  }

  countDuplicate(): void {
    const { ledger } = this.next;
    this.next.ledger = { ...ledger, duplicates: ledger.duplicates + 1 };
  }

  failRun(failure: RunFailure): void {
    this.next.failure = failure;
    this.actions.push({ type: 'failRun', failure });
  }

  answer(verdict: Verdict, lease: Lease | null, completesTask = false): void {
    this.actions.push({ type: 'answerResult', verdict, lease, completesTask });
  }

  record(event: string, reason: string, fields: object): void {
    this.actions.push({ type: 'record', event, reason, fields });
  }
}
