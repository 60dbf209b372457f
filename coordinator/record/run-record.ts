/**
 * The record of a run: what events.jsonl, metrics.jsonl, unreadable.csv and the summary are made
 * of, and what of it must survive a restart. It decides nothing.
 */
import { noFigures } from '../../src/algorithms/registry.ts';
import type { EpochEnd } from '../../src/algorithms/strategy.ts';
import type { NamedArrays } from '../../src/arrays/safetensors.ts';
import { arrayOf } from '../../src/arrays/bundle.ts';
import type { SettingChange } from '../../src/config/resumable-settings.ts';
import type { UnreadableImage } from '../../src/data/source/unreadable.ts';
import type { CollapseSummary, RunEvaluation } from '../../src/report/summary.ts';
import {
  TIMED_PHASES,
  epochLine,
  epochOfLine,
  noSeconds,
  type EpochRecord,
  type PhaseSeconds,
  type ProcessStarts,
  type RecordState,
  type TimedPhase,
} from '../../src/run/record-state.ts';
import type { ResultPayload } from '../fleet/service.ts';
import type { CommittedStep } from '../run/train-epoch.ts';

/** What the workers' devices did in a phase, summed over the workers [s]. */
export interface DeviceTimes {
  readonly phase: TimedPhase;
  readonly computeSeconds: number;
  /** Waiting because views were late. */
  readonly viewWaitSeconds: number;
}

/** When a term of the run began, and what was before it. */
export interface TermTimes {
  /** By the clock that never goes back. */
  readonly startedMs: number;
  /**
   * When the term or the process before was last seen at work, by the calendar; null: there was
   * none.
   */
  readonly lastSeenMs: number | null;
  /** By the calendar, which alone another process can compare with. */
  readonly dateMs: () => number;
}

export class RunRecord {
  readonly #nowMs: () => number;
  readonly #startedMs: number;
  readonly #lastSeenMs: number | null;
  readonly #dateMs: () => number;
  /** By step over the whole run: mean loss of its samples. */
  readonly #losses: number[] = [];
  readonly #samples: number[] = [];
  readonly #epochs: EpochRecord[] = [];
  /** By image id. */
  readonly #unreadable = new Map<number, UnreadableImage>();
  readonly #damaged = new Map<number, UnreadableImage>();
  /** By id: a worker's, a server's, the coordinator's. */
  readonly #processes = new Map<string, ProcessStarts>();
  /** Of the phases that have ended. */
  readonly #seconds = noSeconds();
  /** The same of the epoch under way. */
  #epochSeconds = noSeconds();
  /** Since they were last taken, by phase. */
  readonly #device = new Map<TimedPhase, DeviceTimes>();
  readonly #images = { extracted: 0, trained: 0 };
  readonly #settingChanges: SettingChange[] = [];
  #earlierWallSeconds = 0;
  #phase: { timed: TimedPhase; sinceMs: number };
  evaluation: RunEvaluation | null = null;
  collapse: CollapseSummary = { seen: 0, recovered: 0, now: null };

  /** @param nowMs never goes back @param times left out: the run begins now */
  constructor(nowMs: () => number, times?: TermTimes) {
    this.#nowMs = nowMs;
    this.#startedMs = times?.startedMs ?? nowMs();
    this.#lastSeenMs = times?.lastSeenMs ?? null;
    this.#dateMs = times?.dateMs ?? nowMs;
    this.#phase = { timed: 'start', sinceMs: this.#startedMs };
  }

  get losses(): readonly number[] {
    return this.#losses;
  }

  get epochs(): readonly EpochRecord[] {
    return this.#epochs;
  }

  get unreadable(): readonly UnreadableImage[] {
    return inOrder(this.#unreadable);
  }

  get damaged(): readonly UnreadableImage[] {
    return inOrder(this.#damaged);
  }

  /** Made when the run was resumed, in order. */
  get settingChanges(): readonly SettingChange[] {
    return this.#settingChanges;
  }

  /** Up to now, with the phase under way. */
  get seconds(): Readonly<PhaseSeconds> {
    return this.#withPhaseUnderWay(this.#seconds);
  }

  get images(): { readonly extracted: number; readonly trained: number } {
    return this.#images;
  }

  get wallSeconds(): number {
    return this.#earlierWallSeconds + (this.#nowMs() - this.#startedMs) / 1000;
  }

  /** Processes that took the place of another. */
  get restarts(): number {
    return [...this.#processes.values()].reduce((total, { starts }) => total + starts - 1, 0);
  }

  /** Ends the time of the phase before and begins this one's. */
  enterPhase(timedAs: TimedPhase): void {
    Object.assign(this.#seconds, this.#withPhaseUnderWay(this.#seconds));
    this.#epochSeconds = this.#withPhaseUnderWay(this.#epochSeconds);
    const open = this.#epochs.at(-1);
    if (open?.meanLoss === null) open.seconds = this.#epochSeconds;
    this.#phase = { timed: timedAs, sinceMs: this.#nowMs() };
  }

  #withPhaseUnderWay(seconds: PhaseSeconds): PhaseSeconds {
    const { timed, sinceMs } = this.#phase;
    return { ...seconds, [timed]: seconds[timed] + (this.#nowMs() - sinceMs) / 1000 };
  }

  /**
   * @param incarnation new for every process start.
   * @returns whether it is another process than the last of this name
   */
  noteProcess(id: string, incarnation: string): boolean {
    const { newest, starts } = this.#processes.get(id) ?? { newest: '', starts: 0 };
    if (newest === incarnation) return false;
    this.#processes.set(id, { newest: incarnation, starts: starts + 1 });
    return true;
  }

  /** @returns the images that had not been known as unreadable */
  noteUnreadable(images: readonly UnreadableImage[]): UnreadableImage[] {
    return noteNew(this.#unreadable, images);
  }

  /** @returns the images that had not been known as damaged */
  noteDamaged(images: readonly UnreadableImage[]): UnreadableImage[] {
    return noteNew(this.#damaged, images);
  }

  /** Adds what a result says of its device to the phase under way. */
  noteDevice({ header }: ResultPayload): void {
    const phase = this.#phase.timed;
    const before = this.#device.get(phase) ?? { computeSeconds: 0, viewWaitSeconds: 0 };
    this.#device.set(phase, {
      phase,
      computeSeconds: before.computeSeconds + header.computeSeconds,
      viewWaitSeconds: before.viewWaitSeconds + header.viewWaitSeconds,
    });
  }

  /**
   * The phases that used a device since this was last asked; a restart forgets those of its epoch.
   */
  takeDevice(): DeviceTimes[] {
    const taken = [...this.#device.values()].filter(({ computeSeconds }) => computeSeconds > 0);
    this.#device.clear();
    return taken;
  }

  noteSettingChange(change: SettingChange): void {
    this.#settingChanges.push(change);
  }

  noteExtracted(images: number): void {
    this.#images.extracted += images;
  }

  openEpoch(epoch: Omit<EpochRecord, 'meanLoss' | 'figures' | 'seconds'>): void {
    const seconds = this.#epochSeconds;
    this.#epochs.push({ ...epoch, meanLoss: null, figures: noFigures(), seconds });
  }

  noteStep({ loss, samples }: CommittedStep): void {
    this.#losses.push(loss);
    this.#samples.push(samples);
    this.#images.trained += samples;
  }

  /**
   * Mean loss over the samples of the epoch that has just trained, and what its end knows besides.
   */
  closeEpoch(end: EpochEnd | null): EpochRecord {
    const epoch = this.#epochs.at(-1)!;
    Object.assign(epoch, end, { figures: { ...epoch.figures, ...end?.figures } });
    let lossSum = 0;
    let samples = 0;
    for (let step = epoch.firstStep; step < this.#losses.length; step += 1) {
      lossSum += this.#losses[step]! * this.#samples[step]!;
      samples += this.#samples[step]!;
    }
    epoch.meanLoss = lossSum / samples;
    this.enterPhase('other');
    epoch.seconds = this.#epochSeconds;
    this.#epochSeconds = noSeconds();
    return epoch;
  }

  state(): RecordState {
    // So that the epoch under way has its time up to now.
    this.enterPhase(this.#phase.timed);
    return {
      epochs: this.#epochs.map((epoch) => epochLine({ ...epoch, seconds: { ...epoch.seconds } })),
      seconds: { ...this.#seconds },
      wallSeconds: this.wallSeconds,
      writtenMs: this.#dateMs(),
      images: { ...this.#images },
      unreadable: this.unreadable,
      damaged: this.damaged,
      processes: Object.fromEntries(this.#processes),
      settingChanges: [...this.#settingChanges],
      collapse: this.collapse,
    };
  }

  arrays(): NamedArrays {
    return {
      'loss-by-step': { data: Float64Array.from(this.#losses), shape: [this.#losses.length] },
      'samples-by-step': { data: Uint32Array.from(this.#samples), shape: [this.#samples.length] },
    };
  }

  /** Goes on from a checkpoint; only on a record that has no step yet. */
  restore(state: RecordState, arrays: NamedArrays): void {
    for (const loss of arrayOf(arrays, 'loss-by-step', Float64Array)) this.#losses.push(loss);
    for (const samples of arrayOf(arrays, 'samples-by-step', Uint32Array))
      this.#samples.push(samples);
    for (const line of state.epochs) this.#epochs.push(epochOfLine(line));
    const lost = this.#lostSince(state);
    const earlier = { ...noSeconds(), ...state.seconds };
    for (const phase of TIMED_PHASES) this.#seconds[phase] += earlier[phase];
    this.#seconds.lost += lost;
    Object.assign(this.#images, state.images);
    this.#earlierWallSeconds = state.wallSeconds + lost;
    for (const image of state.unreadable) this.#unreadable.set(image.id, image);
    for (const image of state.damaged) this.#damaged.set(image.id, image);
    for (const [id, process] of Object.entries(state.processes)) this.#processes.set(id, process);
    this.#settingChanges.push(...(state.settingChanges ?? []));
    this.collapse = state.collapse ?? this.collapse;
    const open = this.#epochs.at(-1);
    if (open?.meanLoss !== null) return;
    for (const phase of TIMED_PHASES) this.#epochSeconds[phase] += open.seconds[phase];
    this.#epochSeconds.lost += lost;
  }

  /** What was done since this was written, and has to be done again [s]. */
  #lostSince({ writtenMs }: RecordState): number {
    if (writtenMs === undefined || this.#lastSeenMs === null) return 0;
    return Math.max(0, this.#lastSeenMs - writtenMs) / 1000;
  }
}

function inOrder(images: ReadonlyMap<number, UnreadableImage>): UnreadableImage[] {
  return [...images.values()].sort((a, b) => a.id - b.id);
}

/** @returns those that had not been known */
function noteNew(
  known: Map<number, UnreadableImage>,
  images: readonly UnreadableImage[],
): UnreadableImage[] {
  const fresh = images.filter(({ id }) => !known.has(id));
  for (const image of fresh) known.set(image.id, { ...image });
  return fresh;
}
