/**
 * The coordinator's part of an algorithm: how an epoch begins, which images it trains on, and how
 * the clusters follow a step. Everything else, from leases to the commit, is the same for all; what
 * a strategy may use of it is handed in. Shapes: N images, K clusters, d columns.
 */
import type { NamedArrays } from '../arrays/safetensors.ts';
import type { CollapseFigures } from '../clustering/collapse.ts';
import type { FiguresByAlgorithm } from '../report/summary.ts';
import type { MemoryServers } from '../server-clients/memory-servers.ts';
import type { MemoryShape } from '../clustering/odc/sample-memory.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { EpochPlan } from './epoch-plan.ts';
import type { AlgorithmConfig } from './settings.ts';

/** How an epoch begins. */
export interface EpochStart {
  /** [N] to compare with; null in the first epoch. */
  readonly previousLabels: Int32Array | null;
  /** Whether there are new clusters, so that the head must be new too. */
  readonly isClustered: boolean;
  readonly inertia: number | null;
  /** Empty clusters that were refilled. */
  readonly refilled: number;
}

/**
 * What only the end of an epoch knows where clusters change in every step: it takes the place of
 * what its beginning said.
 */
export interface EpochEnd {
  readonly nmiToPrevious: number;
  readonly nmiToTruth: number | null;
  readonly emptyClusters: number;
  readonly entropy: number;
  readonly figures: FiguresByAlgorithm;
}

/** What a strategy adds to a checkpoint. */
export interface StrategyState {
  /** [N]; empty before the first clustering. */
  readonly pseudoLabels: Int32Array;
  /** Centroids, and what else belongs to them. */
  readonly clustering: NamedArrays;
  /** Counters, as JSON. */
  readonly counters: unknown;
}

/** What the orders of slices carry besides their samples, as it is before the step. */
export interface SliceFacts {
  /** Of the centroids that workers assign with. */
  readonly centroidVersion: number;
  /**
   * What the losses of a step are multiplied by.
   * @param slices pseudo-labels of all its slices, in slice order
   */
  lossWeights(slices: readonly Int32Array[]): readonly Float64Array[];
  /** Targets of the heads behind the first. @returns [n, H - 1] */
  furtherLabels(ids: Int32Array): Int32Array;
}

export interface Strategy {
  /**
   * [N] as they are now, -1 where an image could not be read; empty before the first clustering.
   */
  readonly pseudoLabels: Int32Array;
  /**
   * Asked once an epoch has begun, and for all its steps; null where samples are all that orders
   * carry.
   */
  readonly sliceFacts: SliceFacts | null;
  /** Form of the sample memory that the parameter server restores; null without one. */
  memoryShape(saved: StrategyState): MemoryShape | null;
  /** Goes on from a checkpoint, once the parameter server has its part. */
  restore(saved: StrategyState, version: number): Promise<void>;
  beginEpoch(epoch: number, version: number): Promise<EpochStart>;
  plan(epoch: number): EpochPlan;
  /** A step has taken effect on the parameter server; the next one's orders follow. */
  stepApplied(step: number, epoch: number): Promise<void>;
  /**
   * What an epoch's end knows better than its beginning, with a remark for people; null if nothing.
   */
  endEpoch(epoch: number): { readonly end: EpochEnd; readonly remark: string } | null;
  /**
   * How the images are clustered once more when all epochs are done, by the parameters as they are;
   * null where clusters are not made of features.
   */
  finalClustering(): FinalPlan | null;
  /**
   * Checks what can drift, and tells what a checkpoint must hold; to be written before the next
   * step.
   */
  snapshot(): Promise<StrategyState>;
}

/** What the final clusters are made of. */
export interface FinalPlan {
  readonly rows: FinalRows;
  /** [K, d] that images go to; null: k-means finds new ones. */
  readonly centroids: Float32Array | null;
  /** Whether those of k-means are unit rows. */
  readonly isSpherical: boolean;
}

/** PCA-whitened features, or unit features. */
export type FinalRows = 'whitened' | 'unit';

/** What of the sample memory is clustered. */
export interface MemoryToCluster {
  readonly heads: readonly MemoryHead[];
  /** Whether one worker clusters all rows of a head, or all workers share its steps. */
  readonly isWhole: boolean;
  /** Whether an image takes part. */
  readonly hasRow: (id: number) => boolean;
}

/** One clustering of the sample memory: the prototypes of a head. */
export interface MemoryHead {
  /** Makes its k-means begin otherwise than those of other heads. */
  readonly head: number;
  /** Rows of the memory are made of so many parts, of which this one is clustered. */
  readonly parts: number;
  readonly part: number;
}

/**
 * The rows that a clustering is of: PCA-whitened features, or unit features, which the sample
 * memory then gets too.
 */
export type ClusteredRows = 'whitened' | 'unitToMemory';

/** What a clustering of all images gives. */
export interface Clustering {
  /** [N] cluster of every image, -1 where it could not be read. */
  readonly pseudoLabels: Int32Array;
  /** Sum of squared distances to the own centroid, at the final assignment. */
  readonly inertia: number;
  /** Empty clusters that were refilled, over all iterations. */
  readonly refilled: number;
  /** Clusters that there are, K; none is numbered higher. */
  readonly clusterCount: number;
  /** [K, d], with the whitening they live in. */
  readonly centroids: Float32Array;
  readonly whitening: NamedArrays;
  /** Of the features as they were; null where there were no moments. */
  readonly spread: number | null;
}

/** A place in the run: the step is the next one. */
export interface ClusteringMoment {
  readonly epoch: number;
  readonly step: number;
}

/** What the coordinator offers a strategy. */
export interface StrategyDeps {
  readonly config: AlgorithmConfig;
  /** N */
  readonly imageCount: number;
  /** For figures alone: it never reaches training. */
  readonly truth: { readonly labels: Int32Array } | null;
  /** d */
  readonly featureDim: number;
  readonly memory: MemoryServers;
  /** Arrays that workers fetch by name: `family/rest` is made when it is asked for. */
  readonly artifacts: { offer(family: string, make: (rest: string) => NamedArrays | null): void };
  /** Features of all images and their k-means, over all workers. */
  readonly cluster: (epoch: number, version: number, rows: ClusteredRows) => Promise<Clustering>;
  /**
   * Fills the sample memory with the unit features of random crops, in training mode.
   * @returns [N] 0 where an image has a row, -1 where it could not be read
   */
  readonly fillMemory: (epoch: number, version: number, crops: number) => Promise<Int32Array>;
  /** Spherical k-means over rows of the sample memory. @returns in the order of the heads */
  readonly clusterMemory: (
    epoch: number,
    version: number,
    memory: MemoryToCluster,
  ) => Promise<Clustering[]>;
  /** Called with how far the clusters are from collapse, and since when. */
  readonly noteClusters: (figures: CollapseFigures, at: ClusteringMoment) => void;
  /** events.jsonl and metrics.jsonl. */
  readonly folder: {
    event(event: string, reason: string, fields?: object): void;
    metrics(fields: object): void;
  };
  readonly logger: Logger;
  readonly signal: AbortSignal;
}
