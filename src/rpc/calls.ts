/**
 * gRPC calls as promises: each with a deadline and an AbortSignal, streams with backpressure,
 * failures as TrainerErrors.
 */
import { once } from 'node:events';
import * as grpc from '@grpc/grpc-js';
import { pause } from '../process/pause.ts';
import { fromServiceError, isRetryable } from './status.ts';

export interface CallLimits {
  /** What is called, for messages: `push of step 3, slice 1`. */
  readonly what: string;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /**
   * Of the client that makes the call: given up, it ends its calls, which may wait for a connection
   * that is no more.
   */
  readonly givenUp?: AbortSignal;
}

type Callback<Response> = (error: grpc.ServiceError | null, response?: Response) => void;

function callOptions(limits: CallLimits): grpc.CallOptions {
  return { deadline: Date.now() + limits.deadlineMs };
}

/** Ties a call to its signals: aborting one cancels it; settles once. */
function settle<Response>(
  limits: CallLimits,
  start: (callback: Callback<Response>) => { cancel(): void },
): Promise<Response> {
  const signals = [limits.signal, ...(limits.givenUp === undefined ? [] : [limits.givenUp])];
  return new Promise((resolve, reject) => {
    // A client that was given up would throw, and not by its callback.
    if (signals.some(({ aborted }) => aborted)) {
      reject(fromServiceError(limits.what, stopped()));
      return;
    }
    const call = start((error, response) => {
      for (const signal of signals) signal.removeEventListener('abort', cancel);
      if (error !== null) reject(fromServiceError(limits.what, error));
      else resolve(response as Response);
    });
    const cancel = (): void => {
      call.cancel();
    };
    for (const signal of signals) signal.addEventListener('abort', cancel, { once: true });
  });
}

function stopped(): Partial<grpc.ServiceError> {
  return { code: grpc.status.CANCELLED, details: 'stopped before the call was made' };
}

/** One request, one response. */
export function callUnary<Request, Response>(
  invoke: (
    request: Request,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: Callback<Response>,
  ) => grpc.ClientUnaryCall,
  request: Request,
  limits: CallLimits,
): Promise<Response> {
  return settle(limits, (callback) =>
    invoke(request, new grpc.Metadata(), callOptions(limits), callback),
  );
}

/** A stream of requests, one response; waits for the window before each further message. */
export function callUpload<Request, Response>(
  invoke: (
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: Callback<Response>,
  ) => grpc.ClientWritableStream<Request>,
  messages: Iterable<Request>,
  limits: CallLimits,
): Promise<Response> {
  return settle(limits, (callback) => {
    const ended = new AbortController();
    const call = invoke(new grpc.Metadata(), callOptions(limits), (error, response) => {
      ended.abort();
      callback(error, response);
    });
    // The callback tells how the call ended; a stream error without a listener would end the
    // process.
    call.on('error', () => undefined);
    void pump(call, messages, ended.signal);
    return call;
  });
}

async function pump<Request>(
  call: grpc.ClientWritableStream<Request>,
  messages: Iterable<Request>,
  ended: AbortSignal,
): Promise<void> {
  try {
    for (const message of messages) {
      if (ended.aborted) return;
      if (!call.write(message)) await once(call, 'drain', { signal: ended });
    }
    call.end();
  } catch {
    // The server answered early, or the call broke: its callback has the reason.
  }
}

/** One request, a stream of responses, each given to `receive` in order. */
export async function callDownload<Request, Response>(
  invoke: (
    request: Request,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
  ) => grpc.ClientReadableStream<Response>,
  request: Request,
  receive: (message: Response) => void,
  limits: CallLimits,
): Promise<void> {
  await settle<undefined>(limits, (callback) => {
    const call = invoke(request, new grpc.Metadata(), callOptions(limits));
    let failure: unknown;
    call.on('data', (message: Response) => {
      if (failure !== undefined) return;
      try {
        receive(message);
      } catch (error) {
        failure = error;
        call.cancel();
      }
    });
    call.on('error', (error: grpc.ServiceError) => {
      callback((failure ?? error) as grpc.ServiceError);
    });
    call.on('end', () => {
      if (failure === undefined) callback(null, undefined);
    });
    return call;
  });
}

/** Sends a server stream's messages with backpressure; ends early when the client went away. */
export async function sendAll<Response>(
  call: grpc.ServerWritableStream<unknown, Response>,
  messages: Iterable<Response>,
): Promise<void> {
  const gone = new AbortController();
  const leave = (): void => {
    gone.abort();
  };
  call.once('cancelled', leave);
  try {
    for (const message of messages) {
      if (call.cancelled) return;
      if (!call.write(message)) await once(call, 'drain', { signal: gone.signal });
    }
    call.end();
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    call.removeListener('cancelled', leave);
  }
}

/** How long a call is repeated [ms], and what ends that before. */
export interface RetryLimits extends Pick<CallLimits, 'signal' | 'givenUp'> {
  readonly forMs: number;
}

/**
 * Repeats a call while its failure is transient, with growing pauses, until `forMs` have passed.
 */
export async function retryTransient<Result>(
  attempt: () => Promise<Result>,
  limits: RetryLimits,
): Promise<Result> {
  const endMs = performance.now() + limits.forMs;
  for (let pauseMs = 50; ; pauseMs = Math.min(2 * pauseMs, 1000)) {
    try {
      return await attempt();
    } catch (error) {
      const isOver = limits.signal.aborted || limits.givenUp?.aborted === true;
      if (isOver || !isRetryable(error) || performance.now() + pauseMs > endMs) throw error;
      await pause(pauseMs, limits.signal);
    }
  }
}
