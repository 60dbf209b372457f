/**
 * Makes views on one thread: reads, decodes and caches images, and writes their views into the rows
 * of a pixel block. A view depends on the run's seed, the epoch, the sample and its occurrence,
 * never on timing, caching or thread; requests may overlap, and share decodes. Shapes: n samples of
 * a request; S side of a view; a view is [S, S, 3] uint8.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { seededRng } from '../../math/rng.ts';
import { augmentView } from '../pixels/augmentation.ts';
import type { DataConfig } from '../config.ts';
import { decodeImage, type DecodedImage } from '../pixels/decode.ts';
import type { SmallCrop } from './drawn-views.ts';
import { ImageCache } from './image-cache.ts';
import { SharedLanes } from '../lanes.ts';
import { reasonOf } from '../source/unreadable.ts';
import { centreView, decodedShorterSide, randomView } from '../pixels/views.ts';

export interface ViewRequest {
  /** [n] sample ids. */
  readonly ids: Int32Array;
  /** [n] the view's place in the pixel block, in views. */
  readonly rows: Int32Array;
  /** Of random views; null for the deterministic ones. */
  readonly epoch: number | null;
  /** [n] how often each sample was drawn before in the epoch; null: never. */
  readonly occurrences: Int32Array | null;
  /** Of random views of another size than the configured one, which have draws of their own. */
  readonly small: SmallCrop | null;
}

/** What one thread did for one request. */
export interface MadeViews {
  /** Why an image could not be read, by sample id; its rows were left as they were. */
  readonly failures: ReadonlyMap<number, string>;
  /**
   * Why an image is only a part of what it was, by sample id, whether it was decoded now or before.
   */
  readonly damages: ReadonlyMap<number, string>;
  readonly images: number;
  /**
   * Images read and decoded for it; the others were cached, or being decoded for another request.
   */
  readonly decoded: number;
  /** Time spent resampling; the rest went into waiting for the disk and the decoder [s]. */
  readonly resampleSeconds: number;
  /** From the first image taken up to the last view made, by the machine's monotonic clock [us]. */
  readonly beginUs: number;
  readonly endUs: number;
}

export interface ViewMakerOptions {
  readonly config: DataConfig;
  /** Of the run. */
  readonly seed: number;
  /** Images read and decoded at a time, over all requests. */
  readonly concurrency: number;
  /** Of decoded images kept in memory. */
  readonly cacheBytes: number;
}

/** Bytes of one view. */
export function viewBytes({ imageSize }: DataConfig, small: SmallCrop | null = null): number {
  return (small?.size ?? imageSize) ** 2 * 3;
}

/** The monotonic clock, the same on all threads and processes of a machine [us]. */
export function nowUs(): number {
  return Number(process.hrtime.bigint()) / 1000;
}

export class ViewMaker {
  readonly #options: ViewMakerOptions;
  readonly #lanes: SharedLanes;
  readonly #cache: ImageCache;
  readonly #maxShorterSide: number;
  /**
   * Decodes under way; each removes itself. No signal ends them: another request may wait for the
   * same one.
   */
  readonly #underway = new Map<number, Promise<DecodedImage>>();

  constructor(options: ViewMakerOptions) {
    const { config, concurrency, cacheBytes } = options;
    this.#options = options;
    this.#lanes = new SharedLanes(concurrency);
    this.#cache = new ImageCache(cacheBytes);
    this.#maxShorterSide = decodedShorterSide(config.imageSize, config.resizeRatio);
  }

  /**
   * Makes the views of a request, after those of earlier requests have been taken up.
   * @param read gives the file of the i-th sample of the request
   * @param pixels the block that the request's rows are rows of
   */
  async make(
    request: ViewRequest,
    read: (index: number) => Promise<Buffer>,
    pixels: Uint8Array,
    signal?: AbortSignal,
  ): Promise<MadeViews> {
    const { ids } = request;
    const failures = new Map<number, string>();
    const damages = new Map<number, string>();
    let decoded = 0;
    let resampleUs = 0;
    let beginUs = 0;
    const make = async (index: number): Promise<void> => {
      if (index === 0) beginUs = nowUs();
      const id = ids[index]!;
      if (request.epoch === null && this.#copyKept(request, index, pixels)) {
        noteDamage(damages, id, this.#cache.damageOf(id));
        return nextTurn();
      }
      let image = this.#cache.get(id);
      if (image === undefined) {
        const readHere = (): Promise<Buffer> => {
          decoded++;
          return read(index);
        };
        image = await this.#decode(id, readHere).catch((error: unknown) => {
          failures.set(id, reasonOf(error));
          return undefined;
        });
      }
      if (image !== undefined) {
        noteDamage(damages, id, image.damage);
        const startedUs = nowUs();
        this.#view(request, index, image, pixels);
        resampleUs += nowUs() - startedUs;
      }
      await nextTurn(); // lets messages, rpcs and timers of this thread through between two views
    };
    await this.#lanes.run(ids.length, make, signal);
    const resampleSeconds = resampleUs / 1e6;
    const times = { resampleSeconds, beginUs, endUs: nowUs() };
    return { failures, damages, images: ids.length, decoded, ...times };
  }

  /** Writes a deterministic view that was made before and kept; false where there is none. */
  #copyKept({ ids, rows }: ViewRequest, index: number, pixels: Uint8Array): boolean {
    const kept = this.#cache.viewOf(ids[index]!);
    if (kept === undefined) return false;
    pixels.set(kept, rows[index]! * kept.length);
    return true;
  }

  #view(request: ViewRequest, index: number, image: DecodedImage, pixels: Uint8Array): void {
    const { config, seed } = this.#options;
    const { ids, rows, epoch, occurrences, small } = request;
    const bytes = viewBytes(config, small);
    const out = pixels.subarray(rows[index]! * bytes, (rows[index]! + 1) * bytes);
    if (epoch === null) {
      centreView(image, config.imageSize, config.resizeRatio, out);
      this.#cache.keepView(ids[index]!, out);
    } else {
      const drawn = small === null ? 'view' : 'small view';
      const rng = seededRng(seed, drawn, epoch, ids[index]!, occurrences?.[index] ?? 0);
      const size = small?.size ?? config.imageSize;
      const options = small === null ? config : { ...config, cropArea: small.area };
      randomView(image, size, rng, options, out);
      augmentView(out, size, rng, config);
    }
  }

  /** The decoded image, from a decode under way or from the disk. */
  async #decode(id: number, read: () => Promise<Buffer>): Promise<DecodedImage> {
    const known = this.#underway.get(id);
    if (known !== undefined) return known;
    const decoding = (async () =>
      decodeImage(await read(), { maxShorterSide: this.#maxShorterSide }))();
    this.#underway.set(id, decoding);
    try {
      const image = await decoding;
      this.#cache.put(id, image);
      return image;
    } finally {
      this.#underway.delete(id);
    }
  }
}

function noteDamage(damages: Map<number, string>, id: number, damage: string | undefined): void {
  if (damage !== undefined) damages.set(id, damage);
}
