/**
 * Time and processes of a simulated run: one queue of events on a virtual clock, each of which belongs to a process. Events of
 * a stopped process (SIGSTOP) wait until it goes on, those of a dead one never happen. Everything is drawn from one seed, and
 * between two events all promises settle, so that a seed is a schedule, to the last bit.
 */
import type { FailpointFacts, FailpointName } from '../../src/process/failpoints.ts';
import { seededRng, type Rng } from '../../src/math/rng.ts';

export type ProcessState = 'alive' | 'stopped' | 'dead';

export class SimulatedProcess {
  readonly name: string;
  state: ProcessState = 'alive';
  /** Events that came while it was stopped, in their order. */
  readonly waiting: (() => void)[] = [];
  /** Told once when it dies. */
  readonly mourners = new Set<() => void>();

  constructor(name: string) {
    this.name = name;
  }
}

/** Thrown where a process dies in the middle of its work; nobody may take note of it. */
export class ProcessDied extends Error {}

export interface Timer {
  cancel(): void;
}

interface QueuedEvent {
  readonly atMs: number;
  readonly order: number;
  readonly owner: SimulatedProcess | null;
  readonly what: string;
  readonly run: () => void;
  isCancelled: boolean;
}

/** What a failpoint does: returns to go on; may kill or stop the process under way. */
export type OnFailpoint = (
  process: SimulatedProcess,
  name: FailpointName,
  facts: FailpointFacts,
) => void;

export class World {
  readonly rng: Rng;
  nowMs = 0;
  /** The process whose event is under way. */
  current: SimulatedProcess | null = null;
  /** Events that have happened. */
  events = 0;
  /** The first rule that was broken. */
  failure: string | null = null;
  onFailpoint: OnFailpoint | null = null;
  readonly #trace: ((line: string) => void) | null;
  /** A binary heap, the earliest first; of one time, the one that was queued first. */
  readonly #queue: QueuedEvent[] = [];
  #order = 0;

  constructor(seed: number, trace: ((line: string) => void) | null) {
    this.rng = seededRng('simulation', seed);
    this.#trace = trace;
  }

  get isTraced(): boolean {
    return this.#trace !== null;
  }

  log(text: string): void {
    if (this.#trace === null) return;
    const time = this.nowMs.toFixed(1).padStart(9);
    this.#trace(`${time}  ${(this.current?.name ?? '-').padEnd(16)} ${text}`);
  }

  /** A rule is broken: the schedule ends after this event. */
  violate(rule: string): void {
    this.failure ??= `${rule} (at ${this.nowMs.toFixed(1)} ms, in ${this.current?.name ?? 'the world'})`;
    this.log(`VIOLATION ${rule}`);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.rng.float() < probability;
  }

  between(low: number, high: number): number {
    return low + this.rng.float() * (high - low);
  }

  pick<Item>(items: readonly Item[]): Item | undefined {
    return items.length === 0 ? undefined : items[this.rng.integer(items.length)];
  }

  /** Queues an event; `what` empty: of no interest to a reader of the trace. */
  after(delayMs: number, owner: SimulatedProcess | null, what: string, run: () => void): Timer {
    this.#order += 1;
    const atMs = this.nowMs + delayMs;
    const event = { atMs, order: this.#order, owner, what, run, isCancelled: false };
    this.#push(event);
    return {
      cancel: () => {
        event.isCancelled = true;
      },
    };
  }

  kill(process: SimulatedProcess, why: string): void {
    if (process.state === 'dead') return;
    this.log(`${process.name} dies: ${why}`);
    process.state = 'dead';
    process.waiting.length = 0;
    for (const mourn of [...process.mourners]) mourn();
    process.mourners.clear();
  }

  stop(process: SimulatedProcess, why: string): void {
    if (process.state !== 'alive') return;
    this.log(`${process.name} is stopped: ${why}`);
    process.state = 'stopped';
  }

  resume(process: SimulatedProcess): void {
    if (process.state !== 'stopped') return;
    this.log(`${process.name} goes on`);
    process.state = 'alive';
    for (const run of process.waiting.splice(0)) this.after(0, process, '', run);
  }

  /** The failpoint of the code that runs now. */
  hit(name: FailpointName, facts: FailpointFacts): void {
    const process = this.current;
    if (process === null) return;
    if (process.state === 'dead') throw new ProcessDied();
    this.onFailpoint?.(process, name, facts);
    if ((process.state as ProcessState) === 'dead') throw new ProcessDied();
  }

  /** The next event that is not cancelled happens. @returns false when there is none */
  async step(): Promise<boolean> {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return false;
      if (event.isCancelled || event.owner?.state === 'dead') continue;
      this.nowMs = event.atMs;
      if (event.owner?.state === 'stopped') {
        event.owner.waiting.push(event.run);
        continue;
      }
      await this.#happen(event);
      return true;
    }
  }

  async #happen({ owner, what, run }: QueuedEvent): Promise<void> {
    this.events += 1;
    this.current = owner;
    if (what !== '') this.log(what);
    try {
      run();
    } catch (error) {
      if (!(error instanceof ProcessDied)) throw error;
    }
    if (owner !== null) await new Promise(setImmediate);
    this.current = null;
  }

  #push(event: QueuedEvent): void {
    const queue = this.#queue;
    let at = queue.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(queue[parent]!, event)) break;
      queue[at] = queue[parent]!;
      at = parent;
    }
    queue[at] = event;
  }

  #pop(): QueuedEvent | undefined {
    const queue = this.#queue;
    const first = queue[0];
    const last = queue.pop();
    if (first === undefined || last === undefined || queue.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= queue.length) break;
      if (child + 1 < queue.length && isBefore(queue[child + 1]!, queue[child]!)) child += 1;
      if (isBefore(last, queue[child]!)) break;
      queue[at] = queue[child]!;
      at = child;
    }
    queue[at] = last;
    return first;
  }
}

function isBefore(a: QueuedEvent, b: QueuedEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
