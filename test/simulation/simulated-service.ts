/** The coordinator's real gRPC handlers, called by the simulation. */
import { EventEmitter } from 'node:events';
import type * as grpc from '@grpc/grpc-js';
import type { CoordinatorService } from '../../coordinator/fleet/service.ts';
import { chunkBytes } from '../../src/rpc/chunks.ts';
import type { CoordinatorHandlers } from '../../src/rpc/generated/deepcluster/v1/Coordinator.ts';
import type { ResultHeader } from '../../src/rpc/generated/deepcluster/v1/ResultHeader.ts';
import type { ResultReply__Output } from '../../src/rpc/generated/deepcluster/v1/ResultReply.ts';
import { fromServiceError } from '../../src/rpc/status.ts';
import type { Respond, Session } from './network.ts';

const EMPTY_HEADER = {
  failure: null,
  unreadable: [],
  damaged: [],
  samples: 0,
  lossSums: [],
  repeatedPush: false,
  residentRows: 0,
  computeSeconds: 0,
  viewWaitSeconds: 0,
};

export class SimulatedService {
  readonly #handlers: CoordinatorHandlers;

  constructor(service: CoordinatorService) {
    this.#handlers = handlersOf(service);
  }

  openWorkerSession(session: Session<object, object>): void {
    this.#handlers.Session(callOf(session, () => undefined) as never);
  }

  /** @param onWrite sees each message to the server before it is sent */
  openServerSession(session: Session<object, object>, onWrite: (message: object) => void): void {
    this.#handlers.ServerSession(callOf(session, onWrite) as never);
  }

  heartbeat(request: { workerId: string; incarnation: string; progress: number }): void {
    this.#handlers.Heartbeat({ request } as never, () => undefined);
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
    header: ResultHeader,
    bytes: Uint8Array | null,
    respond: Respond<ResultReply__Output>,
  ): void {
    const call = new EventEmitter();
    this.#handlers.SubmitResult(call as never, (error, reply) => {
      respond(error ? fromServiceError('result', error) : null, reply as ResultReply__Output);
    });
    call.emit('data', { header: { ...EMPTY_HEADER, ...header } });
    if (bytes !== null) for (const chunk of chunkBytes(bytes)) call.emit('data', { chunk });
    call.emit('end');
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
function callOf(
  session: Session<object, object>,
  onWrite: (message: object) => void,
): EventEmitter {
  const call = Object.assign(new EventEmitter(), {
    write: (message: object) => {
      onWrite(message);
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
