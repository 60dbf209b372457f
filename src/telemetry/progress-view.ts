/**
 * Shows a person how far a run is: on a terminal one live bar with the time left, elsewhere plain
 * lines, one at a phase's start and end and one every few seconds in between. Remarks are permanent
 * lines on both.
 */
import cliProgress from 'cli-progress';
import type { Progress } from './notice.ts';
import { EPOCHS_ALONE, PhaseClock, type RunCourse } from './time-left.ts';

export interface ProgressView {
  show(progress: Progress): void;
  /** A line that stays. */
  remark(text: string): void;
  /** Removes the bar; what is shown later starts anew. */
  close(): void;
}

/** Where it is shown: stderr, or a stand-in. */
export type ProgressStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  /** Characters of a line of the terminal. */
  readonly columns?: number;
};

export interface ProgressViewOptions {
  readonly stream: ProgressStream;
  readonly nowMs: () => number;
  /** Least time between two plain lines of one phase [ms]. */
  readonly lineEveryMs?: number;
  /** What the run does, as far as it is known now; left out: epochs that are all alike. */
  readonly course?: () => RunCourse;
}

export function createProgressView(options: ProgressViewOptions): ProgressView {
  return options.stream.isTTY === true ? barView(options) : lineView(options);
}

/** The phase shown, and what was done at its first notice: the speed is measured from there. */
interface PhaseStart {
  readonly epoch: number;
  readonly phase: string;
  readonly atMs: number;
  readonly done: number;
}

function isSamePhase(start: PhaseStart | null, progress: Progress): start is PhaseStart {
  return start?.phase === progress.phase && start.epoch === progress.epoch;
}

function startOf(progress: Progress, nowMs: number): PhaseStart {
  return { epoch: progress.epoch, phase: progress.phase, atMs: nowMs, done: progress.done };
}

function barView({ stream, nowMs, course }: ProgressViewOptions): ProgressView {
  const facts = new ProgressFacts(course);
  let start: PhaseStart | null = null;
  let bar: cliProgress.SingleBar | null = null;
  const close = (): void => {
    bar?.stop();
    bar = null;
    start = null;
  };
  return {
    show(progress) {
      if (!isSamePhase(start, progress)) {
        close();
        start = startOf(progress, nowMs());
      }
      const payload = {
        title: titleOf(progress),
        facts: facts.of(progress, start, nowMs()).join(', '),
      };
      if (bar) {
        bar.setTotal(progress.total);
        bar.update(progress.done, payload);
      } else {
        bar = new cliProgress.SingleBar(
          {
            stream,
            format: (params, state, shown: typeof payload) => {
              const { title, facts: text } = shown;
              const barsize = barSize((stream.columns ?? 80) - title.length - text.length - 3);
              const bar = cliProgress.Format.BarFormat(state.progress, { ...params, barsize });
              return `${title} ${bar} ${text}`;
            },
            barsize: WIDEST_BAR,
            clearOnComplete: true,
            gracefulExit: false, // signals are the launcher's
          },
          cliProgress.Presets.shades_classic,
        );
        bar.start(progress.total, progress.done, payload);
      }
    },
    remark(text) {
      // The next notice draws the bar again, below the line.
      bar?.stop();
      bar = null;
      stream.write(`${text}\n`);
    },
    close,
  };
}

/** Characters of the bar: with the text beside it, it should fit into the line. */
const WIDEST_BAR = 24;
const NARROWEST_BAR = 6;

function barSize(room: number): number {
  return Math.max(NARROWEST_BAR, Math.min(WIDEST_BAR, room));
}

function lineView(options: ProgressViewOptions): ProgressView {
  const { stream, nowMs, lineEveryMs = 5_000, course } = options;
  const facts = new ProgressFacts(course);
  let start: PhaseStart | null = null;
  let lastMs = -Infinity;
  let isEnded = false;
  return {
    show(progress) {
      const now = nowMs();
      const isEnd = progress.done >= progress.total;
      facts.note(progress, now);
      if (!isSamePhase(start, progress)) {
        start = startOf(progress, now);
      } else if (isEnded || (!isEnd && now - lastMs < lineEveryMs)) {
        return;
      }
      isEnded = isEnd;
      lastMs = now;
      stream.write(`${titleOf(progress)} ${facts.of(progress, start, now).join(', ')}\n`);
    },
    remark(text) {
      stream.write(`${text}\n`);
    },
    close() {
      start = null;
    },
  };
}

function titleOf({ epoch, epochs, phase }: Progress): string {
  // People count from 1.
  return epoch >= epochs ? phase : `epoch ${epoch + 1}/${epochs} ${phase}`;
}

/** What is said of a phase beside its title. */
class ProgressFacts {
  readonly #clock = new PhaseClock();
  readonly #course: () => RunCourse;

  constructor(course: () => RunCourse = () => EPOCHS_ALONE) {
    this.#course = course;
  }

  /** To be told of every notice, shown or not. */
  note({ epoch, epochs, phase }: Progress, nowMs: number): void {
    if (epochs > 0) this.#clock.enter(epoch, phase, nowMs);
  }

  /**
   * `600/1200 images`, `240/s`, `run 2 h 07 min left`, `loss 2.9`; in place of the run's the time
   * left in the phase, as long as the run's is not known: `3 s left`
   */
  of(progress: Progress, start: PhaseStart, nowMs: number): string[] {
    this.note(progress, nowMs);
    const { done, total, unit, note } = progress;
    const facts = [`${done}/${total} ${unit}`];
    const perSecond = (1000 * (done - start.done)) / (nowMs - start.atMs);
    const isMeasured = Number.isFinite(perSecond) && perSecond > 0;
    if (isMeasured) facts.push(`${formatRate(perSecond)}/s`);
    const ofPhase = isMeasured ? (total - done) / perSecond : null;
    const ofRun = this.#ofRun(progress, ofPhase, nowMs);
    if (ofRun !== null) facts.push(`run ${formatSeconds(ofRun)} left`);
    else if (ofPhase !== null && done < total) facts.push(`${formatSeconds(ofPhase)} left`);
    if (note !== undefined) facts.push(note);
    return facts;
  }

  #ofRun({ epochs }: Progress, phaseSecondsLeft: number | null, nowMs: number): number | null {
    const course = this.#course();
    const left = this.#clock.secondsLeft(nowMs, { epochs, phaseSecondsLeft, course });
    return left !== null && left > 0 ? left : null;
  }
}

function formatRate(perSecond: number): string {
  return perSecond >= 10 ? perSecond.toFixed(0) : perSecond.toPrecision(2);
}

/** `12 s`, `3 min 05 s`, `2 h 07 min`; anything above zero is at least a second. */
export function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (n: number): string => String(n).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}
