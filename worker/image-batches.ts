/**
 * The views of a data shard's images, batch after batch, as work on it takes them: with the time
 * that each was waited for.
 */
import { CentreBatches } from '../src/data/loader/centre-batches.ts';
import type { ImageLoader, LoadedViews } from '../src/data/loader/loader.ts';
import type { Times, ViewBatches } from '../src/work/tools.ts';

/** Deterministic views of some images; the first ones are begun when it is made. */
export class ShardBatches implements ViewBatches {
  readonly #batches: CentreBatches;

  /** @param imageSize side of a view [px] */
  constructor(loader: ImageLoader, ids: Int32Array, imageSize: number, signal: AbortSignal) {
    this.#batches = new CentreBatches(loader, ids, { imageSize, signal });
  }

  /** The batches in the order of the ids, unreadable images left out, once. */
  async *each(times: Times): AsyncGenerator<LoadedViews> {
    for (let views = this.#batches.next(); views; views = this.#batches.next()) {
      yield await times.views(views);
    }
  }
}
