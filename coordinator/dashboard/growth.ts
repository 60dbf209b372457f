/**
 * Counters that never fall: how much some numbers have grown since this process began to look. The
 * run's own numbers go back with it to a checkpoint, and Prometheus would take that for a restart
 * from zero and count everything again.
 */
export type Counts = Readonly<Record<string, number>>;

export class Growth {
  #base: Counts = {};
  readonly #totals = new Map<string, number>();

  /** The numbers are these from now on, and have not grown to be it. */
  rebase(counts: Counts): void {
    this.#base = counts;
  }

  note(counts: Counts): void {
    for (const [name, value] of Object.entries(counts)) {
      const grown = Math.max(0, value - (this.#base[name] ?? 0));
      this.#totals.set(name, this.of(name) + grown);
    }
    this.#base = counts;
  }

  /** 0 for a number that nobody has seen. */
  of(name: string): number {
    return this.#totals.get(name) ?? 0;
  }
}
