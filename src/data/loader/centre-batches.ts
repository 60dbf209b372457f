/**
 * Deterministic views of many images in batches of bounded size, the next ones made while the
 * present one is used. Where views are made on the caller's thread they are made between its
 * other work.
 */
import type { ImageLoader, LoadedViews } from './loader.ts';

/** Images of a batch at the most, unless the caller says otherwise. */
const BATCH_IMAGES = 128;
/** Views of a batch at the most [bytes]; 128 images of 224 px take 18 MiB. */
const BATCH_BYTES = 32 * 1024 * 1024;
/** Views made ahead, besides the batch in use [bytes]; never fewer than two batches. */
const AHEAD_BYTES = 64 * 1024 * 1024;
const LEAST_AHEAD = 2;
const MOST_AHEAD = 8;

export interface CentreBatchOptions {
  /** Side of a view [px]. */
  readonly imageSize: number;
  /** Images of a batch at the most. */
  readonly batchImages?: number;
  readonly signal?: AbortSignal | undefined;
}

/** The batches in the order of the ids; the first ones are begun when it is made. */
export class CentreBatches {
  readonly #loader: ImageLoader;
  readonly #ids: Int32Array;
  readonly #signal: AbortSignal | undefined;
  readonly #batchImages: number;
  readonly #ahead: number;
  /** Where the next batch to be begun begins. */
  #begin = 0;
  /** Batches begun and not taken, oldest first. */
  readonly #begun: Promise<LoadedViews>[] = [];

  constructor(loader: ImageLoader, ids: Int32Array, options: CentreBatchOptions) {
    const { imageSize, batchImages = BATCH_IMAGES, signal } = options;
    const viewBytes = imageSize * imageSize * 3;
    this.#loader = loader;
    this.#ids = ids;
    this.#signal = signal;
    this.#batchImages = Math.max(1, Math.min(batchImages, Math.floor(BATCH_BYTES / viewBytes)));
    const ahead = Math.floor(AHEAD_BYTES / (this.#batchImages * viewBytes));
    this.#ahead = Math.min(MOST_AHEAD, Math.max(LEAST_AHEAD, ahead));
    this.#fill();
  }

  /** The next batch, unreadable images left out; undefined after the last. */
  next(): Promise<LoadedViews> | undefined {
    const views = this.#begun.shift();
    this.#fill();
    return views;
  }

  #fill(): void {
    while (this.#begun.length < this.#ahead && this.#begin < this.#ids.length) {
      const end = this.#begin + this.#batchImages;
      const views = this.#loader.centre(this.#ids.subarray(this.#begin, end), this.#signal);
      // Failures are met where the batch is awaited; a batch that is never reached must not end the process.
      views.catch(() => undefined);
      this.#begun.push(views);
      this.#begin = end;
    }
  }
}

/** The ids from `begin` up to `end`. */
export function idRange(begin: number, end: number): Int32Array {
  return Int32Array.from({ length: end - begin }, (_, i) => begin + i);
}
