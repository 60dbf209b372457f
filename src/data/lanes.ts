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

interface Job {
  readonly count: number;
  readonly task: (index: number) => Promise<void>;
  readonly signal: AbortSignal | undefined;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
  /** Tasks begun and tasks ended; the job leaves the queue with its last beginning, and is done with its last end. */
  begun: number;
  ended: number;
}

/** Lanes shared by several jobs: at most `limit` tasks run at a time, those of the earliest job first. */
export class SharedLanes {
  #free: number;
  /** Jobs with tasks that have not begun, oldest first. */
  readonly #jobs: Job[] = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  /**
   * Runs `task` for 0 .. count - 1, starting them in order, once the jobs before have all begun. A failure, or the signal,
   * ends this job: no further task of it starts.
   */
  run(count: number, task: (index: number) => Promise<void>, signal?: AbortSignal): Promise<void> {
    if (count === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#jobs.push({ count, task, signal, resolve, reject, begun: 0, ended: 0 });
      this.#fill();
    });
  }

  #fill(): void {
    while (this.#free > 0) {
      const job = this.#jobs[0];
      if (job === undefined) return;
      if (job.signal?.aborted === true) {
        this.#fail(job, job.signal.reason);
        continue;
      }
      const index = job.begun++;
      if (job.begun === job.count) this.#jobs.shift();
      this.#free--;
      void this.#runOne(job, index);
    }
  }

  async #runOne(job: Job, index: number): Promise<void> {
    try {
      await job.task(index);
    } catch (error) {
      this.#fail(job, error);
    }
    job.ended++;
    if (job.ended === job.count) job.resolve();
    this.#free++;
    this.#fill();
  }

  #fail(job: Job, reason: unknown): void {
    const place = this.#jobs.indexOf(job);
    if (place >= 0) this.#jobs.splice(place, 1);
    job.reject(reason as Error);
  }
}
