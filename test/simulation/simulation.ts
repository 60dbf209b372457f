/**
 * One simulated run: coordinator, parameter servers and workers, all of them the real decision
 * code, under the faults that a seed draws; the rules that must hold after every event; and the
 * end, which must be the plain loop's to the last bit.
 */
import type { SliceGeneration } from '../../src/ps/slice-push.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import type { CoordinatorMessage } from '../../src/rpc/generated/deepcluster/v1/CoordinatorMessage.ts';
import type { ServerOrder } from '../../src/rpc/generated/deepcluster/v1/ServerOrder.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { Faults, type FaultyRun } from './faults.ts';
import { Network, Session, type SessionEnd } from './network.ts';
import { requireOutcome } from './outcome-rules.ts';
import type { PlainRun } from './plain-run.ts';
import { requireRules } from './rules.ts';
import { SimulatedCoordinator } from './simulated-coordinator.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import type { RunOutcome, Sender, SimulatedRun } from './simulated-run.ts';
import { memoryOf, type SimulatedMemory } from './simulated-memory.ts';
import { SimulatedServer } from './simulated-server.ts';
import { SimulatedWorker } from './simulated-worker.ts';
import { takeOver } from './takeover.ts';
import { traceLogger } from './trace-logger.ts';
import { ABSENT, configOf, parameterShardsOf, type Scenario } from './tiny-network.ts';
import { World, type SimulatedProcess } from './virtual-world.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly oracle: PlainRun;
  /** Epoch records of the undisturbed run; null: this is it. */
  readonly epochs: readonly object[] | null;
  readonly workers: number;
  readonly trace?: (line: string) => void;
}

/** A simulated process in one of the run's roles. */
type Actor = SimulatedCoordinator | SimulatedServer | SimulatedWorker;

/** Once the faults have stopped, a run takes no longer [ms, virtual]. */
const RECOVERY_MS = 12_000;
const RESTART_MS = [5, 60] as const;

export class Simulation implements SimulatedRun, FaultyRun {
  readonly seed: number;
  readonly world: World;
  readonly network: Network;
  readonly disk: SimulatedDisk;
  readonly scenario: Scenario;
  readonly config: RunConfig;
  readonly oracle: PlainRun;
  readonly logger: Logger;
  /** Whether a server that is started again listens at the same address. */
  readonly keepsAddresses: boolean;
  /** That workers and servers share; null: they are on several machines. */
  readonly sharedMemory: SimulatedMemory | null;
  /** Images that are missing now, by id. */
  readonly absent = new Set<number>();
  /** What happened how often. */
  readonly counts: Record<string, number> = {};
  outcome: RunOutcome | null = null;
  readonly #options: SimulationOptions;
  readonly #faults: Faults | null;
  /** By role: who has it now. */
  readonly #roles = new Map<string, Actor>();
  readonly #actors = new Map<SimulatedProcess, Actor>();
  #births = 0;
  /** States of coordinators that were held against the rules. */
  readonly #sound = new WeakSet<object>();
  #sessions: { readonly server: SimulatedProcess; breakOff(): void }[] = [];

  constructor(options: SimulationOptions) {
    this.#options = options;
    const { seed, scenario, oracle, trace } = options;
    this.seed = seed;
    this.world = new World(seed, trace ?? null);
    this.network = new Network(this.world);
    this.disk = new SimulatedDisk(this);
    this.scenario = scenario;
    this.config = configOf(scenario);
    this.oracle = oracle;
    this.logger = traceLogger(this.world);
    this.keepsAddresses = this.world.chance(0.5);
    this.sharedMemory = memoryOf(seed);
    this.#faults = options.epochs === null ? null : new Faults(this);
  }

  get roles(): readonly string[] {
    return [...this.#roles.keys()];
  }

  get isOver(): boolean {
    return this.outcome !== null || this.world.failure !== null;
  }

  /** Runs to the end, or to the first rule that is broken, which is then the world's `failure`. */
  async run(): Promise<void> {
    const { world } = this;
    const restore = takeOver(world);
    this.#watchFailpoints();
    try {
      this.#begin();
      const endMs = (this.#faults?.begin() ?? 0) + RECOVERY_MS;
      while (!this.isOver && (await world.step())) {
        this.#requireRules();
        if (world.nowMs > endMs) world.violate('no progress though the faults have stopped');
      }
      if (!this.isOver) world.violate('nothing is left to happen, and the run is not done');
    } finally {
      restore();
    }
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  /** Waits on the virtual clock; for ever when the process dies. */
  wait(process: SimulatedProcess, lowMs: number, highMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.after(this.world.between(lowMs, highMs), process, '', resolve);
    });
  }

  /** What a look at the files shows. */
  async absentImages(
    process: SimulatedProcess,
    ids: Int32Array,
  ): Promise<{ id: number; path: string; reason: string }[]> {
    await this.wait(process, 1, 8);
    const absent = [...ids].filter((id) => this.absent.has(id));
    return absent.map((id) => ({ id, path: `${id}`, reason: ABSENT }));
  }

  finish(outcome: RunOutcome): void {
    this.outcome = outcome;
    const { config, oracle } = this;
    const { epochs } = this.#options;
    requireOutcome(outcome, this.#shardsIn(outcome.term), { config, oracle, epochs }, (rule) => {
      this.world.violate(rule);
    });
  }

  coordinatorProcess(): SimulatedProcess {
    return this.#actorIn('coordinator').process;
  }

  coordinatorOf(process: SimulatedProcess): SimulatedCoordinator {
    return this.#actors.get(process) as SimulatedCoordinator;
  }

  serverOf(process: SimulatedProcess): SimulatedServer {
    return this.#actors.get(process) as SimulatedServer;
  }

  /** The newest process that listens there. */
  serverAt(address: string): SimulatedServer | null {
    let newest: SimulatedServer | null = null;
    for (const actor of this.#actors.values()) {
      if (actor instanceof SimulatedServer && actor.address === address) newest = actor;
    }
    return newest;
  }

  /** A coordinator has the folder, and listens where all look for one. */
  serve(coordinator: SimulatedCoordinator): void {
    this.#roles.set('coordinator', coordinator);
  }

  /** Whether the process of this name has ended. */
  isDead(name: string): boolean {
    return ![...this.#actors.keys()].some((process) => process.name === name);
  }

  /** Somebody starts a coordinator on the folder though there is one. */
  startSecond(): void {
    this.count('coordinator.second');
    this.#bear('coordinator');
  }

  /** Whether another process has this coordinator's place. */
  isReplaced(coordinator: SimulatedCoordinator): boolean {
    return this.#roles.get('coordinator') !== coordinator;
  }

  nameOfLease(leaseId: string): string {
    return leaseId.slice(7);
  }

  openWorkerSession(client: SimulatedProcess, down: SessionEnd<CoordinatorMessage>): Sender | null {
    return this.#open(client, down, (coordinator, session) => {
      coordinator.openWorkerSession(session);
    });
  }

  openServerSession(client: SimulatedProcess, down: SessionEnd<ServerOrder>): Sender | null {
    return this.#open(client, down, (coordinator, session) => {
      coordinator.openServerSession(session);
    });
  }

  /**
   * Whether every server of the term has all of a step's slices, or has applied it: none may apply
   * it before.
   */
  areStaged(term: number, step: number, slices: readonly SliceGeneration[]): boolean {
    return this.#shardsIn(term).every(
      ({ store }) => step <= store.version && store.missing(step, slices).length === 0,
    );
  }

  /** A step counts: every server of the term has applied it. */
  requireApplied(term: number, step: number): void {
    for (const { plan, store } of this.#shardsIn(term)) {
      if (store.version === step + 1) continue;
      this.world.violate(
        `step ${step} counts, and server ${plan.shardIndex} is at ${store.version}`,
      );
    }
  }

  /** Kills who has the role; the launcher starts another process. */
  kill(role: string, why: string): void {
    this.world.kill(this.#actorIn(role).process, why);
  }

  stop(role: string, forMs: number, why: string): void {
    const actor = this.#actorIn(role);
    if (actor instanceof SimulatedWorker) this.#stopFor(actor.heart, forMs, why);
    this.#stopFor(actor.process, forMs, why);
  }

  /** Its main thread hangs; heartbeats, if it has any, go on. */
  hang(role: string, forMs: number): void {
    this.#stopFor(this.#actorIn(role).process, forMs, 'it hangs');
  }

  /**
   * Stops who has the role and starts another process in its place; the first one comes back as a
   * zombie.
   */
  replace(role: string, forMs: number): void {
    const { process } = this.#actorIn(role);
    if (process.state !== 'alive') return;
    this.stop(role, forMs, 'another takes its place');
    const [ended, others] = [true, false].map((isEnded) =>
      this.#sessions.filter(({ server }) => (server === process) === isEnded),
    );
    for (const session of ended!) session.breakOff();
    this.#sessions = others!;
    this.#bear(role);
  }

  terminate(): void {
    const coordinator = this.#actorIn('coordinator') as SimulatedCoordinator;
    if (coordinator.process.state !== 'alive') return;
    this.world.after(0, coordinator.process, 'SIGTERM', () => {
      coordinator.terminate();
    });
  }

  /** Somebody asks a server to end. */
  askToLeave(role: string): void {
    this.count('server.asked-to-leave');
    (this.#actorIn(role) as SimulatedServer).leave();
  }

  /** A person lets a worker go. */
  letGo(role: string): void {
    const coordinator = this.#actorIn('coordinator') as SimulatedCoordinator;
    if (coordinator.process.state !== 'alive') return;
    this.world.after(0, coordinator.process, `${role} is to be let go`, () => {
      coordinator.letGo(role);
    });
  }

  nameIn(role: string): string {
    return this.#actorIn(role).process.name;
  }

  resumeAll(): void {
    for (const actor of this.#actors.values()) {
      if (actor instanceof SimulatedWorker) this.world.resume(actor.heart);
      this.world.resume(actor.process);
    }
  }

  roleOf(process: SimulatedProcess): string | null {
    for (const [role, actor] of this.#roles) if (actor.process === process) return role;
    return null;
  }

  #stopFor(process: SimulatedProcess, forMs: number, why: string): void {
    this.world.stop(process, why);
    this.world.after(forMs, null, '', () => {
      this.world.resume(process);
    });
  }

  #begin(): void {
    this.#bear('coordinator');
    for (let part = 0; part < this.scenario.servers; part += 1) this.#bear(`server-${part}`);
    for (let i = 0; i < this.#options.workers; i += 1) this.#bear(`worker-${i}`);
  }

  /** Starts a process in a role. When it dies while it has the role, another one is started. */
  #bear(role: string): void {
    this.#births += 1;
    const actor = this.#make(role, this.#births);
    const { process } = actor;
    const isCoordinator = actor instanceof SimulatedCoordinator;
    // One more coordinator has the role once it has the folder.
    if (!isCoordinator || !this.#hasCoordinator()) this.#roles.set(role, actor);
    this.#actors.set(process, actor);
    process.mourners.add(() => {
      this.#actors.delete(process);
      this.count(`death.${role.split('-')[0] ?? ''}`);
      if (isCoordinator ? this.#hasCoordinator() : this.#roles.get(role) !== actor) return;
      this.world.after(this.world.between(...RESTART_MS), null, `${role} is started again`, () => {
        this.#bear(role);
      });
    });
    this.world.after(this.world.between(0, 5), process, `${role} starts`, () => {
      if (actor instanceof SimulatedCoordinator) void actor.main();
      else if (actor instanceof SimulatedServer) actor.register();
      else actor.start();
    });
  }

  #hasCoordinator(): boolean {
    return [...this.#actors.values()].some((actor) => actor instanceof SimulatedCoordinator);
  }

  #make(role: string, birth: number): Actor {
    if (role === 'coordinator') return new SimulatedCoordinator(this, birth);
    if (role.startsWith('server-')) return new SimulatedServer(this, Number(role.slice(7)), birth);
    return new SimulatedWorker(this, role, birth);
  }

  #actorIn(role: string): Actor {
    return this.#roles.get(role)!;
  }

  #shardsIn(term: number) {
    return parameterShardsOf(this.scenario.servers).flatMap(({ hash, shardIndex }) => {
      const server = this.#actorIn(`server-${shardIndex}`) as SimulatedServer;
      if (server.process.state === 'dead') return [];
      return server.shardIn({ planHash: hash, term }) ?? [];
    });
  }

  #open(
    client: SimulatedProcess,
    down: SessionEnd<object>,
    greet: (coordinator: SimulatedCoordinator, session: Session<object, object>) => void,
  ): Sender | null {
    const server = this.coordinatorProcess();
    if (server.state === 'dead' || this.network.isCut(client, server)) return null;
    if (!this.coordinatorOf(server).isServing) return null;
    const session = new Session<object, object>(this.network, client, server, down);
    this.#sessions.push({
      server,
      breakOff: () => {
        session.breakOff();
      },
    });
    session.open(() => {
      greet(this.coordinatorOf(server), session);
    });
    return {
      send: (message) => {
        session.sendUp(message);
      },
    };
  }

  #requireRules(): void {
    for (const actor of this.#actors.values()) {
      if (!(actor instanceof SimulatedCoordinator)) continue;
      const { state } = actor;
      if (state === null || this.#sound.has(state)) continue;
      this.#sound.add(state);
      requireRules(state, (rule) => {
        this.world.violate(rule);
      });
      this.#requireCountedIsApplied(actor.term, state.ledger.committedTotal);
    }
  }

  /** The ledger counts whole steps, and none that a server of the term has not applied. */
  #requireCountedIsApplied(term: number, draws: number): void {
    const steps = this.oracle.drawsBySteps.indexOf(draws);
    if (steps < 0) this.world.violate(`the ledger counts ${draws} draws, which no step ends at`);
    for (const { plan, store } of this.#shardsIn(term)) {
      if (store.version >= steps) continue;
      this.world.violate(
        `${steps} steps count, and server ${plan.shardIndex} is at ${store.version}`,
      );
    }
  }

  #watchFailpoints(): void {
    this.world.onFailpoint = (process, name, { step = 0 }) => {
      this.#faults?.hit(process, name);
      if (name !== 'coordinator.counted') return;
      this.requireApplied(this.coordinatorOf(process).term, step);
    };
  }
}
