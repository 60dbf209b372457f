/**
 * Where a run is, as its events.jsonl tells, line by line. Pure; lines may be missing at the
 * beginning, since a long run's file is read from near its end.
 */
import { PhaseClock, type RunCourse } from '../../telemetry/time-left.ts';

export type EventLine = Readonly<Record<string, unknown>>;

export interface SeenEvent {
  /** ISO 8601. */
  readonly ts: string;
  readonly event: string;
  readonly reason: string;
}

/** How the coordinator that wrote last has ended, by its own words. */
export interface Ending {
  readonly type: 'finished' | 'stopped';
  readonly reason: string;
}

interface Step {
  readonly atMs: number;
  readonly samples: number;
}

/** Steps by which the speed is judged. */
const JUDGED_STEPS = 50;
const MOST_RECENT = 8;
/** Too many for a person to be told of each; phase and checkpoint are told apart. */
const UNTOLD: ReadonlySet<string> = new Set([
  ...['step.committed', 'phase.entered', 'checkpoint.written'],
  // Of slices that were given to two workers: as expected.
  ...['slice.backed', 'push.duplicate', 'push.fenced'],
]);

export class RunEvents {
  readonly #clock = new PhaseClock();
  #term: number | null = null;
  #epoch: number | null = null;
  #phase: string | null = null;
  /** Committed over the whole run. */
  #step = 0;
  /** The step that the present epoch's training began with. */
  #firstStep: number | null = null;
  #loss: number | null = null;
  #steps: Step[] = [];
  readonly #workers = new Set<string>();
  #checkpoint: { readonly step: number; readonly ts: string } | null = null;
  #ending: Ending | null = null;
  #paused = '';
  readonly #recent: SeenEvent[] = [];

  take(line: EventLine): void {
    const event = textOf(line['event']);
    const reason = textOf(line['reason']);
    const ts = textOf(line['ts']);
    this.#term = wholeOf(line['term']) ?? this.#term;
    if (!UNTOLD.has(event)) {
      this.#recent.push({ ts, event, reason });
      if (this.#recent.length > MOST_RECENT) this.#recent.shift();
    }
    this.#takeKind(event, line, { reason, ts });
  }

  #takeKind(event: string, line: EventLine, told: { reason: string; ts: string }): void {
    const { reason, ts } = told;
    const atMs = Date.parse(ts);
    const workerId = textOf(line['workerId']);
    switch (event) {
      case 'folder.claimed':
      case 'term.begun':
        this.#begin();
        break;
      case 'phase.entered':
        this.#enter(wholeOf(line['epoch']), textOf(line['phase']), atMs);
        break;
      case 'step.committed':
        this.#commit(line, atMs);
        break;
      case 'worker.joined':
        this.#workers.add(workerId);
        break;
      case 'worker.lost':
        this.#workers.delete(workerId);
        break;
      case 'run.paused':
        this.#paused = reason;
        break;
      case 'run.continued':
        this.#paused = '';
        break;
      case 'run.resumed':
        this.#resume(line);
        break;
      case 'checkpoint.written':
        this.#checkpoint = { step: wholeOf(line['step']) ?? 0, ts };
        break;
      case 'run.finished':
        this.#ending = { type: 'finished', reason };
        break;
      case 'run.stopped':
        this.#ending = { type: 'stopped', reason };
        break;
    }
  }

  get term(): number | null {
    return this.#term;
  }

  /** Counted from 0; null before the first phase. */
  get epoch(): number | null {
    return this.#epoch;
  }

  get phase(): string | null {
    return this.#phase;
  }

  /** Steps that have taken effect. */
  get step(): number {
    return this.#step;
  }

  /** Of the last step. */
  get loss(): number | null {
    return this.#loss;
  }

  /** Of the present epoch, while it trains; null where it was not seen to begin. */
  get stepsOfEpoch(): number | null {
    return this.#phase !== 'train' || this.#firstStep === null
      ? null
      : this.#step - this.#firstStep;
  }

  get workers(): readonly string[] {
    return [...this.#workers];
  }

  get checkpoint(): { readonly step: number; readonly ts: string } | null {
    return this.#checkpoint;
  }

  /** Null while nothing was said of an end. */
  get ending(): Ending | null {
    return this.#ending;
  }

  /** Why no work is given out; empty otherwise. */
  get paused(): string {
    return this.#paused;
  }

  /** The last ones, oldest first. */
  get recent(): readonly SeenEvent[] {
    return this.#recent;
  }

  /** Trained, over the last steps; null outside training. */
  get imagesPerSecond(): number | null {
    const [first, ...later] = this.#steps;
    const last = later.at(-1);
    if (this.#phase !== 'train' || first === undefined || last === undefined) return null;
    const seconds = (last.atMs - first.atMs) / 1000;
    const images = later.reduce((sum, { samples }) => sum + samples, 0);
    return seconds > 0 ? images / seconds : null;
  }

  /**
   * Of the whole run.
   * @param stepsPerEpoch null: not known
   */
  secondsLeft(
    nowMs: number,
    {
      stepsPerEpoch,
      ...facts
    }: {
      readonly epochs: number;
      readonly stepsPerEpoch: number | null;
      readonly course: RunCourse;
    },
  ): number | null {
    return this.#clock.secondsLeft(nowMs, {
      ...facts,
      phaseSecondsLeft: this.#phaseSecondsLeft(stepsPerEpoch),
    });
  }

  #phaseSecondsLeft(stepsPerEpoch: number | null): number | null {
    const [first] = this.#steps;
    const last = this.#steps.at(-1);
    const done = this.stepsOfEpoch;
    if (stepsPerEpoch === null || done === null || first === undefined || last === undefined) {
      return null;
    }
    const steps = this.#steps.length - 1;
    if (steps === 0) return null;
    const each = (last.atMs - first.atMs) / 1000 / steps;
    return Math.max(0, stepsPerEpoch - done) * each;
  }

  /** A coordinator, or a term, begins: its workers join anew. */
  #begin(): void {
    this.#clock.restart();
    this.#workers.clear();
    this.#steps = [];
    [this.#phase, this.#ending, this.#paused, this.#firstStep] = [null, null, '', null];
  }

  #resume(line: EventLine): void {
    this.#step = wholeOf(line['step']) ?? this.#step;
    if (line['stage'] !== 'train') return;
    this.#epoch = wholeOf(line['epoch']);
    this.#firstStep = wholeOf(line['firstStep']);
  }

  #enter(epoch: number | null, phase: string, atMs: number): void {
    if (epoch === null) return;
    this.#clock.enter(epoch, phase, atMs);
    if (epoch !== this.#epoch) this.#firstStep = null;
    if (phase !== this.#phase) this.#steps = [];
    [this.#epoch, this.#phase] = [epoch, phase];
    // An epoch that a resumed run goes on with has begun before.
    if (phase === 'train' && this.#firstStep === null && this.#clock.isWhole) {
      this.#firstStep = this.#step;
    }
  }

  #commit(line: EventLine, atMs: number): void {
    const step = wholeOf(line['step']);
    if (step === null) return;
    this.#step = step + 1;
    const { loss } = line;
    if (typeof loss === 'number') this.#loss = loss;
    this.#steps.push({ atMs, samples: wholeOf(line['samples']) ?? 0 });
    if (this.#steps.length > JUDGED_STEPS) this.#steps.shift();
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function wholeOf(value: unknown): number | null {
  return Number.isSafeInteger(value) ? (value as number) : null;
}
