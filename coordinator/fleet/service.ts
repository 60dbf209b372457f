/**
 * The coordinator's gRPC shell: sessions of workers, heartbeats, artifacts, results, status. It
 * translates and checks what arrives; what it means is decided elsewhere (`ServiceEvents`).
 */
import type * as grpc from '@grpc/grpc-js';
import { decodeSafetensors, type NamedArrays } from '../../src/arrays/safetensors.ts';
import { EXIT, TrainerError, protocolViolation, unavailable } from '../../src/errors.ts';
import { answer } from '../../src/rpc/answers.ts';
import { sendAll } from '../../src/rpc/calls.ts';
import { requireName } from '../../src/rpc/bounds.ts';
import { ChunkAssembler, chunkBytes } from '../../src/rpc/chunks.ts';
import { PROTOCOL_VERSION, wire } from '../../src/rpc/definitions.ts';
import type { CoordinatorHandlers } from '../../src/rpc/generated/deepcluster/v1/Coordinator.ts';
import type { CoordinatorMessage } from '../../src/rpc/generated/deepcluster/v1/CoordinatorMessage.ts';
import type { Hello__Output } from '../../src/rpc/generated/deepcluster/v1/Hello.ts';
import type { Order } from '../../src/rpc/generated/deepcluster/v1/Order.ts';
import type { Ready__Output } from '../../src/rpc/generated/deepcluster/v1/Ready.ts';
import type { ResultHeader__Output } from '../../src/rpc/generated/deepcluster/v1/ResultHeader.ts';
import type { ResultMessage__Output } from '../../src/rpc/generated/deepcluster/v1/ResultMessage.ts';
import type { ResultReply } from '../../src/rpc/generated/deepcluster/v1/ResultReply.ts';
import type { StatusReply } from '../../src/rpc/generated/deepcluster/v1/StatusReply.ts';
import type { Welcome } from '../../src/rpc/generated/deepcluster/v1/Welcome.ts';
import type { WorkerMessage__Output } from '../../src/rpc/generated/deepcluster/v1/WorkerMessage.ts';
import { toServiceError } from '../../src/rpc/status.ts';
import type { ServerSessions } from './server-session-service.ts';
import { claimPlace, remember } from './superseded.ts';
import type { Verdict } from '../control/state.ts';

type SessionCall = grpc.ServerDuplexStream<WorkerMessage__Output, CoordinatorMessage>;

/** What a worker sent for an order. */
export interface ResultPayload {
  readonly header: ResultHeader__Output;
  readonly arrays: NamedArrays;
}

/** A worker that has said hello; ready once its data and layout have been found to fit. */
export interface WorkerIdentity {
  readonly workerId: string;
  readonly incarnation: string;
  readonly pid: number;
}

export interface ServiceEvents {
  /** What a worker is welcomed with. */
  welcome(): Required<Welcome>;
  /** @throws TrainerError when the worker does not fit this run; it is refused with the message */
  workerReady(worker: WorkerIdentity, ready: Ready__Output): void;
  workerGone(worker: WorkerIdentity, reason: string): void;
  /** Whether the worker is still a member. */
  heartbeat(workerId: string, incarnation: string, progress: number): boolean;
  result(payload: ResultPayload): Verdict;
  /**
   * Bytes of an artifact.
   * @throws TrainerError LEASE_LOST when there is none of that name any more
   */
  artifact(name: string): Uint8Array;
  status(): StatusReply;
}

/** One worker's open stream. */
interface Session {
  readonly worker: WorkerIdentity;
  readonly call: SessionCall;
}

const VERDICTS: Readonly<Record<Verdict, ResultReply['outcome'] & string>> = {
  accepted: 'ACCEPTED',
  // Taken note of: it is not to be sent again.
  failed: 'ACCEPTED',
  duplicate: 'DUPLICATE',
  fenced: 'FENCED',
};

export class CoordinatorService {
  /** Of the term under way; null between terms. */
  #events: ServiceEvents | null = null;
  /** Why there is no term. */
  #pause = 'the run has not begun';
  readonly #servers: ServerSessions;
  /** By worker id: the stream of its newest incarnation. */
  readonly #sessions = new Map<string, Session>();
  /** Incarnations whose place another process took. */
  #superseded: ReadonlySet<string> = new Set();

  constructor(servers: ServerSessions) {
    this.#servers = servers;
  }

  /** From now on workers are welcomed, and what they send goes here. */
  begin(events: ServiceEvents): void {
    this.#events = events;
  }

  /** Ends every session; workers that come are asked to come again until the next term. */
  pause(reason: string): void {
    this.#events = null;
    this.#pause = reason;
    for (const { call } of this.#sessions.values()) call.end();
    this.#sessions.clear();
  }

  addTo(server: grpc.Server): void {
    const handlers: CoordinatorHandlers = {
      Session: (call) => {
        this.#openSession(call);
      },
      Heartbeat: (call, callback) => {
        const { workerId, incarnation, progress } = call.request;
        const known = this.#events?.heartbeat(workerId, incarnation, progress) ?? false;
        callback(null, { known });
      },
      FetchArtifact: (call) => {
        void this.#sendArtifact(call);
      },
      SubmitResult: (call, callback) => {
        this.#receiveResult(call, callback);
      },
      ServerSession: (call) => {
        this.#servers.open(call);
      },
      Status: (_call, callback) => {
        answer(callback, () => this.#term().status());
      },
    };
    server.addService(wire.Coordinator.service, handlers);
  }

  /**
   * Sends an order; one to a worker whose stream has ended goes nowhere, and its lease returns with
   * the worker's loss.
   */
  sendOrder(workerId: string, incarnation: string, order: Order): void {
    const session = this.#sessions.get(workerId);
    if (session?.worker.incarnation === incarnation) session.call.write({ order });
  }

  /** Ends a worker's stream: it has been lost, or another process took its place. */
  drop(workerId: string, incarnation: string): void {
    const session = this.#sessions.get(workerId);
    if (session?.worker.incarnation !== incarnation) return;
    this.#sessions.delete(workerId);
    session.call.end();
  }

  /** Tells a worker that was let go to end; whoever keeps it running starts it again no more. */
  dismiss(workerId: string, incarnation: string): void {
    const session = this.#sessions.get(workerId);
    if (session?.worker.incarnation !== incarnation) return;
    this.#sessions.delete(workerId);
    session.call.write({ stop: { reason: 'a person let it go', exitCode: EXIT.done } });
    session.call.end();
  }

  /** Tells every worker to end with this exit code. */
  stopAll(reason: string, exitCode: number): void {
    for (const { call } of this.#sessions.values()) {
      call.write({ stop: { reason, exitCode } });
      call.end();
    }
    this.#sessions.clear();
  }

  /** @throws TrainerError UNAVAILABLE between terms */
  #term(): ServiceEvents {
    if (this.#events !== null) return this.#events;
    throw unavailable('run', this.#pause);
  }

  #openSession(call: SessionCall): void {
    let worker: WorkerIdentity | null = null;
    let isReady = false;
    const leave = (reason: string): void => {
      const session = worker === null ? undefined : this.#sessions.get(worker.workerId);
      if (worker === null || session?.call !== call) return;
      this.#sessions.delete(worker.workerId);
      if (isReady) this.#events?.workerGone(worker, reason);
    };
    call.on('data', (message: WorkerMessage__Output) => {
      try {
        if (message.hello) {
          // One stream is one worker, or one stream could fill the table of sessions.
          if (worker !== null) throw outOfTurn('session', 'one hello', 'another');
          worker = this.#greet(call, message.hello);
        } else if (message.ready && worker !== null && this.#isCurrent(worker, call)) {
          this.#term().workerReady(worker, message.ready);
          isReady = true;
        }
      } catch (error) {
        refuse(call, error);
      }
    });
    call.on('error', () => {
      leave('its connection broke');
    });
    call.on('cancelled', () => {
      leave('its connection broke');
    });
    call.on('end', () => {
      leave('it ended its session');
      call.end();
    });
  }

  #isCurrent({ workerId }: WorkerIdentity, call: SessionCall): boolean {
    return this.#sessions.get(workerId)?.call === call;
  }

  /** Null where there is nothing to do for a worker yet. */
  #greet(call: SessionCall, hello: Hello__Output): WorkerIdentity | null {
    requireName('worker id', hello.workerId);
    requireName('incarnation of a worker', hello.incarnation);
    if (hello.protocolVersion !== PROTOCOL_VERSION) {
      throw protocolViolation(
        `worker ${hello.workerId}: protocol version`,
        PROTOCOL_VERSION,
        hello.protocolVersion,
        'run the same release on every process',
      );
    }
    if (this.#events === null) {
      call.write({ wait: { reason: this.#pause } });
      call.end();
      return null;
    }
    const worker = { workerId: hello.workerId, incarnation: hello.incarnation, pid: hello.pid };
    this.#supersede(worker);
    this.#sessions.set(worker.workerId, { worker, call });
    call.write({ welcome: this.#events.welcome() });
    return worker;
  }

  /**
   * Ends the session that an earlier process of the name has.
   * @throws TrainerError PROTOCOL_VIOLATION when this is the earlier one
   */
  #supersede({ workerId, incarnation }: WorkerIdentity): void {
    const earlier = this.#sessions.get(workerId);
    const holder = earlier?.worker.incarnation ?? null;
    const place = claimPlace(this.#superseded, holder, incarnation);
    if (place === 'refused') {
      throw protocolViolation(
        `worker ${workerId}`,
        'the newest process of this name',
        'an earlier one',
        'give every worker a name of its own',
      );
    }
    if (place === 'taken' && holder !== null) {
      this.#superseded = remember(this.#superseded, holder);
    }
    earlier?.call.end();
  }

  async #sendArtifact(call: Parameters<CoordinatorHandlers['FetchArtifact']>[0]): Promise<void> {
    try {
      await sendAll(call, chunkBytes(this.#term().artifact(call.request.name)));
    } catch (error) {
      call.emit('error', toServiceError(error));
    }
  }

  #receiveResult(
    call: Parameters<CoordinatorHandlers['SubmitResult']>[0],
    callback: Parameters<CoordinatorHandlers['SubmitResult']>[1],
  ): void {
    let header: ResultHeader__Output | null = null;
    const arrays = new ChunkAssembler('result');
    let failure: Error | null = null;
    call.on('data', (message: ResultMessage__Output) => {
      try {
        if (message.header) header = message.header;
        else if (message.chunk && header === null) throw outOfTurn('result', 'a header', 'a chunk');
        else if (message.chunk && failure === null) arrays.add(message.chunk);
      } catch (error) {
        failure ??= error as Error;
      }
    });
    call.on('error', () => undefined);
    call.on('end', () => {
      try {
        if (failure !== null) throw failure;
        if (header === null) {
          throw outOfTurn('result', 'a header', 'none');
        }
        const payload = { header, arrays: decodeResult(header, arrays.finish()) };
        callback(null, { outcome: VERDICTS[this.#term().result(payload)] });
      } catch (error) {
        callback(toServiceError(error));
      }
    });
  }
}

function outOfTurn(what: string, expected: string, got: string): TrainerError {
  return protocolViolation(what, expected, got, 'the peer sends out of turn');
}

function decodeResult(header: ResultHeader__Output, bytes: Uint8Array | null): NamedArrays {
  if (bytes === null) return {};
  const what = `result for lease ${header.leaseId}`;
  return decodeSafetensors(bytes, { what, code: 'PROTOCOL_VIOLATION' }).arrays;
}

function refuse(call: SessionCall, error: unknown): void {
  const isKnown = error instanceof TrainerError;
  const reason = isKnown ? error.message : 'the coordinator failed; see its log';
  call.write({ refused: { reason, exitCode: isKnown ? EXIT.invalid : EXIT.failed } });
  call.end();
}
