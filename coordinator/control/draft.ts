/**
 * One transition of the coordinator's state under way: copies of what may change, and the actions so far.
 * The rules of membership, leases and features are its methods; state.ts says which event calls which.
 */
import { commitDraws, openEpoch, positionOf, type Ledger } from '../../src/run/ledger.ts';
import { nextWork, pickWorker, readersOf } from './placement.ts';
import type {
  Action,
  CoordinatorState,
  Event,
  Holding,
  Lease,
  Member,
  OfferedHolding,
  Phase,
  Task,
  Verdict,
} from './state.ts';
import { lateSlices, usualTime } from './stragglers.ts';
import { shardOf, stageNeeded, taskKey, type Work } from './work.ts';

export class Draft {
  readonly actions: Action[] = [];
  readonly #base: CoordinatorState;
  readonly #nowMs: number;
  readonly #members: Map<string, Member>;
  #tasks: Map<string, Task>;
  #earlierTasks: ReadonlyMap<string, Task>;
  readonly #leases: Map<string, Lease>;
  readonly #holdings: Map<number, Holding>;
  #phase: Phase;
  #epoch: number;
  #parameterVersion: number;
  #open: number;
  #leaseCount: number;
  #fenced: number;
  #sliceMs: number;
  #isPaused: boolean;
  #ledger: Ledger;

  constructor(state: CoordinatorState, nowMs: number) {
    this.#base = state;
    this.#nowMs = nowMs;
    this.#members = new Map(state.members);
    this.#tasks = new Map(state.tasks);
    this.#earlierTasks = state.earlierTasks;
    this.#leases = new Map(state.leases);
    this.#holdings = new Map(state.holdings);
    this.#phase = state.phase;
    this.#epoch = state.epoch;
    this.#parameterVersion = state.parameterVersion;
    this.#open = state.open;
    this.#leaseCount = state.leaseCount;
    this.#fenced = state.fenced;
    this.#sliceMs = state.sliceMs;
    this.#isPaused = state.isPaused;
    this.#ledger = state.ledger;
  }

  finish(): CoordinatorState {
    return {
      settings: this.#base.settings,
      phase: this.#phase,
      epoch: this.#epoch,
      parameterVersion: this.#parameterVersion,
      members: this.#members,
      tasks: this.#tasks,
      earlierTasks: this.#earlierTasks,
      open: this.#open,
      leases: this.#leases,
      holdings: this.#holdings,
      leaseCount: this.#leaseCount,
      ledger: this.#ledger,
      fenced: this.#fenced,
      sliceMs: this.#sliceMs,
      isPaused: this.#isPaused,
    };
  }

  join(event: Extract<Event, { type: 'workerJoined' }>): string {
    const { workerId, incarnation } = event;
    const earlier = this.#members.get(workerId);
    if (earlier !== undefined) {
      const isSame = earlier.incarnation === incarnation;
      this.lose(
        workerId,
        earlier.incarnation,
        isSame ? 'it connected again' : 'a new process took its place',
      );
      if (!isSame)
        this.actions.push({ type: 'dropWorker', workerId, incarnation: earlier.incarnation });
    }
    this.#members.set(workerId, {
      workerId,
      incarnation,
      lastSeenMs: this.#nowMs,
      progress: 0,
      isStuck: false,
    });
    const kept = event.holdings.filter((offered) => this.#takeHolding(workerId, offered)).length;
    const reason = `${workerId} is ready; ${kept} of ${event.holdings.length} data shards it holds are of use`;
    this.#record('worker.joined', reason, { workerId, incarnation });
    return reason;
  }

  #takeHolding(workerId: string, offered: OfferedHolding): boolean {
    if (!this.#active().includes(workerId)) return false;
    const isCurrent =
      offered.epoch === this.#epoch && offered.parameterVersion === this.#parameterVersion;
    if (!isCurrent || this.#holdings.has(offered.shard)) return false;
    this.#holdings.set(offered.shard, { workerId, stage: offered.stage });
    return true;
  }

  lose(workerId: string, incarnation: string, why: string): string {
    const member = this.#members.get(workerId);
    if (member?.incarnation !== incarnation) return `${workerId} was gone already`;
    this.#members.delete(workerId);
    this.#forgetHoldings(workerId);
    for (const lease of this.#leases.values()) {
      if (lease.workerId === workerId) this.#giveBack(lease);
    }
    const reason = `${workerId}: ${why}`;
    this.#record('worker.lost', reason, { workerId, incarnation });
    return reason;
  }

  beat(workerId: string, incarnation: string, progress: number): string {
    const member = this.#members.get(workerId);
    if (member?.incarnation !== incarnation) return `${workerId} is not a member`;
    const hasMoved = progress !== member.progress;
    this.#members.set(workerId, {
      ...member,
      lastSeenMs: this.#nowMs,
      progress,
      isStuck: member.isStuck && !hasMoved,
    });
    if (!hasMoved) return `${workerId} lives`;
    const deadlineMs = this.#nowMs + this.#base.settings.leaseTtlMs;
    for (const [id, lease] of this.#leases) {
      if (lease.workerId === workerId) this.#leases.set(id, { ...lease, deadlineMs });
    }
    return `${workerId} makes progress`;
  }

  takeResult(event: Extract<Event, { type: 'resultArrived' }>): string {
    const lease = this.#leases.get(event.leaseId);
    if (
      lease === undefined ||
      lease.generation !== event.generation ||
      lease.incarnation !== event.incarnation
    ) {
      return this.#refuseResult(event.leaseId);
    }
    this.#leases.delete(lease.id);
    this.#touch(lease.workerId);
    if (event.waitsForImages === true) {
      this.#setAside(lease);
      // Not noted as answered: who made features without some of the images is to forget them,
      // however often it asks.
      this.#answer('fenced', lease, false);
      return `${lease.workerId} could not read all images of ${lease.task}`;
    }
    this.#noteAnswer(lease);
    if (event.isFailure) {
      this.#forgetFeatures(lease);
      this.#reopen(lease.task);
      this.#answer('accepted', lease, false);
      return `${lease.workerId} could not do ${lease.task}; it goes to another`;
    }
    this.#noteHolding(lease);
    const completesTask = taskKey(lease.work) === lease.task;
    this.#answer('accepted', lease, completesTask);
    if (lease.work.kind === 'trainSlice') {
      this.#sliceMs = usualTime(this.#sliceMs, this.#nowMs - lease.givenMs);
    }
    if (completesTask) this.#complete(lease.task);
    else this.#reopen(lease.task);
    return `${lease.workerId} did ${taskKey(lease.work)}`;
  }

  release(keys: readonly string[]): string {
    for (const key of keys) {
      const task = this.#tasks.get(key);
      if (task?.status === 'waiting') this.#tasks.set(key, { ...task, status: 'todo' });
    }
    return `${keys.length} tasks are given out again`;
  }

  #refuseResult(leaseId: string): string {
    const isDuplicate = [...this.#tasks.values(), ...this.#earlierTasks.values()].some((task) =>
      task.answered.includes(leaseId),
    );
    if (isDuplicate) {
      this.countDuplicate();
      this.#record('push.duplicate', `lease ${leaseId} was answered before`, { leaseId });
    } else {
      this.#fenced += 1;
      this.#record('push.fenced', `lease ${leaseId} is not held any more`, { leaseId });
    }
    this.#answer(isDuplicate ? 'duplicate' : 'fenced', null, false);
    return `a result for lease ${leaseId} was refused`;
  }

  enterPhase(event: Extract<Event, { type: 'phaseEntered' }>): string {
    const isNewClustering = event.phase === 'extract';
    if (isNewClustering || event.parameterVersion !== this.#parameterVersion)
      this.#holdings.clear();
    this.#phase = event.phase;
    this.#epoch = event.epoch;
    this.#parameterVersion = event.parameterVersion;
    this.#leases.clear();
    this.#earlierTasks = this.#tasks;
    this.#tasks = new Map();
    for (const work of event.work) {
      const generation = event.generationsGiven ?? 0;
      this.#tasks.set(taskKey(work), {
        work,
        status: 'todo',
        generation,
        answered: [],
        unreadBy: [],
      });
    }
    this.#open = this.#tasks.size;
    return `epoch ${event.epoch}: ${event.phase} with ${this.#open} tasks`;
  }

  restoreLedger(ledger: Ledger): string {
    this.#ledger = ledger;
    return `the ledger of epoch ${ledger.epoch} stands at ${positionOf(ledger)} of ${ledger.length} draws`;
  }

  openEpoch(epoch: number, draws: number): string {
    this.#ledger = openEpoch(this.#ledger, epoch, draws);
    return `epoch ${epoch} trains on ${draws} draws`;
  }

  commitDraws(begin: number, end: number, skipped: number): string {
    this.#ledger = commitDraws(this.#ledger, begin, end, skipped);
    return `draws ${begin} to ${end} took effect, but for ${skipped} of them`;
  }

  countDuplicate(): string {
    this.#ledger = { ...this.#ledger, duplicates: this.#ledger.duplicates + 1 };
    return 'a push or result had come before';
  }

  expire(): string {
    let expired = 0;
    for (const member of this.#members.values()) {
      const silentMs = this.#nowMs - member.lastSeenMs;
      if (silentMs <= this.#base.settings.heartbeatTimeoutMs) continue;
      this.lose(member.workerId, member.incarnation, `no heartbeat for ${silentMs} ms`);
      this.actions.push({
        type: 'dropWorker',
        workerId: member.workerId,
        incarnation: member.incarnation,
      });
    }
    for (const lease of this.#leases.values()) {
      if (lease.deadlineMs > this.#nowMs) continue;
      expired += 1;
      this.#giveBack(lease);
      this.#markStuck(lease.workerId);
      this.#forgetHoldings(lease.workerId);
      this.#record('lease.expired', `${lease.workerId} made no progress on ${lease.task}`, {
        leaseId: lease.id,
        workerId: lease.workerId,
      });
    }
    return expired === 0 ? 'nothing expired' : `${expired} leases expired`;
  }

  /** Gives every task that can be given: shard tasks to their holders, the rest to whoever has least to do. */
  giveOutWork(): void {
    if (this.#open === 0) return;
    this.#notePause();
    if (this.#isPaused) return;
    const { ordersInFlight } = this.#base.settings;
    const load = new Map<string, number>();
    for (const workerId of this.#active()) {
      if (this.#members.get(workerId)?.isStuck === false) load.set(workerId, 0);
    }
    for (const lease of this.#leases.values()) {
      const count = load.get(lease.workerId);
      if (count !== undefined) load.set(lease.workerId, count + 1);
    }
    for (const [key, task] of this.#tasks) {
      if (task.status !== 'todo') continue;
      const work = nextWork(task.work, this.#holdings);
      const readers = readersOf(load, task.unreadBy);
      const workerId = pickWorker(work, readers, this.#holdings, ordersInFlight);
      if (workerId === null) continue;
      load.set(workerId, (load.get(workerId) ?? 0) + 1);
      this.#lease(key, task, work, workerId);
    }
    this.#giveBackups(load);
  }

  /** Members that may have work: those who came first, up to the limit. */
  #active(): string[] {
    return [...this.#members.keys()].slice(0, this.#base.settings.maxWorkers);
  }

  #notePause(): void {
    const { minWorkers } = this.#base.settings;
    const workers = this.#members.size;
    const isPaused = workers < minWorkers;
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    const reason = `${workers} of at least ${minWorkers} workers are there`;
    this.#record(isPaused ? 'run.paused' : 'run.continued', reason, { workers, minWorkers });
  }

  /** Late slices to workers that have nothing to do. */
  #giveBackups(load: ReadonlyMap<string, number>): void {
    const idle = [...load].filter(([, count]) => count === 0).map(([workerId]) => workerId);
    if (idle.length === 0) return;
    const rule = {
      nowMs: this.#nowMs,
      usualMs: this.#sliceMs,
      factor: this.#base.settings.backupFactor,
    };
    for (const late of lateSlices(this.#leases.values(), rule)) {
      const task = this.#tasks.get(late.task);
      const place = idle.findIndex((workerId) => task?.unreadBy.includes(workerId) === false);
      const [workerId] = place < 0 ? [] : idle.splice(place, 1);
      if (workerId === undefined || task === undefined) continue;
      this.#lease(late.task, task, late.work, workerId);
      const reason = `${late.workerId} has had ${late.task} for ${Math.round(this.#nowMs - late.givenMs)} ms; ${workerId} computes it too`;
      this.#record('slice.backed', reason, { task: late.task, workerId });
    }
  }

  #lease(key: string, task: Task, work: Work, workerId: string): void {
    const member = this.#members.get(workerId);
    if (member === undefined) return;
    this.#leaseCount += 1;
    const lease: Lease = {
      id: `${this.#base.settings.leasePrefix}${this.#leaseCount}:${taskKey(work)}`,
      task: key,
      work,
      generation: task.generation + 1,
      workerId,
      incarnation: member.incarnation,
      givenMs: this.#nowMs,
      deadlineMs: this.#nowMs + this.#base.settings.leaseTtlMs,
    };
    this.#leases.set(lease.id, lease);
    this.#tasks.set(key, { ...task, status: 'leased', generation: lease.generation });
    this.actions.push({ type: 'sendOrder', lease });
  }

  #giveBack(lease: Lease): void {
    this.#leases.delete(lease.id);
    this.#reopen(lease.task);
    this.#ledger = { ...this.#ledger, returned: this.#ledger.returned + 1 };
  }

  /** Back to be given again, unless somebody else still has it. */
  #reopen(key: string): void {
    const task = this.#tasks.get(key);
    if (task?.status !== 'leased' || this.#leasesOn(key).length > 0) return;
    this.#tasks.set(key, { ...task, status: 'todo' });
  }

  /** Not to be given for now, unless somebody else still has it. */
  #setAside({ task: key, workerId }: Lease): void {
    const task = this.#tasks.get(key);
    if (task?.status !== 'leased') return;
    const status = this.#leasesOn(key).length > 0 ? 'leased' : 'waiting';
    this.#tasks.set(key, { ...task, status, unreadBy: [...task.unreadBy, workerId] });
  }

  #leasesOn(key: string): Lease[] {
    return [...this.#leases.values()].filter(({ task }) => task === key);
  }

  #complete(key: string): void {
    const task = this.#tasks.get(key);
    if (task === undefined || task.status === 'done') return;
    this.#tasks.set(key, { ...task, status: 'done' });
    for (const overtaken of this.#leasesOn(key)) {
      this.#leases.delete(overtaken.id);
      this.#markStuck(overtaken.workerId);
    }
    this.#open -= 1;
    if (this.#open === 0) {
      this.actions.push({ type: 'phaseDone', phase: this.#phase, epoch: this.#epoch });
    }
  }

  #noteAnswer(lease: Lease): void {
    const task = this.#tasks.get(lease.task);
    if (task === undefined) return;
    this.#tasks.set(lease.task, { ...task, answered: [...task.answered, lease.id] });
  }

  /** The features are made again by others: who does not answer, or is gone, must not keep a data shard to itself. */
  #forgetHoldings(workerId: string): void {
    for (const [shard, holding] of this.#holdings) {
      if (holding.workerId === workerId) this.#holdings.delete(shard);
    }
  }

  /** Who failed may not hold what it was thought to hold: an order that it had begun in an earlier session changes features too. */
  #forgetFeatures({ work, workerId }: Lease): void {
    const shard = shardOf(work);
    if (shard === null || stageNeeded(work) === 'none') return;
    if (this.#holdings.get(shard)?.workerId === workerId) this.#holdings.delete(shard);
  }

  #noteHolding(lease: Lease): void {
    const shard = shardOf(lease.work);
    if (shard === null) return;
    if (lease.work.kind === 'extract') {
      this.#holdings.set(shard, { workerId: lease.workerId, stage: 'extracted' });
    } else if (lease.work.kind === 'project') {
      this.#holdings.set(shard, { workerId: lease.workerId, stage: 'projected' });
    }
  }

  #markStuck(workerId: string): void {
    const member = this.#members.get(workerId);
    if (member !== undefined) this.#members.set(workerId, { ...member, isStuck: true });
  }

  #touch(workerId: string): void {
    const member = this.#members.get(workerId);
    if (member === undefined) return;
    this.#members.set(workerId, { ...member, lastSeenMs: this.#nowMs, isStuck: false });
  }

  #answer(verdict: Verdict, lease: Lease | null, completesTask: boolean): void {
    this.actions.push({ type: 'answerResult', verdict, lease, completesTask });
  }

  #record(event: string, reason: string, fields: object): void {
    this.actions.push({ type: 'record', event, reason, fields });
  }
}
