/** How fast the phase under way goes, and how long it and the run still take. */
import type { Progress } from '../../src/telemetry/notice.ts';
import { PhaseClock, type RunCourse } from '../../src/telemetry/time-left.ts';

export interface Pace {
  readonly progress: Progress;
  /** Of what the progress counts, since the phase was first seen; null: not known yet. */
  readonly perSecond: number | null;
  /** Null: not known yet. */
  readonly phaseSecondsLeft: number | null;
  /** Until the run ends, its last clustering and evaluation included; null: not known yet. */
  readonly runSecondsLeft: number | null;
}

export class PaceMeter {
  readonly #clock = new PhaseClock();
  readonly #course: () => RunCourse;
  #progress: Progress | null = null;
  /** When the phase under way was first seen, and what was done then. */
  #start = { atMs: 0, done: 0 };
  /** When it was last seen: its speed is that up to then. */
  #seenMs = 0;

  /** @param course of the run with the workers that it has now */
  constructor(course: () => RunCourse) {
    this.#course = course;
  }

  note(progress: Progress, nowMs: number): void {
    const { epoch, epochs, phase, done } = progress;
    const before = this.#progress;
    const isSame = before?.phase === phase && before.epoch === epoch && done >= before.done;
    if (!isSame) this.#start = { atMs: nowMs, done };
    this.#progress = progress;
    this.#seenMs = nowMs;
    if (epochs > 0) this.#clock.enter(epoch, phase, nowMs);
  }

  /** The run goes back to a checkpoint, or ends: what was under way is not any more. */
  reset(): void {
    this.#progress = null;
    this.#clock.restart();
  }

  /** Null before the first progress. */
  at(nowMs: number): Pace | null {
    const progress = this.#progress;
    if (progress === null) return null;
    const { done, total, epochs } = progress;
    const speed = (1000 * (done - this.#start.done)) / (this.#seenMs - this.#start.atMs);
    const perSecond = Number.isFinite(speed) && speed > 0 ? speed : null;
    const sinceMs = nowMs - this.#seenMs;
    const phaseSecondsLeft =
      perSecond === null ? null : Math.max(0, (total - done) / perSecond - sinceMs / 1000);
    const runSecondsLeft = this.#clock.secondsLeft(nowMs, {
      ...{ epochs, phaseSecondsLeft, course: this.#course() },
    });
    return { progress, perSecond, phaseSecondsLeft, runSecondsLeft };
  }
}
