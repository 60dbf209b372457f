/**
 * The shell around the pure state machine: feeds it events, carries out its actions, and lets a procedure wait for a phase
 * as for a promise. It owns the clock and the payloads of results; decisions are all in state.ts.
 */
import { TrainerError, messageOf, unavailable, type ErrorCode } from '../../src/errors.ts';
import type { Order } from '../../src/rpc/generated/deepcluster/v1/Order.ts';
import type { ResultPayload } from '../fleet/service.ts';
import {
  initialState,
  type Action,
  type CoordinatorState,
  type Event,
  type Lease,
  type Phase,
  type StateSettings,
  type Verdict,
} from './state.ts';
import { transition } from './transition.ts';
import type { Work } from './work.ts';

export interface DispatcherDeps {
  readonly now: () => number;
  readonly sendOrder: (workerId: string, incarnation: string, order: Order) => void;
  readonly dropWorker: (workerId: string, incarnation: string) => void;
  readonly composeOrder: (lease: Lease) => Order;
  /** A transition for events.jsonl. */
  readonly record: (event: string, reason: string, fields: object) => void;
  /** Decides about images that cannot be read. */
  readonly images: ImageWatch;
}

/** Who decides about images that cannot be read (missing-images.ts). */
export interface ImageWatch {
  /** Whether a result says that images which take part could not be read: its task then waits. */
  mustWait(lease: Lease, header: ResultPayload['header']): boolean;
  /** A task waits, until it is released, done, or its phase interrupted. */
  taskWaits(task: string, header: ResultPayload['header']): void;
  taskDone(task: string): void;
  /** A phase is entered: tasks of the one before are of no interest any more. */
  phaseBegins(): void;
}

export interface PhaseRequest {
  readonly phase: Phase;
  readonly epoch: number;
  readonly parameterVersion: number;
  readonly work: readonly Work[];
  /** Generations of leases on this work that were given before it was entered; 0 if left out. */
  readonly generationsGiven?: number;
  /** Called once for each task, when its result is accepted; throwing fails the run. */
  readonly take: (work: Work, payload: ResultPayload) => void;
}

/** Failures of a worker's order that another worker would meet as well. */
const LASTING: ReadonlySet<string> = new Set<ErrorCode>([
  'CONFIG_INVALID',
  'SHAPE_MISMATCH',
  'PROTOCOL_VIOLATION',
  'DATA_UNREADABLE',
]);

/**
 * Times that numbers of one task may be not finite. Once may be a sick device, and another worker has the numbers; the same again
 * is the training itself.
 */
const MAX_NON_FINITE = 2;

/** Other failures of orders in a row, over all workers, after which the run gives up. */
const MAX_FAILURES = 20;

interface PendingPhase {
  readonly request: PhaseRequest;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Dispatcher {
  readonly #deps: DispatcherDeps;
  #state: CoordinatorState;
  /** The phase that a procedure waits for; null between phases. */
  #pending: PendingPhase | null = null;
  /** Set once the run cannot go on; every later phase fails with it. */
  #failure: unknown = null;
  /** By task of the phase: workers whose numbers were not finite. */
  readonly #nonFinite = new Map<string, string[]>();
  /** Failed orders since the last accepted result. */
  #failuresInRow = 0;
  /** Of all leases so far. */
  #highestGeneration = 0;

  constructor(settings: StateSettings, deps: DispatcherDeps) {
    this.#deps = deps;
    this.#state = initialState(settings);
  }

  get state(): CoordinatorState {
    return this.#state;
  }

  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  /**
   * What is computed anew, after something of it was delivered, gets generations above this one.
   */
  get highestGeneration(): number {
    return this.#highestGeneration;
  }

  /** Gives the work out and resolves when all of it is done. @throws whatever fails the run */
  runPhase(request: PhaseRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) {
        reject(toError(this.#failure));
        return;
      }
      if (request.work.length === 0) {
        resolve();
        return;
      }
      this.#pending = { request, resolve, reject };
      this.#deps.images.phaseBegins();
      this.#nonFinite.clear();
      this.dispatch({ type: 'phaseEntered', ...request });
    });
  }

  /** Fails the phase under way and every later one. */
  fail(error: unknown): void {
    this.#failure ??= error;
    const pending = this.#pending;
    this.#pending = null;
    pending?.reject(toError(this.#failure));
  }

  /** Ends the phase under way with an error that its procedure answers by entering another. */
  interrupt(error: Error): void {
    const pending = this.#pending;
    this.#pending = null;
    pending?.reject(error);
  }

  dispatch(event: Event): readonly Action[] {
    const { state, actions } = transition(this.#state, event, this.#deps.now());
    this.#state = state;
    for (const action of actions) this.#carryOut(action);
    return actions;
  }

  /** A result from a worker: decides, keeps the payload where it counts, and answers. */
  takeResult(payload: ResultPayload): Verdict {
    const { leaseId, generation, incarnation, failure } = payload.header;
    const request = this.#pending?.request;
    const held = this.#state.leases.get(leaseId);
    const waitsForImages = held !== undefined && this.#deps.images.mustWait(held, payload.header);
    const { state, actions } = transition(
      this.#state,
      {
        type: 'resultArrived',
        leaseId,
        generation,
        incarnation,
        isFailure: Boolean(failure),
        waitsForImages,
      },
      this.#deps.now(),
    );
    this.#state = state;
    const answer = actions.find((action) => action.type === 'answerResult');
    const lease = answer?.lease ?? null;
    if (lease !== null && !waitsForImages) {
      this.#takeAnswer(lease, answer?.completesTask === true, payload, request);
    } else if (lease !== null && this.#pending !== null) {
      this.#deps.images.taskWaits(lease.task, payload.header);
    }
    for (const action of actions) this.#carryOut(action);
    return answer?.verdict ?? 'fenced';
  }

  #takeAnswer(
    lease: Lease,
    completesTask: boolean,
    payload: ResultPayload,
    request: PhaseRequest | undefined,
  ): void {
    const { failure } = payload.header;
    if (failure) this.#noteFailure(lease, failure.code, failure.message);
    else this.#failuresInRow = 0;
    if (failure || !completesTask) return;
    this.#deps.images.taskDone(lease.task);
    this.#give(request, lease.work, payload);
  }

  #give(request: PhaseRequest | undefined, work: Work, payload: ResultPayload): void {
    try {
      request?.take(work, payload);
    } catch (error) {
      this.fail(error);
    }
  }

  #noteFailure(lease: Lease, code: string, message: string): void {
    this.#failuresInRow += 1;
    const reason = `${lease.workerId}: ${message}`;
    this.#deps.record('order.failed', reason, { leaseId: lease.id, code });
    if (code === 'NON_FINITE') {
      const workers = [...(this.#nonFinite.get(lease.task) ?? []), lease.workerId];
      this.#nonFinite.set(lease.task, workers);
      if (workers.length < MAX_NON_FINITE) return;
      const who = `of ${workers.join(' and ')}`;
      this.fail(new TrainerError(code, `${message} (${workers.length} times: ${who})`));
    } else if (LASTING.has(code)) {
      this.fail(new TrainerError(code as ErrorCode, message));
    } else if (this.#failuresInRow >= MAX_FAILURES) {
      const problem = `${MAX_FAILURES} orders failed in a row, the last: ${reason}`;
      this.fail(code === 'UNAVAILABLE' ? unavailable('workers', problem) : new Error(problem));
    }
  }

  #carryOut(action: Action): void {
    switch (action.type) {
      case 'sendOrder':
        this.#highestGeneration = Math.max(this.#highestGeneration, action.lease.generation);
        this.#deps.sendOrder(
          action.lease.workerId,
          action.lease.incarnation,
          this.#deps.composeOrder(action.lease),
        );
        return;
      case 'dropWorker':
        this.#deps.dropWorker(action.workerId, action.incarnation);
        return;
      case 'phaseDone': {
        const pending = this.#pending;
        this.#pending = null;
        pending?.resolve();
        return;
      }
      case 'record':
        this.#deps.record(action.event, action.reason, action.fields);
        return;
      case 'answerResult':
        return;
    }
  }
}

function toError(failure: unknown): Error {
  return failure instanceof Error ? failure : new Error(messageOf(failure));
}
