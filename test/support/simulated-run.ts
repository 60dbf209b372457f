/**
 * A run without a network: the coordinator's state machine against workers that are born, die, stall, answer late, twice or
 * in another order, all drawn from one seed. It checks the rules that must hold after every event, and that work gets done.
 */
import assert from 'node:assert/strict';
import {
  initialState,
  transition,
  type CoordinatorState,
  type Event,
  type Lease,
  type Phase,
} from '../../coordinator/state.ts';
import { shardOf, stageNeeded, taskKey, type Work } from '../../coordinator/work.ts';
import { seededRng, type Rng } from '../../src/math/rng.ts';

const SHARDS = 5;
const SLICES = 3;
const LEASE_TTL_MS = 50;
const HEARTBEAT_TIMEOUT_MS = 40;
const MAX_EVENTS = 20_000;

interface SimulatedWorker {
  readonly workerId: string;
  incarnation: string;
  /** Alive, silent (stopped without closing its session), or gone. */
  mode: 'alive' | 'silent' | 'gone';
  progress: number;
  /** Shards it really has, by stage: what an order on them needs. */
  readonly held: Map<number, 'extracted' | 'projected'>;
  /** Orders it got and has not answered. */
  inbox: Lease[];
}

/** What happened, for a test that wants to see that faults really occurred. */
export interface SimulationCounts {
  accepted: number;
  duplicates: number;
  fenced: number;
  lost: number;
  expired: number;
}

export class SimulatedRun {
  readonly counts: SimulationCounts = {
    accepted: 0,
    duplicates: 0,
    fenced: 0,
    lost: 0,
    expired: 0,
  };
  readonly #rng: Rng;
  readonly #workers: SimulatedWorker[];
  #state: CoordinatorState;
  #nowMs = 0;
  #events = 0;
  #born = 0;
  /** Results sent, to be sent again now and then. */
  readonly #sent: Lease[] = [];
  /** Tasks of the phase whose result was accepted. */
  #completed = new Set<string>();
  /** Times the phase under way was said to be done. */
  #phasesDone = 0;

  constructor(seed: number) {
    this.#rng = seededRng('simulation', seed);
    this.#state = initialState({
      minWorkers: 1,
      maxWorkers: 64,
      backupFactor: 3,
      leaseTtlMs: LEASE_TTL_MS,
      heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
      ordersInFlight: 2,
      leasePrefix: 's-',
    });
    this.#workers = Array.from({ length: 1 + this.#rng.integer(4) }, (_, i) => ({
      workerId: `worker-${i}`,
      incarnation: '',
      mode: 'gone',
      progress: 0,
      held: new Map(),
      inbox: [],
    }));
  }

  get state(): CoordinatorState {
    return this.#state;
  }

  /** A clustering and two training steps, faults all along. */
  run(): void {
    const perShard = (kind: 'extract' | 'moments' | 'project' | 'assign' | 'fillMemory'): Work[] =>
      Array.from({ length: SHARDS }, (_, shard) => ({ kind, shard }));
    const kmeans = (iteration: number): Work[] =>
      Array.from({ length: SHARDS }, (_, shard) => ({ kind: 'kmeansStep', shard, iteration }));
    this.#phase('extract', 0, perShard('extract'));
    this.#phase('moments', 0, perShard('moments'));
    this.#phase('pca', 0, [{ kind: 'solvePca' }]);
    this.#phase('project', 0, perShard('project'));
    this.#phase('sampleRows', 0, [{ kind: 'sampleRows', shard: 1 }]);
    this.#phase('kmeans', 0, kmeans(0));
    this.#phase('kmeans', 0, kmeans(1));
    this.#phase('assign', 0, perShard('assign'));
    this.#phase('memory', 0, perShard('fillMemory'));
    this.#dispatch({ type: 'epochOpened', epoch: 0, draws: 20 });
    for (let step = 0; step < 2; step += 1) {
      const work = Array.from({ length: SLICES }, (_, slice): Work => ({
        kind: 'trainSlice',
        step,
        slice,
      }));
      this.#phase('train', step, work);
      this.#dispatch({ type: 'stepCommitted', begin: step * 10, end: step * 10 + 10 });
    }
    assert.equal(this.#state.ledger.committed, 20);
  }

  #phase(phase: Phase, parameterVersion: number, work: Work[]): void {
    this.#completed = new Set();
    this.#phasesDone = 0;
    this.#dispatch({ type: 'phaseEntered', phase, epoch: 0, parameterVersion, work });
    while (this.#phasesDone < 1) {
      this.#events += 1;
      assert.ok(this.#events < MAX_EVENTS, `${phase} makes no progress`);
      this.#somethingHappens();
    }
    assert.equal(this.#completed.size, work.length, `${phase}: every task once`);
    assert.equal(this.#phasesDone, 1, `${phase} ends once`);
  }

  #somethingHappens(): void {
    this.#nowMs += this.#rng.integer(8);
    const draw = this.#rng.integer(100);
    if (draw < 50) this.#answerOne();
    else if (draw < 65) this.#beatAll();
    else if (draw < 80) this.#dispatch({ type: 'tick' });
    else if (draw < 88) this.#birth();
    else if (draw < 91) this.#death();
    else if (draw < 93) this.#silence();
    else if (draw < 96) this.#reconnect();
    else this.#repeatResult();
  }

  #answerOne(): void {
    const busy = this.#workers.filter(({ mode, inbox }) => mode === 'alive' && inbox.length > 0);
    const worker = this.#pick(busy);
    if (worker === undefined) return;
    const lease = worker.inbox.splice(this.#rng.integer(worker.inbox.length), 1)[0]!;
    const isFailure = !this.#work(worker, lease) || this.#rng.integer(40) === 0;
    worker.progress += 1;
    this.#sent.push(lease);
    this.#result(lease, isFailure);
  }

  /** Does what a worker does with its memory; false when it lacks the features. */
  #work(worker: SimulatedWorker, { work }: Lease): boolean {
    const shard = shardOf(work);
    const needed = stageNeeded(work);
    if (shard !== null && needed !== 'none' && worker.held.get(shard) !== needed) return false;
    if (work.kind === 'extract') worker.held.set(work.shard, 'extracted');
    if (work.kind === 'project') worker.held.set(work.shard, 'projected');
    return true;
  }

  #result(lease: Lease, isFailure: boolean): void {
    const held = this.#state.leases.get(lease.id);
    const actions = this.#dispatch({
      type: 'resultArrived',
      leaseId: lease.id,
      generation: lease.generation,
      incarnation: lease.incarnation,
      isFailure,
    });
    const answer = actions.find((action) => action.type === 'answerResult');
    assert.ok(answer !== undefined, 'every result is answered');
    assert.equal(
      answer.verdict === 'accepted',
      held !== undefined,
      'accepted exactly while leased',
    );
    if (answer.verdict === 'accepted') this.counts.accepted += 1;
    if (answer.verdict === 'duplicate') this.counts.duplicates += 1;
    if (answer.verdict === 'fenced') this.counts.fenced += 1;
    if (answer.completesTask) {
      const key = taskKey(lease.work);
      assert.ok(!this.#completed.has(key), `${key} was completed twice`);
      this.#completed.add(key);
    }
  }

  #beatAll(): void {
    for (const { workerId, incarnation, mode, progress } of this.#workers) {
      if (mode === 'alive') this.#dispatch({ type: 'heartbeat', workerId, incarnation, progress });
    }
  }

  #birth(): void {
    const worker = this.#pick(this.#workers.filter(({ mode }) => mode !== 'alive'));
    if (worker === undefined) return;
    this.#born += 1;
    Object.assign(worker, { incarnation: `i${this.#born}`, mode: 'alive', progress: 0, inbox: [] });
    worker.held.clear();
    this.#join(worker);
  }

  /** The session broke and the same process comes again, with the features it has. */
  #reconnect(): void {
    const worker = this.#pick(this.#workers.filter(({ mode }) => mode !== 'gone'));
    if (worker === undefined) return;
    worker.mode = 'alive';
    worker.inbox = [];
    this.#join(worker);
  }

  #join(worker: SimulatedWorker): void {
    const { workerId, incarnation, held } = worker;
    const { epoch, parameterVersion } = this.#state;
    const holdings = [...held].map(([shard, stage]) => ({ shard, stage, epoch, parameterVersion }));
    this.#dispatch({ type: 'workerJoined', workerId, incarnation, holdings });
  }

  #death(): void {
    const worker = this.#pick(this.#workers.filter(({ mode }) => mode === 'alive'));
    if (worker === undefined) return;
    worker.mode = 'gone';
    const { workerId, incarnation } = worker;
    this.#dispatch({ type: 'workerLost', workerId, incarnation, reason: 'killed' });
  }

  #silence(): void {
    const worker = this.#pick(this.#workers.filter(({ mode }) => mode === 'alive'));
    if (worker !== undefined) worker.mode = 'silent';
  }

  #repeatResult(): void {
    const lease = this.#pick(this.#sent);
    if (lease !== undefined) this.#result(lease, false);
  }

  #pick<Item>(items: readonly Item[]): Item | undefined {
    return items.length === 0 ? undefined : items[this.#rng.integer(items.length)];
  }

  #dispatch(event: Event): ReturnType<typeof transition>['actions'] {
    const before = this.#state;
    const frozen = JSON.stringify([...before.leases, ...before.holdings, before.ledger]);
    const { state, actions } = transition(before, event, this.#nowMs);
    assert.equal(
      JSON.stringify([...before.leases, ...before.holdings, before.ledger]),
      frozen,
      'a transition leaves the state it was given as it was',
    );
    this.#state = state;
    for (const action of actions) {
      if (action.type === 'phaseDone') this.#phasesDone += 1;
      if (action.type === 'record' && action.event === 'worker.lost') this.counts.lost += 1;
      if (action.type === 'record' && action.event === 'lease.expired') this.counts.expired += 1;
      if (action.type !== 'sendOrder') continue;
      const { lease } = action;
      const worker = this.#workers.find(({ workerId }) => workerId === lease.workerId);
      if (worker?.incarnation === lease.incarnation) worker.inbox.push(lease);
    }
    this.#assertInvariants();
    return actions;
  }

  #assertInvariants(): void {
    const { leases, tasks, members, holdings, open } = this.#state;
    const leased = new Map<string, Lease[]>();
    for (const lease of leases.values()) {
      leased.set(lease.task, [...(leased.get(lease.task) ?? []), lease]);
      assert.equal(
        members.get(lease.workerId)?.incarnation,
        lease.incarnation,
        'only members hold leases',
      );
      assert.equal(tasks.get(lease.task)?.status, 'leased');
    }
    for (const [task, held] of leased) {
      const most = held[0]!.work.kind === 'trainSlice' ? 2 : 1;
      assert.ok(held.length <= most, `${task} is leased ${held.length} times`);
      assert.equal(new Set(held.map(({ generation }) => generation)).size, held.length);
      assert.equal(new Set(held.map(({ workerId }) => workerId)).size, held.length);
      const { generation } = tasks.get(task)!;
      assert.ok(held.every((lease) => lease.generation <= generation));
    }
    for (const [key, { status }] of tasks) {
      assert.equal(status === 'leased', leased.has(key), `${key} is ${status}`);
    }
    assert.equal(open, [...tasks.values()].filter(({ status }) => status !== 'done').length);
    for (const { workerId } of holdings.values()) {
      assert.ok(members.has(workerId), 'only members hold features');
    }
  }
}
