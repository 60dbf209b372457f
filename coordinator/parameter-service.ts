/**
 * The parameter server's gRPC shell: translates messages to the pure store's verbs and back.
 * One store per process or thread; it is empty until the coordinator restores it.
 */
import type * as grpc from '@grpc/grpc-js';
import { TrainerError, protocolViolation } from '../src/errors.ts';
import { trainingConfigSchema } from '../src/ps/config.ts';
import { layoutHash, parseLayout, type ParameterLayout } from '../src/ps/layout.ts';
import { ParameterStore, initialState, type StoreState } from '../src/ps/parameter-store.ts';
import { sendAll } from '../src/rpc/calls.ts';
import { VectorAssembler } from '../src/rpc/chunks.ts';
import { wire } from '../src/rpc/definitions.ts';
import type { CommitReply } from '../src/rpc/generated/deepcluster/v1/CommitReply.ts';
import type { ParametersHandlers } from '../src/rpc/generated/deepcluster/v1/Parameters.ts';
import type { PushHeader__Output } from '../src/rpc/generated/deepcluster/v1/PushHeader.ts';
import type { PushMessage__Output } from '../src/rpc/generated/deepcluster/v1/PushMessage.ts';
import type { PushReply } from '../src/rpc/generated/deepcluster/v1/PushReply.ts';
import type { RestoreMessage__Output } from '../src/rpc/generated/deepcluster/v1/RestoreMessage.ts';
import { VectorCollector, vectorMessages, vectorOf } from '../src/rpc/parameters-client.ts';
import { toServiceError } from '../src/rpc/status.ts';

/** The store of a layout, once restored. */
interface Held {
  readonly layout: ParameterLayout;
  readonly hash: string;
  readonly store: ParameterStore;
}

export function addParametersService(server: grpc.Server): void {
  const service = new ParametersService();
  server.addService(wire.Parameters.service, service.handlers());
}

class ParametersService {
  /** Null until the coordinator's first Restore. */
  #held: Held | null = null;

  handlers(): ParametersHandlers {
    return {
      Pull: (call) => {
        void this.#stream(call, () => {
          const { store } = this.#require(call.request.layoutHash);
          const pulled = store.pull();
          // Messages wait in the stream as views of the store's memory: it is given back when the last has left.
          releaseAfter(call, pulled.release);
          if (pulled.version !== call.request.version) {
            throw new TrainerError(
              'GENERATION_FENCED',
              `pull of version ${call.request.version}: version ${pulled.version} is current`,
              { version: pulled.version },
            );
          }
          return vectorMessages({
            ...pulled,
            vectors: new Map([
              ['parameters', pulled.parameters],
              ['statistics', pulled.statistics],
            ]),
          });
        });
      },
      Push: (call, callback) => {
        receive(call, new PushReceiver((hash) => this.#require(hash)), callback);
      },
      Commit: (call, callback) => {
        answer<CommitReply>(callback, () => {
          const { layoutHash: hash, step, slices, learningRateFactor } = call.request;
          const outcome = this.#require(hash).store.commit(step, slices, learningRateFactor);
          switch (outcome.kind) {
            case 'applied':
              return { outcome: 'APPLIED', version: outcome.version };
            case 'duplicate':
              return { outcome: 'DUPLICATE', version: outcome.version };
            case 'missing':
              return { outcome: 'MISSING', missing: [...outcome.slices] };
          }
        });
      },
      ResetHead: (call, callback) => {
        answer(callback, () => {
          const { store } = this.#require(call.request.layoutHash);
          return { version: store.resetHead(call.request.epoch).version };
        });
      },
      Snapshot: (call) => {
        void this.#stream(call, () => {
          const state = this.#require(call.request.layoutHash).store.snapshot();
          return vectorMessages({
            ...state,
            vectors: new Map([
              ['parameters', state.parameters],
              ['statistics', state.statistics],
              ['momentum', state.momentum],
            ]),
          });
        });
      },
      Restore: (call, callback) => {
        const receiver = new RestoreReceiver((held) => {
          this.#held = held;
        });
        receive(call, receiver, callback);
      },
    };
  }

  #require(hash: string): Held {
    if (this.#held === null) {
      throw new TrainerError(
        'UNAVAILABLE',
        'parameter server: the coordinator has not filled it yet',
      );
    }
    if (this.#held.hash !== hash) {
      throw protocolViolation(
        'parameter layout',
        this.#held.hash,
        hash,
        'run the same release and the same configuration on every process',
      );
    }
    return this.#held;
  }

  async #stream<Response>(
    call: grpc.ServerWritableStream<unknown, Response>,
    messages: () => Iterable<Response>,
  ): Promise<void> {
    try {
      await sendAll(call, messages());
    } catch (error) {
      call.destroy(Object.assign(new Error(), toServiceError(error)));
    }
  }
}

/** Takes a stream of messages and makes one reply of it. */
interface Receiver<Message, Reply> {
  add(message: Message): void;
  finish(): Reply;
}

/** Feeds an upload to its receiver; the first failure is the answer and the rest is not read. */
function receive<Message, Reply>(
  call: grpc.ServerReadableStream<Message, Reply>,
  receiver: Receiver<Message, Reply>,
  callback: grpc.sendUnaryData<Reply>,
): void {
  let isAnswered = false;
  const reply = (make: () => Reply | null): void => {
    if (isAnswered) return;
    try {
      const value = make();
      if (value === null) return;
      isAnswered = true;
      callback(null, value);
    } catch (error) {
      isAnswered = true;
      callback(toServiceError(error));
    }
  };
  call.on('data', (message: Message) => {
    reply(() => {
      receiver.add(message);
      return null;
    });
  });
  call.on('end', () => {
    reply(() => receiver.finish());
  });
  call.on('error', () => {
    isAnswered = true;
  });
}

function releaseAfter(
  call: grpc.ServerWritableStream<unknown, unknown>,
  release: () => void,
): void {
  let isReleased = false;
  for (const event of ['finish', 'close', 'error', 'cancelled']) {
    call.once(event, () => {
      if (!isReleased) release();
      isReleased = true;
    });
  }
}

function answer<Reply>(callback: grpc.sendUnaryData<Reply>, make: () => Reply): void {
  try {
    callback(null, make());
  } catch (error) {
    callback(toServiceError(error));
  }
}

class PushReceiver implements Receiver<PushMessage__Output, PushReply> {
  readonly #require: (hash: string) => Held;
  #header: PushHeader__Output | null = null;
  #gradient: VectorAssembler | null = null;
  #statistics: VectorAssembler | null = null;

  constructor(require: (hash: string) => Held) {
    this.#require = require;
  }

  add(message: PushMessage__Output): void {
    if (message.header) this.#begin(message.header);
    else if (message.gradient) this.#started().gradient.add(message.gradient);
    else if (message.statistics) this.#started().statistics.add(message.statistics);
  }

  finish(): PushReply {
    const { header, gradient, statistics } = this.#started();
    const { store } = this.#require(header.layoutHash);
    const { step, slice, generation, basedOn, samples } = header;
    const outcome = store.stage({
      step,
      slice,
      generation,
      basedOn,
      samples,
      gradient: gradient.finish(),
      statistics: statistics.finish(),
    });
    const version = store.version;
    switch (outcome.kind) {
      case 'staged':
        return { outcome: 'STAGED', version };
      case 'duplicate':
        return { outcome: 'DUPLICATE', version };
      case 'fenced':
        return { outcome: 'FENCED', version };
      case 'stale':
        return { outcome: 'STALE', version };
    }
  }

  /** Lengths are checked against the layout before memory is taken. */
  #begin(header: PushHeader__Output): void {
    const { layout } = this.#require(header.layoutHash);
    const what = `push of step ${header.step}, slice ${header.slice}`;
    for (const [name, expected, got] of [
      ['gradient', layout.parameterCount, header.gradientElements],
      ['statistics', layout.statisticCount, header.statisticsElements],
    ] as const) {
      if (expected !== got) {
        throw protocolViolation(
          `${what}: ${name}`,
          `${expected} elements`,
          got,
          'same layout, same length',
        );
      }
    }
    this.#header = header;
    this.#gradient = new VectorAssembler(`${what}: gradient`, layout.parameterCount);
    this.#statistics = new VectorAssembler(`${what}: statistics`, layout.statisticCount);
  }

  #started(): {
    header: PushHeader__Output;
    gradient: VectorAssembler;
    statistics: VectorAssembler;
  } {
    if (this.#header === null || this.#gradient === null || this.#statistics === null) {
      throw protocolViolation('push', 'a header first', 'a chunk', 'the peer sends out of turn');
    }
    return { header: this.#header, gradient: this.#gradient, statistics: this.#statistics };
  }
}

class RestoreReceiver implements Receiver<RestoreMessage__Output, { version: number }> {
  readonly #install: (held: Held) => void;
  readonly #vectors = new VectorCollector('restore');
  #content: {
    layoutJson: string;
    trainingJson: string;
    seed: number;
    fromSnapshot: boolean;
  } | null = null;

  constructor(install: (held: Held) => void) {
    this.#install = install;
  }

  add(message: RestoreMessage__Output): void {
    if (message.header) this.#content = message.header;
    else if (message.vector) this.#vectors.begin(message.vector);
    else if (message.chunk) this.#vectors.chunk(message.chunk);
  }

  finish(): { version: number } {
    if (this.#content === null) {
      throw protocolViolation('restore', 'a header', 'none', 'the peer sends out of turn');
    }
    const { layoutJson, trainingJson, seed, fromSnapshot } = this.#content;
    const layout = parseLayout(layoutJson);
    const training = trainingConfigSchema.parse(JSON.parse(trainingJson));
    const state = fromSnapshot ? this.#snapshotState() : initialState(layout, seed);
    const store = new ParameterStore(layout, training, seed, state);
    this.#install({ layout, hash: layoutHash(layout), store });
    return { version: store.version };
  }

  #snapshotState(): StoreState {
    const named = this.#vectors.finish();
    return {
      version: named.version,
      step: named.version,
      headEpoch: named.headEpoch,
      parameters: vectorOf(named, 'parameters'),
      statistics: vectorOf(named, 'statistics'),
      momentum: vectorOf(named, 'momentum'),
    };
  }
}
