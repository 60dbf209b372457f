/**
 * What the coordinator knows while a run goes on, as plain values: members, leases, who holds which
 * features, the phase and its tasks, the ledger; and the events that change it. transition.ts
 * decides what they change.
 */
import { EMPTY_LEDGER, type Ledger } from '../../src/run/ledger.ts';
import type { Stage, Work } from '../../src/work/kind.ts';
import type { OrderFailure, RunFailure } from './failure-policy.ts';

export interface StateSettings {
  readonly minWorkers: number;
  /** Of those who come after these, each waits until one of them leaves. */
  readonly maxWorkers: number;
  /**
   * A unit of slices that takes this many times as long as usual is given to an idle worker as
   * well, and the first result counts; 0: never.
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
  /** Workers whose numbers for it were not finite. */
  readonly nonFiniteBy: readonly string[];
  /** An order for it and others failed: from now on it has orders of its own. */
  readonly isAlone: boolean;
}

export interface Lease {
  readonly id: string;
  /** The key of the task, or of the first of several whose results are folded. */
  readonly task: string;
  /**
   * Keys of the others, whose data shards the worker holds as well; most often none. The lease
   * stands for all of them: one result completes them together, and together they go back.
   */
  readonly further: readonly string[];
  /** What was ordered: the (first) task's own work, or the features it needs first. */
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
  /**
   * A lease of it expired, or another was faster with its unit, and it has made no progress since:
   * no orders until it does.
   */
  readonly isStuck: boolean;
  /** It finishes its leases, gets no others, and is then let go. */
  readonly isDraining: boolean;
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
  readonly clustering: number;
  /** Of the shard's images, those that the features are of. */
  readonly rows: number;
}

export interface CoordinatorState {
  readonly settings: StateSettings;
  /** `gathering`, before the first, or that of the kind of work that was given out last. */
  readonly phase: string;
  readonly epoch: number;
  /** The version of parameters that the phase's work is based on. */
  readonly parameterVersion: number;
  /**
   * Clusterings that have begun, by an extraction each: of one epoch and version there may be
   * several, whose features differ.
   */
  readonly clustering: number;
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
  /** By data shard: images that the features of the clustering under way are of. */
  readonly shardRows: ReadonlyMap<number, number>;
  /** Leases ever given; makes the next lease id. */
  readonly leaseCount: number;
  /** Of all leases so far. */
  readonly highestGeneration: number;
  /** Failed orders since the last one that was done. */
  readonly failuresInRow: number;
  /** Why the run cannot go on: nothing more is given out. Null while it can. */
  readonly failure: RunFailure | null;
  /** Times that results of the phase were lost after they had been taken. */
  readonly recomputations: number;
  readonly ledger: Ledger;
  /** Results that came for a lease that was gone. */
  readonly fenced: number;
  /** Running mean of the time of a slice, from lease to result; 0 before the first [ms]. */
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
      /** Why the worker could not do it; null, as when left out: it did. */
      readonly failure?: OrderFailure | null;
      /** Images that take part could not be read: the task waits; left out: none. */
      readonly waitsForImages?: boolean;
      /** Samples that the result is of; left out: 0. */
      readonly samples?: number;
      /** What it pushed had been pushed before; left out: no. */
      readonly repeatedPush?: boolean;
    }
  /** A person lets a worker go, once it has finished its leases. */
  | { readonly type: 'drainAsked'; readonly workerId: string }
  /** Tasks that waited for their images are to be given out again. */
  | { readonly type: 'tasksReleased'; readonly tasks: readonly string[] }
  | {
      readonly type: 'phaseEntered';
      readonly phase: string;
      readonly epoch: number;
      readonly parameterVersion: number;
      readonly work: readonly Work[];
      /**
       * Something of this work may have been delivered before: its generations lie above all that
       * were ever given. Left out: no.
       */
      readonly isRepeated?: boolean;
    }
  /**
   * Steps that overlap: the phase goes on with later work beside what is not done of it, at newer
   * parameters. Work of the phase that is not named is of no use any more.
   */
  | {
      readonly type: 'workMoved';
      readonly parameterVersion: number;
      readonly work: readonly Work[];
    }
  /**
   * Results of the phase were taken, and something that they refer to is lost: they are computed
   * again.
   */
  | { readonly type: 'resultsLost'; readonly tasks: readonly string[] }
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
  | { readonly type: 'tick' };

/**
 * What becomes of a result; `failed`: the order's failure was noted, and the task goes to another.
 */
export type Verdict = 'accepted' | 'failed' | 'duplicate' | 'fenced';

/**
 * What the shell does once the state has become the next one, in the order of this list
 * (transition.ts sorts by it), and all of it before the next event: no action may bring one about
 * while it is carried out.
 *
 * `record` first, so that events.jsonl has what happened before anything that follows from it, even
 * if the process dies in between. `dropWorker` and `dismissWorker` before orders, which such a
 * worker must not get. `answerResult` hands an accepted result to its procedure, and so comes
 * before the `phaseDone` that it brings about, and before orders that are made of what it left
 * behind. `failRun` before `phaseDone`: where both are due, the procedure learns that the run
 * failed. `sendOrder` last. Nothing here waits: a procedure that `phaseDone` wakes goes on after
 * the last action.
 */
export type Action =
  /** A transition for events.jsonl. */
  | {
      readonly type: 'record';
      readonly event: string;
      readonly reason: string;
      readonly fields: object;
    }
  | { readonly type: 'dropWorker'; readonly workerId: string; readonly incarnation: string }
  /** A worker that was to be let go has nothing left to do: it is told to end. */
  | { readonly type: 'dismissWorker'; readonly workerId: string; readonly incarnation: string }
  /**
   * The answer to a result; an accepted one belongs to the task when the lease's work is the task's
   * own.
   */
  | {
      readonly type: 'answerResult';
      readonly verdict: Verdict;
      readonly lease: Lease | null;
      readonly completesTask: boolean;
    }
  | { readonly type: 'failRun'; readonly failure: RunFailure }
  | { readonly type: 'phaseDone'; readonly phase: string; readonly epoch: number }
  | { readonly type: 'sendOrder'; readonly lease: Lease };

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
    clustering: 0,
    members: new Map(),
    tasks: new Map(),
    earlierTasks: new Map(),
    open: 0,
    leases: new Map(),
    holdings: new Map(),
    shardRows: new Map(),
    leaseCount: 0,
    highestGeneration: 0,
    failuresInRow: 0,
    failure: null,
    recomputations: 0,
    ledger: EMPTY_LEDGER,
    fenced: 0,
    sliceMs: 0,
    isPaused: false,
  };
}
