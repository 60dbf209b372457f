/**
 * The services without a network: their handlers, called as the gRPC server calls them, with what the wire's own deserializers
 * made of the bytes. What a handler answers is a value here; what it throws, the real server would have had to catch.
 */
import { EventEmitter } from 'node:events';
import * as grpc from '@grpc/grpc-js';

export interface Answer {
  /** Messages of the answer; none with a failure. */
  readonly messages: readonly unknown[];
  /** Null for an answer that went well, and for a stream that is still open. */
  readonly failure: Partial<grpc.StatusObject> | null;
}

/** An rpc with its handler. */
export interface Method {
  readonly path: string;
  readonly definition: grpc.MethodDefinition<object, object>;
  readonly handler: (call: CallDouble, callback?: Callback) => void;
}

type Callback = (error: Partial<grpc.StatusObject> | null, reply?: unknown) => void;

/** By path, for instance `/deepcluster.v1.Parameters/Push`, the rpcs that services add to a server. */
export function methodsOf(addServices: (server: grpc.Server) => void): Map<string, Method> {
  const methods = new Map<string, Method>();
  const server = {
    addService: (service: grpc.ServiceDefinition, handlers: Record<string, unknown>) => {
      const definitions = service as Record<string, Method['definition']>;
      for (const [name, definition] of Object.entries(definitions)) {
        const handler = handlers[name] as Method['handler'];
        methods.set(definition.path, { path: definition.path, definition, handler });
      }
    },
  };
  addServices(server as unknown as grpc.Server);
  return methods;
}

/** The server's side of a call. */
export class CallDouble extends EventEmitter {
  readonly metadata = new grpc.Metadata();
  readonly request: unknown;
  readonly written: unknown[] = [];
  readonly #settle: (failure: Partial<grpc.StatusObject> | null) => void;
  cancelled = false;

  constructor(request: unknown, settle: (failure: Partial<grpc.StatusObject> | null) => void) {
    super();
    this.request = request;
    this.#settle = settle;
    this.on('error', settle);
  }

  getPeer(): string {
    return '127.0.0.1:1';
  }

  write(message: unknown): boolean {
    this.written.push(message);
    return true;
  }

  end(): void {
    this.#settle(null);
    this.emit('finish');
  }
}

/**
 * Gives messages to a method and waits for its answer.
 * @param ends how the client's stream ends: `kept` leaves it open, and answers with what has come so far
 */
export async function ask(
  method: Method,
  messages: readonly unknown[],
  ends: 'ended' | 'cancelled' | 'kept' = 'ended',
): Promise<Answer> {
  const { requestStream, responseStream } = method.definition;
  const settled = new Promise<Answer>((resolve) => {
    const reply: Callback = (failure, message) => {
      resolve({ messages: failure === null ? [message] : [], failure });
    };
    const opened = new CallDouble(requestStream ? undefined : messages[0], (failure) => {
      resolve({ messages: opened.written, failure });
    });
    if (responseStream) method.handler(opened);
    else method.handler(opened, reply);
    if (!requestStream) return;
    for (const message of messages) opened.emit('data', message);
    if (ends === 'ended') opened.emit('end');
    if (ends === 'cancelled') {
      opened.cancelled = true;
      opened.emit('cancelled');
    }
    if (ends !== 'ended') resolve({ messages: opened.written, failure: null });
  });
  const answer = await settled;
  // A download tells of its failure a few microtasks after the handler has returned.
  if (responseStream) await Promise.resolve();
  return answer;
}
