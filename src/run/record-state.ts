/** What of a run's record survives a restart, as a checkpoint keeps it and the report shows it. */
import type { SettingChange } from '../config/resumable-settings.ts';
import type { UnreadableImage } from '../data/source/unreadable.ts';
import type { CollapseSummary, OdcEpochFigures } from '../report/summary.ts';

/** Phases as the summary counts their time. */
export type TimedPhase = 'extract' | 'pca' | 'kmeans' | 'train';

/** What only the end of an epoch knows where classes change in every step: it takes the place of what its beginning said. */
export interface EpochEnd {
  readonly nmiToPrevious: number;
  readonly nmiToTruth: number | null;
  readonly emptyClusters: number;
  readonly entropy: number;
  readonly odc: OdcEpochFigures;
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
  /** Null until it has trained, and where the algorithm is another. */
  odc: OdcEpochFigures | null;
  seconds: Record<TimedPhase, number>;
}

/** The processes that came under one id, one after the other. */
export interface ProcessStarts {
  /** Incarnation of the last of them. */
  readonly newest: string;
  readonly starts: number;
}

/** The part that a checkpoint keeps as JSON; losses are kept as an array beside it. */
export interface RecordState {
  readonly epochs: readonly EpochRecord[];
  readonly seconds: Record<TimedPhase, number>;
  /** Wall time of the run so far [s]. */
  readonly wallSeconds: number;
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
