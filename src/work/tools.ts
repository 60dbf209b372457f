/**
 * What a worker hands to the work that it performs, as interfaces: the kinds of work are read by
 * the coordinator too, which knows no tensor library. Shapes: n images, D feature dimensions, P
 * parameters, S batch-norm statistics.
 */
import type { AlgorithmWork } from '../algorithms/work.ts';
import type { NamedArrays } from '../arrays/safetensors.ts';
import type { ClusteringKernels, RowsToCluster } from '../clustering/kernels.ts';
import type { IdentifiedRows } from '../clustering/odc/bundles.ts';
import type { RunConfig } from '../config/schema.ts';
import type { Prototypes } from '../clustering/prototypes.ts';
import type { SwappedPrediction } from '../clustering/swapped-prediction.ts';
import type { Draws, SmallCrop } from '../data/loader/drawn-views.ts';
import type { OpenProducts } from '../evaluation/products.ts';
import type { LocalReplica } from '../ps/local-replica.ts';
import type { LoadedViews } from '../data/loader/loader.ts';
import type { ImageSource } from '../data/source/source.ts';
import type { VectorCoding } from '../ps/codec/vector-coding.ts';
import type { GradientArrays } from '../ps/gradient-arrays.ts';
import type { SentPush } from '../rpc/parameters-client.ts';
import type { MemoryServers } from '../server-clients/memory-servers.ts';
import type { PushReply } from '../server-clients/parameter-servers.ts';
import type { MovedRows } from '../server-clients/sample-shards.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { OrderProgress } from '../telemetry/notice.ts';
import type { TraceArgs } from '../telemetry/trace.ts';

/** What every order carries besides its kind and body; all of it is the state machine's. */
export interface OrderIds {
  readonly leaseId: string;
  readonly generation: number;
  readonly epoch: number;
  /** The version of parameters that the work is based on. */
  readonly parameterVersion: number;
  /** The clustering under way, by its number in the coordinator's term. */
  readonly clustering: number;
}

export interface WorkTools {
  readonly config: RunConfig;
  readonly source: ImageSource;
  /** Columns of the feature, and of what is evaluated. */
  readonly featureDim: number;
  readonly representationDim: number;
  readonly network: NetworkTools;
  /** Moves parameters from batch to batch, in mode `local`. */
  readonly replica: LocalReplica;
  readonly views: ViewTools;
  readonly held: HeldFeatures;
  readonly clustering: ClusteringKernels;
  /** Products with rows of thousands of numbers, by the engine; null: there is none for them. */
  readonly wideProducts: OpenProducts | null;
  /** The run's algorithm, here in this process. */
  readonly algorithm: AlgorithmWork;
  /** Where the time of this order goes. */
  readonly times: Times;
  readonly logger: Logger;
  /** Fetches an artifact, or answers with what is being fetched already. */
  readonly artifact: (name: string) => Promise<NamedArrays>;
  /** Sends rows of a data shard to the sample memory. */
  readonly fillMemory: (
    shard: number,
    generation: number,
    rows: IdentifiedRows,
  ) => ReturnType<MemoryServers['fill']>;
  /** Rows of the sample memory as they were before a step. @returns [n, columns] */
  readonly memoryRows: (step: number, ids: Int32Array) => Promise<Float32Array>;
  readonly gradients: UnitGradients;
  /**
   * To whose values gradients and their sums are rounded before they are pushed; null: they stay.
   */
  readonly gradientCoding: VectorCoding | null;
  /** Stages a unit's sums on the parameter servers, in this process's name. */
  readonly push: (
    push: Omit<SentPush<MovedRows>, 'workerId' | 'incarnation'>,
  ) => Promise<PushReply>;
  /** @throws TrainerError GENERATION_FENCED when the order came in a term that is over */
  readonly requireTerm: () => void;
  /**
   * @throws TrainerError GENERATION_FENCED when the term, or the session that the order came in, is
   *   over
   */
  readonly requireOrder: () => void;
  /** Lets messages and timers of this thread through, between two parts of long work. */
  readonly nextTurn: () => Promise<void>;
  /** Tells the heartbeat that something got done. */
  readonly advance: () => void;
  /** Tells a person how far a long order is. */
  readonly tell: (progress: OrderProgress) => void;
}

/** The arrays that gradients of slices come in. */
export interface UnitGradients extends Pick<GradientArrays, 'giveBack'> {
  /** A unit begins: those that the one before it left are free. @param version of its parameters */
  begin(version: number): void;
}

/** What a training pass over one slice gives. */
export interface SlicePass {
  /** Sum of the slice's losses. */
  readonly lossSum: number;
  /** [P], gradient of that sum. */
  readonly gradient: Float32Array;
  /** [S] */
  readonly statistics: Float32Array;
}

/** Small crops of a slice's images, the crops of an image one behind the other. */
export interface SmallViews {
  /** [n * crops, size, size, 3] RGB */
  readonly images: Uint8Array;
  readonly crops: number;
  /** Side [px]. */
  readonly size: number;
  /** Weight of the newest batch in running statistics: these views are a second one. */
  readonly batchNormMomentum: number;
}

/** The network with the parameters that it holds (src/nn/model.ts). */
export interface NetworkModel {
  /** @returns [count, D] of `feature`, as when left out, or of what is evaluated */
  features(images: Uint8Array, count: number, output?: 'feature' | 'representation'): Float32Array;
  lossAndGradient(
    images: Uint8Array,
    pseudoLabels: Int32Array,
    dropoutSeed: readonly (string | number)[],
  ): SlicePass;
  lossGradientAndFeatures(
    images: Uint8Array,
    pseudoLabels: Int32Array,
    dropoutSeed: readonly (string | number)[],
    options?: { readonly weights?: Float32Array },
  ): SlicePass & { readonly features: Float32Array };
  prototypeGradient(
    images: Uint8Array,
    targets: Int32Array,
    prototypes: Prototypes & { readonly crops: number },
    dropoutSeed: readonly (string | number)[],
    small?: SmallViews,
  ): SlicePass & { readonly features: Float32Array };
  swappedGradient(
    images: Uint8Array,
    samples: number,
    swapped: SwappedPrediction,
    dropoutSeed: readonly (string | number)[],
  ): SlicePass & { readonly features: Float32Array };
  /** @returns [count, D] of any length */
  trainingFeatures(
    images: Uint8Array,
    count: number,
    dropoutSeed: readonly (string | number)[],
  ): Float32Array;
}

export interface NetworkTools {
  readonly model: NetworkModel;
  /** The epoch whose clustering the head is of. */
  headEpoch(epoch: number): number;
  /** Begins the download of a version, unless the model holds it. */
  prefetch(version: number, headEpoch: number): void;
  /**
   * Has the model hold this version, see `version`; `headEpoch` null where the head does not
   * matter.
   */
  load(version: number, headEpoch: number | null, times: Times): Promise<void>;
  /** Of what `load` had it hold last: what was asked for, or where steps overlap, a later one. */
  readonly version: number;
  /**
   * The parameters of the version that `load` had it hold last; in mode `local` alone.
   * @returns [P] to read, until the next `load`
   */
  loadedParameters(): Float32Array;
  /** Has it hold these, which are of no version, with the statistics of the one loaded last. */
  loadMoved(parameters: Float32Array): void;
  /** Has it hold the values that the run's seed gives it. */
  loadInitial(): void;
}

/** Samples of a slice, in the order of its draws. */
export interface SliceSamples extends Draws {
  /** [n] */
  readonly pseudoLabels: Int32Array;
  /** [n] what each loss is multiplied by, of a mean of 1 over the step; empty: all 1. */
  readonly lossWeights: Float32Array;
  /** [n, H - 1] targets of the heads behind the first; empty where there is one. */
  readonly furtherLabels: Int32Array;
}

/**
 * A batch of a slice of a step; the same slice leased again has the same views, unless some of its
 * images were left out meanwhile.
 */
export interface SliceName {
  readonly epoch: number;
  readonly step: number;
  readonly slice: number;
  /** Within the slice; more than the first, 0, are there in mode `local` alone. */
  readonly batch: number;
}

/** Samples begin <= id < end. */
export interface ShardRange {
  readonly begin: number;
  readonly end: number;
  /** Of these samples, those that are not read. */
  readonly leftOut: readonly number[];
}

/**
 * Views of many images, batch after batch in the order of their ids; unreadable images have no row.
 */
export interface ViewBatches {
  each(times: Times): AsyncIterable<LoadedViews>;
}

export interface ViewTools {
  /** Begins the deterministic views of a leased data shard, unless enough are begun already. */
  beginShard(leaseId: string, range: ShardRange): void;
  /** The deterministic views of a leased data shard, begun before or now. */
  takeShard(leaseId: string, range: ShardRange): ViewBatches;
  /** The random views of a slice, begun before or now. */
  ofSlice(name: SliceName, draws: Draws): Promise<LoadedViews>;
  /** Likewise, of another size. */
  smallOfSlice(name: SliceName, draws: Draws, crop: SmallCrop): Promise<LoadedViews>;
  /** Lets go of the slice's views, which nobody is expected to ask for again. */
  letGo(name: SliceName): void;
  /** The deterministic views of these images. */
  centre(ids: Int32Array): ViewBatches;
}

/** Features of one data shard in a worker's memory. */
export interface ResidentShard {
  readonly shard: number;
  readonly epoch: number;
  readonly parameterVersion: number;
  readonly clustering: number;
  /** [n] ids of the readable images. */
  readonly ids: Int32Array;
  /** [n, dim] as extracted, then whitened and L2-normalised. */
  readonly features: Float32Array;
  readonly dim: number;
  readonly isProjected: boolean;
}

/** Features of data shards, which live in the worker between the orders of one clustering. */
export interface HeldFeatures {
  /**
   * The shard's features for an order of `epoch`.
   * @throws TrainerError LEASE_LOST when they are not here in that form
   */
  of(epoch: number, shard: number, isProjected: boolean): ResidentShard;
  /**
   * Takes in features that were made for this order; lets go of every data shard of another
   * clustering.
   */
  hold(
    ids: OrderIds,
    shard: Omit<ResidentShard, 'epoch' | 'parameterVersion' | 'clustering'>,
  ): void;
  /** Lets go of one data shard. */
  drop(shard: number): void;
  letGo(): void;
  /**
   * What computes on so many rows: a data shard without any is nothing that an engine has a form
   * for.
   */
  kernelsFor(rows: number): ClusteringKernels;
  /** Held features as k-means has them prepared, for as long as they are held. */
  rowsToCluster(resident: ResidentShard): RowsToCluster;
}

/** Where the time of an order goes. */
export interface Times {
  /** Waits for views, and counts it. */
  views<T>(views: Promise<T>): Promise<T>;
  /** Runs a pass of the network, which keeps this thread until it is done, and counts it. */
  pass<T>(name: string, args: TraceArgs, pass: () => T): T;
  /** Anything else, for the trace only. */
  span<T>(name: string, args: TraceArgs, work: () => T | Promise<T>): Promise<T>;
}
