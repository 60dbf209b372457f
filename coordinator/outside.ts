/**
 * The world outside a coordinator, as the terms of a run see it. main.ts brings the real one, and the
 * simulation its own: what is between is the same code.
 */
import type { Checkpoint, writeCheckpoint } from '../src/checkpoint/checkpoint.ts';
import type { RunSummary } from '../src/report/summary.ts';
import type { FinalClustering } from '../src/run/final-clustering.ts';
import type { Servers } from '../src/server-clients/connect.ts';
import type { Control, ControlDeps } from './control/control.ts';
import type { NetworkFacts } from './fleet/worker-admission.ts';
import type { RunRecord } from './record/run-record.ts';

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
  /** [images] the final clusters, or where there are none those of training; -1 where an image took no part. */
  readonly clusters: Int32Array;
  /** Null where the final parameters tell no images apart. */
  readonly final: FinalClustering | null;
}

/** What a run keeps besides its events. */
export interface RunDisk {
  /** The newest one that is sound, and this run's; null where there is none. */
  readonly newestCheckpoint: () => Promise<Checkpoint | null>;
  readonly saveCheckpoint: typeof writeCheckpoint;
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
