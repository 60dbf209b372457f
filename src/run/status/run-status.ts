/**
 * Where a run is: out of its folder, alone or with what its coordinator answers, and out of that
 * answer alone. What `deepcluster status` shows.
 */
import type { SeenEvent } from './run-events.ts';

/**
 * `listing`: a process lists its images, and nobody has the folder yet. `starting`: before its
 * first phase. `paused`: no work is given out. `silent`: whoever has the folder has given no
 * heartbeat for long. `interrupted`: its coordinator died, and none has taken its place.
 */
export type RunState =
  'listing' | 'starting' | 'running' | 'paused' | 'silent' | 'finished' | 'stopped' | 'interrupted';

export interface WorkerState {
  readonly workerId: string;
  /** Null where the coordinator was not asked. */
  readonly ordersInFlight: number | null;
  readonly shardsHeld: number | null;
  readonly residentRows: number | null;
  readonly standsBy: boolean;
}

export interface RunStatus {
  readonly state: RunState;
  /** Of the state; empty where it needs none. */
  readonly reason: string;
  /** Null where only the coordinator was asked. */
  readonly folder: string | null;
  /** Null before the run has one. */
  readonly runId: string | null;
  readonly algorithm: string | null;
  /** Address of the coordinator that has answered; null: none has. */
  readonly coordinator: string | null;
  /** Counted from 0. */
  readonly epoch: number;
  readonly epochs: number;
  /** Empty before the first. */
  readonly phase: string;
  /** Steps that have taken effect. */
  readonly step: number;
  /**
   * Of the epoch that trains: steps done, and all of them; null where it does not, or is not
   * known.
   */
  readonly stepsOfEpoch: { readonly done: number; readonly total: number } | null;
  readonly lastLoss: number | null;
  /** Trained; null while it does not train. */
  readonly imagesPerSecond: number | null;
  /** Until the run ends, its last clustering and evaluation included, as far as it can be told. */
  readonly secondsLeft: number | null;
  readonly term: number | null;
  readonly paused: string;
  readonly collapsed: string;
  readonly workers: readonly WorkerState[];
  readonly checkpoint: { readonly step: number; readonly ts: string } | null;
  /** The last ones, oldest first. */
  readonly events: readonly SeenEvent[];
}

/** Whether the run will come to nothing more by itself. */
export function isOver({ state }: Pick<RunStatus, 'state'>): boolean {
  return state === 'finished' || state === 'stopped' || state === 'interrupted';
}
