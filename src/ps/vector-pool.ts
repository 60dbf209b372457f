/**
 * Arrays that are used again: fresh memory costs more than what is written to it, since the system
 * gives it page by page. Only lengths that have been in use are kept, so that nobody who announces
 * a length takes memory for it.
 */

/** Arrays kept of one length: those of a step that are let go of at once. */
const MOST_OF_A_LENGTH = 4;

export class VectorPool {
  /** By length. */
  readonly #spare = new Map<number, Float32Array[]>();

  /** With anything in it; null where none of this length is spare. */
  take(length: number): Float32Array | null {
    return this.#spare.get(length)?.pop() ?? null;
  }

  /** The caller reads and writes it no more. */
  giveBack(values: Float32Array): void {
    if (values.length === 0) return;
    const spare = this.#spare.get(values.length) ?? [];
    if (spare.length < MOST_OF_A_LENGTH && !spare.includes(values)) spare.push(values);
    this.#spare.set(values.length, spare);
  }
}
