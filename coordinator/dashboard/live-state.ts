/** What the live page and /metrics show of a run at a moment. Plain data. */
import type { ReportEpoch } from '../../src/report/report-data.ts';
import type { PhaseSeconds } from '../../src/run/record-state.ts';
import type { CheckpointsSoFar, ShownEvent } from './event-digest.ts';
import type { Pace } from './pace.ts';

/** `drained`: a person let it go. `lost`: it is gone, and may come back. */
export const WORKER_STATES = [
  ...(['working', 'idle', 'stuck', 'draining', 'standby', 'lost', 'drained'] as const),
] as const;

export type WorkerState = (typeof WORKER_STATES)[number];

export interface LiveWorker {
  readonly id: string;
  readonly state: WorkerState;
  /** Why it is gone; empty while it is there. */
  readonly reason: string;
  readonly leases: number;
  /** Of the oldest of them; null without one [s]. */
  readonly leaseSeconds: number | null;
  readonly shardsHeld: number;
  readonly ordersDone: number;
  /** Images that it reads; null: not known yet. */
  readonly imagesPerSecond: number | null;
  /** Times that it was lost and came back. */
  readonly cameBack: number;
}

/** `finished`: all epochs are done. `ended`: it stopped before. */
export type RunStage = 'waiting' | 'running' | 'finished' | 'ended';

export interface LiveState {
  readonly runId: string;
  readonly algorithm: string;
  readonly architecture: string;
  readonly images: number;
  readonly clusters: number;
  readonly stage: RunStage;
  /** Why nothing goes on, or how the run ended; empty otherwise. */
  readonly remark: string;
  /** How the clusters were found collapsed; empty while they are sound. */
  readonly collapsed: string;
  readonly term: number;
  readonly epochs: number;
  /** Those that have been trained to their end. */
  readonly epochsDone: number;
  /** Committed steps. */
  readonly steps: number;
  /** Of the newest step; null before the first. */
  readonly loss: number | null;
  readonly pace: Pace | null;
  readonly wallSeconds: number;
  readonly phaseSeconds: Readonly<PhaseSeconds>;
  readonly imagesTrained: number;
  readonly imagesExtracted: number;
  readonly unreadable: number;
  readonly damaged: number;
  readonly leasesReturned: number;
  readonly duplicates: number;
  readonly fenced: number;
  readonly restarts: number;
  readonly workers: readonly LiveWorker[];
  /** `host:port` of each parameter server. */
  readonly servers: readonly string[];
  readonly checkpoints: CheckpointsSoFar;
  readonly byEpoch: readonly ReportEpoch[];
  /** Newest first. */
  readonly events: readonly ShownEvent[];
}
