/**
 * The worker's gRPC shell: the session with the coordinator (orders down), artifacts, results, and
 * pull and push with the parameter server. It translates; the order of things is in loop.ts.
 */
import type * as grpc from '@grpc/grpc-js';
import {
  decodeSafetensors,
  encodeSafetensors,
  type NamedArrays,
} from '../src/arrays/safetensors.ts';
import { EXIT, TrainerError, messageOf, unavailable } from '../src/errors.ts';
import { callDownload, callUpload, retryTransient } from '../src/rpc/calls.ts';
import { hostOf } from '../src/rpc/channel/address.ts';
import { channelTo } from '../src/rpc/channel/channel.ts';
import { ChunkAssembler, chunkBytes } from '../src/rpc/chunks.ts';
import { PROTOCOL_VERSION, wire } from '../src/rpc/definitions.ts';
import type { CoordinatorMessage__Output } from '../src/rpc/generated/deepcluster/v1/CoordinatorMessage.ts';
import type { Order__Output } from '../src/rpc/generated/deepcluster/v1/Order.ts';
import type { Ready } from '../src/rpc/generated/deepcluster/v1/Ready.ts';
import type { ResultHeader } from '../src/rpc/generated/deepcluster/v1/ResultHeader.ts';
import type { ResultMessage } from '../src/rpc/generated/deepcluster/v1/ResultMessage.ts';
import type { ResultReply__Output } from '../src/rpc/generated/deepcluster/v1/ResultReply.ts';
import type { Welcome__Output } from '../src/rpc/generated/deepcluster/v1/Welcome.ts';
import type { WorkerMessage } from '../src/rpc/generated/deepcluster/v1/WorkerMessage.ts';
import type { SessionEnd, Told } from '../src/rpc/keep-session.ts';
import { forManyCalls } from '../src/rpc/many-listeners.ts';
import { isWrongRole } from '../src/rpc/status.ts';
import type { Credentials } from '../src/security/credentials.ts';

export interface WorkerIdentity {
  readonly workerId: string;
  readonly incarnation: string;
}

export interface SessionHandlers {
  /** Prepares for the run; what it resolves with is sent as Ready. */
  readonly welcomed: (welcome: Welcome__Output) => Promise<Ready>;
  /**
   * The coordinator is there and has no use for workers yet; the session ends, to be tried again.
   */
  readonly waiting: (reason: string) => void;
  readonly ordered: (order: Order__Output) => void;
}

const CALL_MS = 600_000;
const RETRY_MS = 30_000;
/**
 * An operation on the engine may keep this process from reading for so long [ms]; heartbeats come
 * from another thread.
 */
const PATIENCE_MS = 120_000;

interface Connection {
  readonly client: InstanceType<typeof wire.Coordinator>;
  readonly givenUp: AbortController;
}

export class CoordinatorClient {
  readonly #address: string;
  readonly #identity: WorkerIdentity;
  readonly #credentials: Credentials | null;
  #connection: Connection;

  constructor(address: string, identity: WorkerIdentity, credentials: Credentials | null = null) {
    this.#address = address;
    this.#identity = identity;
    this.#credentials = credentials;
    this.#connection = this.#connect();
  }

  /**
   * Gives up a connection that lives only on this side: its session ends, its calls are repeated on
   * a new one.
   */
  reconnect(): void {
    const old = this.#connection;
    this.#connection = this.#connect();
    old.givenUp.abort();
    old.client.close();
  }

  /** Opens a session and stays in it until it ends; an error of `welcomed` is thrown. */
  session(handlers: SessionHandlers, signal: AbortSignal): Promise<SessionEnd> {
    return new Promise((resolve, reject) => {
      // A session lasts as long as the run: it has no deadline, and ends with the connection or by
      // a message.
      const { client, givenUp } = this.#connection;
      const call = client.session();
      const leave = (): void => {
        call.end();
      };
      const giveUp = (): void => {
        call.cancel();
      };
      const forget = (): void => {
        signal.removeEventListener('abort', leave);
        givenUp.signal.removeEventListener('abort', giveUp);
      };
      const finish = (end: SessionEnd): void => {
        forget();
        resolve(end);
      };
      const fail = (error: unknown): void => {
        forget();
        call.cancel();
        reject(error instanceof Error ? error : new Error(messageOf(error)));
      };
      signal.addEventListener('abort', leave, { once: true });
      givenUp.signal.addEventListener('abort', giveUp, { once: true });
      call.on('data', (message: CoordinatorMessage__Output) => {
        this.#take(message, call, handlers, finish, fail);
      });
      call.on('error', (error: grpc.ServiceError) => {
        const { details: reason } = error;
        if (isWrongRole(error)) finish({ kind: 'refused', reason, exitCode: EXIT.invalid });
        else finish({ kind: 'broken', reason });
      });
      call.on('end', () => {
        finish({ kind: 'broken', reason: 'the coordinator closed the session' });
      });
      call.write({
        hello: { protocolVersion: PROTOCOL_VERSION, ...this.#identity, pid: process.pid },
      });
    });
  }

  /**
   * A bundle of arrays by name.
   * @throws TrainerError LEASE_LOST when it is not published any more
   */
  async artifact(name: string, signal: AbortSignal): Promise<NamedArrays> {
    const what = `artifact ${name}`;
    return retryTransient(
      async () => {
        const chunks = new ChunkAssembler(what);
        const { client, givenUp } = this.#connection;
        await callDownload(
          client.fetchArtifact.bind(client),
          { name, ...this.#identity },
          (chunk: { offset: number; total: number; data: Buffer }) => {
            chunks.add(chunk);
          },
          { what, deadlineMs: CALL_MS, signal, givenUp: givenUp.signal },
        );
        const bytes = chunks.finish();
        if (bytes === null) throw unavailable(what, 'came empty');
        return decodeSafetensors(bytes, { what, code: 'PROTOCOL_VIOLATION' }).arrays;
      },
      { forMs: RETRY_MS, signal },
    );
  }

  submit(
    header: Omit<ResultHeader, 'workerId' | 'incarnation'>,
    arrays: NamedArrays,
    signal: AbortSignal,
  ): Promise<ResultReply__Output> {
    const messages = (): Generator<ResultMessage> =>
      resultMessages({ ...header, ...this.#identity }, arrays);
    const limits = { what: `result for lease ${header.leaseId}`, deadlineMs: CALL_MS, signal };
    return retryTransient(
      () => {
        const { client, givenUp } = this.#connection;
        const submit = client.submitResult.bind(client);
        return callUpload(submit, messages(), { ...limits, givenUp: givenUp.signal });
      },
      { forMs: RETRY_MS, signal },
    );
  }

  /** A parameter server's address: one that listens everywhere is on the coordinator's host. */
  addressSeenFromHere(announced: string): string {
    const host = hostOf(announced);
    const port = announced.slice(announced.lastIndexOf(':') + 1);
    const isEverywhere = host === '0.0.0.0' || host === '::';
    return isEverywhere
      ? `${this.#address.slice(0, this.#address.lastIndexOf(':'))}:${port}`
      : announced;
  }

  close(): void {
    this.#connection.client.close();
  }

  #connect(): Connection {
    const channel = channelTo(this.#address, 'coordinator', this.#credentials, PATIENCE_MS);
    const givenUp = new AbortController();
    forManyCalls(givenUp.signal);
    return { client: new wire.Coordinator(...channel), givenUp };
  }

  #take(
    message: CoordinatorMessage__Output,
    call: grpc.ClientDuplexStream<WorkerMessage, CoordinatorMessage__Output>,
    handlers: SessionHandlers,
    finish: (end: SessionEnd) => void,
    fail: (error: unknown) => void,
  ): void {
    if (message.welcome) {
      handlers.welcomed(message.welcome).then((ready) => {
        call.write({ ready });
      }, fail);
    } else if (message.order) {
      handlers.ordered(message.order);
    } else if (message.wait) {
      handlers.waiting(message.wait.reason);
    } else if (message.refused) {
      finish({ kind: 'refused', ...message.refused });
    } else if (message.stop) {
      finish({ kind: 'stopped', ...message.stop });
    }
  }
}

function* resultMessages(header: ResultHeader, arrays: NamedArrays): Generator<ResultMessage> {
  yield { header };
  if (Object.keys(arrays).length === 0) return;
  for (const chunk of chunkBytes(encodeSafetensors(arrays))) yield { chunk };
}

/**
 * The error that a refused worker, or one of a failed run, ends with: its exit code is the one it
 * was told.
 */
export function sessionError({ reason, exitCode }: Told): Error {
  if (exitCode === EXIT.retry) return new TrainerError('UNAVAILABLE', reason);
  if (exitCode === EXIT.invalid) return new TrainerError('PROTOCOL_VIOLATION', reason);
  return new Error(reason);
}
