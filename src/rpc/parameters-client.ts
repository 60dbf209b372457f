/**
 * Client of a parameter server: pull and push for workers; commit, head reset, snapshot and restore for the coordinator.
 * Every call carries the layout's hash; every call that changes state may be repeated.
 */
import { protocolViolation } from '../errors.ts';
import { callDownload, callUnary, callUpload, retryTransient, type CallLimits } from './calls.ts';
import { CHANNEL_OPTIONS, clientCredentials } from './channel.ts';
import { VectorAssembler, chunkBytes, chunkVector } from './chunks.ts';
import { wire } from './definitions.ts';
import type { CommitReply__Output } from './generated/deepcluster/v1/CommitReply.ts';
import type { MemoryShape } from './generated/deepcluster/v1/MemoryShape.ts';
import type { PushMessage } from './generated/deepcluster/v1/PushMessage.ts';
import type { PushReply__Output } from './generated/deepcluster/v1/PushReply.ts';
import type { ResetHeadReply__Output } from './generated/deepcluster/v1/ResetHeadReply.ts';
import type { RestoreMessage } from './generated/deepcluster/v1/RestoreMessage.ts';
import type { RestoreReply__Output } from './generated/deepcluster/v1/RestoreReply.ts';
import type { VectorMessage__Output } from './generated/deepcluster/v1/VectorMessage.ts';

/** The gradient of one slice, on its way to the server. */
export interface SlicePushMessage {
  readonly step: number;
  readonly slice: number;
  readonly generation: number;
  readonly workerId: string;
  readonly incarnation: string;
  readonly basedOn: number;
  readonly samples: number;
  /** [P] sum over the slice's samples. */
  readonly gradient: Float32Array;
  /** [S] batch-norm statistics of the slice. */
  readonly statistics: Float32Array;
  /** ODC: a bundle of mixed rows and pseudo-labels, which take effect with the gradient. */
  readonly memory?: Uint8Array;
}

/** Named vectors as a server sends them. */
export interface NamedVectors {
  readonly version: number;
  readonly headEpoch: number;
  readonly vectors: ReadonlyMap<string, Float32Array>;
}

export interface CommitSlice {
  readonly slice: number;
  readonly generation: number;
}

/** What a server begins from. */
export interface RestoreContent {
  readonly layoutJson: string;
  readonly trainingJson: string;
  readonly seed: number;
  /** Null: the layout's initial values. */
  readonly snapshot: NamedVectors | null;
  /** ODC: of the snapshot's vector `memory-rows`. */
  readonly memory?: Required<MemoryShape>;
}

const CALL_MS = 30_000;
const BULK_MS = 600_000;
/** How long a call is repeated while the server cannot be reached. */
const RETRY_MS = 30_000;

/** Elements a vector may have: 2 GiB of float32, what one typed array safely holds. */
const MAX_ELEMENTS = 2 ** 29;

export class ParametersClient {
  readonly #client: InstanceType<typeof wire.Parameters>;
  readonly #layoutHash: string;

  constructor(address: string, layoutHash: string) {
    this.#client = new wire.Parameters(address, clientCredentials(), CHANNEL_OPTIONS);
    this.#layoutHash = layoutHash;
  }

  /** The values of exactly this version. @throws TrainerError GENERATION_FENCED when another is current */
  pull(version: number, signal: AbortSignal): Promise<NamedVectors> {
    const request = { layoutHash: this.#layoutHash, version };
    return this.#download(`pull of version ${version}`, signal, (receive, limits) =>
      callDownload(this.#client.pull.bind(this.#client), request, receive, limits),
    );
  }

  push(push: SlicePushMessage, signal: AbortSignal): Promise<PushReply__Output> {
    const what = `push of step ${push.step}, slice ${push.slice}`;
    return this.#repeat(signal, () =>
      callUpload(
        this.#client.push.bind(this.#client),
        pushMessages(push, this.#layoutHash),
        limitsOf(what, BULK_MS, signal),
      ),
    );
  }

  commit(
    step: number,
    slices: readonly CommitSlice[],
    learningRateFactor: number,
    signal: AbortSignal,
  ): Promise<CommitReply__Output> {
    const layoutHash = this.#layoutHash;
    const request = { layoutHash, step, slices: [...slices], learningRateFactor };
    return this.#repeat(signal, () =>
      callUnary(
        this.#client.commit.bind(this.#client),
        request,
        limitsOf(`commit of step ${step}`, BULK_MS, signal),
      ),
    );
  }

  /** Answers with the version from now on. */
  async resetHead(epoch: number, signal: AbortSignal): Promise<number> {
    const request = { layoutHash: this.#layoutHash, epoch };
    const reply = await this.#repeat<ResetHeadReply__Output>(signal, () =>
      callUnary(
        this.#client.resetHead.bind(this.#client),
        request,
        limitsOf(`head of epoch ${epoch}`, CALL_MS, signal),
      ),
    );
    return reply.version;
  }

  snapshot(signal: AbortSignal): Promise<NamedVectors> {
    const request = { layoutHash: this.#layoutHash };
    return this.#download('snapshot', signal, (receive, limits) =>
      callDownload(this.#client.snapshot.bind(this.#client), request, receive, limits),
    );
  }

  /** Answers with the version the server begins at. */
  async restore(content: RestoreContent, signal: AbortSignal): Promise<number> {
    const reply = await this.#repeat<RestoreReply__Output>(signal, () =>
      callUpload(
        this.#client.restore.bind(this.#client),
        restoreMessages(content),
        limitsOf('restore', BULK_MS, signal),
      ),
    );
    return reply.version;
  }

  close(): void {
    this.#client.close();
  }

  #repeat<Result>(signal: AbortSignal, attempt: () => Promise<Result>): Promise<Result> {
    return retryTransient(attempt, { forMs: RETRY_MS, signal });
  }

  #download(
    what: string,
    signal: AbortSignal,
    run: (receive: (message: VectorMessage__Output) => void, limits: CallLimits) => Promise<void>,
  ): Promise<NamedVectors> {
    return this.#repeat(signal, async () => {
      const collector = new VectorCollector(what);
      await run(
        (message) => {
          collector.add(message);
        },
        limitsOf(what, BULK_MS, signal),
      );
      return collector.finish();
    });
  }
}

function limitsOf(what: string, deadlineMs: number, signal: AbortSignal): CallLimits {
  return { what, deadlineMs, signal };
}

function* pushMessages(push: SlicePushMessage, layoutHash: string): Generator<PushMessage> {
  const { gradient, statistics, memory, ...identity } = push;
  yield {
    header: {
      ...identity,
      layoutHash,
      gradientElements: gradient.length,
      statisticsElements: statistics.length,
    },
  };
  for (const chunk of chunkVector(gradient)) yield { gradient: chunk };
  for (const chunk of chunkVector(statistics)) yield { statistics: chunk };
  if (memory === undefined) return;
  for (const chunk of chunkBytes(memory)) yield { memory: chunk };
}

function* restoreMessages(content: RestoreContent): Generator<RestoreMessage> {
  const { snapshot, ...header } = content;
  yield { header: { ...header, fromSnapshot: snapshot !== null } };
  if (snapshot === null) return;
  for (const message of vectorMessages(snapshot)) {
    if (message.header !== undefined) yield { vector: message.header };
    else yield { chunk: message.chunk };
  }
}

/** Named vectors as messages: for a server's answers and a client's restore. */
export function* vectorMessages({ version, headEpoch, vectors }: NamedVectors): Generator<
  | {
      header: { name: string; elements: number; version: number; headEpoch: number };
      chunk?: never;
    }
  | { header?: never; chunk: { offset: number; values: Buffer } }
> {
  for (const [name, values] of vectors) {
    yield { header: { name, elements: values.length, version, headEpoch } };
    for (const chunk of chunkVector(values)) yield { chunk };
  }
}

/** Puts a stream of named vectors together. */
export class VectorCollector {
  readonly #what: string;
  readonly #vectors = new Map<string, VectorAssembler>();
  #current: VectorAssembler | null = null;
  #version = 0;
  #headEpoch = -1;

  constructor(what: string) {
    this.#what = what;
  }

  add(message: VectorMessage__Output): void {
    if (message.header) this.begin(message.header);
    else if (message.chunk) this.chunk(message.chunk);
  }

  begin(header: { name: string; elements: number; version: number; headEpoch: number }): void {
    if (header.elements > MAX_ELEMENTS) {
      throw protocolViolation(
        `${this.#what}: vector ${header.name}`,
        `at most ${MAX_ELEMENTS} elements`,
        header.elements,
        'use more parameter shards',
      );
    }
    this.#current = new VectorAssembler(`${this.#what}: ${header.name}`, header.elements);
    this.#vectors.set(header.name, this.#current);
    this.#version = header.version;
    this.#headEpoch = header.headEpoch;
  }

  chunk(chunk: { offset: number; values: Uint8Array }): void {
    if (this.#current === null) {
      throw protocolViolation(
        this.#what,
        'a header first',
        'a chunk',
        'the peer sends out of turn',
      );
    }
    this.#current.add(chunk);
  }

  finish(): NamedVectors {
    const vectors = new Map<string, Float32Array>();
    for (const [name, assembler] of this.#vectors) vectors.set(name, assembler.finish());
    return { version: this.#version, headEpoch: this.#headEpoch, vectors };
  }
}

/** One of the named vectors. @throws TrainerError PROTOCOL_VIOLATION when the peer did not send it */
export function vectorOf(named: NamedVectors, name: string): Float32Array {
  const vector = named.vectors.get(name);
  if (vector === undefined) {
    throw protocolViolation('parameters', `a vector ${name}`, 'none', 'the peer left it out');
  }
  return vector;
}
