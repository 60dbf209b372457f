/**
 * The world outside a coordinator, as the terms of a run see it. main.ts brings the real one, and
 * the simulation its own: what is between is the same code.
 */
import type { Checkpoint, writeCheckpoint } from '../src/checkpoint/checkpoint.ts';
import type { ParameterLayout } from '../src/ps/layout.ts';
import type { FinalClusterFigures, RunEvaluation, RunSummary } from '../src/report/summary.ts';
import type { NamedVectors } from '../src/rpc/named-vectors.ts';
import type { FinalClustering } from '../src/run/final-clustering.ts';
import type { EpochRecord } from '../src/run/record-state.ts';
import type { Servers } from '../src/server-clients/connect.ts';
import type { Control, ControlDeps } from './control/control.ts';
import type { NetworkFacts } from './fleet/worker-admission.ts';
import type { RunRecord } from './record/run-record.ts';
import type { CommittedStep } from './run/train-epoch.ts';

export interface Clock {
  /** Since some moment; never goes back. */
  readonly nowMs: () => number;
  /** By the calendar. */
  readonly dateMs: () => number;
  /** Calls `tick` every so often until it is stopped. */
  readonly every: (intervalMs: number, tick: () => void) => { stop(): void };
}

/** The parameter servers of a term. */
export interface ServersOfTerm {
  /** `host:port` of each part, in their order. */
  readonly addresses: readonly string[];
  readonly term: number;
  /** Ends every call once one of them is gone. */
  readonly lost: AbortSignal;
}

/** Clients of all servers, for a network of this layout. */
export type Connect = (network: NetworkFacts, servers: ServersOfTerm) => Servers;

/** What a finished run came to. */
export interface RunResults {
  readonly summary: RunSummary;
  readonly record: RunRecord;
  /** [images] that the last step trained on. */
  readonly pseudoLabels: Int32Array;
  /**
   * [images] the final clusters, or where there are none those of training; -1 where an image took
   * no part.
   */
  readonly clusters: Int32Array;
  /** Null where the final parameters tell no images apart. */
  readonly final: FinalClustering | null;
}

/**
 * A term of the run as a watcher may look at it, whenever it likes, and the one thing that it may
 * ask for.
 */
export interface RunUnderWay {
  readonly record: RunRecord;
  readonly control: Pick<Control, 'dispatcher' | 'membership' | 'images'>;
  /** The parameter servers, by part. */
  readonly addresses: readonly string[];
  /** [images] as they are now, not to be kept; empty before the first clustering. */
  readonly clusters: () => Int32Array;
  /** Calls back once a checkpoint has all that counts now; one is taken for it where it must be. */
  readonly checkpointThen: (done: () => void) => void;
}

/**
 * Follows a run for the people who watch it. Nothing of the run depends on it, and it never throws.
 */
export interface RunWatcher {
  /** The term has its parameters, and work begins. */
  begun(run: RunUnderWay): void;
  /** The run goes on from a checkpoint of this step. */
  resumed(step: number): void;
  stepCommitted(step: CommittedStep): void;
  /** @param step the next one */
  epochClosed(epoch: EpochRecord, step: number): void;
  /** The values after an epoch. */
  parameters(step: number, layout: ParameterLayout, values: NamedVectors): void;
  /** @param sizes [K] images of each cluster */
  finished(
    step: number,
    final: FinalClusterFigures | null,
    evaluation: RunEvaluation | null,
    sizes: ArrayLike<number>,
  ): void;
  /**
   * The run has finished, and its folder has all of it: there is time for what takes some, such as
   * reading images, but not for more than some seconds.
   */
  resultsWritten(step: number, results: RunResults, signal: AbortSignal): Promise<void>;
  /** Resolves once nothing more is written. */
  close(): Promise<void>;
}

/** For whom nobody watches. */
export const NO_WATCHER: RunWatcher = {
  begun: () => undefined,
  resumed: () => undefined,
  stepCommitted: () => undefined,
  epochClosed: () => undefined,
  parameters: () => undefined,
  finished: () => undefined,
  resultsWritten: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

/** What a run keeps besides its events. */
export interface RunDisk {
  /** The newest one that is sound, and this run's; null where there is none. */
  readonly newestCheckpoint: () => Promise<Checkpoint | null>;
  readonly saveCheckpoint: typeof writeCheckpoint;
  /** Whoever follows a term. */
  readonly watch: (term: number) => RunWatcher;
  /** @throws the signal's reason */
  readonly writeResults: (results: RunResults, signal: AbortSignal) => Promise<void>;
}

export interface Outside {
  readonly clock: Clock;
  readonly connect: Connect;
  readonly disk: RunDisk;
  /** The control plane of a term. */
  readonly makeControl: (deps: ControlDeps) => Control;
}
