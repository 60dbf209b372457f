/**
 * What a process of the run tells the one that started it, over Node's IPC channel: where it
 * listens, how far it is, how it ended. A process started by hand has no such channel and tells
 * nobody; its logs say the same.
 */

/** How far a phase is; `total` counts what `unit` names. */
export interface Progress {
  /**
   * Counted from 0, as everywhere in the program; at `epochs` or above, the phase belongs to no
   * epoch.
   */
  readonly epoch: number;
  readonly epochs: number;
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  /** What is counted: images, iterations, steps. */
  readonly unit: string;
  /** A short remark for a person: the loss, the inertia. */
  readonly note?: string;
}

/** How far a worker is in one long order, which the coordinator learns of at its end alone. */
export interface OrderProgress {
  /** The phase of the order. */
  readonly phase: string;
  /** What it is about, where a phase has orders of several things: `trained`, `random`. */
  readonly about: string;
  /** What is being done now: `features`, `probe`. */
  readonly part: string;
  readonly done: number;
  readonly total: number;
  /** What is counted. */
  readonly unit: string;
}

export type Notice =
  | { readonly type: 'listening'; readonly address: string }
  /** The images of the run, once they are known. */
  | { readonly type: 'images'; readonly count: number; readonly hasClasses: boolean }
  | ({ readonly type: 'progress' } & Progress)
  | ({ readonly type: 'orderProgress' } & OrderProgress)
  /** A line for a person, such as "epoch 3: NMI to previous 0.61, loss 2.9". */
  | { readonly type: 'remark'; readonly text: string }
  /** The tensor engine that a worker has started, and why that one. */
  | { readonly type: 'engine'; readonly name: string; readonly reason: string }
  | { readonly type: 'finished'; readonly summary: unknown }
  | {
      readonly type: 'failed';
      readonly exitCode: number;
      readonly message: string;
      /** The run is another process's now: to start this one again would not help. */
      readonly isElsewhere?: boolean;
      /** Whether another try helps only once a person has done something; left out: not. */
      readonly needsPerson?: boolean;
    };
