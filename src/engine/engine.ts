/**
 * An engine as a value: what computes, and the way there and back. Networks and clustering ask the
 * engine that they are given, and no other; a process may have several. Each has a folder here, and
 * a line in registry.ts. Shapes: P parameters, S batch-norm statistics.
 */
import type * as tf from '@tensorflow/tfjs';
import type { ClusteringKernels } from '../clustering/kernels.ts';
import type { GradientArrays } from '../ps/gradient-arrays.ts';
import type { ParameterLayout, StatisticSpec } from '../ps/layout.ts';
import type { Products } from './clustering/products.ts';
import type { Operations } from './operations.ts';

/** Which engine this is, for people and for records. */
export interface EngineFacts {
  /** As the registry has it. */
  readonly name: string;
  /** Of the runtime that computes: TensorFlow's, or that of the backend's package. */
  readonly version: string;
  /** Which engine and why, in one line. */
  readonly reason: string;
  /** `CPU`, or the GPU in use by index and name. */
  readonly device: string;
  /** Threads that compute one operation on the CPU. */
  readonly threads: number;
  /**
   * Whether this project's own kernels are there: on a CPU for all that they are made for, on a GPU
   * for two things.
   */
  readonly hasOwnKernels: boolean;
}

export interface Engine extends EngineFacts {
  /**
   * Does synchronous work on this engine: tensors made in it are this engine's. May be nested, also
   * in the work of another engine.
   * @throws TypeError after `close`, and for work that goes on after it has returned
   */
  readonly run: <T>(work: () => T) => T;
  /** The same; tensors that the work has made and does not return are freed. */
  readonly tidy: <T extends tf.TensorContainer>(work: () => T) => T;
  readonly operations: Operations;
  /**
   * Makes a tensor of each named part of a vector, within `run`. The vector remains the caller's.
   * @param into receives the tensors, which are the caller's
   */
  readonly upload: (
    specs: readonly StatisticSpec[],
    vector: Float32Array,
    into: Map<string, tf.Tensor>,
  ) => void;
  /**
   * For one step, within `run`.
   * @param gradients where the step's may lie; left out: in memory of its own
   */
  readonly createStepResults: (
    layout: ParameterLayout,
    gradients?: Pick<GradientArrays, 'take'>,
  ) => StepResults;
  /**
   * Runs a training slice. Should memory not hold it, the error says how many images would fit.
   * @param run with so many images of the slice; leaves nothing behind, also when it fails
   * @throws TrainerError CONFIG_INVALID
   */
  readonly withinMemory: <T>(images: number, run: (images: number) => T) => T;
  /** k-means and PCA, by the fastest way that this engine has here. */
  readonly clustering: ClusteringKernels;
  /** Matrix products as clustering asks for them. */
  readonly products: Products;
  /** What the tensor library holds for this process, of all its engines together. */
  readonly memory: () => { readonly tensors: number; readonly bytes: number };
  /**
   * Ends its threads, if it has any; what it holds is lost. Once is enough, more often changes
   * nothing.
   */
  readonly close: () => Promise<void>;
}

/** What a batch-norm layer measured. */
export interface BatchStatistics {
  /** Of the layer. */
  readonly name: string;
  /** [C], of what a reference network's layer sees: with the bias of the convolution before it */
  readonly mean: tf.Tensor1D;
  /** [C], unbiased; of a single element there is none: its biased one, zero */
  readonly variance: tf.Tensor1D;
}

/** Gathers what a step gives: gradients by name, and what its batch norms measured. */
export interface StepResults {
  /** Takes the gradient of a variable over. */
  readonly takeGradient: (name: string, gradient: tf.Tensor) => void;
  /**
   * Waits for the device and hands everything over. Variables without gradient have zeros.
   * @returns gradient [P] and statistics [S], the caller's
   */
  readonly read: (statistics: readonly BatchStatistics[]) => {
    gradient: Float32Array;
    statistics: Float32Array;
  };
}

export interface EngineOptions {
  /**
   * Compute threads. If absent, `tensorflow` leaves it to its runtime; `wasm` takes
   * OMP_NUM_THREADS, or as many as there are cores for this process.
   */
  readonly threads?: number;
}

/**
 * Loads what an engine needs. What it returns makes the engine, given why this one was taken, and
 * may throw, too: where the engine is there but not as it should be, no other is taken for it.
 * @throws TrainerError ENGINE_UNAVAILABLE where it is missing: `auto` then tries the next
 */
export type LoadEngine = (options: EngineOptions) => Promise<(why: string) => Engine>;
