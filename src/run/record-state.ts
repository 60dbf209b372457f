/** What of a run's record survives a restart, as a checkpoint keeps it and the report shows it. */
import { noFigures } from '../algorithms/registry.ts';
import type { SettingChange } from '../config/resumable-settings.ts';
import type { UnreadableImage } from '../data/source/unreadable.ts';
import type { CollapseSummary, FiguresByAlgorithm } from '../report/summary.ts';

/**
 * Phases as the summary counts their time. A run is always in one of them, so that they add up to
 * its wall time.
 */
export const TIMED_PHASES = [
  /** Until the first work is given out: servers and workers come, parameters are restored. */
  'start',
  'extract',
  'pca',
  'kmeans',
  'train',
  'evaluate',
  /** Between phases: new heads, copies for checkpoints. */
  'other',
  /** What a process or a term did after the checkpoint that the next one went on from. */
  'lost',
] as const;

export type TimedPhase = (typeof TIMED_PHASES)[number];

/** [s] */
export type PhaseSeconds = Record<TimedPhase, number>;

export function noSeconds(): PhaseSeconds {
  return Object.fromEntries(TIMED_PHASES.map((phase) => [phase, 0])) as PhaseSeconds;
}

export interface EpochRecord {
  readonly epoch: number;
  /** Global number of its first step. */
  readonly firstStep: number;
  /** Mean over the epoch's samples; null until it has trained. */
  meanLoss: number | null;
  nmiToPrevious: number | null;
  nmiToTruth: number | null;
  emptyClusters: number;
  /** Of the cluster sizes, as a share of ln k. */
  entropy: number;
  /** Of the epoch's clustering; null for an epoch without one. */
  readonly inertia: number | null;
  readonly refilled: number;
  /** Of the algorithms, each null until the epoch has trained by it. */
  figures: FiguresByAlgorithm;
  seconds: PhaseSeconds;
}

/** An epoch as it is written: the figures of an algorithm stand under its key among the others. */
export type EpochLine = Omit<EpochRecord, 'figures'>;

/** In the order of the line. */
export function epochLine({ figures, seconds, ...epoch }: EpochRecord): EpochLine {
  return { ...epoch, ...figures, seconds };
}

/** The other way round. */
export function epochOfLine({ seconds, ...line }: EpochLine): EpochRecord {
  const written = line as unknown as FiguresByAlgorithm;
  const keys = Object.keys(noFigures());
  const figures = Object.fromEntries(keys.map((key) => [key, written[key] ?? null]));
  const others = Object.entries(line).filter(([key]) => !keys.includes(key));
  return {
    ...(Object.fromEntries(others) as typeof line),
    figures,
    // Earlier releases have fewer phases.
    seconds: { ...noSeconds(), ...seconds },
  };
}

/** The processes that came under one id, one after the other. */
export interface ProcessStarts {
  /** Incarnation of the last of them. */
  readonly newest: string;
  readonly starts: number;
}

/** The part that a checkpoint keeps as JSON; losses are kept as an array beside it. */
export interface RecordState {
  readonly epochs: readonly EpochLine[];
  readonly seconds: PhaseSeconds;
  /** Wall time of the run so far [s]. */
  readonly wallSeconds: number;
  /** When this was written, by the calendar [ms]; left out by earlier releases. */
  readonly writtenMs?: number;
  readonly images: { readonly extracted: number; readonly trained: number };
  readonly unreadable: readonly UnreadableImage[];
  /** Of which only a part can be decoded. */
  readonly damaged: readonly UnreadableImage[];
  /** By id. */
  readonly processes: Readonly<Record<string, ProcessStarts>>;
  /** Made when the run was resumed, in order; left out by earlier releases. */
  readonly settingChanges?: readonly SettingChange[];
  /** Left out by earlier releases. */
  readonly collapse?: CollapseSummary;
}
