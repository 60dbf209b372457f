/**
 * The image loader of a worker: both views of images, made on threads of their own (loader-pool.ts)
 * or on the caller's. Views are the same to the bit either way (view-maker.ts). An image that
 * cannot be read is reported and its row left out: it never fails a call. One that is damaged is
 * reported, and its row made of the part that could be decoded. Shapes: n samples asked for, m <= n
 * of them readable, S side of a view; pixels are [m, S, S, 3] uint8.
 */
import { shapeMismatch } from '../../errors.ts';
import type { Draws, SmallCrop } from './drawn-views.ts';
import { LoaderPool } from './loader-pool.ts';
import { shownPath } from '../source/path-bytes.ts';
import type { ImageSource } from '../source/source.ts';
import type { UnreadableImage } from '../source/unreadable.ts';
import type { ImageLoaderOptions, ViewBackend, ViewBlock } from './view-backend.ts';
import { viewBytes, ViewMaker, type ViewRequest } from './view-maker.ts';

export type SampleIds = Int32Array | readonly number[];

export interface LoadedViews {
  /** [m, S, S, 3], the readable samples in the order asked for; memory that threads may share. */
  readonly pixels: Uint8Array;
  /** [m] sample ids of the rows. */
  readonly ids: Int32Array;
  /** [m] where each row stood in the request, to pick pseudo-labels by. */
  readonly rows: Int32Array;
  /** Each image once, in the order asked for. */
  readonly unreadable: UnreadableImage[];
  /** Likewise: images with a row, of which only a part could be decoded. */
  readonly damaged: UnreadableImage[];
}

/** Calls may overlap; the views of an earlier call are made first. */
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
  /**
   * Random views of another size, whose draws are not those of `random`; pixels are [m, size, size, 3].
   * @param occurrences [n] as of `random`
   */
  small(
    { ids, occurrences }: Draws,
    epoch: number,
    crop: SmallCrop,
    signal?: AbortSignal,
  ): Promise<LoadedViews>;
  /** Ends the loader's threads; calls that wait are rejected, and so are later ones. */
  close(): void;
}

const CONCURRENCY = 4;

export function createImageLoader(options: ImageLoaderOptions): ImageLoader {
  const { source, config, threads = 0 } = options;
  const pool = { ...options, threads, concurrency: options.concurrency ?? CONCURRENCY };
  const backend = threads === 0 ? ownThread(options) : new LoaderPool(pool);
  const closing = new AbortController();

  const load = async (
    { ids, ...views }: { ids: SampleIds } & Pick<ViewRequest, 'epoch' | 'occurrences' | 'small'>,
    signal?: AbortSignal,
  ): Promise<LoadedViews> => {
    signal?.throwIfAborted();
    closing.signal.throwIfAborted();
    const request = { ids: Int32Array.from(ids), rows: Int32Array.from(ids.keys()), ...views };
    const made = untilAborted(backend.make(request, signal), signal);
    return compact(
      request.ids,
      await untilAborted(made, closing.signal),
      viewBytes(config, views.small),
      source,
    );
  };

  return {
    centre: (ids, signal) => load({ ids, epoch: null, occurrences: null, small: null }, signal),

    random: async (ids, occurrences, epoch, signal) => {
      if (occurrences !== null && occurrences.length !== ids.length) {
        throw shapeMismatch('occurrences of random views', [ids.length], [occurrences.length]);
      }
      const times = occurrences === null ? null : Int32Array.from(occurrences);
      return load({ ids, epoch, occurrences: times, small: null }, signal);
    },

    small: ({ ids, occurrences }, epoch, { size, area }, signal) =>
      load({ ids, epoch, occurrences, small: { size, area } }, signal),

    close: () => {
      closing.abort(new Error('the image loader is closed'));
      backend.close();
    },
  };
}

/** Makes views on the calling thread, between its other work. */
function ownThread(options: ImageLoaderOptions): ViewBackend {
  const { source, config, seed, concurrency = CONCURRENCY, onMade } = options;
  const { cacheBytes } = config;
  const maker = new ViewMaker({ config, seed, concurrency, cacheBytes });
  return {
    make: async (request, signal) => {
      const pixels = new Uint8Array(request.ids.length * viewBytes(config, request.small));
      const read = (index: number): Promise<Buffer> => source.read(request.ids[index]!);
      const made = await maker.make(request, read, pixels, signal);
      onMade?.(0, made);
      return { pixels, failures: made.failures, damages: made.damages };
    },
    close: () => undefined,
  };
}

/** Moves the readable rows together. */
function compact(
  ids: Int32Array,
  { pixels, failures, damages }: ViewBlock,
  bytes: number,
  source: ImageSource,
): LoadedViews {
  const rows = Int32Array.from(ids.keys()).filter((row) => !failures.has(ids[row]!));
  rows.forEach((row, i) => {
    if (row !== i) pixels.copyWithin(i * bytes, row * bytes, (row + 1) * bytes);
  });
  /** Each image once, in the order asked for. */
  const listed = (reasons: ReadonlyMap<number, string>): UnreadableImage[] =>
    reasons.size === 0
      ? []
      : [...new Set(ids)]
          .filter((id) => reasons.has(id))
          .map((id) => ({ id, path: shownPath(source.path(id)), reason: reasons.get(id)! }));
  return {
    pixels: pixels.subarray(0, rows.length * bytes),
    ids: rows.map((row) => ids[row]!),
    rows,
    unreadable: listed(failures),
    damaged: listed(damages),
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
