/**
 * Tells of images that are left out, or damaged: the first few by name, then their number each time
 * that it has doubled.
 */
import type { Logger } from '../../src/telemetry/logger.ts';

export interface SkippedImage {
  /** In the form for people. */
  readonly path: string;
  readonly reason: string;
}

/** Named in warnings, which a terminal shows; the others are lines of the log. */
const NAMED = 5;

/** How a kind of trouble is told. */
interface Trouble {
  readonly one: string;
  readonly many: string;
  /** Of so many images. */
  readonly what: string;
  readonly list: string;
}

const SKIPPED: Trouble = {
  one: 'image.skipped',
  many: 'images.skipped',
  what: 'cannot be read and are left out',
  list: 'unreadable.csv',
};

export const DAMAGED: Trouble = {
  one: 'image.damaged',
  many: 'images.damaged',
  what: 'are damaged and take part as far as they can be decoded',
  list: 'damaged.csv',
};

export class SkipLog {
  readonly #logger: Logger;
  readonly #trouble: Trouble;
  /** All that this process was told of, each once. */
  #count = 0;
  /** `#count` at the last warning of a number; 0 before the first. */
  #told = 0;

  constructor(logger: Logger, trouble: Trouble = SKIPPED) {
    this.#logger = logger;
    this.#trouble = trouble;
  }

  /** @param fresh images that were not known before */
  note(fresh: readonly SkippedImage[]): void {
    const { one, many, what, list } = this.#trouble;
    for (const { path, reason } of fresh) {
      this.#count += 1;
      const level = this.#count <= NAMED ? 'warn' : 'info';
      this.#logger[level](one, { path, reason });
    }
    if (fresh.length === 0 || this.#count <= NAMED || this.#count < 2 * this.#told) return;
    this.#told = this.#count;
    const reason = `${this.#count} images so far ${what}; ${list} in the run's folder names them`;
    this.#logger.warn(many, { count: this.#count, reason });
  }
}
