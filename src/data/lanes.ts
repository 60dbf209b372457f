/** Bounded concurrency: many small waits on disk and decoder, a few at a time. */

/**
 * Runs `task` for 0 .. count - 1, starting them in order, at most `lanes` at a time. The first failure, or the signal,
 * ends it: no further task starts.
 */
export async function forEachInLanes(
  count: number,
  lanes: number,
  task: (index: number) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (next < count && !failed) {
      signal?.throwIfAborted();
      try {
        await task(next++);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, count) }, lane));
}

/** Lets at most `limit` holders in at a time, first come, first served. */
export class Gate {
  /** Free places; 0 while anybody waits. */
  #free: number;
  /** Those who wait, oldest first. */
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
