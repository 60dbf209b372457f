/**
 * An estimate of how long a run's epochs still take: what is left of the present one, by the pace
 * of its phase and the phases of epochs before it, and as long as they took for each that
 * follows. Pure. What comes after the last epoch, a clustering and the evaluation, is not in it:
 * nothing has been measured of that.
 */

/** Seconds of the phases of one epoch, in their order. */
export type PhaseSeconds = ReadonlyMap<string, number>;

export interface EpochProgress {
  readonly epochs: number;
  /** The one under way, counted from 0. */
  readonly epoch: number;
  /** Of epochs that have been measured from end to end, in their order. */
  readonly finished: readonly PhaseSeconds[];
  /** Of the present epoch so far; the last phase is under way. */
  readonly current: PhaseSeconds;
  /** Until the phase under way ends, by its own pace; null: not known yet. */
  readonly phaseSecondsLeft: number | null;
  /**
   * Whether a phase belongs to each epoch; left out: all do. ODC clusters at its beginning alone.
   */
  readonly recurs?: (phase: string) => boolean;
}

/** With this phase an epoch ends. */
const LAST_PHASE = 'train';

/** Epochs by which those to come are judged: the first ones are slower, until caches are full. */
const JUDGED_EPOCHS = 3;

/** @returns null while it cannot be told: in a first epoch, before it trains at a known pace */
export function secondsLeft(progress: EpochProgress): number | null {
  const { epochs, epoch, finished, current, recurs = () => true } = progress;
  const phase = [...current.keys()].at(-1);
  if (phase === undefined || epoch >= epochs) return null;
  const usual = meanOf(finished.slice(-JUDGED_EPOCHS));
  if (usual.size === 0 && phase !== LAST_PHASE) return null;
  const inPhase = current.get(phase)!;
  const expected = usual.get(phase);
  const ofPhase =
    progress.phaseSecondsLeft ?? (expected === undefined ? null : Math.max(0, expected - inPhase));
  if (ofPhase === null) return null;
  const ofEpoch = [...usual]
    .filter(([name]) => !current.has(name) && (epoch === 0 || recurs(name)))
    .reduce((sum, [, seconds]) => sum + seconds, 0);
  const model = usual.size > 0 ? usual : new Map(current).set(phase, inPhase + ofPhase);
  const eachLater = [...model]
    .filter(([name]) => recurs(name))
    .reduce((sum, [, seconds]) => sum + seconds, 0);
  return ofPhase + ofEpoch + (epochs - 1 - epoch) * eachLater;
}

/** Of each phase of the last epoch, over the epochs that have it. */
function meanOf(measured: readonly PhaseSeconds[]): Map<string, number> {
  const names = [...(measured.at(-1)?.keys() ?? [])];
  return new Map(
    names.map((name) => {
      const seconds = measured.flatMap((epoch) => epoch.get(name) ?? []);
      return [name, seconds.reduce((sum, value) => sum + value, 0) / seconds.length];
    }),
  );
}

/** Measures the phases of a run as they are entered. */
export class PhaseClock {
  readonly #finished: PhaseSeconds[] = [];
  #epoch: number | null = null;
  /** Whether the present epoch was seen from its beginning. */
  #isWhole = false;
  #current = new Map<string, number>();
  #sinceMs = 0;

  /** Whether the present epoch has been seen from its beginning. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** A phase begins, or is seen under way; the one before it ends. */
  enter(epoch: number, phase: string, nowMs: number): void {
    if (this.#epoch === epoch && [...this.#current.keys()].at(-1) === phase) return;
    this.#count(nowMs);
    if (this.#epoch !== epoch) {
      const follows = this.#epoch !== null && epoch === this.#epoch + 1;
      if (follows && this.#isWhole) this.#finished.push(this.#current);
      // One that is first seen training may have trained for long.
      this.#isWhole = follows || epoch === 0 || phase !== LAST_PHASE;
      this.#epoch = epoch;
      this.#current = new Map();
    }
    // A phase that comes in turns with others goes on.
    const before = this.#current.get(phase) ?? 0;
    this.#current.delete(phase);
    this.#current.set(phase, before);
    this.#sinceMs = nowMs;
  }

  /** Forgets the epoch under way: it begins again, or is gone on with after a pause. */
  restart(): void {
    this.#epoch = null;
    this.#current = new Map();
  }

  /** @param phaseSecondsLeft by the pace of the phase under way; null: not known */
  secondsLeft(
    nowMs: number,
    facts: Pick<EpochProgress, 'epochs' | 'phaseSecondsLeft' | 'recurs'>,
  ): number | null {
    if (this.#epoch === null) return null;
    const isLast = this.#epoch === facts.epochs - 1;
    if (!this.#isWhole && this.#finished.length === 0 && !isLast) return null;
    const current = new Map(this.#current);
    const last = [...current.keys()].at(-1);
    if (last !== undefined) current.set(last, current.get(last)! + (nowMs - this.#sinceMs) / 1000);
    return secondsLeft({ ...facts, epoch: this.#epoch, finished: this.#finished, current });
  }

  #count(nowMs: number): void {
    const last = [...this.#current.keys()].at(-1);
    if (last === undefined) return;
    this.#current.set(last, this.#current.get(last)! + (nowMs - this.#sinceMs) / 1000);
  }
}
