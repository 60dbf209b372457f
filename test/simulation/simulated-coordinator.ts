/**
 * A coordinator process of a simulated run: the real service, dispatcher, state machine, server fleet, run loop and strategies,
 * term after term as coordinator/main.ts and coordinator/run/conduct-run.ts order them. Its disk is the simulation's.
 */
import { EventEmitter } from 'node:events';
import type * as grpc from '@grpc/grpc-js';
import { createControl, type Control } from '../../coordinator/control/control.ts';
import { RunLoop } from '../../coordinator/run/loop.ts';
import type { RunFolder } from '../../coordinator/record/run-folder.ts';
import { RunRecord } from '../../coordinator/record/run-record.ts';
import {
  RegisteredServers,
  ServerLost,
  type ReadyServers,
} from '../../coordinator/fleet/server-fleet.ts';
import { ServerSessions } from '../../coordinator/fleet/server-session-service.ts';
import { CoordinatorService } from '../../coordinator/fleet/service.ts';
import type { CoordinatorState } from '../../coordinator/control/state.ts';
import { EXIT, TrainerError, exitCodeOf, messageOf, unavailable } from '../../src/errors.ts';
import type { CoordinatorHandlers } from '../../src/rpc/generated/deepcluster/v1/Coordinator.ts';
import type { ResultHeader } from '../../src/rpc/generated/deepcluster/v1/ResultHeader.ts';
import type { ResultReply__Output } from '../../src/rpc/generated/deepcluster/v1/ResultReply.ts';
import { chunkBytes } from '../../src/rpc/chunks.ts';
import { fromServiceError } from '../../src/rpc/status.ts';
import { RunLock } from '../../src/run/lock/run-lock.ts';
import type { Respond, Session } from './network.ts';
import type { Simulation } from './simulation.ts';
import { LOCK_TIMES } from './simulated-terms.ts';
import { connectServers } from './simulated-worker.ts';
import { CLUSTER_TIMES, TINY_LAYOUT, sourceOf } from './tiny-network.ts';
import { ProcessDied, SimulatedProcess } from './virtual-world.ts';

const TICK_MS = Math.min(CLUSTER_TIMES.leaseTtlMs, CLUSTER_TIMES.heartbeatTimeoutMs) / 4;
const EMPTY_HEADER = {
  failure: null,
  unreadable: [],
  damaged: [],
  samples: 0,
  lossSum: 0,
  repeatedPush: false,
  residentRows: 0,
  computeSeconds: 0,
  viewWaitSeconds: 0,
};

/** What a run came to. */
export interface RunOutcome {
  readonly losses: readonly number[];
  readonly pseudoLabels: Int32Array;
  readonly state: CoordinatorState;
  /** Without times. */
  readonly epochs: readonly object[];
  readonly term: number;
}

interface Term {
  readonly term: number;
  readonly control: Control;
}

export class SimulatedCoordinator {
  readonly process: SimulatedProcess;
  readonly #simulation: Simulation;
  readonly #handlers: CoordinatorHandlers;
  readonly #service: CoordinatorService;
  readonly #sessions: ServerSessions;
  readonly #fleet: RegisteredServers;
  readonly #folder: RunFolder;
  readonly #birth: number;
  /** Null before it has the folder. */
  #lock: RunLock | null = null;
  readonly #stopping = new AbortController();
  #term: Term | null = null;

  constructor(simulation: Simulation, birth: number) {
    this.#simulation = simulation;
    this.#birth = birth;
    this.process = new SimulatedProcess(`coordinator-${birth}`);
    this.#folder = this.#openFolder();
    this.#fleet = new RegisteredServers({
      parts: simulation.scenario.servers,
      timeoutMs: CLUSTER_TIMES.heartbeatTimeoutMs,
      now: () => simulation.world.nowMs,
      folder: this.#folder,
      logger: simulation.logger,
    });
    this.#sessions = new ServerSessions(this.#fleet);
    this.#service = new CoordinatorService(this.#sessions);
    this.#handlers = handlersOf(this.#service);
  }

  /** Null between terms. */
  get state(): CoordinatorState | null {
    return this.#term?.control.dispatcher.state ?? null;
  }

  get term(): number {
    return this.#term?.term ?? 0;
  }

  /** Whether it listens: it has the folder, or had it. */
  get isServing(): boolean {
    return this.#lock !== null;
  }

  /** Takes the folder and runs the run to its end, or until this process ends. */
  async main(): Promise<void> {
    const { world } = this.#simulation;
    try {
      const lock = await this.#takeFolder();
      this.#lock = lock;
      this.#simulation.serve(this);
      lock.lost.addEventListener('abort', () => {
        this.#stopping.abort(lock.lost.reason);
      });
      const outcome = await this.#runTerms(this.#simulation.disk.holdsRun);
      this.#sayStop('the run is finished', EXIT.done);
      lock.release();
      this.#simulation.finish(outcome);
    } catch (error) {
      if (this.process.state === 'dead' || error instanceof ProcessDied) return;
      const isElsewhere = this.#lock?.lost.aborted === true;
      if (!isElsewhere) this.#sayStop(messageOf(error), exitCodeOf(error));
      const isExpected =
        error instanceof TrainerError &&
        (exitCodeOf(error) === EXIT.retry || isElsewhere || this.#simulation.isReplaced(this));
      if (!isExpected) world.violate(`the run failed: ${messageOf(error)}${stackOf(error)}`);
      world.kill(this.process, messageOf(error));
    }
  }

  /** As src/run/lock/take-folder.ts: the claim, and a sign of life every now and then. */
  async #takeFolder(): Promise<RunLock> {
    const simulation = this.#simulation;
    const { world, disk } = simulation;
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
      pause: (ms) => simulation.wait(this.process, ms, ms),
    });
    const beat = (): void => {
      lock.beat();
      if (lock.lost.aborted) return;
      world.after(LOCK_TIMES.beatMs, this.process, '', beat);
    };
    beat();
    return lock;
  }

  /** SIGTERM. */
  terminate(): void {
    this.#stopping.abort(unavailable('run', 'was asked to stop'));
  }

  openWorkerSession(session: Session<object, object>): void {
    const call = callOf(session);
    this.#handlers.Session(call as never);
  }

  openServerSession(session: Session<object, object>): void {
    this.#handlers.ServerSession(callOf(session) as never);
  }

  heartbeat(request: { workerId: string; incarnation: string; progress: number }): void {
    this.#expectNoEffectUnless(request, () => {
      this.#handlers.Heartbeat({ request } as never, () => undefined);
    });
  }

  artifact(name: string): Uint8Array {
    const events = { bytes: [] as Uint8Array[], error: null as unknown };
    const call = Object.assign(new EventEmitter(), {
      request: { name },
      write: ({ data }: { data: Uint8Array }) => events.bytes.push(data) > 0,
      end: () => undefined,
    });
    call.on('error', (error: unknown) => {
      events.error = error;
    });
    this.#handlers.FetchArtifact(call as never);
    if (events.error !== null) throw fromServiceError(`artifact ${name}`, events.error);
    return Uint8Array.from(Buffer.concat(events.bytes));
  }

  submit(
    header: ResultHeader & { workerId: string; incarnation: string },
    bytes: Uint8Array | null,
    respond: Respond<ResultReply__Output>,
  ): void {
    const call = new EventEmitter();
    this.#expectNoEffectUnless(header, () => {
      this.#handlers.SubmitResult(call as never, (error, reply) => {
        const verdict = (reply as ResultReply__Output | null)?.outcome ?? 'refused';
        this.#simulation.count(`result.${verdict.toLowerCase()}`);
        this.#simulation.world.log(`the result is ${verdict}`);
        respond(error ? fromServiceError('result', error) : null, reply as ResultReply__Output);
      });
      call.emit('data', { header: { ...EMPTY_HEADER, ...header } });
      if (bytes !== null) for (const chunk of chunkBytes(bytes)) call.emit('data', { chunk });
      call.emit('end');
    });
  }

  async #runTerms(resumeFirst: boolean): Promise<RunOutcome> {
    const { world } = this.#simulation;
    const { signal } = this.#stopping;
    const tick = (): void => {
      this.#fleet.tick();
      this.#term?.control.dispatcher.dispatch({ type: 'tick' });
      world.after(TICK_MS, this.process, '', tick);
    };
    world.after(TICK_MS, this.process, '', tick);
    for (let resume = resumeFirst; ; resume = true) {
      this.#service.pause('waiting for parameter servers');
      this.#term = null;
      const servers = await this.#fleet.ready(signal);
      try {
        return await this.#runTerm(servers, resume);
      } catch (error) {
        if (!(error instanceof ServerLost) || signal.aborted) throw error;
        world.log(`the term ends: ${error.message}`);
      }
    }
  }

  async #runTerm(servers: ReadyServers, resume: boolean): Promise<RunOutcome> {
    const simulation = this.#simulation;
    const { config, logger, scenario } = simulation;
    const { signal } = this.#stopping;
    const { addresses, lost } = servers;
    const term = this.#folder.beginTerm();
    const record = new RunRecord(() => simulation.world.nowMs);
    const source = sourceOf(scenario);
    const run = { runId: 'simulated', config, source, folder: this.#folder, record, logger };
    const ended = AbortSignal.any([signal, lost]);
    const images = {
      look: (ids: Int32Array) => simulation.absentImages(this.process, ids),
      pause: (ms: number) => simulation.wait(this.process, ms, ms),
    };
    const reign = { addresses, term, signal: ended, images };
    const control = createControl({ ...run, service: this.#service, ...reign });
    this.#term = { term, control };
    const { dispatcher, membership } = control;
    this.#service.begin(control.events);
    const stop = (): void => {
      dispatcher.fail(ended.reason);
    };
    if (ended.aborted) stop();
    ended.addEventListener('abort', stop, { once: true });
    const network = await Promise.race([membership.network, rejectOnAbort(ended)]);
    const reached = connectServers(simulation, this.process, addresses, term, lost);
    const loop = new RunLoop({
      ...{ ...run, ...control, ...network, ...reached, signal: ended },
      layout: TINY_LAYOUT,
      notify: () => undefined,
      saveCheckpoint: (_root, step, content, { keep, staging }) =>
        simulation.disk.write(this.process, Number(staging), step, content, keep),
    });
    try {
      await loop.begin(resume ? simulation.disk.newest() : null);
      servers.onLeaving((release) => {
        loop.checkpointThen(release);
      });
      await loop.run().catch(async (error: unknown) => {
        const mayWrite = signal.aborted && !lost.aborted && this.#folder.isHeld();
        if (mayWrite) await loop.checkpointNow();
        throw error;
      });
      const epochs = record.epochs.map(({ seconds: _seconds, ...epoch }) => epoch);
      const { losses } = record;
      return { losses, pseudoLabels: loop.pseudoLabels, state: dispatcher.state, epochs, term };
    } catch (error) {
      if (lost.aborted && !signal.aborted) throw lost.reason;
      throw error;
    } finally {
      await loop.settled();
      reached.close();
    }
  }

  #sayStop(reason: string, exitCode: number): void {
    this.#service.stopAll(reason, exitCode);
    this.#sessions.stopAll(reason, exitCode);
  }

  /** What comes in the name of a process that is no member changes neither members, nor leases, nor tasks. */
  #expectNoEffectUnless(
    { workerId, incarnation }: { workerId: string; incarnation: string },
    work: () => void,
  ): void {
    const isMember = this.state?.members.get(workerId)?.incarnation === incarnation;
    if (isMember || this.#term === null) {
      work();
      return;
    }
    // What is due by the clock alone, a backup slice for instance, is no effect of the message.
    this.#term.control.dispatcher.dispatch({ type: 'tick' });
    const before = describe(this.#term.control.dispatcher.state);
    work();
    const after = this.state;
    if (after === null || describe(after) === before) return;
    this.#simulation.world.violate(`${incarnation} is no member, and what it sent had an effect`);
  }

  #openFolder(): RunFolder {
    const { world, disk } = this.#simulation;
    const lock = (): RunLock => {
      if (this.#lock === null) throw new Error('the folder is not taken yet');
      return this.#lock;
    };
    const folder: Pick<
      RunFolder,
      | 'path'
      | 'checkpoints'
      | 'staging'
      | 'isHeld'
      | 'event'
      | 'processStarted'
      | 'metrics'
      | 'beginTerm'
      | 'writeUnreadable'
    > = {
      path: '/simulated',
      checkpoints: '/simulated/checkpoints',
      get staging() {
        return String(lock().term);
      },
      isHeld: () => lock().isHeld(),
      event: (event, reason) => {
        if (!lock().isHeld()) return;
        disk.terms.requireWriter(this.process.name, lock().term, `event ${event}`);
        this.#simulation.count(event);
        world.log(`${event}: ${reason}`);
      },
      processStarted: ({ id }) => {
        world.log(`${id} has started`);
      },
      metrics: () => undefined,
      beginTerm: () => {
        const term = lock().beginTerm();
        disk.holdsRun = true;
        world.log(`term ${term} begins`);
        return term;
      },
      writeUnreadable: () => undefined,
    };
    return folder as RunFolder;
  }
}

function handlersOf(service: CoordinatorService): CoordinatorHandlers {
  const found: CoordinatorHandlers[] = [];
  const server = {
    addService: (_definition: unknown, handlers: CoordinatorHandlers) => found.push(handlers),
  };
  service.addTo(server as unknown as grpc.Server);
  const [handlers] = found;
  if (handlers === undefined) throw new Error('the coordinator has no service');
  return handlers;
}

/** The server's side of a stream, as grpc-js hands it to a handler. */
function callOf(session: Session<object, object>): EventEmitter {
  const call = Object.assign(new EventEmitter(), {
    write: (message: object) => {
      session.sendDown(message);
    },
    end: () => {
      session.end();
    },
    /** Headers of their own are an affair of HTTP/2: a session is open here with its first message. */
    sendMetadata: () => undefined,
  });
  session.attach({
    take: (message) => call.emit('data', message),
    closed: (isBroken) => call.emit(isBroken ? 'cancelled' : 'end'),
  });
  return call;
}

function describe({ members, leases, tasks }: CoordinatorState): string {
  return JSON.stringify([[...members], [...leases], [...tasks]]);
}

function stackOf(error: unknown): string {
  return error instanceof Error && !(error instanceof TrainerError) ? `\n${error.stack ?? ''}` : '';
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
