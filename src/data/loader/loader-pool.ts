/**
 * Loader threads: views are made while the caller's thread computes. Each thread has the samples whose id leaves its number
 * as the remainder, always, so that a cached image is found again; it writes their views into a block that all share.
 * Threads start with the first call and do not keep the process alive; one that dies fails the calls it had a part in, and
 * another takes its place at the next.
 */
import type { Worker } from 'node:worker_threads';
import { receivedError } from '../../process/thread-error.ts';
import { startThread } from '../../process/thread.ts';
import { messageOf, unavailable } from '../../errors.ts';
import type { ImageLoaderOptions, ViewBackend, ViewBlock } from './view-backend.ts';
import type { LoaderMessage, LoaderReply, LoaderThreadSettings } from './loader-thread.ts';
import { viewBytes, type MadeViews, type ViewRequest } from './view-maker.ts';

export type LoaderPoolOptions = ImageLoaderOptions &
  Required<Pick<ImageLoaderOptions, 'threads' | 'concurrency'>>;

/** Part of a call for one thread. */
type Part = Omit<LoaderMessage & { kind: 'make' }, 'kind' | 'call'>;

/** Decodes that a thread has under way at the least: one is waited for while the views of another are made. */
const LEAST_CONCURRENCY = 2;

export class LoaderPool implements ViewBackend {
  readonly #options: LoaderPoolOptions;
  readonly #threads: readonly LoaderThread[];

  constructor(options: LoaderPoolOptions) {
    const { config, seed, threads, concurrency } = options;
    this.#options = options;
    const settings: LoaderThreadSettings = {
      role: 'image loader',
      config,
      seed,
      concurrency: Math.max(LEAST_CONCURRENCY, Math.ceil(concurrency / threads)),
      cacheBytes: Math.floor(config.cacheBytes / threads),
    };
    this.#threads = Array.from({ length: threads }, (_, i) => new LoaderThread(i, settings));
  }

  async make(request: ViewRequest, signal?: AbortSignal): Promise<ViewBlock> {
    const { config, onMade } = this.#options;
    const pixels = new SharedArrayBuffer(request.ids.length * viewBytes(config, request.small));
    const failures = new Map<number, string>();
    const damages = new Map<number, string>();
    await Promise.all(
      this.#threads.map(async (thread, index) => {
        const part = this.#partOf(request, index, pixels);
        if (part.locators.length === 0) return;
        const made = await thread.make(part, signal);
        onMade?.(index, made);
        for (const [id, reason] of made.failures) failures.set(id, reason);
        for (const [id, reason] of made.damages) damages.set(id, reason);
      }),
    );
    return { pixels: new Uint8Array(pixels), failures, damages };
  }

  close(): void {
    for (const thread of this.#threads) thread.close();
  }

  #partOf(request: ViewRequest, thread: number, pixels: SharedArrayBuffer): Part {
    const { source, threads } = this.#options;
    const { ids, rows, epoch, occurrences, small } = request;
    const own = Int32Array.from(ids.keys()).filter((i) => ids[i]! % threads === thread);
    return {
      request: {
        ids: own.map((i) => ids[i]!),
        rows: own.map((i) => rows[i]!),
        epoch,
        small,
        occurrences: occurrences === null ? null : own.map((i) => occurrences[i]!),
      },
      locators: Array.from(own, (i) => source.locator(ids[i]!)),
      pixels,
    };
  }
}

interface PendingCall {
  readonly resolve: (made: MadeViews) => void;
  readonly reject: (reason: Error) => void;
  /** Called once the call is off the list. */
  readonly settled: () => void;
}

/** The pool's end of one thread. */
class LoaderThread {
  readonly #index: number;
  readonly #settings: LoaderThreadSettings;
  /** Null before the first call, and after the thread has ended. */
  #worker: Worker | null = null;
  /** Calls of `#worker` that wait for its answer; while there are any, it keeps the process alive. */
  readonly #pending = new Map<number, PendingCall>();
  #calls = 0;

  constructor(index: number, settings: LoaderThreadSettings) {
    this.#index = index;
    this.#settings = settings;
  }

  /** @throws TrainerError UNAVAILABLE when the thread ends before it has answered */
  make(part: Part, signal?: AbortSignal): Promise<MadeViews> {
    const worker = (this.#worker ??= this.#start());
    const call = this.#calls++;
    return new Promise<MadeViews>((resolve, reject) => {
      const abort = (): void => {
        worker.postMessage({ kind: 'abort', call } satisfies LoaderMessage);
        this.#settle(call)?.reject(signal?.reason as Error);
      };
      const settled = (): void => {
        signal?.removeEventListener('abort', abort);
      };
      this.#pending.set(call, { resolve, reject, settled });
      signal?.addEventListener('abort', abort, { once: true });
      worker.ref();
      worker.postMessage({ kind: 'make', call, ...part } satisfies LoaderMessage);
    });
  }

  /** Ends the thread without waiting for it: it may hang in a read. */
  close(): void {
    void this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = startThread(new URL('./loader-thread.ts', import.meta.url), this.#settings);
    let reason = 'it was ended';
    worker.on('message', (reply: LoaderReply) => {
      const pending = this.#settle(reply.call);
      if (reply.kind === 'made') pending?.resolve(reply.made);
      else pending?.reject(receivedError(reply.error));
    });
    worker.on('error', (error) => {
      reason = messageOf(error);
    });
    worker.on('exit', () => {
      this.#worker = null;
      for (const call of [...this.#pending.keys()]) {
        this.#settle(call)?.reject(unavailable(`loader thread ${this.#index}`, reason));
      }
    });
    return worker;
  }

  /** Takes a call off the list; undefined for one that was aborted before. */
  #settle(call: number): PendingCall | undefined {
    const pending = this.#pending.get(call);
    this.#pending.delete(call);
    if (this.#pending.size === 0) this.#worker?.unref();
    pending?.settled();
    return pending;
  }
}
