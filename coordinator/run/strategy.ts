/**
 * What a run's algorithm decides: how an epoch begins, what it trains on, and what a step means for the classes. Everything
 * else, from leases to the commit, is the same for all. DeepCluster is here, ODC in odc-strategy.ts.
 */
import type { NamedArrays } from '../../src/arrays/safetensors.ts';
import { figuresOf } from '../../src/clustering/collapse.ts';
import type { MemoryShape } from '../../src/clustering/odc/sample-memory.ts';
import { clusterEpoch, type ClusteringDeps } from './cluster-epoch.ts';
import type { StrategyState } from '../../src/run/checkpoint-content.ts';
import { planEpoch, type EpochPlan } from './epoch-plan.ts';
import type { ClassFacts } from './slice-order.ts';
import type { EpochEnd } from '../../src/run/record-state.ts';

/** How an epoch begins. */
export interface EpochStart {
  /** [images] to compare with; null in the first epoch. */
  readonly previousLabels: Int32Array | null;
  /** Whether it clustered anew, so that the head must be made anew too. */
  readonly isClustered: boolean;
  readonly inertia: number | null;
  /** Empty clusters that were refilled. */
  readonly refilled: number;
}

export interface Strategy {
  /** [images] as they are now, -1 where an image could not be read; empty before the first clustering. */
  readonly pseudoLabels: Int32Array;
  /** What orders carry of classes that change with every step; null where they do not. */
  readonly classFacts: ClassFacts | null;
  /** Form of the sample memory that the parameter server restores; null without one. */
  memoryShape(saved: StrategyState): MemoryShape | null;
  /** Goes on from a checkpoint, once the parameter server has its part. */
  restore(saved: StrategyState, version: number): Promise<void>;
  beginEpoch(epoch: number, version: number): Promise<EpochStart>;
  plan(epoch: number): EpochPlan;
  /** A step has taken effect on the parameter server; the next one's orders follow. */
  stepApplied(step: number, epoch: number): Promise<void>;
  /** What an epoch's end knows better than its beginning, with a remark for people; null if nothing. */
  endEpoch(epoch: number): { readonly end: EpochEnd; readonly remark: string } | null;
  /** Checks what can drift, and tells what a checkpoint must hold; to be written before the next step. */
  snapshot(): Promise<StrategyState>;
}

/** Clusters anew at every epoch's beginning; pseudo-labels then stay for the epoch. */
export class DeepClusterStrategy implements Strategy {
  readonly classFacts = null;
  readonly #deps: ClusteringDeps;
  #pseudoLabels: Int32Array = new Int32Array(0);
  /** Centroids and whitening of the newest clustering. */
  #clustering: NamedArrays = {};

  constructor(deps: ClusteringDeps) {
    this.#deps = deps;
  }

  get pseudoLabels(): Int32Array {
    return this.#pseudoLabels;
  }

  memoryShape(): null {
    return null;
  }

  restore({ pseudoLabels, clustering }: StrategyState): Promise<void> {
    this.#pseudoLabels = pseudoLabels;
    this.#clustering = clustering;
    return Promise.resolve();
  }

  async beginEpoch(epoch: number, version: number): Promise<EpochStart> {
    const { k } = this.#deps.config.clustering;
    const previous = this.#pseudoLabels;
    const clustering = await clusterEpoch(epoch, version, this.#deps);
    const { pseudoLabels, inertia, refilled, centroids, whitening } = clustering;
    if (clustering.spread !== null) {
      const figures = figuresOf(clustering.spread, pseudoLabels, k);
      this.#deps.noteClusters(figures, { epoch, step: version });
    }
    this.#pseudoLabels = pseudoLabels;
    this.#clustering = {
      ...whitening,
      centroids: { data: centroids, shape: [k, centroids.length / k] },
    };
    const previousLabels = previous.length === 0 ? null : previous;
    return { previousLabels, isClustered: true, inertia, refilled };
  }

  plan(epoch: number): EpochPlan {
    const { seed, clustering } = this.#deps.config;
    return planEpoch(this.#pseudoLabels, epoch, seed, clustering);
  }

  stepApplied(): Promise<void> {
    return Promise.resolve();
  }

  endEpoch(): null {
    return null;
  }

  snapshot(): Promise<StrategyState> {
    const [pseudoLabels, clustering] = [this.#pseudoLabels, this.#clustering];
    return Promise.resolve({ pseudoLabels, clustering, counters: null });
  }
}
