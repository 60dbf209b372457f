/** The summary of a run, from its record. */
import { algorithmNamed } from '../../src/algorithms/registry.ts';
import { clusterEntropy, clusterSizes } from '../../src/clustering/agreement.ts';
import type { RunConfig } from '../../src/config/schema.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { learningOf } from '../../src/report/learning.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import type { FinalClustering } from '../../src/run/final-clustering.ts';
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
  /** [images] */
  readonly clusters: Int32Array;
  readonly final: FinalClustering | null;
}

export function summariseRun(input: SummaryInput): RunSummary {
  const { runId, config, source, engine, record, state, clusters, final } = input;
  const { k } = config.clustering;
  const sizes = clusterSizes(clusters, k);
  const { seconds, images, epochs } = record;
  const figures = {
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
    finalClusters: final?.figures ?? null,
    collapse: record.collapse,
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
  const { doSettle } = algorithmNamed(config.algorithm).clustering;
  const learning = learningOf({
    ...figures,
    doSettle,
    isBound: config.clustering.method === 'pic',
  });
  return { ...figures, learning, ...ofAlgorithm(config, record) };
}

/** Under its key; nothing where the algorithm has no figures. */
function ofAlgorithm({ algorithm }: RunConfig, { epochs }: RunRecord): object {
  const { figures: own } = algorithmNamed(algorithm);
  if (own === null) return {};
  const figures = epochs.flatMap(({ figures: all }) => {
    const of = all[own.key];
    return of ? [of] : [];
  });
  return { [own.key]: own.summarise(figures) };
}

function ratio(count: number, seconds: number): number {
  return seconds > 0 ? count / seconds : 0;
}
