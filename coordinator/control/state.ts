/**
 * What the coordinator knows while a run goes on, as plain values: members, leases, who holds which
 * features, the phase and its tasks, the ledger; and the events that change it. transition.ts
 * decides what they change.
 */
import { EMPTY_LEDGER, type Ledger } from '../../src/run/ledger.ts';
import type { Stage, Work } from './work.ts';

export type Phase =
  | 'gathering'
  | 'extract'
  | 'moments'
  | 'pca'
  | 'project'
  | 'sampleRows'
  | 'kmeans'
  | 'assign'
  | 'memory'
  | 'train'
  | 'evaluate'
  | 'finished';

export interface StateSettings {
  readonly minWorkers: number;
  /** Of those who come after these, each waits until one of them leaves. */
  readonly maxWorkers: number;
  /**
   * A slice that takes this many times as long as usual is given to an idle worker as well, and the first result counts;
   * 0: never.
   */
  readonly backupFactor: number;
  readonly leaseTtlMs: number;
  readonly heartbeatTimeoutMs: number;
  /** Orders a worker may hold at a time in the phases that decode images. */
  readonly ordersInFlight: number;
  /** Begins every lease id: told apart from those of an earlier coordinator of this run. */
  readonly leasePrefix: string;
}

export interface Task {
  readonly work: Work;
  /**
   * `waiting`: its images cannot be read now, and it is given out again when that has been decided
   * on.
   */
  readonly status: 'todo' | 'leased' | 'waiting' | 'done';
  /** Leases given for this task so far. */
  readonly generation: number;
  /** Leases whose result was taken: the same result again is a repeat, harmless. */
  readonly answered: readonly string[];
  /**
   * Workers that could not read its images: it is given to another first, since a share may be gone
   * on one machine alone.
   */
  readonly unreadBy: readonly string[];
}

export interface Lease {
  readonly id: string;
  readonly task: string;
  /** What was ordered: the task's own work, or the features it needs first. */
  readonly work: Work;
  readonly generation: number;
  readonly workerId: string;
  readonly incarnation: string;
  readonly givenMs: number;
  readonly deadlineMs: number;
}

export interface Member {
  readonly workerId: string;
  readonly incarnation: string;
  readonly lastSeenMs: number;
  readonly progress: number;
  /** A lease of it expired, or another was faster with its slice, and it has made no progress since: no orders until it does. */
  readonly isStuck: boolean;
}

export interface Holding {
  readonly workerId: string;
  readonly stage: Exclude<Stage, 'none'>;
}

/** Features a worker says it still holds when it joins again. */
export interface OfferedHolding extends Omit<Holding, 'workerId'> {
  readonly shard: number;
  readonly epoch: number;
  readonly parameterVersion: number;
}

export interface CoordinatorState {
  readonly settings: StateSettings;
  readonly phase: Phase;
  readonly epoch: number;
  /** The version of parameters that the phase's work is based on. */
  readonly parameterVersion: number;
  readonly members: ReadonlyMap<string, Member>;
  /** Tasks of the phase by key, in the order in which they are given out. */
  readonly tasks: ReadonlyMap<string, Task>;
  /** Those of the phase before, for results that are repeated because their answer was lost. */
  readonly earlierTasks: ReadonlyMap<string, Task>;
  /** Tasks that are not done; the phase ends when it reaches zero, and then exactly once. */
  readonly open: number;
  readonly leases: ReadonlyMap<string, Lease>;
  /** By data shard: at most one worker holds its features of this epoch. */
  readonly holdings: ReadonlyMap<number, Holding>;
  /** Leases ever given; makes the next lease id. */
  readonly leaseCount: number;
  readonly ledger: Ledger;
  /** Results that came for a lease that was gone. */
  readonly fenced: number;
  /** Running mean of the time from a slice's lease to its result; 0 before the first [ms]. */
  readonly sliceMs: number;
  /** Whether work waits because there are too few workers. */
  readonly isPaused: boolean;
}

export type Event =
  | {
      readonly type: 'workerJoined';
      readonly workerId: string;
      readonly incarnation: string;
      readonly holdings: readonly OfferedHolding[];
    }
  | {
      readonly type: 'workerLost';
      readonly workerId: string;
      readonly incarnation: string;
      readonly reason: string;
    }
  | {
      readonly type: 'heartbeat';
      readonly workerId: string;
      readonly incarnation: string;
      readonly progress: number;
    }
  | {
      readonly type: 'resultArrived';
      readonly leaseId: string;
      readonly generation: number;
      readonly incarnation: string;
      /** The worker could not do it, but another may. */
      readonly isFailure: boolean;
      /** Images that take part could not be read: the task waits; left out: none. */
      readonly waitsForImages?: boolean;
    }
  /** Tasks that waited for their images are to be given out again. */
  | { readonly type: 'tasksReleased'; readonly tasks: readonly string[] }
  | {
      readonly type: 'phaseEntered';
      /** Generations of leases on this work that were given before; 0 if left out. */
      readonly generationsGiven?: number;
      readonly phase: Phase;
      readonly epoch: number;
      readonly parameterVersion: number;
      readonly work: readonly Work[];
    }
  /** The run goes on from a checkpoint. */
  | { readonly type: 'ledgerRestored'; readonly ledger: Ledger }
  | { readonly type: 'epochOpened'; readonly epoch: number; readonly draws: number }
  | {
      readonly type: 'stepCommitted';
      readonly begin: number;
      readonly end: number;
      /** Draws among them whose images were left out. */
      readonly skipped: number;
    }
  | { readonly type: 'pushDuplicated' }
  | { readonly type: 'tick' };

/** What becomes of a result. */
export type Verdict = 'accepted' | 'duplicate' | 'fenced';

export type Action =
  | { readonly type: 'sendOrder'; readonly lease: Lease }
  /** The answer to a result; accepted payloads belong to `task` when `work` is its own. */
  | {
      readonly type: 'answerResult';
      readonly verdict: Verdict;
      readonly lease: Lease | null;
      readonly completesTask: boolean;
    }
  | { readonly type: 'dropWorker'; readonly workerId: string; readonly incarnation: string }
  | { readonly type: 'phaseDone'; readonly phase: Phase; readonly epoch: number }
  /** A transition for events.jsonl. */
  | {
      readonly type: 'record';
      readonly event: string;
      readonly reason: string;
      readonly fields: object;
    };

export interface Transition {
  readonly state: CoordinatorState;
  readonly actions: readonly Action[];
  readonly reason: string;
}

/** The state before the first worker. */
export function initialState(settings: StateSettings): CoordinatorState {
  return {
    settings,
    phase: 'gathering',
    epoch: 0,
    parameterVersion: 0,
    members: new Map(),
    tasks: new Map(),
    earlierTasks: new Map(),
    open: 0,
    leases: new Map(),
    holdings: new Map(),
    leaseCount: 0,
    ledger: EMPTY_LEDGER,
    fenced: 0,
    sliceMs: 0,
    isPaused: false,
  };
}
