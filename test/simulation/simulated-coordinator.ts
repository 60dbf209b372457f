/**
 * A coordinator process of a simulated run: the real terms (coordinator/terms.ts, run/conduct-run.ts)
 * with the real service, control plane and server fleet, as coordinator/main.ts wires them, over the
 * simulation's network, clock and disk.
 */
import { createControl } from '../../coordinator/control/control.ts';
import { judgeDrain } from '../../coordinator/control/members.ts';
import type { CoordinatorState } from '../../coordinator/control/state.ts';
import { RegisteredServers } from '../../coordinator/fleet/server-fleet.ts';
import { ServerSessions } from '../../coordinator/fleet/server-session-service.ts';
import { CoordinatorService } from '../../coordinator/fleet/service.ts';
import { NO_WATCHER, type Clock, type Outside, type RunDisk } from '../../coordinator/outside.ts';
import type { RunFolder } from '../../coordinator/record/run-folder.ts';
import { Terms } from '../../coordinator/terms.ts';
import { EXIT, TrainerError, exitCodeOf, messageOf, unavailable } from '../../src/errors.ts';
import { withAnySignal } from '../../src/rpc/any-signal.ts';
import type { ResultHeader } from '../../src/rpc/generated/deepcluster/v1/ResultHeader.ts';
import type { ResultReply__Output } from '../../src/rpc/generated/deepcluster/v1/ResultReply.ts';
import type { ServerOrder } from '../../src/rpc/generated/deepcluster/v1/ServerOrder.ts';
import { RunLock } from '../../src/run/lock/run-lock.ts';
import type { Respond, Session } from './network.ts';
import { simulatedFolder } from './simulated-folder.ts';
import type { CoordinatorActor, RunOutcome, SimulatedRun } from './simulated-run.ts';
import { SimulatedService } from './simulated-service.ts';
import { LOCK_TIMES } from './simulated-terms.ts';
import { connectServers } from './simulated-worker.ts';
import { CLUSTER_TIMES, sourceOf } from './tiny-network.ts';
import { ProcessDied, SimulatedProcess, type Timer } from './virtual-world.ts';

export class SimulatedCoordinator implements CoordinatorActor {
  readonly process: SimulatedProcess;
  readonly #run: SimulatedRun;
  readonly #service: CoordinatorService;
  readonly #calls: SimulatedService;
  readonly #sessions: ServerSessions;
  readonly #fleet: RegisteredServers;
  readonly #folder: RunFolder;
  readonly #birth: number;
  /** Null before it has the folder. */
  #lock: RunLock | null = null;
  readonly #stopping = new AbortController();
  /** Null before it has the folder. */
  #terms: Terms | null = null;
  #outcome: RunOutcome | null = null;

  constructor(run: SimulatedRun, birth: number) {
    this.#run = run;
    this.#birth = birth;
    this.process = new SimulatedProcess(`coordinator-${birth}`);
    this.#folder = simulatedFolder(run, this.process, () => {
      if (this.#lock === null) throw new Error('the folder is not taken yet');
      return this.#lock;
    });
    this.#fleet = new RegisteredServers({
      parts: run.scenario.servers,
      timeoutMs: CLUSTER_TIMES.heartbeatTimeoutMs,
      now: () => run.world.nowMs,
      folder: this.#folder,
      logger: run.logger,
    });
    this.#sessions = new ServerSessions(this.#fleet);
    this.#service = new CoordinatorService(this.#sessions);
    this.#calls = new SimulatedService(this.#service);
  }

  /** Null between terms. */
  get state(): CoordinatorState | null {
    return this.#terms?.control?.dispatcher.state ?? null;
  }

  get term(): number {
    return this.#lock?.term ?? 0;
  }

  /** Whether it listens: it has the folder, or had it. */
  get isServing(): boolean {
    return this.#lock !== null;
  }

  /** Takes the folder and runs the run to its end, or until this process ends. */
  async main(): Promise<void> {
    const { world } = this.#run;
    try {
      const lock = await this.#takeFolder();
      this.#lock = lock;
      this.#run.serve(this);
      await withAnySignal([this.#stopping.signal, lock.lost], (signal) => {
        this.#terms = this.#makeTerms(lock, signal);
        return this.#terms.run();
      });
      lock.release();
      this.#run.finish(this.#outcome!);
    } catch (error) {
      if (this.process.state === 'dead' || error instanceof ProcessDied) return;
      const isElsewhere = this.#lock?.lost.aborted === true;
      const isExpected =
        error instanceof TrainerError &&
        (exitCodeOf(error) === EXIT.retry || isElsewhere || this.#run.isReplaced(this));
      if (!isExpected) world.violate(`the run failed: ${messageOf(error)}${stackOf(error)}`);
      world.kill(this.process, messageOf(error));
    }
  }

  /** As src/run/lock/take-folder.ts: the claim, and a heartbeat every now and then. */
  async #takeFolder(): Promise<RunLock> {
    const run = this.#run;
    const { world, disk } = run;
    const host = world.pick(['host-a', 'host-b'])!;
    const isWaiting = world.chance(0.5);
    const takesOver = world.chance(0.1);
    const { name } = this.process;
    const holder = {
      incarnation: name,
      host,
      pid: this.#birth,
      launcher: null,
      life: null,
      since: '',
    };
    const lock = await RunLock.acquire(disk.terms.seenFrom(host, takesOver), holder, {
      ...{ times: LOCK_TIMES, isWaiting, takesOver, signal: this.#stopping.signal },
      pause: (ms) => run.wait(this.process, ms, ms),
    });
    const beat = (): void => {
      lock.beat();
      if (lock.lost.aborted) return;
      world.after(LOCK_TIMES.beatMs, this.process, '', beat);
    };
    beat();
    return lock;
  }

  #makeTerms(lock: RunLock, signal: AbortSignal): Terms {
    const { config, logger, scenario, disk } = this.#run;
    return new Terms({
      ...this.#outside(),
      ...{ runId: 'simulated', config, source: sourceOf(scenario), logger, signal },
      ...{ folder: this.#folder, folderLost: lock.lost, incarnation: this.process.name },
      ...{ service: this.#service, sessions: this.#sessions, fleet: this.#fleet },
      resume: disk.holdsRun,
      prepare: () => Promise.resolve(),
      settingsTaken: () => Promise.resolve(),
      credentials: null,
      notify: () => undefined,
    });
  }

  #outside(): Outside {
    const run = this.#run;
    const images = {
      look: (ids: Int32Array) => run.absentImages(this.process, ids),
      pause: (ms: number) => run.wait(this.process, ms, ms),
    };
    return {
      clock: this.#clock(),
      disk: this.#disk(),
      connect: (_network, { addresses, term, lost }) =>
        connectServers(run, this.process, addresses, term, lost),
      makeControl: (deps) => createControl({ ...deps, images }),
    };
  }

  #clock(): Clock {
    const { world } = this.#run;
    const nowMs = (): number => world.nowMs;
    return {
      nowMs,
      dateMs: nowMs,
      every: (intervalMs, tick) => {
        let timer: Timer;
        const wait = (): void => {
          timer = world.after(intervalMs, this.process, '', () => {
            tick();
            wait();
          });
        };
        wait();
        return {
          stop: () => {
            timer.cancel();
          },
        };
      },
    };
  }

  #disk(): RunDisk {
    const { disk } = this.#run;
    return {
      newestCheckpoint: () => Promise.resolve(disk.newest()),
      saveCheckpoint: (_root, step, content, { keep, staging }) =>
        disk.write(this.process, Number(staging), step, content, keep),
      watch: () => NO_WATCHER,
      writeResults: ({ record, pseudoLabels, final }) => {
        const epochs = record.epochs.map(({ seconds: _seconds, ...epoch }) => epoch);
        const { losses } = record;
        const clusters = { pseudoLabels, final };
        this.#outcome = { losses, ...clusters, state: this.state!, epochs, term: this.term };
        return Promise.resolve();
      },
    };
  }

  /** SIGTERM. */
  terminate(): void {
    this.#stopping.abort(unavailable('run', 'was asked to stop'));
  }

  openWorkerSession(session: Session<object, object>): void {
    this.#calls.openWorkerSession(session);
  }

  openServerSession(session: Session<object, object>): void {
    this.#calls.openServerSession(session, ({ stop }: ServerOrder) => {
      if (stop?.reason === 'it may leave') this.#requireSaved();
    });
  }

  heartbeat(request: { workerId: string; incarnation: string; progress: number }): void {
    this.#expectNoEffectUnless(request, () => {
      this.#calls.heartbeat(request);
    });
  }

  artifact(name: string): Uint8Array {
    return this.#calls.artifact(name);
  }

  submit(
    header: ResultHeader & { workerId: string; incarnation: string },
    bytes: Uint8Array | null,
    respond: Respond<ResultReply__Output>,
  ): void {
    this.#expectNoEffectUnless(header, () => {
      this.#calls.submit(header, bytes, (error, reply) => {
        const verdict = reply?.outcome ?? 'refused';
        this.#run.count(`result.${verdict.toLowerCase()}`);
        this.#run.world.log(`the result is ${verdict}`);
        respond(error, reply);
      });
    });
  }

  /** What comes in the name of a process that is no member changes neither members, nor leases, nor tasks. */
  #expectNoEffectUnless(
    { workerId, incarnation }: { workerId: string; incarnation: string },
    work: () => void,
  ): void {
    const control = this.#terms?.control ?? null;
    const isMember = this.state?.members.get(workerId)?.incarnation === incarnation;
    if (isMember || control === null) {
      work();
      return;
    }
    // What is due by the clock alone, a backup slice for instance, is no effect of the message.
    control.dispatcher.dispatch({ type: 'tick' });
    const before = describe(control.dispatcher.state);
    work();
    const after = this.state;
    if (after === null || describe(after) === before) return;
    this.#run.world.violate(`${incarnation} is no member, and what it sent had an effect`);
  }

  /** As the live page's button does; a worker that the run needs stays. */
  letGo(workerId: string): void {
    const { dispatcher } = this.#terms?.control ?? {};
    if (dispatcher === undefined || judgeDrain(dispatcher.state, workerId) !== 'drained') return;
    this.#run.count('worker.asked-to-go');
    dispatcher.dispatch({ type: 'drainAsked', workerId });
  }

  /** A server that was asked to end takes nothing along that counts. */
  #requireSaved(): void {
    const { world, disk, oracle } = this.#run;
    const { state } = this;
    if (state === null || disk.hasBeenFull || !disk.terms.isOpen(this.term)) return;
    if (this.#stopping.signal.aborted || this.process.state !== 'alive') return;
    this.#run.count('server.let-go');
    const steps = oracle.drawsBySteps.indexOf(state.ledger.committedTotal);
    if (steps <= disk.written) return;
    world.violate(
      `a server may leave though ${steps} steps count, and the newest checkpoint has ${disk.written}`,
    );
  }
}

function describe({ members, leases, tasks }: CoordinatorState): string {
  return JSON.stringify([[...members], [...leases], [...tasks]]);
}

function stackOf(error: unknown): string {
  return error instanceof Error && !(error instanceof TrainerError) ? `\n${error.stack ?? ''}` : '';
}
