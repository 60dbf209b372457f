/** Tells of images that are left out: the first few by name, then their number each time that it has doubled. */
import type { Logger } from '../src/telemetry/logger.ts';

export interface SkippedImage {
  /** In the form for people. */
  readonly path: string;
  readonly reason: string;
}

/** Named in warnings, which a terminal shows; the others are lines of the log. */
const NAMED = 5;

export class SkipLog {
  readonly #logger: Logger;
  /** All that this process was told of, each once. */
  #count = 0;
  /** `#count` at the last warning of a number; 0 before the first. */
  #told = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @param fresh images that were not known as unreadable before */
  note(fresh: readonly SkippedImage[]): void {
    for (const { path, reason } of fresh) {
      this.#count += 1;
      const level = this.#count <= NAMED ? 'warn' : 'info';
      this.#logger[level]('image.skipped', { path, reason });
    }
    if (fresh.length === 0 || this.#count <= NAMED || this.#count < 2 * this.#told) return;
    this.#told = this.#count;
    const reason = `${this.#count} images so far cannot be read and are left out; unreadable.csv in the run's folder names them`;
    this.#logger.warn('images.skipped', { count: this.#count, reason });
  }
}
