/**
 * A vector that readers hold without a copy while the owner goes on writing: what is lent never changes. While nobody holds
 * the current values, they are written in place; otherwise the next values go to another buffer, which is one that was given
 * back if there is any, since fresh memory costs more than the step itself.
 */

/**
 * A vector being written: `from` has the current values, `to` the next ones; they may be one buffer.
 */
export interface WritableVector {
  readonly from: Float32Array;
  readonly to: Float32Array;
}

export class LentVector {
  #values: Float32Array;
  /** How often a buffer is lent; weak, so that a reader who never gives back costs memory and nothing else. */
  readonly #readers = new WeakMap<Float32Array, number>();
  /** A buffer that nobody reads and that is not the current one. */
  #spare: Float32Array | null = null;

  /** @param values lent by the caller: read, never written */
  constructor(values: Float32Array) {
    this.#values = values;
    this.#readers.set(values, 1);
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
   * Begins the next values: the caller must write all of `to` at once, without a wait in between.
   * @returns from, the current values; to, the same buffer or another one with anything in it
   */
  beginWrite(): WritableVector {
    const from = this.#values;
    if (this.#readersOf(from) === 0) return { from, to: from };
    const to = this.#spare ?? new Float32Array(from.length);
    this.#spare = null;
    this.#values = to;
    return { from, to };
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
