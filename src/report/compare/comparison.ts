/**
 * Several finished runs side by side: figures, settings that differ, how their clusters agree.
 * Plain data, which the page, the terminal and `--json` show alike. Shapes: R runs.
 */
import {
  formatCount,
  formatDuration,
  formatFigure,
  formatFixed,
  formatPercent,
} from '../number-format.ts';
import type { ReportEpoch } from '../report-data.ts';
import type { RunSummary } from '../summary.ts';

export interface ComparedRun {
  /** Told apart by it: the folder's name, or more of its path where two have the same. */
  readonly name: string;
  readonly folder: string;
  /** Its own page, relative to the comparison's; null where there is none. */
  readonly report: string | null;
  readonly summary: RunSummary;
  readonly lossByStep: ArrayLike<number>;
  readonly epochs: readonly ReportEpoch[];
  /** Dotted keys. */
  readonly settings: ReadonlyMap<string, unknown>;
}

export interface Comparison {
  readonly runs: readonly ComparedRun[];
  /** [R, R] NMI between the final clusters; null where the images are others. */
  readonly agreement: readonly (readonly (number | null)[])[];
}

export interface ComparedFigure {
  readonly key: string;
  readonly name: string;
  /** [R] null where a run has none. */
  readonly values: readonly (number | null)[];
  /** Index of the best, where one is better than all others; null where there is no better. */
  readonly best: number | null;
  readonly format: (value: number) => string;
}

interface FigureKind {
  readonly key: string;
  readonly name: string;
  readonly better: 'higher' | 'lower' | null;
  readonly format: (value: number) => string;
  readonly of: (summary: RunSummary) => number | null | undefined;
}

const percent = (value: number): string => formatPercent(value);
const three = (value: number): string => formatFixed(value, 3);
const count = (value: number): string => formatCount(value);

const KINDS: readonly FigureKind[] = [
  {
    key: 'linearTop1',
    name: 'Linear probe top-1',
    better: 'higher',
    format: percent,
    of: (s) => s.evaluation?.linearTop1,
  },
  {
    key: 'randomLinearTop1',
    name: '… of the untrained network',
    better: null,
    format: percent,
    of: (s) => s.evaluation?.randomLinearTop1,
  },
  {
    key: 'pixelsLinearTop1',
    name: '… of raw pixels',
    better: null,
    format: percent,
    of: (s) => s.evaluation?.pixelsLinearTop1,
  },
  {
    key: 'knnTop1',
    name: 'kNN top-1',
    better: 'higher',
    format: percent,
    of: (s) => s.evaluation?.knnTop1,
  },
  {
    key: 'randomKnnTop1',
    name: '… of the untrained network',
    better: null,
    format: percent,
    of: (s) => s.evaluation?.randomKnnTop1,
  },
  {
    key: 'pixelsKnnTop1',
    name: '… of raw pixels',
    better: null,
    format: percent,
    of: (s) => s.evaluation?.pixelsKnnTop1,
  },
  {
    key: 'nmiToTruth',
    name: 'NMI with the classes',
    better: 'higher',
    format: three,
    of: (s) => s.finalClusters?.nmiToTruth ?? s.nmi.toTruth?.at(-1),
  },
  {
    key: 'nmiToPrevious',
    name: 'NMI with the epoch before',
    better: null,
    format: three,
    of: (s) => s.nmi.toPrevious.at(-1),
  },
  {
    key: 'finalLoss',
    name: 'Final loss',
    better: null,
    format: (value) => formatFigure(value),
    of: (s) => s.finalLoss,
  },
  { key: 'k', name: 'Clusters', better: null, format: count, of: (s) => s.clusters.k },
  {
    key: 'empty',
    name: 'Empty clusters',
    better: 'lower',
    format: count,
    of: (s) => s.clusters.empty,
  },
  {
    key: 'entropy',
    name: 'Entropy of the sizes',
    better: null,
    format: three,
    of: (s) => s.clusters.entropy,
  },
  { key: 'images', name: 'Images', better: null, format: count, of: (s) => s.images },
  { key: 'epochs', name: 'Epochs', better: null, format: count, of: (s) => s.epochs },
  { key: 'steps', name: 'Steps', better: null, format: count, of: (s) => s.steps },
  {
    key: 'seconds',
    name: 'Wall time',
    better: 'lower',
    format: (value) => formatDuration(value),
    of: (s) => s.seconds,
  },
  {
    key: 'trainImagesPerSecond',
    name: 'Images trained a second',
    better: 'higher',
    format: count,
    of: (s) => s.imagesPerSecond.train,
  },
  { key: 'restarts', name: 'Restarts', better: null, format: count, of: (s) => s.restarts },
];

/** Those that some run has. */
export function comparedFigures({ runs }: Comparison): ComparedFigure[] {
  return KINDS.map(({ key, name, better, format, of }) => {
    const values = runs.map(({ summary }) => finite(of(summary)));
    return { ...{ key, name, values, format }, best: bestOf(values, better) };
  }).filter(({ values }) => values.some((value) => value !== null));
}

function finite(value: number | null | undefined): number | null {
  return value !== null && value !== undefined && Number.isFinite(value) ? value : null;
}

function bestOf(values: readonly (number | null)[], better: FigureKind['better']): number | null {
  if (better === null) return null;
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return null;
  const best = better === 'higher' ? Math.max(...known) : Math.min(...known);
  const places = [...values.keys()].filter((i) => values[i] === best);
  return places.length === 1 ? places[0]! : null;
}

export interface DifferentSetting {
  readonly key: string;
  /** [R] as JSON; `–` where a run has no such setting. */
  readonly values: readonly string[];
}

/** In the order of the first run's settings, then of those that only others have. */
export function differentSettings(runs: readonly ComparedRun[]): DifferentSetting[] {
  const keys = new Set(runs.flatMap(({ settings }) => [...settings.keys()]));
  return [...keys]
    .map((key) => ({ key, values: runs.map(({ settings }) => written(settings, key)) }))
    .filter(({ values }) => new Set(values).size > 1);
}

function written(settings: ComparedRun['settings'], key: string): string {
  if (!settings.has(key)) return '–';
  const value = settings.get(key);
  return typeof value === 'string' ? value : JSON.stringify(value);
}
