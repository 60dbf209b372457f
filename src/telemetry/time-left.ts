/**
 * An estimate of how long a run still takes: the rest of the present epoch, by the pace of its
 * phase and the phases of epochs before it; as long as they took for each that follows; then the
 * last clustering, as long as a clustering took before, and the evaluation, by the speed of the
 * extractions. Pure.
 */

/** Seconds of the phases of one epoch, in their order. */
export type PhaseSeconds = ReadonlyMap<string, number>;

/** What a run does in its epochs and after them (src/run/run-course.ts). */
export interface RunCourse {
  /** Whether a phase belongs to each epoch: ODC clusters at its beginning alone. */
  readonly recurs: (phase: string) => boolean;
  /** Whether all images are clustered once more after the last epoch. */
  readonly clustersAtEnd: boolean;
  /** How many extractions of all images the evaluation takes as long as; 0: there is none. */
  readonly evaluation: number;
}

export interface EpochProgress {
  readonly epochs: number;
  /** The one under way, counted from 0; `epochs`: what comes after them is under way. */
  readonly epoch: number;
  /** Of epochs that have been measured from end to end, in their order. */
  readonly finished: readonly PhaseSeconds[];
  /** Of the present epoch so far; the last phase is under way. */
  readonly current: PhaseSeconds;
  /** Until the phase under way ends, by its own pace; null: not known yet. */
  readonly phaseSecondsLeft: number | null;
  readonly course: RunCourse;
}

/** Of a run that does nothing but its epochs, all alike. */
export const EPOCHS_ALONE: RunCourse = {
  recurs: () => true,
  clustersAtEnd: false,
  evaluation: 0,
};

/** With this phase an epoch ends; those before it are its clustering. */
const LAST_PHASE = 'train';
const EXTRACT = 'extract';
const EVALUATE = 'evaluate';

/** Epochs by which those to come are judged: the first ones are slower, until caches are full. */
const JUDGED_EPOCHS = 3;

/**
 * A pass forward takes a third of a training step's arithmetic, which goes backward by inputs and
 * by weights, too: by that an extraction is judged where none has been measured, in an ODC run that
 * was resumed.
 */
const FORWARD_PART = 1 / 3;

/** @returns null while it cannot be told: in a first epoch, before it trains at a known pace */
export function secondsLeft(progress: EpochProgress): number | null {
  const { epochs, epoch, finished, current, course } = progress;
  const phase = [...current.keys()].at(-1);
  if (phase === undefined) return null;
  if (epoch >= epochs) return secondsLeftAfterEpochs(progress, phase);
  const usual = meanOf(finished.slice(-JUDGED_EPOCHS));
  if (usual.size === 0 && phase !== LAST_PHASE) return null;
  const inPhase = current.get(phase)!;
  const expected = usual.get(phase);
  const ofPhase =
    progress.phaseSecondsLeft ?? (expected === undefined ? null : Math.max(0, expected - inPhase));
  if (ofPhase === null) return null;
  const ofEpoch = [...usual]
    .filter(([name]) => !current.has(name) && (epoch === 0 || course.recurs(name)))
    .reduce((sum, [, seconds]) => sum + seconds, 0);
  const model = usual.size > 0 ? usual : new Map(current).set(phase, inPhase + ofPhase);
  const eachLater = [...model]
    .filter(([name]) => course.recurs(name))
    .reduce((sum, [, seconds]) => sum + seconds, 0);
  const clustering = clusteringOf(finished.length > 0 ? finished : [model]);
  return ofPhase + ofEpoch + (epochs - 1 - epoch) * eachLater + secondsAtEnd(clustering, course);
}

/** Of all that comes after the last epoch. */
function secondsAtEnd(clustering: PhaseSeconds, { clustersAtEnd, evaluation }: RunCourse): number {
  const ofClustering = clustersAtEnd ? sumOf(clustering.values()) : 0;
  return ofClustering + evaluation * (clustering.get(EXTRACT) ?? 0);
}

/** In the last clustering, or in the evaluation. */
function secondsLeftAfterEpochs(progress: EpochProgress, phase: string): number | null {
  const { finished, current, phaseSecondsLeft, course } = progress;
  const isEvaluated = phase.startsWith(EVALUATE);
  // Of a run that was resumed here nothing was measured before.
  if (finished.length === 0 && !isEvaluated) return null;
  if (finished.length === 0 && !current.has(EXTRACT)) return phaseSecondsLeft;
  const clustering = clusteringOf(finished.length === 0 ? [current] : finished);
  const ofEvaluation = course.evaluation * (clustering.get(EXTRACT) ?? 0);
  if (isEvaluated) {
    // Parts of it, as a launcher is told of them, are phases.
    const spent = [...current].filter(([name]) => name.startsWith(EVALUATE));
    const left = ofEvaluation - sumOf(spent.map(([, seconds]) => seconds));
    return Math.max(0, left, phaseSecondsLeft ?? 0);
  }
  const names = [...clustering.keys()];
  const after = names.slice(names.indexOf(phase) + 1).filter((name) => !current.has(name));
  const expected = Math.max(0, (clustering.get(phase) ?? 0) - current.get(phase)!);
  const later = sumOf(after.map((name) => clustering.get(name)!));
  return (phaseSecondsLeft ?? expected) + later + ofEvaluation;
}

/**
 * The newest clustering of those measured: the mean of the last epochs', where each had one.
 * @param measured not empty
 */
function clusteringOf(measured: readonly PhaseSeconds[]): PhaseSeconds {
  const having = measured.filter((epoch) => [...epoch.keys()].some((name) => name !== LAST_PHASE));
  const clustering = meanOf(having.slice(-JUDGED_EPOCHS));
  clustering.delete(LAST_PHASE);
  if (clustering.size > 0) return clustering;
  return new Map([[EXTRACT, FORWARD_PART * (measured.at(-1)?.get(LAST_PHASE) ?? 0)]]);
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
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
  enter(epoch: number, shown: string, nowMs: number): void {
    // A notice names the phases of the last clustering so: they are those of any clustering.
    const phase = shown.replace(/^final /, '');
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
    facts: Pick<EpochProgress, 'epochs' | 'phaseSecondsLeft' | 'course'>,
  ): number | null {
    if (this.#epoch === null) return null;
    const { clustersAtEnd, evaluation } = facts.course;
    // How long an epoch takes need not be known in the last one, if nothing follows it.
    const isOver = this.#epoch >= facts.epochs;
    const isLast = this.#epoch === facts.epochs - 1 && !clustersAtEnd && evaluation === 0;
    const isMeasured = this.#isWhole || this.#finished.length > 0;
    if (!isMeasured && !isOver && !isLast) return null;
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
