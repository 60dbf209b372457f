/** The summary of a run, from its record. */
import { clusterEntropy, clusterSizes } from '../../src/clustering/agreement.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import type { OdcSummary, RunSummary } from '../../src/report/summary.ts';
import type { CoordinatorState } from '../control/state.ts';
import { LOSS_FILE } from './run-folder.ts';
import type { RunRecord } from './run-record.ts';

export interface SummaryInput {
  readonly runId: string;
  readonly config: RunConfig;
  readonly source: ImageSource;
  readonly engine: string;
  readonly record: RunRecord;
  readonly state: CoordinatorState;
  /** [images] of the last clustering. */
  readonly pseudoLabels: Int32Array;
}

export function summariseRun(input: SummaryInput): RunSummary {
  const { runId, config, source, engine, record, state, pseudoLabels } = input;
  const { k } = config.clustering;
  const sizes = clusterSizes(pseudoLabels, k);
  const { seconds, images, epochs } = record;
  return {
    runId,
    algorithm: config.algorithm,
    architecture: config.model.architecture,
    engine,
    workers: state.members.size,
    epochs: epochs.length,
    steps: record.losses.length,
    images: source.count,
    seconds: record.wallSeconds,
    phaseSeconds: { ...seconds },
    imagesPerSecond: {
      extract: ratio(images.extracted, seconds.extract),
      train: ratio(images.trained, seconds.train),
    },
    finalLoss: epochs.at(-1)?.meanLoss ?? 0,
    lossByStep: LOSS_FILE,
    nmi: {
      toPrevious: epochs.map(({ nmiToPrevious }) => nmiToPrevious),
      toTruth: source.truth === null ? null : epochs.map(({ nmiToTruth }) => nmiToTruth ?? 0),
    },
    clusters: {
      k,
      empty: sizes.filter((size) => size === 0).length,
      entropy: clusterEntropy(sizes).normalised,
    },
    collapse: record.collapse,
    ...(config.algorithm === 'odc' ? { odc: summariseOdc(record) } : {}),
    evaluation: record.evaluation,
    ledger: {
      committed: state.ledger.committedTotal,
      skipped: state.ledger.skippedTotal,
      duplicates: state.ledger.duplicates,
      returned: state.ledger.returned,
    },
    unreadable: record.unreadable.length,
    damaged: record.damaged.length,
    restarts: record.restarts,
    settingChanges: record.settingChanges,
  };
}

function summariseOdc({ epochs }: RunRecord): OdcSummary {
  const figures = epochs.flatMap(({ odc }) => (odc === null ? [] : [odc]));
  const last = figures.at(-1);
  return {
    changeRatio: figures.map(({ changeRatio }) => changeRatio),
    perplexity: figures.map(({ perplexity }) => perplexity),
    smallest: last?.smallest ?? 0,
    largest: last?.largest ?? 0,
    merges: figures.reduce((total, { merges }) => total + merges, 0),
    splits: figures.reduce((total, { splits }) => total + splits, 0),
  };
}

function ratio(count: number, seconds: number): number {
  return seconds > 0 ? count / seconds : 0;
}
