/**
 * Online Deep Clustering as a run's algorithm: one clustering before the first step; then every
 * step changes the sample memory on the parameter server, and here the clusters follow, before the
 * next step's orders. Sources: Zhan et al., CVPR 2020 (arXiv:2006.10645), algorithm 1; spec of ODC,
 * sections 5 to 8 and 11. Shapes: N images, K clusters, d columns.
 */
import { z } from 'zod';
import { arrayOf } from '../../arrays/bundle.ts';
import type { NamedArrays } from '../../arrays/safetensors.ts';
import { clusterEntropy, normalizedMutualInformation } from '../../clustering/agreement.ts';
import { figuresOf, movementOf, spreadOfClusterSums } from '../../clustering/collapse.ts';
import { requireDifferentRows } from '../../clustering/clusterable.ts';
import { CENTROIDS_ARTIFACT, deltaToBundle } from '../../clustering/odc/bundles.ts';
import { OdcClusters, clustersFromSums, type OdcSettings } from '../../clustering/odc/clusters.ts';
import { consecutiveSamples, type MemoryShape } from '../../clustering/odc/sample-memory.ts';
import { drawOdcEpoch } from '../../clustering/odc/sampler.ts';
import { sampleWeights } from '../../clustering/odc/loss-weights.ts';
import { NO_SMALL_CLUSTERS, answerRemotely } from '../../clustering/odc/small-clusters.ts';
import {
  sizeStatistics,
  summariseInterval,
  type StepStatistics,
} from '../../clustering/odc/statistics.ts';
import { checkpointCorrupt } from '../../errors.ts';
import type { MemoryServers } from '../../server-clients/memory-servers.ts';
import { labelledIds, planOf, type EpochPlan } from '../epoch-plan.ts';
import type { AlgorithmConfig } from '../settings.ts';
import type {
  EpochEnd,
  EpochStart,
  FinalPlan,
  SliceFacts,
  Strategy,
  StrategyDeps,
  StrategyState,
} from '../strategy.ts';
import { odcConfigOf, type OdcConfig } from './config.ts';

/** Offset of the sizes in the loss weights: the reference's. */
const WEIGHT_OFFSET = 1e-5;

const NO_LABELS = new Int32Array(0);

const NO_STEPS: StepStatistics = { copies: 0, relabelled: 0, smallClusters: NO_SMALL_CLUSTERS };

const countersSchema = z.object({
  step: z.int().min(0),
  centroidVersion: z.int().min(0),
  /** What has happened since the last line of figures, and since the epoch's beginning. */
  interval: z.custom<StepStatistics>(),
  epoch: z.custom<StepStatistics>(),
});

/** The settings of the pure parts. */
export function odcSettingsOf(config: AlgorithmConfig, dim: number): OdcSettings {
  const { clustering } = config;
  const odc = odcConfigOf(config);
  return {
    clusters: clustering.k,
    dim,
    momentum: odc.momentum,
    metric: odc.metric,
    centroidInterval: odc.publishInterval,
    smallClusterInterval: odc.smallClusterInterval,
    minSize: odc.smallClusterSize,
    maxSplits: odc.maxSplits,
    lossWeights: odc.reweight ? { power: odc.lossWeightPower, offset: WEIGHT_OFFSET } : null,
  };
}

export class OdcStrategy implements Strategy {
  readonly #deps: StrategyDeps;
  readonly #config: OdcConfig;
  readonly #settings: OdcSettings;
  readonly #memory: MemoryServers;
  /** Null before the initial clustering. At the memory's step whenever no commit is under way. */
  #clusters: OdcClusters | null = null;
  /** [N] as the epoch began; empty before the first. */
  #labelsBefore: Int32Array = new Int32Array(0);
  /** Since the last line of figures, and since the epoch's beginning. */
  #interval = NO_STEPS;
  #epoch = NO_STEPS;
  /** Of the newest step; null before the first since this process began. */
  #movement: number | null = null;

  constructor(deps: StrategyDeps) {
    this.#deps = deps;
    this.#config = odcConfigOf(deps.config);
    this.#settings = odcSettingsOf(deps.config, deps.featureDim);
    this.#memory = deps.memory;
    deps.artifacts.offer(CENTROIDS_ARTIFACT, (rest) => this.#centroidsFor(rest));
  }

  get pseudoLabels(): Int32Array {
    return this.#clusters?.pseudoLabels ?? new Int32Array(0);
  }

  get sliceFacts(): SliceFacts | null {
    const clusters = this.#clusters;
    if (clusters === null) return null;
    const { lossNormaliser } = this.#config;
    return {
      centroidVersion: clusters.centroidMemory.version,
      lossWeights: (slices) => sampleWeights(slices, clusters.weights, lossNormaliser),
      furtherLabels: () => NO_LABELS,
    };
  }

  memoryShape({ pseudoLabels }: StrategyState): MemoryShape | null {
    return pseudoLabels.length === 0 ? null : this.#shape();
  }

  async restore(saved: StrategyState, version: number): Promise<void> {
    const { pseudoLabels, clustering } = saved;
    if (pseudoLabels.length === 0) return;
    const counters = countersSchema.safeParse(saved.counters);
    if (!counters.success) throw checkpointCorrupt('ODC state', counters.error.message);
    const { step, centroidVersion, interval, epoch } = counters.data;
    await this.#memory.seal(version, pseudoLabels, this.#deps.signal);
    this.#clusters = new OdcClusters(this.#settings, {
      step,
      pseudoLabels,
      centroids: {
        version: centroidVersion,
        sums: arrayOf(clustering, 'class-sums', Float64Array),
        published: arrayOf(clustering, 'centroids', Float32Array),
      },
    });
    this.#labelsBefore = arrayOf(clustering, 'labels-before', Int32Array);
    this.#interval = interval;
    this.#epoch = epoch;
  }

  async beginEpoch(epoch: number, version: number): Promise<EpochStart> {
    const previousLabels = this.#clusters === null ? null : this.#labelsBefore;
    const clustered = this.#clusters === null ? await this.#clusterOnce(version) : null;
    this.#labelsBefore = this.pseudoLabels.slice();
    this.#epoch = NO_STEPS;
    return {
      previousLabels,
      isClustered: clustered !== null,
      inertia: clustered?.inertia ?? null,
      refilled: clustered?.refilled ?? 0,
    };
  }

  plan(epoch: number): EpochPlan {
    const { samplingWithReplacement } = this.#config;
    return planOdcEpoch(this.pseudoLabels, epoch, this.#deps.config.seed, samplingWithReplacement);
  }

  async stepApplied(step: number, epoch: number): Promise<void> {
    const clusters = this.#require();
    const change = await this.#memory.change(step);
    const outcome = await answerRemotely(clusters.commit(step, change), (ids) =>
      this.#memory.rows(step + 1, ids),
    );
    if (outcome.kind === 'duplicate') return;
    this.#movement = movementOf(change.oldRows, change.newRows, this.#settings.dim);
    if (outcome.movedIds.length > 0) {
      await this.#memory.relabel(step, outcome.movedIds, outcome.movedLabels);
    }
    this.#interval = summariseInterval([this.#interval, outcome]);
    this.#epoch = summariseInterval([this.#epoch, outcome]);
    if (this.#isIntervalEnd(step + 1)) this.#logInterval(step, epoch);
  }

  #isIntervalEnd(stepsDone: number): boolean {
    return stepsDone % this.#config.logInterval === 0;
  }

  endEpoch(epoch: number): { end: EpochEnd; remark: string } {
    const labels = this.pseudoLabels;
    const { step } = this.#require();
    if (!this.#isIntervalEnd(step)) this.#noteClusters(epoch, step);
    const { sizes } = this.#require();
    const { empty, smallest, largest, perplexity } = sizeStatistics(sizes);
    const { changeRatio, smallClusters } = summariseInterval([this.#epoch]);
    const { merges, splits } = smallClusters;
    return {
      end: {
        nmiToPrevious: normalizedMutualInformation(this.#labelsBefore, labels),
        nmiToTruth: this.#nmiToTruth(),
        emptyClusters: empty,
        entropy: clusterEntropy(sizes).normalised,
        figures: { odc: { changeRatio, smallest, largest, perplexity, merges, splits } },
      },
      remark: `change ratio ${changeRatio.toFixed(3)}, sizes ${smallest} to ${largest}, ${merges} merged, ${splits} split`,
    };
  }

  /**
   * The memory's labels are of rows that are up to an epoch old; the centroids are those that steps
   * assign by.
   */
  finalClustering(): FinalPlan {
    const { values: centroids } = this.#require().centroids;
    return { rows: 'unit', centroids, isSpherical: false };
  }

  async snapshot(): Promise<StrategyState> {
    if (this.#clusters === null) {
      return { pseudoLabels: this.pseudoLabels, clustering: {}, counters: null };
    }
    await this.#repairDrift(this.#clusters);
    const { step, pseudoLabels, centroids } = this.#clusters.snapshot();
    const { clusters: k, dim } = this.#settings;
    const clustering: NamedArrays = {
      centroids: { data: centroids.published.slice(), shape: [k, dim] },
      'class-sums': { data: centroids.sums.slice(), shape: [k, dim] },
      'labels-before': { data: this.#labelsBefore, shape: [this.#labelsBefore.length] },
    };
    const counters = { step, centroidVersion: centroids.version };
    return {
      pseudoLabels: pseudoLabels.slice(),
      clustering,
      counters: { ...counters, interval: this.#interval, epoch: this.#epoch },
    };
  }

  /**
   * The initial clustering: k-means' clusters, the memory filled and sealed, and empty ones
   * repaired by the named rule.
   */
  async #clusterOnce(version: number): Promise<{ inertia: number; refilled: number }> {
    const { signal, folder, logger } = this.#deps;
    await this.#memory.begin(this.#shape(), signal);
    const { pseudoLabels, inertia, refilled } = await this.#deps.cluster(
      0,
      version,
      'unitToMemory',
    );
    await this.#memory.seal(version, pseudoLabels, signal);
    const sums = await this.#memory.clusterSums(signal);
    const { clusters: k, dim } = this.#settings;
    requireDifferentRows(spreadOfClusterSums(sums, dim, countOf(pseudoLabels)), pseudoLabels);
    const clusters = new OdcClusters(this.#settings, {
      ...clustersFromSums(sums, pseudoLabels, k, dim),
      step: version,
    });
    const { counts, plan } = await answerRemotely(clusters.fillEmptyClusters(), (ids) =>
      this.#memory.rows(version, ids),
    );
    if (plan !== null) {
      await this.#memory.relabel(version - 1, plan.ids, plan.to);
      const reason = `${counts.splits} clusters that k-means left empty got a part of the largest ones`;
      logger.warn('clusters.filled', { splits: counts.splits, unfilled: counts.unfilled });
      folder.event('clusters.filled', reason, { ...counts });
    }
    this.#clusters = clusters;
    this.#noteClusters(0, version);
    return { inertia, refilled: refilled + counts.splits };
  }

  /**
   * What a worker lacks that asks with `held/wanted`; null when those it wants are not the
   * published ones any more.
   */
  #centroidsFor(rest: string): NamedArrays | null {
    const [held, wanted] = rest.split('/').map(Number);
    const memory = this.#clusters?.centroidMemory;
    if (memory === undefined || held === undefined || wanted !== memory.version) return null;
    return deltaToBundle(memory.since(held));
  }

  /**
   * Sums of exactly rounded rows do not drift (cluster-sums.ts); should they ever, it is told, and
   * mended.
   */
  async #repairDrift({ centroidMemory }: OdcClusters): Promise<void> {
    const { folder, logger, signal } = this.#deps;
    const drift = centroidMemory.repair(await this.#memory.clusterSums(signal));
    folder.metrics({ metric: 'dc_odc_class_sum_drift', drift });
    if (drift > 0) logger.warn('class-sums.repaired', { drift });
  }

  /** @param step the next one */
  #noteClusters(epoch: number, step: number): void {
    const { pseudoLabels, centroidMemory } = this.#require();
    const { clusters: k, dim } = this.#settings;
    const { sums } = centroidMemory.snapshot();
    const spread = spreadOfClusterSums(sums, dim, countOf(pseudoLabels));
    this.#deps.noteClusters(figuresOf(spread, pseudoLabels, k, this.#movement), {
      epoch,
      step,
    });
  }

  #logInterval(step: number, epoch: number): void {
    this.#noteClusters(epoch, step + 1);
    const { copies, changeRatio, smallClusters } = summariseInterval([this.#interval]);
    const { empty, smallest, largest, entropyNats, perplexity } = sizeStatistics(
      this.#require().sizes,
    );
    this.#deps.folder.metrics({
      metric: 'dc_odc',
      step,
      epoch,
      ...{ copies, changeRatio, empty, smallest, largest, entropyNats, perplexity },
      nmiToTruth: this.#nmiToTruth(),
      centroidVersion: this.#require().centroidMemory.version,
      ...smallClusters,
    });
    this.#interval = NO_STEPS;
  }

  #nmiToTruth(): number | null {
    const { truth } = this.#deps;
    return truth === null ? null : normalizedMutualInformation(this.pseudoLabels, truth.labels);
  }

  #shape(): MemoryShape {
    const { clusters: k, dim } = this.#settings;
    return { ...consecutiveSamples(0, this.#deps.imageCount), dim, classes: k };
  }

  #require(): OdcClusters {
    if (this.#clusters === null) throw new Error('ODC has not clustered yet');
    return this.#clusters;
  }
}

/** Samples that have a cluster. */
function countOf(pseudoLabels: Int32Array): number {
  return pseudoLabels.reduce((count, label) => count + (label >= 0 ? 1 : 0), 0);
}

/**
 * Every image with a pseudo-label is as likely as any other, whatever its cluster.
 * @param pseudoLabels [N] as they are and as they become: orders take them from here, step by step
 */
export function planOdcEpoch(
  pseudoLabels: Int32Array,
  epoch: number,
  seed: number,
  withReplacement: boolean,
): EpochPlan {
  const ids = drawOdcEpoch({ ids: labelledIds(pseudoLabels), seed, epoch, withReplacement });
  return planOf(epoch, ids, pseudoLabels);
}
