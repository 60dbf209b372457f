/**
 * Folds parts in index order, whatever the order in which they arrive: the sum has the same bits
 * with any number of workers. Parts that come too early wait; a part is let go as soon as it is
 * folded in.
 */
export class OrderedFold<Part> {
  readonly #merge: (total: Part, part: Part) => Part;
  /** Parts after the first one that is missing. */
  readonly #early = new Map<number, Part>();
  /** Everything before this index has been folded in. */
  #next = 0;
  #total: Part | null = null;

  constructor(merge: (total: Part, part: Part) => Part) {
    this.#merge = merge;
  }

  add(index: number, part: Part): void {
    this.#early.set(index, part);
    for (;;) {
      const next = this.#early.get(this.#next);
      if (next === undefined) return;
      this.#early.delete(this.#next);
      this.#total = this.#total === null ? next : this.#merge(this.#total, next);
      this.#next += 1;
    }
  }

  /** The fold of `count` parts. @throws when one of them is missing */
  finish(count: number): Part {
    if (this.#total === null || this.#next !== count) {
      throw new Error(`fold: ${this.#next} of ${count} parts have come`);
    }
    return this.#total;
  }
}
