/**
 * A vector that readers hold without a copy while the owner goes on writing: what is lent never
 * changes. While nobody holds the current values, they are written in place; otherwise the next
 * values go to another buffer, which is one that was given back if there is any, since fresh memory
 * costs more than the step itself.
 */

/**
 * A vector being written: `from` has the current values, `to` the next ones; they may be one
 * buffer.
 */
export interface WritableVector {
  readonly from: Float32Array;
  readonly to: Float32Array;
}

/** Where buffers come from. */
export interface VectorMemory {
  /**
   * Whether others read at any time without borrowing: two buffers then take turns, so that a
   * reader has a step's time.
   */
  readonly isShared: boolean;
  readonly allocate: (length: number) => Float32Array;
  /** Around all that is written to a buffer. */
  readonly beginWrite: (values: Float32Array) => void;
  readonly endWrite: (values: Float32Array) => void;
}

export const privateMemory: VectorMemory = {
  isShared: false,
  allocate: (length) => new Float32Array(length),
  beginWrite: () => undefined,
  endWrite: () => undefined,
};

export class LentVector {
  readonly #memory: VectorMemory;
  #values: Float32Array;
  /**
   * How often a buffer is lent; weak, so that a reader who never gives back costs memory and
   * nothing else.
   */
  readonly #readers = new WeakMap<Float32Array, number>();
  /** A buffer that nobody reads and that is not the current one. */
  #spare: Float32Array | null = null;
  /** The values being written; null while none are. */
  #next: Float32Array | null = null;

  /** @param values lent by the caller: read, never written */
  constructor(values: Float32Array, memory: VectorMemory = privateMemory) {
    this.#memory = memory;
    if (!memory.isShared) {
      this.#values = values;
      this.#readers.set(values, 1);
      return;
    }
    this.#values = memory.allocate(values.length);
    memory.beginWrite(this.#values);
    this.#values.set(values);
    memory.endWrite(this.#values);
  }

  /** The current values, and what gives them back; calling that again does nothing. */
  lend(): { values: Float32Array; giveBack: () => void } {
    const values = this.#values;
    this.#readers.set(values, this.#readersOf(values) + 1);
    let isHeld = true;
    const giveBack = (): void => {
      if (isHeld) this.#takeBack(values);
      isHeld = false;
    };
    return { values, giveBack };
  }

  /**
   * Begins the next values: the caller writes all of `to`, and then calls endWrite or undo.
   * @param canBeUndone the current values stay as they are, and are what is lent, until endWrite;
   *   else that must follow at once, without a wait in between
   * @returns from, the current values; to, the same buffer or another one with anything in it
   */
  beginWrite(canBeUndone = false): WritableVector {
    const from = this.#values;
    const isFree = this.#readersOf(from) === 0 && !canBeUndone && !this.#memory.isShared;
    const to = isFree ? from : (this.#spare ?? this.#memory.allocate(from.length));
    if (to !== from) this.#spare = null;
    this.#next = to;
    this.#memory.beginWrite(to);
    return { from, to };
  }

  /** The values that were written are the current ones. */
  endWrite(): void {
    const before = this.#values;
    const next = this.#next;
    if (next === null) throw new Error('no write to end');
    this.#next = null;
    this.#values = next;
    this.#memory.endWrite(next);
    if (before !== next && this.#readersOf(before) === 0) this.#spare = before;
  }

  /** What was written is dropped: the current values stay. */
  undo(): void {
    if (this.#next === null || this.#next === this.#values) {
      throw new Error('no write that can be undone');
    }
    this.#spare = this.#next;
    this.#next = null;
  }

  #takeBack(values: Float32Array): void {
    const readers = this.#readersOf(values) - 1;
    this.#readers.set(values, readers);
    if (readers === 0 && values !== this.#values) this.#spare = values;
  }

  #readersOf(values: Float32Array): number {
    return this.#readers.get(values) ?? 0;
  }
}
