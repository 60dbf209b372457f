/**
 * An algorithm as a value: a name, its settings, the part of the coordinator, the part of the
 * worker, and its figures in the report. Its folder holds all of that; outside, nothing asks for
 * its name. No part reaches a tensor library: its network is named by `model.neck` and its loss
 * weights travel in orders.
 */
import type { Logger } from '../telemetry/logger.ts';
import type { AlgorithmFigures } from './figures.ts';
import type {
  AlgorithmConfig,
  NetworkSettings,
  SettingProblem,
  SettingsSection,
} from './settings.ts';
import type { Strategy, StrategyDeps } from './strategy.ts';
import type { ClusteringMethod } from '../clustering/config.ts';
import type { RowMetric } from '../clustering/nearest-two.ts';
import type { AlgorithmWork, AlgorithmWorkDeps } from './work.ts';

/**
 * How often the images are clustered, and the phases of that: when tests and benchmarks disturb a
 * run.
 */
export interface ClusteringHabit {
  readonly times: 'everyEpoch' | 'once' | 'never';
  /** In order, as events.jsonl names them. */
  readonly phases: readonly string[];
  /** Whether those of successive epochs come nearer to each other as a run learns. */
  readonly doSettle: boolean;
}

export interface AlgorithmSpec {
  /** The value of `algorithm` in a configuration. */
  readonly name: string;
  /** As people say it in a line, and as papers write it. */
  readonly label: string;
  readonly title: string;
  /** One sentence. */
  readonly description: string;
  /** Null where the settings that all have are enough. */
  readonly settings: SettingsSection<unknown> | null;
  /** The value that `model.neck` must have; null: any. */
  readonly neck: string | null;
  /** Name of the preset by which `demo` shows it; null: not at all. */
  readonly demoPreset: string | null;
  /**
   * Settings that a run of a few hundred small images needs besides the common ones, by section;
   * for benchmarks.
   */
  readonly smallRun: Readonly<Record<string, object>>;
  readonly clustering: ClusteringHabit;
  /** Values that `clustering.method` may have; left out: k-means alone. */
  readonly methods?: readonly ClusteringMethod[];
  /**
   * How rows are compared with centroids, of images that the run has not seen as well.
   * @param config of a run
   */
  readonly metric: (config: object) => RowMetric;
  /**
   * Random views of each draw. A row of the sample memory, where there is one, has a feature for
   * each of them.
   * @param config of a run
   */
  readonly crops: (config: object) => number;
  /**
   * Clusterings of an epoch, from each of which a draw has a target; 0 where targets are made of
   * the draw's own crops.
   * @param config of a run
   */
  readonly heads: (config: object) => number;
  /**
   * Why a slice cannot be trained for several batches before its step is committed, mode `local`;
   * left out: it can.
   */
  readonly refusesLocal?: string;
  /**
   * Why a step cannot be computed before the one before it is committed, modes `ssp` and `async`;
   * left out: it can.
   */
  readonly refusesStale?: string;
  /** Left out where settings are right or wrong each by itself. @param config of a run */
  readonly problems?: (config: NetworkSettings) => readonly SettingProblem[];
  /** Null where the columns that all have are enough. */
  readonly figures: AlgorithmFigures | null;
  /**
   * Warns of settings that do not suit the number of images.
   * @throws TrainerError CONFIG_INVALID for those that cannot work
   */
  requireImages(config: AlgorithmConfig, images: number, logger: Pick<Logger, 'warn'>): void;
  strategy(deps: StrategyDeps): Strategy;
  work(deps: AlgorithmWorkDeps): AlgorithmWork;
}
