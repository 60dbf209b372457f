/**
 * Client of the sample memory on a parameter server; bundles of arrays go in and come out as bytes.
 * Every call names plan, parameter shard and term; every call that changes state may be repeated.
 */
import { unavailable } from '../errors.ts';
import { callDownload, callUnary, callUpload, retryTransient, type CallLimits } from './calls.ts';
import { channelTo } from './channel/channel.ts';
import { ChunkAssembler, chunkBytes } from './chunks.ts';
import { wire } from './definitions.ts';
import type { MemoryHeader } from './generated/deepcluster/v1/MemoryHeader.ts';
import type { MemoryMessage } from './generated/deepcluster/v1/MemoryMessage.ts';
import type { MemoryReply__Output } from './generated/deepcluster/v1/MemoryReply.ts';
import type { MemoryShape } from './generated/deepcluster/v1/MemoryShape.ts';
import { forManyCalls } from './many-listeners.ts';
import type { ServerLink } from './parameters-client.ts';

const BULK_MS = 600_000;
/** How long a call is repeated while the server cannot be reached. */
const RETRY_MS = 30_000;

interface ReceivedChunk {
  readonly offset: number;
  readonly total: number;
  readonly data: Buffer;
}

export class SampleMemoryClient {
  readonly #client: InstanceType<typeof wire.SampleMemory>;
  readonly #identity: { readonly planHash: string; readonly term: number };
  readonly #closed = new AbortController();

  constructor({ address, planHash, term, credentials }: ServerLink) {
    this.#client = new wire.SampleMemory(...channelTo(address, 'parameters', credentials));
    this.#identity = { planHash, term };
    forManyCalls(this.#closed.signal);
  }

  async begin(shape: Required<MemoryShape>, signal: AbortSignal): Promise<void> {
    const request = { ...this.#identity, shape };
    await this.#repeat<MemoryReply__Output>(signal, () =>
      callUnary(
        this.#client.beginMemory.bind(this.#client),
        request,
        this.#limits('begin of the sample memory', signal),
      ),
    );
  }

  /** @param bundle ids and rows of a data shard */
  fill(
    shard: number,
    generation: number,
    bundle: Uint8Array,
    signal: AbortSignal,
  ): Promise<MemoryReply__Output> {
    const what = `memory rows of data shard ${shard}`;
    const method = this.#client.fillMemory.bind(this.#client);
    return this.#upload(what, method, { shard, generation }, bundle, signal);
  }

  /** @param bundle pseudo-labels of all samples of the server */
  async seal(step: number, bundle: Uint8Array, signal: AbortSignal): Promise<void> {
    const method = this.#client.sealMemory.bind(this.#client);
    await this.#upload('pseudo-labels of all samples', method, { step }, bundle, signal);
  }

  /** @param bundle ids and pseudo-labels */
  async relabel(step: number, bundle: Uint8Array, signal: AbortSignal): Promise<void> {
    const method = this.#client.relabel.bind(this.#client);
    await this.#upload(`pseudo-labels after step ${step}`, method, { step }, bundle, signal);
  }

  /**
   * @returns a bundle of the samples' rows before a step.
   * @throws TrainerError GENERATION_FENCED when another is next
   */
  rows(step: number, ids: Iterable<number>, signal: AbortSignal): Promise<Uint8Array> {
    const request = { ...this.#identity, step, ids: [...ids] };
    return this.#download(`memory rows before step ${step}`, signal, (receive, limits) =>
      callDownload(this.#client.fetchRows.bind(this.#client), request, receive, limits),
    );
  }

  /** @returns the bundle of a committed step's change */
  change(step: number, signal: AbortSignal): Promise<Uint8Array> {
    const request = { ...this.#identity, step };
    return this.#download(`memory change of step ${step}`, signal, (receive, limits) =>
      callDownload(this.#client.fetchChange.bind(this.#client), request, receive, limits),
    );
  }

  /** @returns the bundle of cluster sums, recomputed */
  clusterSums(signal: AbortSignal): Promise<Uint8Array> {
    const request = this.#identity;
    return this.#download('cluster sums', signal, (receive, limits) =>
      callDownload(this.#client.fetchClassSums.bind(this.#client), request, receive, limits),
    );
  }

  /** Ends the calls under way, too. */
  close(): void {
    this.#closed.abort();
    this.#client.close();
  }

  #limits(what: string, signal: AbortSignal): CallLimits {
    return { what, deadlineMs: BULK_MS, signal, givenUp: this.#closed.signal };
  }

  #repeat<Result>(signal: AbortSignal, attempt: () => Promise<Result>): Promise<Result> {
    return retryTransient(attempt, { forMs: RETRY_MS, signal, givenUp: this.#closed.signal });
  }

  #upload(
    what: string,
    method: InstanceType<typeof wire.SampleMemory>['relabel'],
    header: MemoryHeader,
    bundle: Uint8Array,
    signal: AbortSignal,
  ): Promise<MemoryReply__Output> {
    const messages = (): Generator<MemoryMessage> =>
      memoryMessages({ ...header, ...this.#identity }, bundle);
    return this.#repeat(signal, () => callUpload(method, messages(), this.#limits(what, signal)));
  }

  #download(
    what: string,
    signal: AbortSignal,
    run: (receive: (chunk: ReceivedChunk) => void, limits: CallLimits) => Promise<void>,
  ): Promise<Uint8Array> {
    return this.#repeat(signal, async () => {
      const chunks = new ChunkAssembler(what);
      await run(
        (chunk) => {
          chunks.add(chunk);
        },
        this.#limits(what, signal),
      );
      const bytes = chunks.finish();
      if (bytes === null) throw unavailable(what, 'came empty');
      return bytes;
    });
  }
}

function* memoryMessages(header: MemoryHeader, bundle: Uint8Array): Generator<MemoryMessage> {
  yield { header };
  for (const chunk of chunkBytes(bundle)) yield { chunk };
}
