/**
 * Threads that share the kernels' memory and take the chunks of one job at a time; the thread that
 * asks is one of them. Whoever is free takes the next chunk, so a busy machine slows a job but
 * never changes its result. Nobody spins: threads without work sleep until they are woken, and none
 * keeps the process alive.
 */
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { startThread } from '../../../process/thread.ts';
import { jobOf, numberOf, type JobName, type ParametersOf } from '../jobs/jobs.ts';
import type { Kernels } from '../kernels/kernels.ts';

/** Most chunks that a ticket counts; jobs with more are done in parts. */
const CHUNK_BITS = 12;
const CHUNK_MASK = (1 << CHUNK_BITS) - 1;

/** Words of the control block. */
const WORD = {
  /**
   * How many chunks nobody has taken yet, in the low bits; above them the job's generation. Taken
   * by exchange.
   */
  ticket: 0,
  /** Chunks that are not finished. */
  pending: 1,
  /** Of the job: its number, and what is added to its chunks. */
  job: 2,
  firstChunk: 3,
  /** Whether a chunk failed on another thread. */
  failed: 4,
} as const;
const WORDS = 8;
const MOST_PARAMETERS = 32;

/** What the threads of a team have in common besides the memory. */
export class JobBoard {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #parameters: Float64Array<SharedArrayBuffer>;

  constructor(
    buffer = new SharedArrayBuffer(
      WORDS * Int32Array.BYTES_PER_ELEMENT + MOST_PARAMETERS * Float64Array.BYTES_PER_ELEMENT,
    ),
  ) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, WORDS);
    this.#parameters = new Float64Array(buffer, this.#words.byteLength);
  }

  /**
   * Puts up a job and takes part in it until it is done. Only one thread of the team may call this.
   */
  run(
    kernels: Kernels,
    name: JobName,
    parameters: Readonly<Record<string, number>>,
    chunks: number,
  ) {
    const number = numberOf(name);
    for (let first = 0; first < chunks; first += CHUNK_MASK) {
      const count = Math.min(CHUNK_MASK, chunks - first);
      for (const [i, key] of jobOf(number).names.entries()) this.#parameters[i] = parameters[key]!;
      this.#words[WORD.job] = number;
      this.#words[WORD.firstChunk] = first;
      Atomics.store(this.#words, WORD.pending, count);
      const generation = (Atomics.load(this.#words, WORD.ticket) >>> CHUNK_BITS) + 1;
      Atomics.store(this.#words, WORD.ticket, (generation << CHUNK_BITS) | count);
      Atomics.notify(this.#words, WORD.ticket, count - 1);
      const failure = this.#takeChunks(kernels, 0);
      this.#awaitOthers();
      const failedElsewhere = Atomics.exchange(this.#words, WORD.failed, 0) !== 0;
      if (failure !== null) throw failure.cause;
      if (failedElsewhere) {
        throw new Error(`a chunk of the job ${name} failed on another thread`);
      }
    }
  }

  /** Takes part in every job from now on. @param thread from 1; the asking thread is 0 */
  serve(kernels: Kernels, thread: number): never {
    for (;;) {
      const ticket = Atomics.load(this.#words, WORD.ticket);
      if ((ticket & CHUNK_MASK) === 0) Atomics.wait(this.#words, WORD.ticket, ticket);
      else this.#takeChunks(kernels, thread);
    }
  }

  /**
   * Runs chunks until none is left to take. What a thread reads of a job counts only if the ticket
   * is still the same when it takes a chunk: until that chunk is finished, nobody puts up another
   * job.
   * @returns the first failure
   */
  #takeChunks(kernels: Kernels, thread: number): { cause: unknown } | null {
    let failure: { cause: unknown } | null = null;
    let known: number | null = null;
    let job = jobOf(0);
    let first = 0;
    let parameters: Readonly<Record<string, number>> = {};
    for (;;) {
      const ticket = Atomics.load(this.#words, WORD.ticket);
      const left = ticket & CHUNK_MASK;
      if (left === 0) return failure;
      if (known !== ticket >>> CHUNK_BITS) {
        known = ticket >>> CHUNK_BITS;
        job = jobOf(this.#words[WORD.job]!);
        first = this.#words[WORD.firstChunk]!;
        parameters = Object.fromEntries(job.names.map((name, i) => [name, this.#parameters[i]!]));
      }
      if (Atomics.compareExchange(this.#words, WORD.ticket, ticket, ticket - 1) !== ticket)
        continue;
      try {
        job.run(kernels, parameters, first + left - 1, thread);
      } catch (cause) {
        failure ??= { cause };
        // Before the chunk counts as finished: afterwards it would be another job's.
        if (thread !== 0) Atomics.store(this.#words, WORD.failed, 1);
      }
      if (Atomics.sub(this.#words, WORD.pending, 1) === 1)
        Atomics.notify(this.#words, WORD.pending);
    }
  }

  #awaitOthers(): void {
    for (;;) {
      const pending = Atomics.load(this.#words, WORD.pending);
      if (pending === 0) return;
      Atomics.wait(this.#words, WORD.pending, pending);
    }
  }
}

/** Those who run jobs over one memory. */
export interface Team {
  readonly threads: number;
  run<N extends JobName>(name: N, parameters: ParametersOf<N>, chunks: number): void;
  /** Ends its threads. */
  dispose(): Promise<void>;
}

/** The asking thread alone. */
export function soloTeam(kernels: Kernels): Team {
  return {
    threads: 1,
    run: (name, parameters, chunks) => {
      const job = jobOf(numberOf(name));
      for (let chunk = 0; chunk < chunks; chunk += 1) job.run(kernels, parameters, chunk, 0);
    },
    dispose: () => Promise.resolve(),
  };
}

/** What a thread is started with. */
export interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly board: SharedArrayBuffer;
  readonly thread: number;
}

/**
 * The asking thread and `threads - 1` others, which are ready when this returns.
 * @param kernels the asking thread's, of `module` over `memory`, which must be shared
 */
export async function startTeam(
  threads: number,
  kernels: Kernels,
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Promise<Team> {
  const board = new JobBoard();
  const others = Array.from({ length: threads - 1 }, (_, i) => {
    const start: ThreadStart = { module, memory, board: board.buffer, thread: i + 1 };
    return startThread(new URL('./compute-thread.ts', import.meta.url), start);
  });
  await Promise.all(others.map(untilReady));
  return {
    threads,
    run: (name, parameters, chunks) => {
      board.run(kernels, name, parameters, chunks);
    },
    dispose: async () => {
      await Promise.all(others.map(async (thread) => thread.terminate()));
    },
  };
}

/** Rejects with the thread's error, should it fail to start. */
async function untilReady(thread: Worker): Promise<void> {
  await once(thread, 'message');
  thread.unref();
}
