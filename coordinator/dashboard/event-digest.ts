/**
 * What the page remembers of a run's events: the newest ones, where the workers went, and the
 * checkpoints. Of each it keeps so many and no more.
 */
import type { RunEvent } from '../record/run-folder.ts';

/** Events that are kept. */
export const MAX_EVENTS = 60;
/** Workers whose comings and goings are kept. */
export const MAX_WORKERS = 256;

export interface ShownEvent {
  /** ISO 8601 */
  readonly ts: string;
  readonly event: string;
  readonly reason: string;
}

export interface WorkerPast {
  readonly workerId: string;
  /** Null while it is a member, or where it never was one. */
  readonly gone: { readonly how: 'lost' | 'drained'; readonly ts: string; reason: string } | null;
  /** Times that it was lost and came back. */
  readonly cameBack: number;
}

export interface CheckpointsSoFar {
  /** By this coordinator. */
  readonly written: number;
  readonly failed: number;
  /** The newest one; null before the first. */
  readonly newest: {
    readonly name: string;
    readonly step: number;
    readonly bytes: number;
    readonly ts: string;
  } | null;
}

/** Too many of them to be news. */
const NOT_SHOWN: ReadonlySet<string> = new Set(['step.committed']);

export class EventDigest {
  #events: ShownEvent[] = [];
  /** In the order in which they were last heard of. */
  readonly #workers = new Map<string, WorkerPast>();
  #checkpoints: CheckpointsSoFar = { written: 0, failed: 0, newest: null };

  /** Newest first. */
  get events(): readonly ShownEvent[] {
    return this.#events;
  }

  get workers(): readonly WorkerPast[] {
    return [...this.#workers.values()];
  }

  get checkpoints(): CheckpointsSoFar {
    return this.#checkpoints;
  }

  note(line: RunEvent): void {
    const { ts, event, reason } = line;
    if (NOT_SHOWN.has(event)) return;
    this.#events = [{ ts, event, reason }, ...this.#events.slice(0, MAX_EVENTS - 1)];
    this.#noteCheckpoint(line);
    this.#noteWorker(line);
  }

  #noteCheckpoint({ event, reason, ts, step, bytes }: RunEvent): void {
    const { written, failed, newest } = this.#checkpoints;
    if (event === 'checkpoint.written') {
      const taken = { name: reason, step: Number(step), bytes: Number(bytes), ts };
      this.#checkpoints = { written: written + 1, failed, newest: taken };
    } else if (event === 'checkpoint.failed') {
      this.#checkpoints = { written, failed: failed + 1, newest };
    }
  }

  #noteWorker({ event, reason, ts, workerId }: RunEvent): void {
    if (typeof workerId !== 'string') return;
    const before = this.#workers.get(workerId);
    const cameBack = before?.cameBack ?? 0;
    if (event === 'worker.joined') {
      const isBack = before?.gone?.how === 'lost';
      this.#keep({ workerId, gone: null, cameBack: cameBack + (isBack ? 1 : 0) });
    } else if (event === 'worker.lost') {
      this.#keep({ workerId, gone: { how: 'lost', ts, reason }, cameBack });
    } else if (event === 'worker.drained') {
      this.#keep({ workerId, gone: { how: 'drained', ts, reason }, cameBack });
    }
  }

  #keep(past: WorkerPast): void {
    this.#workers.delete(past.workerId);
    this.#workers.set(past.workerId, past);
    const [oldest] = this.#workers.keys();
    if (this.#workers.size > MAX_WORKERS && oldest !== undefined) this.#workers.delete(oldest);
  }
}
