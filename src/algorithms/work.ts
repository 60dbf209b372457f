/**
 * The worker's part of an algorithm: what a slice of training needs besides its samples, and what
 * travels with its gradient. Shapes: n samples of a slice, d columns.
 */
import type { NamedArrays } from '../arrays/safetensors.ts';
import type { MemoryServers } from '../server-clients/memory-servers.ts';
import type { MovedRows } from '../server-clients/sample-shards.ts';
import type { Prototypes } from '../clustering/prototypes.ts';
import type { SwappedPrediction } from '../clustering/swapped-prediction.ts';
import type { AlgorithmConfig } from './settings.ts';

/** The order that a slice is of. */
export interface SliceLease {
  readonly leaseId: string;
  readonly epoch: number;
  /** Of the parameters, and of the sample memory, that the slice is based on. */
  readonly parameterVersion: number;
}

/** What of a slice matters to an algorithm. */
export interface AlgorithmSlice {
  /** Its number within the step. */
  readonly slice: number;
  readonly samples: { readonly ids: Int32Array };
  /** The published centroids to assign by, or to compare with. */
  readonly centroidVersion: number;
}

/** Random views of another size and area than the configured ones. */
export interface SmallCrops {
  /** Of each draw. */
  readonly count: number;
  /** Side of a view [px]. */
  readonly size: number;
  /** Area of the crop as a fraction of the image, [low, high]. */
  readonly area: readonly [number, number];
}

export interface AlgorithmWork {
  /** The epoch whose clusters the head is of that an epoch trains. */
  headEpoch(epoch: number): number;
  /** Begins the downloads that a slice needs. */
  prepare(order: SliceLease, slice: AlgorithmSlice): void;
  /**
   * Forgets what belonged to a session: a coordinator that comes back may have gone back to a
   * checkpoint.
   */
  forget(): void;
  /** Random views of each draw. */
  readonly crops: number;
  /** Further ones of another size, that are trained on and leave no feature; null: none. */
  readonly smallCrops: SmallCrops | null;
  /** Whether a training pass must give the features of its samples besides their gradient. */
  readonly usesFeatures: boolean;
  /** Frozen prototypes that a network without a head is trained by; null: others, or none. */
  prototypes(slice: AlgorithmSlice): Promise<Prototypes | null>;
  /** What a network is trained by that learns its prototypes; null where none does. */
  swapped(order: SliceLease, slice: AlgorithmSlice): Promise<SwappedPrediction | null>;
  /**
   * Follows a training pass that gave features.
   * @param features [n, d] of the slice's samples; of several crops [n, crops * d]
   * @returns rows of the sample memory, pushed with the gradient; null: none, of any slice
   */
  moveRows(
    order: SliceLease,
    slice: AlgorithmSlice,
    features: Float32Array,
  ): Promise<MovedRows | null>;
}

/** What the worker offers it. */
export interface AlgorithmWorkDeps {
  readonly config: AlgorithmConfig;
  /** d */
  readonly featureDim: number;
  readonly memory: Pick<MemoryServers, 'rows'>;
  /** Fetches an artifact, or answers with what is being fetched already. */
  readonly artifact: (name: string) => Promise<NamedArrays>;
  readonly signal: AbortSignal;
}

/** Gradients alone, and a head for the clusters of each epoch. */
export const GRADIENT_WORK: AlgorithmWork = {
  headEpoch: (epoch) => epoch,
  prepare: () => undefined,
  forget: () => undefined,
  crops: 1,
  smallCrops: null,
  usesFeatures: false,
  prototypes: () => Promise.resolve(null),
  swapped: () => Promise.resolve(null),
  moveRows: () => Promise.resolve(null),
};
