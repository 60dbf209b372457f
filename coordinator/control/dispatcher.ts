/**
 * The shell around the pure state machine: feeds it events, carries out its actions, and lets a
 * procedure wait for a phase as for a promise. It owns the clock and the payloads of results;
 * decisions are all in transition.ts.
 */
import { TrainerError, messageOf } from '../../src/errors.ts';
import type { Order } from '../../src/rpc/generated/deepcluster/v1/Order.ts';
import { errorCodeOf } from '../../src/rpc/status.ts';
import type { Work } from '../../src/work/kind.ts';
import { WORK_KINDS, type WorkKinds } from '../../src/work/kinds.ts';
import type { ResultPayload } from '../fleet/service.ts';
import { tasksOf } from './draft.ts';
import type { OrderFailure, RunFailure } from './failure-policy.ts';
import { openPhase, type OpenPhase, type PhaseRequest } from './phase-request.ts';
import {
  initialState,
  type Action,
  type CoordinatorState,
  type Event,
  type Lease,
  type StateSettings,
  type Verdict,
} from './state.ts';
import { transition } from './transition.ts';

export interface DispatcherDeps {
  readonly now: () => number;
  readonly sendOrder: (workerId: string, incarnation: string, order: Order) => void;
  readonly dropWorker: (workerId: string, incarnation: string) => void;
  /** Tells a worker to end in order. */
  readonly dismissWorker: (workerId: string, incarnation: string) => void;
  /** A transition for events.jsonl. */
  readonly record: (event: string, reason: string, fields: object) => void;
  /** Decides about images that cannot be read. */
  readonly images: ImageWatch;
  /** Left out: all that there are. */
  readonly kinds?: WorkKinds;
  /** Is told of every decision; left out: nobody is. */
  readonly journal?: (decision: Decision) => void;
}

/**
 * An event and what it came to: the events of a run, played again in their order, come to the same.
 */
export interface Decision {
  readonly event: Event;
  readonly nowMs: number;
  readonly actions: readonly Action[];
  /** From then on. */
  readonly state: CoordinatorState;
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

/** Who waits for the phase. */
interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What a result says, once its kind has read it. */
interface ReadResult {
  /** Null: the work is done. */
  readonly failure: OrderFailure | null;
  /** Hands it to the procedure. */
  readonly give: () => void;
}

type Answer = Extract<Action, { type: 'answerResult' }>;

export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #kinds: WorkKinds;
  #state: CoordinatorState;
  /** The phase entered last, of which orders are made; null before the first. */
  #phase: OpenPhase | null = null;
  /** Who waits for it; null between phases, and once it has been interrupted. */
  #pending: Pending | null = null;
  /** Set once the run cannot go on; every later phase fails with it. */
  #failure: unknown = null;
  /** Whether an event is being decided on, or its actions carried out. */
  #isDeciding = false;

  constructor(settings: StateSettings, deps: DispatcherDeps) {
    this.#deps = deps;
    this.#kinds = deps.kinds ?? WORK_KINDS;
    this.#state = initialState(settings);
  }

  get state(): CoordinatorState {
    return this.#state;
  }

  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  /** Gives the work out and resolves when all of it is done. @throws whatever fails the run */
  runPhase<Piece extends Work, Order, Result>(
    request: PhaseRequest<Piece, Order, Result>,
  ): Promise<void> {
    const { kind, epoch, parameterVersion, work, isRepeated = false } = request;
    if (work.length === 0) return this.#whenDone(null);
    const { phase } = kind;
    return this.#whenDone(() => {
      this.#phase = openPhase(request);
      return { type: 'phaseEntered', phase, epoch, parameterVersion, work, isRepeated };
    });
  }

  /**
   * Has the phase under way go on with this work beside what is not done of it, at these parameters;
   * resolves when all of it is done. Who waited for the phase waits in vain: a result tells of
   * itself.
   * @param request of which `work` is all that is of use, also what is done already
   * @throws whatever fails the run, or interrupts the phase
   */
  moveWork<Piece extends Work, Order, Result>(
    request: PhaseRequest<Piece, Order, Result>,
  ): Promise<void> {
    const { parameterVersion, work } = request;
    return this.#whenDone(() => {
      this.#phase = openPhase(request);
      return { type: 'workMoved', parameterVersion, work };
    }, false);
  }

  /**
   * Has work of the phase that is done computed again, since what its results refer to is lost;
   * resolves when all of it is.
   * @param areAll whether nothing else of the phase is under way
   * @throws TrainerError PROTOCOL_VIOLATION when it has been lost too often
   */
  runAgain(tasks: readonly string[], areAll = true): Promise<void> {
    return this.#whenDone(() => ({ type: 'resultsLost', tasks }), areAll);
  }

  /**
   * @param enter null: there is nothing to be done
   * @param isNewPhase whether images that tasks wait for are of no interest any more
   */
  #whenDone(enter: (() => Event) | null, isNewPhase = true): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) {
        reject(toError(this.#failure));
        return;
      }
      if (enter === null) {
        resolve();
        return;
      }
      this.#pending = { resolve, reject };
      if (isNewPhase) this.#deps.images.phaseBegins();
      this.dispatch(enter());
      if (this.#state.open === 0) this.#endPhase();
    });
  }

  #endPhase(): void {
    const pending = this.#pending;
    this.#pending = null;
    pending?.resolve();
  }

  /** Fails the phase under way and every later one. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.interrupt(toError(this.#failure));
  }

  /** Ends the phase under way with an error that its procedure answers by entering another. */
  interrupt(error: Error): void {
    const pending = this.#pending;
    this.#pending = null;
    pending?.reject(error);
  }

  /**
   * @throws Error when an event is brought about by what another one's actions do: each is decided
   *   on by itself
   */
  dispatch(event: Event): readonly Action[] {
    return this.#decide(event, () => undefined);
  }

  /** A result from a worker: decides, hands it on where it counts, and answers. */
  takeResult(payload: ResultPayload): Verdict {
    const { header } = payload;
    const { leaseId, generation, incarnation, samples, repeatedPush } = header;
    const held = this.#state.leases.get(leaseId);
    const waitsForImages = held !== undefined && this.#deps.images.mustWait(held, header);
    const { failure, give } = this.#read(waitsForImages ? undefined : held, payload);
    const actions = this.#decide(
      {
        type: 'resultArrived',
        ...{ leaseId, generation, incarnation, failure },
        ...{ waitsForImages, samples, repeatedPush },
      },
      ({ lease, completesTask }) => {
        if (lease === null) return;
        const isAwaited = this.#pending !== null;
        if (waitsForImages && isAwaited) this.#deps.images.taskWaits(lease.task, header);
        if (!completesTask) return;
        for (const task of tasksOf(lease)) this.#deps.images.taskDone(task);
        if (isAwaited) this.#orFail(give);
      },
    );
    const answer = actions.find((action) => action.type === 'answerResult');
    return answer?.verdict ?? 'fenced';
  }

  /** What does not decode is the failure of its order. */
  #read(held: Lease | undefined, { header, arrays }: ResultPayload): ReadResult {
    const nothing = (): void => undefined;
    if (header.failure) {
      const { code, message } = header.failure;
      return { failure: { code: errorCodeOf(code), message }, give: nothing };
    }
    if (held === undefined) return { failure: null, give: nothing };
    try {
      const give = this.#phase?.read(held, { header, arrays }) ?? nothing;
      return { failure: null, give };
    } catch (error) {
      const code = error instanceof TrainerError ? error.code : 'INTERNAL';
      return { failure: { code, message: messageOf(error) }, give: nothing };
    }
  }

  #decide(event: Event, answer: (answer: Answer) => void): readonly Action[] {
    if (this.#isDeciding) throw new Error(`${event.type} within the actions of another event`);
    this.#isDeciding = true;
    try {
      const nowMs = this.#deps.now();
      const { state, actions } = transition(this.#state, event, nowMs, this.#kinds);
      this.#state = state;
      this.#deps.journal?.({ event, nowMs, actions, state });
      for (const action of actions) this.#carryOut(action, answer);
      return actions;
    } finally {
      this.#isDeciding = false;
    }
  }

  #carryOut(action: Action, answer: (answer: Answer) => void): void {
    switch (action.type) {
      case 'record':
        this.#deps.record(action.event, action.reason, action.fields);
        return;
      case 'dropWorker':
        this.#deps.dropWorker(action.workerId, action.incarnation);
        return;
      case 'dismissWorker':
        this.#deps.dismissWorker(action.workerId, action.incarnation);
        return;
      case 'answerResult':
        answer(action);
        return;
      case 'failRun':
        this.fail(errorOf(action.failure));
        return;
      case 'phaseDone':
        this.#endPhase();
        return;
      case 'sendOrder':
        this.#orFail(() => {
          this.#send(action.lease);
        });
        return;
    }
  }

  /** Lease, generation, epoch and version are the state machine's alone. */
  #send(lease: Lease): void {
    const { id: leaseId, generation, workerId, incarnation, work } = lease;
    const { epoch, parameterVersion, clustering } = this.#state;
    const body = this.#phase?.bodyOf(lease);
    if (body === undefined) throw new Error(`${lease.task} was leased before any phase`);
    const phase = { epoch, parameterVersion, clustering };
    const order = { leaseId, generation, ...phase, kind: work.kind, body };
    this.#deps.sendOrder(workerId, incarnation, order);
  }

  #orFail(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }
}

/** A defect is a plain error: whoever ends with it prints its stack. */
function errorOf({ code, message }: RunFailure): Error {
  return code === 'INTERNAL' ? new Error(message) : new TrainerError(code, message);
}

function toError(failure: unknown): Error {
  return failure instanceof Error ? failure : new Error(messageOf(failure));
}
