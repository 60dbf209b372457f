/**
 * The lock of a run's folder: one coordinator writes to it at a time. A term of the run is a claim
 * on its folder, in the order of their numbers, and whoever has the newest one is the writer.
 * Nobody has to give a claim back: a holder that is dead, or silent for the time of a lease, loses
 * it to the next. Source: leases with fencing tokens, as in Chubby (Burrows, OSDI 2006, section
 * 2.4); the token is checked by the disk itself, see below.
 *
 * A holder may be paused at any point and wake up after its folder has gone to another. So
 * everything that it puts into the folder passes through a staging folder of its term, by a rename,
 * and whoever takes the folder over takes that staging folder away first. A late rename then fails
 * where it is carried out, whatever its writer believes.
 *
 * This file decides; how claims lie on a disk is in term-folder.ts, and a simulated disk stands in
 * test/simulation.
 */
import { hitFailpoint } from '../../process/failpoints.ts';
import { TrainerError, folderHeld } from '../../errors.ts';

/** A process that holds, or held, a run's folder. */
export interface Holder {
  /** Of the process: new for every start. */
  readonly incarnation: string;
  readonly host: string;
  readonly pid: number;
  /**
   * Number of the process that keeps it running, and would start it again; null: none, or none of
   * this machine.
   */
  readonly launcher: number | null;
  /** Tells the process from every other one of that number; null where the system does not say. */
  readonly life: ProcessLife | null;
  /** ISO 8601, by the holder's clock. */
  readonly since: string;
}

export interface ProcessLife {
  /** New for every start of the machine. */
  readonly boot: string;
  /** Process numbers mean something within it only. */
  readonly namespace: string;
  /** When the process started, in ticks since the machine did. */
  readonly startTicks: string;
}

/**
 * The claims on a run's folder. All but `newest`, `holderOf` and what asks take effect at once, or
 * not at all.
 */
export interface TermStore {
  /** For messages: the run's folder. */
  readonly name: string;
  /** The newest term that was claimed; 0 where none was. */
  newest(): number;
  /** Null where it cannot be told. */
  holderOf(term: number): Holder | null;
  /** Makes the claim, with its staging folder. @returns false where somebody else has that term */
  claim(term: number, holder: Holder): boolean;
  /** Terms whose staging folder is there. */
  open(): readonly number[];
  isOpen(term: number): boolean;
  /** Takes a term's staging folder away, for ever. */
  fence(term: number): void;
  /** A heartbeat. @returns false where the term's staging folder is gone */
  beat(term: number): boolean;
  /** The last heartbeat, to be compared with earlier ones; null where there is none. */
  lastBeat(term: number): string | null;
  /** The holder is done with the folder. */
  release(term: number): void;
  isReleased(term: number): boolean;
  /** Whether the process has certainly ended. What cannot be known from here is no. */
  isDead(holder: Holder): boolean;
}

export interface LockTimes {
  /** Between two heartbeats [ms]. */
  readonly beatMs: number;
  /** A holder that was silent for so long has lost its claim [ms]. */
  readonly leaseMs: number;
}

export interface AcquireOptions {
  readonly times: LockTimes;
  /** Wait for the end of a holder that lives, instead of failing. */
  readonly isWaiting: boolean;
  /** Take the folder from whoever holds it, at once. */
  readonly takesOver: boolean;
  /** Resolves after the time, or early when the signal is given. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  /** Told once when the folder is found held, with a sentence for people. */
  readonly onHeld?: (reason: string) => void;
}

/** How the folder became free. */
export interface FreeFolder {
  readonly newest: number;
  /** Whose claim is the newest one; null: nobody's, or nobody can tell. */
  readonly holder: Holder | null;
  /** Whether that holder may live, paused or cut off, and wake up some day. */
  readonly mayLive: boolean;
}

/** Looks at a holder between two of its heartbeats [looks]. */
const LOOKS_PER_BEAT = 4;

/**
 * Waits until a claim can be made: there is no holder, it is done, it is dead, or it was silent for
 * as long as a lease.
 * @throws TrainerError FOLDER_HELD at a holder's first heartbeat, unless it is waited for; the
 *   signal's reason
 */
export async function untilFree(store: TermStore, options: AcquireOptions): Promise<FreeFolder> {
  const { times, isWaiting, takesOver, pause, signal, onHeld } = options;
  const lookMs = times.beatMs / LOOKS_PER_BEAT;
  // Looks are counted, not time: after a pause of this process (SIGSTOP, a laptop's sleep) nobody
  // is silent for its length.
  const looksOfLease = Math.ceil(times.leaseMs / lookMs);
  let isTold = false;
  let seen: { readonly term: number; readonly beat: string | null } | null = null;
  for (let silentLooks = 0; ; silentLooks += 1) {
    signal.throwIfAborted();
    const newest = store.newest();
    const holder = newest === 0 ? null : store.holderOf(newest);
    const isOver = newest === 0 || store.isReleased(newest);
    if (isOver || (holder !== null && store.isDead(holder)))
      return { newest, holder, mayLive: false };
    if (takesOver) return { newest, holder, mayLive: true };
    const beat = store.lastBeat(newest);
    const isAlive: boolean = seen !== null && (seen.term !== newest || seen.beat !== beat);
    if (isAlive) {
      const held = folderHeld(store.name, { holder, term: newest });
      if (!isWaiting) throw held;
      if (!isTold) onHeld?.(held.message);
      isTold = true;
      silentLooks = 0;
    }
    if (silentLooks >= looksOfLease) return { newest, holder, mayLive: true };
    seen = { term: newest, beat };
    await pause(lookMs, signal);
  }
}

export class RunLock {
  readonly #store: TermStore;
  readonly #holder: Holder;
  readonly #lost = new AbortController();
  /** The newest claim of this process. */
  #term: number;
  /**
   * Whether a term has begun under #term: the first one begins under the claim that took the
   * folder.
   */
  #isBegun = false;
  #isReleased = false;
  /** Whose folder it was, if that process may wake up and write; else null. */
  readonly takenFrom: Holder | 'unknown' | null;

  /** For `acquire`. */
  private constructor(
    store: TermStore,
    holder: Holder,
    term: number,
    takenFrom: Holder | 'unknown' | null,
  ) {
    this.#store = store;
    this.#holder = holder;
    this.#term = term;
    this.takenFrom = takenFrom;
  }

  /**
   * Takes the folder, once it is free.
   * @throws TrainerError FOLDER_HELD where another process holds it and lives; the signal's reason
   */
  static async acquire(
    store: TermStore,
    holder: Holder,
    options: AcquireOptions,
  ): Promise<RunLock> {
    for (;;) {
      const free = await untilFree(store, options);
      const term = free.newest + 1;
      if (!store.claim(term, holder)) continue;
      hitFailpoint('folder.claimed', { term });
      fenceEarlier(store, term);
      // Somebody may have claimed a later term while this process stood still between the two.
      if (store.newest() !== term || !store.isOpen(term)) continue;
      const from = free.mayLive ? (free.holder ?? 'unknown') : null;
      return new RunLock(store, holder, term, from);
    }
  }

  get term(): number {
    return this.#term;
  }

  get holder(): Holder {
    return this.#holder;
  }

  /** Aborted, with FOLDER_HELD as the reason, once another process has the folder. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * The next term of the run, greater than all before it, on disk before it is used.
   * @throws TrainerError FOLDER_HELD
   */
  beginTerm(): number {
    this.requireHeld();
    if (!this.#isBegun) {
      this.#isBegun = true;
      return this.#term;
    }
    if (!this.#store.claim(this.#term + 1, this.#holder)) throw this.#lose();
    this.#term += 1;
    hitFailpoint('folder.claimed', { term: this.#term });
    fenceEarlier(this.#store, this.#term);
    this.requireHeld();
    return this.#term;
  }

  /** Whether the folder is this process's now, as far as the disk knows. */
  isHeld(): boolean {
    if (this.#lost.signal.aborted || this.#isReleased) return false;
    if (this.#store.isOpen(this.#term)) return true;
    this.#lose();
    return false;
  }

  /** @throws TrainerError FOLDER_HELD where another process has taken the folder */
  requireHeld(): void {
    if (!this.isHeld()) throw this.#lose();
  }

  /** A heartbeat, to be given every `beatMs`. */
  beat(): void {
    if (this.#lost.signal.aborted || this.#isReleased) return;
    if (!this.#store.beat(this.#term)) this.#lose();
  }

  /** Gives the folder up: the next process need not wait. Nothing can be written any more. */
  release(): void {
    if (this.#isReleased || !this.isHeld()) return;
    this.#isReleased = true;
    this.#store.release(this.#term);
    this.#store.fence(this.#term);
  }

  #lose(): TrainerError {
    if (!this.#lost.signal.aborted) {
      const newest = this.#store.newest();
      const holder = this.#store.holderOf(newest);
      this.#lost.abort(folderHeld(this.#store.name, { holder, term: newest }, this.#term));
    }
    return this.#lost.signal.reason as TrainerError;
  }
}

/** What earlier holders have not put in place by now, they never will. */
function fenceEarlier(store: TermStore, term: number): void {
  for (const earlier of store.open()) if (earlier < term) store.fence(earlier);
}
