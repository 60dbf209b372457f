/**
 * The image loader of a worker: reads, decodes and caches images, and makes both views of them.
 * A view depends on the run's seed, the epoch, the sample and its occurrence, never on timing, caching or worker; calls may
 * overlap, and share decodes. An image that cannot be read is reported and its row left out: it never fails a call.
 * Shapes: n samples asked for, m <= n of them readable, S side of a view; pixels are [m, S, S, 3] uint8.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { shapeMismatch } from '../errors.ts';
import { seededRng } from '../math/rng.ts';
import type { DataConfig } from './config.ts';
import { decodeImage } from './decode.ts';
import { ImageCache } from './image-cache.ts';
import { forEachInLanes, Gate } from './lanes.ts';
import type { RawImage } from './resample.ts';
import type { ImageSource } from './source.ts';
import { reasonOf, type UnreadableImage } from './unreadable.ts';
import { centreShorterSide, centreView, randomView } from './views.ts';

export type SampleIds = Int32Array | readonly number[];

export interface LoadedViews {
  /** [m, S, S, 3], the readable samples in the order asked for. */
  readonly pixels: Uint8Array;
  /** [m] sample ids of the rows. */
  readonly ids: Int32Array;
  /** [m] where each row stood in the request, to pick pseudo-labels by. */
  readonly rows: Int32Array;
  /** Each image once, in the order asked for. */
  readonly unreadable: UnreadableImage[];
}

export interface ImageLoader {
  /** The deterministic views, to cluster by. */
  centre(ids: SampleIds, signal?: AbortSignal): Promise<LoadedViews>;
  /**
   * The random views of an epoch, to learn from.
   * @param occurrences [n] how often the sample was drawn before in this epoch, so that repeats are new views; null: never
   * @throws TrainerError SHAPE_MISMATCH
   */
  random(
    ids: SampleIds,
    occurrences: SampleIds | null,
    epoch: number,
    signal?: AbortSignal,
  ): Promise<LoadedViews>;
}

export interface ImageLoaderOptions {
  readonly source: ImageSource;
  readonly config: DataConfig;
  /** Of the run. */
  readonly seed: number;
  /** Images read and decoded at a time, over all calls; libuv decodes on 4 threads unless told otherwise. */
  readonly concurrency?: number;
}

/** Decoded images keep this multiple of the centre view's shorter side, so that random crops of photos stay sharp. */
const OVERSAMPLING = 2;

export function createImageLoader(options: ImageLoaderOptions): ImageLoader {
  const { source, config, seed, concurrency = 4 } = options;
  const size = config.imageSize;
  const decoded = createDecoder(source, config, concurrency);

  /** Makes a view of each readable sample into its row, then closes the gaps of the others. */
  const load = async (
    ids: SampleIds,
    makeView: (image: RawImage, row: number, out: Uint8Array) => void,
    signal?: AbortSignal,
  ): Promise<LoadedViews> => {
    const viewBytes = size * size * 3;
    const pixels = new Uint8Array(ids.length * viewBytes);
    const failures = new Map<number, UnreadableImage>();
    const make = async (row: number): Promise<void> => {
      const id = ids[row]!;
      const image = await decoded(id);
      if ('reason' in image) failures.set(id, image);
      else makeView(image, row, pixels.subarray(row * viewBytes, (row + 1) * viewBytes));
      await nextTurn(); // views are made on this thread: let rpcs and timers through between two
    };
    await untilAborted(forEachInLanes(ids.length, concurrency, make, signal), signal);
    return compact(ids, pixels, failures, viewBytes);
  };

  return {
    centre: (ids, signal) =>
      load(ids, (image, _row, out) => centreView(image, size, config.resizeRatio, out), signal),

    random: async (ids, occurrences, epoch, signal) => {
      if (occurrences !== null && occurrences.length !== ids.length) {
        throw shapeMismatch('occurrences of random views', [ids.length], [occurrences.length]);
      }
      return load(
        ids,
        (image, row, out) => {
          const rng = seededRng(seed, 'view', epoch, ids[row]!, occurrences?.[row] ?? 0);
          randomView(image, size, rng, config, out);
        },
        signal,
      );
    },
  };
}

/** Gives decoded images by sample id: from the cache, from a decode under way, or from the disk. */
function createDecoder(
  source: ImageSource,
  config: DataConfig,
  concurrency: number,
): (id: number) => Promise<RawImage | UnreadableImage> {
  const maxShorterSide = OVERSAMPLING * centreShorterSide(config.imageSize, config.resizeRatio);
  const cache = new ImageCache(config.cacheBytes);
  const gate = new Gate(concurrency);
  /** Decodes under way; each removes itself. Nobody's signal ends them: another call may wait for the same one. */
  const underway = new Map<number, Promise<RawImage | UnreadableImage>>();

  const decode = async (id: number): Promise<RawImage | UnreadableImage> => {
    try {
      const image = await gate.run(async () =>
        decodeImage(await source.read(id), { maxShorterSide }),
      );
      cache.put(id, image);
      return image;
    } catch (error) {
      return { id, path: source.path(id), reason: reasonOf(error) };
    } finally {
      underway.delete(id);
    }
  };

  return async (id) => {
    const cached = cache.get(id);
    if (cached !== undefined) return cached;
    const shared = underway.get(id) ?? decode(id);
    underway.set(id, shared);
    return shared;
  };
}

/** Moves the readable rows together. */
function compact(
  ids: SampleIds,
  pixels: Uint8Array,
  failures: ReadonlyMap<number, UnreadableImage>,
  viewBytes: number,
): LoadedViews {
  const rows = Int32Array.from(ids.keys()).filter((row) => !failures.has(ids[row]!));
  rows.forEach((row, i) => {
    if (row !== i) pixels.copyWithin(i * viewBytes, row * viewBytes, (row + 1) * viewBytes);
  });
  const asked = new Set(ids);
  return {
    pixels: pixels.subarray(0, rows.length * viewBytes),
    ids: rows.map((row) => ids[row]!),
    rows,
    unreadable: [...asked].flatMap((id) => failures.get(id) ?? []),
  };
}

/** The work's outcome, or the signal's reason as soon as it fires: a disk that hangs must not hold up a shutdown. */
async function untilAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return work;
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
