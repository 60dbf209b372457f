/** Views of many images in batches of bounded size, the next ones made while the present one is used. */
import type { ImageLoader, LoadedViews } from '../src/data/loader/loader.ts';
import type { Times, ViewBatches } from '../src/work/tools.ts';

/** Images of a batch at the most. */
const BATCH_IMAGES = 128;
/** Views of a batch at the most [bytes]; 128 images of 224 px take 18 MiB. */
const BATCH_BYTES = 32 * 1024 * 1024;
/** Views made ahead, besides the batch in use [bytes]; never fewer than two batches. */
const AHEAD_BYTES = 64 * 1024 * 1024;
const LEAST_AHEAD = 2;
const MOST_AHEAD = 8;

/** Deterministic views of some images, batch after batch; the first ones are begun when it is made. */
export class CentreBatches implements ViewBatches {
  readonly #loader: ImageLoader;
  readonly #ids: Int32Array;
  readonly #signal: AbortSignal;
  readonly #batchImages: number;
  readonly #ahead: number;
  /** Where the next batch to be begun begins. */
  #begin = 0;
  /** Batches begun and not taken, oldest first. */
  readonly #begun: Promise<LoadedViews>[] = [];

  /** @param imageSize side of a view [px] */
  constructor(loader: ImageLoader, ids: Int32Array, imageSize: number, signal: AbortSignal) {
    const viewBytes = imageSize * imageSize * 3;
    this.#loader = loader;
    this.#ids = ids;
    this.#signal = signal;
    this.#batchImages = Math.max(1, Math.min(BATCH_IMAGES, Math.floor(BATCH_BYTES / viewBytes)));
    const ahead = Math.floor(AHEAD_BYTES / (this.#batchImages * viewBytes));
    this.#ahead = Math.min(MOST_AHEAD, Math.max(LEAST_AHEAD, ahead));
    this.#fill();
  }

  /** The batches in the order of the ids, unreadable images left out, once. */
  async *each(times: Times): AsyncGenerator<LoadedViews> {
    for (let views = this.#begun.shift(); views; views = this.#begun.shift()) {
      this.#fill();
      yield await times.views(views);
    }
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
