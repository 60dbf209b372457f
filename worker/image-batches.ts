/** Views of many images in batches of bounded size, the next batch decoded while the present one is used. */
import type { ImageLoader, LoadedViews } from '../src/data/loader.ts';

/** Images decoded at a time: bounds memory at any data-shard size. */
const BATCH_IMAGES = 128;

/** Deterministic views of `ids`, in order. */
export async function* centreBatches(
  loader: ImageLoader,
  ids: Int32Array,
  signal: AbortSignal,
): AsyncGenerator<LoadedViews> {
  const load = (begin: number): Promise<LoadedViews> | null => {
    if (begin >= ids.length) return null;
    const views = loader.centre(ids.subarray(begin, begin + BATCH_IMAGES), signal);
    // Failures are met where the batch is awaited; a batch that is never reached must not end the process.
    views.catch(() => undefined);
    return views;
  };
  let next = load(0);
  for (let begin = 0; next !== null; begin += BATCH_IMAGES) {
    const present = await next;
    next = load(begin + BATCH_IMAGES);
    yield present;
  }
}

/** The ids from `begin` up to `end`. */
export function idRange(begin: number, end: number): Int32Array {
  return Int32Array.from({ length: end - begin }, (_, i) => begin + i);
}
