/**
 * Client of one parameter server: pull and push for workers; commit, head reset, snapshot and
 * restore for the coordinator. Vectors are those of the server's parameter shard. Every call names
 * plan, parameter shard and term; every call that changes state may be repeated.
 */
import { ForeignSegments } from '../parameter-plane/foreign-segments.ts';
import { hostName, type SegmentPlace } from '../parameter-plane/segment.ts';
import type { ExchangeCodings, VectorCoding } from '../ps/codec/vector-coding.ts';
import { VectorPool } from '../ps/vector-pool.ts';
import type { SliceGeneration, SlicePush } from '../ps/slice-push.ts';
import type { Credentials } from '../security/credentials.ts';
import { callDownload, callUnary, callUpload, retryTransient, type CallLimits } from './calls.ts';
import { channelTo } from './channel/channel.ts';
import { chunkBytes, chunkVector } from './chunks.ts';
import { wire } from './definitions.ts';
import { wireCodec } from './encoded-vectors.ts';
import type { CommitReply__Output } from './generated/deepcluster/v1/CommitReply.ts';
import type { MemoryShape } from './generated/deepcluster/v1/MemoryShape.ts';
import type { PrepareReply__Output } from './generated/deepcluster/v1/PrepareReply.ts';
import type { PushMessage } from './generated/deepcluster/v1/PushMessage.ts';
import type { PushReply__Output } from './generated/deepcluster/v1/PushReply.ts';
import type { ResetHeadReply__Output } from './generated/deepcluster/v1/ResetHeadReply.ts';
import type { RestoreMessage } from './generated/deepcluster/v1/RestoreMessage.ts';
import type { RestoreReply__Output } from './generated/deepcluster/v1/RestoreReply.ts';
import type { VectorMessage__Output } from './generated/deepcluster/v1/VectorMessage.ts';
import { forManyCalls } from './many-listeners.ts';
import {
  SegmentUnreachable,
  VectorCollector,
  chunksOf,
  vectorMessages,
  type NamedVectors,
  type VectorCodings,
} from './named-vectors.ts';

/**
 * A push on its way: from whom it is, and for ODC what takes effect with the gradient, which is
 * rounded to the values of the run's codec.
 */
export interface SentPush<MemoryRows> extends SlicePush {
  readonly workerId: string;
  readonly incarnation: string;
  /** Mixed rows and pseudo-labels of the slice's samples. */
  readonly memory?: MemoryRows;
  /** Where the gradient lies as well, for a server on this machine. */
  readonly segment?: SentSegment;
}

/** Values in a segment of this process. */
export interface SentSegment extends SegmentPlace {
  /** The first one's index. */
  readonly offset: number;
  /** The content's number. */
  readonly sequence: number;
}

/** What a server begins from. */
export interface RestoreContent {
  /** Of the whole network. */
  readonly layoutJson: string;
  /** Parameter shards of the run, and which of them is the server's. */
  readonly shardCount: number;
  readonly shardIndex: number;
  readonly trainingJson: string;
  readonly seed: number;
  /** Null: the layout's initial values. */
  readonly snapshot: NamedVectors | null;
  /** ODC: of the snapshot's vector `memory-rows`. */
  readonly memory?: Required<MemoryShape>;
}

/** What every call to a server names, and where it is. */
export interface ServerLink {
  /** `host:port` */
  readonly address: string;
  /** Of the server's parameter shard. */
  readonly planHash: string;
  /** Of the coordinator. */
  readonly term: number;
  readonly credentials: Credentials | null;
  /** Whether numbers may go through memory that a server on this machine shares; left out: not. */
  readonly sharesMemory?: boolean;
  /** Forms of what a worker pushes and pulls; null, as when left out: float32. */
  readonly codings?: ExchangeCodings | null;
}

const CALL_MS = 30_000;
const BULK_MS = 600_000;
/** How long a call is repeated while the server cannot be reached. */
const RETRY_MS = 30_000;

export class ParametersClient {
  readonly #client: InstanceType<typeof wire.Parameters>;
  readonly #identity: { readonly planHash: string; readonly term: number };
  readonly #codings: ExchangeCodings | null;
  readonly #closed = new AbortController();
  /** For parameters that arrive. */
  readonly #spare = new VectorPool();
  /** Of the server. */
  readonly #segments = new ForeignSegments();
  /** Until the server or this process turns out to be out of the other's reach. */
  #readsSegments: boolean;
  #takesSegments: boolean;

  constructor(link: ServerLink) {
    const { address, planHash, term, credentials, sharesMemory = false, codings = null } = link;
    this.#codings = codings;
    this.#readsSegments = sharesMemory && hostName() !== '';
    this.#takesSegments = this.#readsSegments;
    this.#client = new wire.Parameters(...channelTo(address, 'parameters', credentials));
    this.#identity = { planHash, term };
    forManyCalls(this.#closed.signal);
  }

  /**
   * The values of exactly this version.
   * @throws TrainerError GENERATION_FENCED when another is current
   */
  async pull(version: number, signal: AbortSignal): Promise<NamedVectors> {
    const host = this.#readsSegments ? hostName() : '';
    const coding = this.#codings?.parameters ?? null;
    const request = { ...this.#identity, version, host, codec: wireCodec(coding) };
    const codings = coding === null ? {} : { parameters: coding };
    try {
      return await this.#download(
        `pull of version ${version}`,
        signal,
        (receive, limits) =>
          callDownload(this.#client.pull.bind(this.#client), request, receive, limits),
        codings,
      );
    } catch (error) {
      if (!(error instanceof SegmentUnreachable)) throw error;
      this.#readsSegments = false;
      return this.pull(version, signal);
    }
  }

  /** Whether a push had better say where its gradient lies in shared memory. */
  get takesSegments(): boolean {
    return this.#takesSegments;
  }

  async push(push: SentPush<Uint8Array>, signal: AbortSignal): Promise<PushReply__Output> {
    const { segment, ...whole } = push;
    const what = `push of step ${push.step}, slice ${push.slice}`;
    const isLent = segment !== undefined && this.#takesSegments;
    const reply = await this.#repeat<PushReply__Output>(signal, () =>
      callUpload(
        this.#client.push.bind(this.#client),
        pushMessages(isLent ? push : whole, this.#identity, this.#codings?.gradients ?? null),
        this.#limits(what, BULK_MS, signal),
      ),
    );
    if (reply.outcome !== 'UNREACHABLE') return reply;
    this.#takesSegments = false;
    return this.push(whole, signal);
  }

  /** Slices that are not there to be committed; none: ready, until another step is prepared. */
  async prepare(
    step: number,
    slices: readonly SliceGeneration[],
    learningRateFactor: number,
    signal: AbortSignal,
  ): Promise<readonly number[]> {
    const request = { ...this.#identity, step, slices: [...slices], learningRateFactor };
    const { missing } = await this.#repeat<PrepareReply__Output>(signal, () =>
      callUnary(
        this.#client.prepare.bind(this.#client),
        request,
        this.#limits(`prepare of step ${step}`, CALL_MS, signal),
      ),
    );
    return missing;
  }

  commit(
    step: number,
    slices: readonly SliceGeneration[],
    learningRateFactor: number,
    signal: AbortSignal,
  ): Promise<CommitReply__Output> {
    const request = { ...this.#identity, step, slices: [...slices], learningRateFactor };
    return this.#repeat(signal, () =>
      callUnary(
        this.#client.commit.bind(this.#client),
        request,
        this.#limits(`commit of step ${step}`, BULK_MS, signal),
      ),
    );
  }

  /** Answers with the version from now on. */
  async resetHead(epoch: number, signal: AbortSignal): Promise<number> {
    const request = { ...this.#identity, epoch };
    const reply = await this.#repeat<ResetHeadReply__Output>(signal, () =>
      callUnary(
        this.#client.resetHead.bind(this.#client),
        request,
        this.#limits(`head of epoch ${epoch}`, CALL_MS, signal),
      ),
    );
    return reply.version;
  }

  snapshot(signal: AbortSignal): Promise<NamedVectors> {
    const request = this.#identity;
    return this.#download('snapshot', signal, (receive, limits) =>
      callDownload(this.#client.snapshot.bind(this.#client), request, receive, limits),
    );
  }

  /** Answers with the version the server begins at. */
  async restore(content: RestoreContent, signal: AbortSignal): Promise<number> {
    const { term } = this.#identity;
    const reply = await this.#repeat<RestoreReply__Output>(signal, () =>
      callUpload(
        this.#client.restore.bind(this.#client),
        restoreMessages({ ...content, term }),
        this.#limits('restore', BULK_MS, signal),
      ),
    );
    return reply.version;
  }

  /** Ends the calls under way, too. */
  close(): void {
    this.#closed.abort();
    this.#client.close();
  }

  #limits(what: string, deadlineMs: number, signal: AbortSignal): CallLimits {
    return { what, deadlineMs, signal, givenUp: this.#closed.signal };
  }

  #repeat<Result>(signal: AbortSignal, attempt: () => Promise<Result>): Promise<Result> {
    return retryTransient(attempt, { forMs: RETRY_MS, signal, givenUp: this.#closed.signal });
  }

  #download(
    what: string,
    signal: AbortSignal,
    run: (receive: (message: VectorMessage__Output) => void, limits: CallLimits) => Promise<void>,
    codings: VectorCodings = {},
  ): Promise<NamedVectors> {
    return this.#repeat(signal, async () => {
      const collector = new VectorCollector(what, this.#segments, this.#spare, codings);
      await run(
        (message) => {
          collector.add(message);
        },
        this.#limits(what, BULK_MS, signal),
      );
      return collector.finish();
    });
  }
}

function* pushMessages(
  push: SentPush<Uint8Array>,
  link: { readonly planHash: string; readonly term: number },
  coding: VectorCoding | null,
): Generator<PushMessage> {
  const { gradient, statistics, memory, segment, ...identity } = push;
  yield {
    header: {
      ...identity,
      ...link,
      gradientElements: gradient.length,
      statisticsElements: statistics.length,
      codec: wireCodec(coding),
      ...(segment === undefined ? {} : { gradient: segment }),
    },
  };
  if (segment === undefined) {
    for (const chunk of chunksOf(gradient, coding)) yield { gradient: chunk };
  }
  for (const chunk of chunkVector(statistics)) yield { statistics: chunk };
  if (memory === undefined) return;
  for (const chunk of chunkBytes(memory)) yield { memory: chunk };
}

function* restoreMessages(
  content: RestoreContent & { readonly term: number },
): Generator<RestoreMessage> {
  const { snapshot, shardCount, shardIndex, ...same } = content;
  const where = { parts: shardCount, part: shardIndex };
  yield { header: { ...same, ...where, fromSnapshot: snapshot !== null } };
  if (snapshot === null) return;
  for (const message of vectorMessages(snapshot)) {
    if (message.header !== undefined) yield { vector: message.header };
    else yield { chunk: message.chunk };
  }
}
