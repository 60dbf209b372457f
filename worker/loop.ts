/**
 * A worker's work, order by order. Orders run one at a time, as they came; what can be fetched or
 * decoded beforehand is begun when an order arrives. What an order means stands with its kind, in
 * src/work.
 */
import { hitFailpoint } from '../src/process/failpoints.ts';
import { ImagesUnreadable, MOST_NAMED } from '../src/data/source/images-unreadable.ts';
import { TrainerError, messageOf, type ErrorCode } from '../src/errors.ts';
import type { Order__Output } from '../src/rpc/generated/deepcluster/v1/Order.ts';
import type { ResultHeader } from '../src/rpc/generated/deepcluster/v1/ResultHeader.ts';
import { NO_TRACE } from '../src/telemetry/trace.ts';
import type { SentResult, WorkKind } from '../src/work/kind.ts';
import { WORK_KINDS, kindNamed, type WorkKinds } from '../src/work/kinds.ts';
import { OrderTimes } from './order-times.ts';
import type { CoordinatorClient } from './service.ts';
import { residentRows, type Residency } from './state.ts';
import { Workbench, type WorkbenchDeps } from './workbench.ts';

export interface WorkerDeps extends WorkbenchDeps {
  readonly coordinator: Pick<CoordinatorClient, 'artifact' | 'submit'>;
  /** Left out: all that there are. */
  readonly kinds?: WorkKinds;
}

/** An order, read by its kind, and the term that it came in. */
interface QueuedOrder {
  readonly order: Order__Output;
  readonly term: number;
  readonly read: ReadOrder | Unreadable;
}

interface ReadOrder {
  readonly kind: WorkKind;
  readonly content: unknown;
}

/** Of a kind that is not known here, or not as that kind encodes it. */
interface Unreadable {
  readonly kind: null;
  readonly error: Error;
}

/** The part of a result that the work itself fills, or why it could not be done. */
interface Outcome {
  readonly header?: NonNullable<SentResult['header']> & Pick<ResultHeader, 'failure'>;
  readonly arrays?: SentResult['arrays'];
}

/** The coordinator says no more of a result than that it was fenced. */
const OVERTAKEN = "another worker's result came first, or the lease was over";

export class WorkerLoop {
  readonly #deps: WorkerDeps;
  readonly #bench: Workbench;
  /** Orders that wait; the first is taken next. */
  readonly #queue: QueuedOrder[] = [];
  /** Whether the queue is being worked off. */
  #isBusy = false;

  constructor(deps: WorkerDeps) {
    this.#deps = deps;
    this.#bench = new Workbench(deps);
  }

  get held(): Residency {
    return this.#bench.features.held;
  }

  /** Takes an order; begins what can be begun, and does the rest in its turn. */
  take(order: Order__Output): void {
    const queued = this.#read(order);
    this.#prepare(queued);
    this.#queue.push(queued);
    if (!this.#isBusy) void this.#workOff();
  }

  beginTerm(term: number): void {
    this.#bench.beginTerm(term);
  }

  /** Forgets the orders of a session that has ended; the features stay. */
  abandonOrders(): void {
    this.#queue.length = 0;
    this.#bench.abandonOrders();
  }

  #read(order: Order__Output): QueuedOrder {
    const { term } = this.#bench;
    try {
      const kind = kindNamed(order.kind, this.#deps.kinds ?? WORK_KINDS);
      const content = kind.decodeOrder(order.body);
      return { order, term, read: { kind, content } };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return { order, term, read: { kind: null, error } };
    }
  }

  /** Starts what does not need the device: downloads and decoding. */
  #prepare({ order, term, read }: QueuedOrder): void {
    const tools = this.#bench.toolsFor(term, new OrderTimes(NO_TRACE));
    if (read.kind !== null) read.kind.prepare?.(read.content, order, tools);
  }

  async #workOff(): Promise<void> {
    this.#isBusy = true;
    for (;;) {
      const queued = this.#queue.shift();
      if (queued === undefined || this.#deps.signal.aborted) break;
      if (queued.term === this.#bench.term) await this.#answer(queued);
    }
    this.#isBusy = false;
  }

  async #answer(queued: QueuedOrder): Promise<void> {
    const { order, read, term } = queued;
    const { coordinator, signal, logger, advance, trace = NO_TRACE } = this.#deps;
    const { leaseId, generation } = order;
    const startedMs = performance.now();
    const times = new OrderTimes(trace);
    const tools = this.#bench.toolsFor(term, times);
    hitFailpoint('worker.ordered', { epoch: order.epoch });
    const work = times.span(order.kind, { epoch: order.epoch }, async () => {
      if (read.kind === null) throw read.error;
      return read.kind.encodeResult(await read.kind.perform(read.content, order, tools));
    });
    const outcome = await work.catch((error: unknown) => this.#failed(leaseId, error));
    const { header = {}, arrays = {} } = outcome;
    if (signal.aborted) return;
    advance();
    const seconds = (performance.now() - startedMs) / 1000;
    const { viewWaitSeconds, computeSeconds } = times;
    const rows = residentRows(this.held);
    const facts = { leaseId, generation, seconds, viewWaitSeconds, computeSeconds };
    let isTaken = false;
    try {
      const reply = await times.span('submit', {}, () =>
        coordinator.submit({ ...facts, residentRows: rows, ...header }, arrays, signal),
      );
      hitFailpoint('worker.submitted', { epoch: order.epoch });
      isTaken = reply.outcome !== 'FENCED';
      if (!isTaken && !header.unreadable?.length) {
        logger.info('result.fenced', { leaseId, reason: OVERTAKEN });
      }
    } catch (error) {
      // The session will end too, and the lease go to another.
      logger.warn('result.lost', { leaseId, reason: messageOf(error) });
    } finally {
      if (!isTaken && read.kind !== null) read.kind.undo?.(read.content, tools);
      // Whatever became of the result: a worker whose lease expired while it was sent can be given
      // work again.
      advance();
    }
  }

  /** What the coordinator is told of an order that could not be done. */
  #failed(leaseId: string, error: unknown): Outcome {
    const { logger, signal } = this.#deps;
    const code: ErrorCode = error instanceof TrainerError ? error.code : 'INTERNAL';
    const failure = { code, message: messageOf(error) };
    // The coordinator decides about images, and tells of it.
    if (error instanceof ImagesUnreadable) {
      return { header: { failure, unreadable: error.images.slice(0, MOST_NAMED) } };
    }
    const fields = { leaseId, code, reason: failure.message };
    if (isOvertaken(code)) logger.info('order.overtaken', fields);
    else if (!signal.aborted) logger.warn('order.failed', fields);
    return { header: { failure } };
  }
}

/**
 * Whether an order ended in vain because it counts no more, which is part of every run: another
 * worker's copy of the slice came first, the lease went to another, or the term is over. The
 * coordinator counts such orders, and says when they pile up.
 */
function isOvertaken(code: ErrorCode): boolean {
  return code === 'GENERATION_FENCED' || code === 'LEASE_LOST';
}
