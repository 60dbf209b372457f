/** Thumbnails of a run's images, in sprite sheets: in the page, or beside it. */
import { forEachInLanes } from '../../data/lanes.ts';
import { spriteSheet, thumbnailPixels } from '../../data/pixels/sprites.ts';
import type { ImageSource } from '../../data/source/source.ts';
import type { Sprites } from '../../report/gallery/gallery-data.ts';

/** Shown at 64 px and less; larger ones of 100,000 images would be a burden to any disk [px]. */
const SIDE = 64;
/** Small sheets: a browser decodes the whole of one for any of its thumbnails. */
const COLUMNS = 8;
const PER_SHEET = COLUMNS * COLUMNS;
/** Images read at a time. */
const LANES = 4;

/** Keeps a sheet beside the page, and says by what relative path the page finds it. */
export type PutSheet = (index: number, webp: Buffer) => Promise<string>;

export interface Thumbnails {
  readonly sprites: Sprites;
  /** By id: its cell. Images that cannot be read have none. */
  readonly cells: ReadonlyMap<number, number>;
}

export interface ThumbnailOptions {
  /** Null keeps the sheets in the page. */
  readonly putSheet: PutSheet | null;
  /** Told after each sheet how many images are done. */
  readonly onDone: (images: number) => void;
  readonly signal?: AbortSignal;
}

/** @param ids in the order of their cells: those that are seen together should stand together */
export async function makeThumbnails(
  ids: readonly number[],
  source: ImageSource,
  { putSheet, onDone, signal }: ThumbnailOptions,
): Promise<Thumbnails> {
  const cells = new Map<number, number>();
  const webp: Buffer[] = [];
  const files: string[] = [];
  for (let begin = 0; begin < ids.length; begin += PER_SHEET) {
    const some = ids.slice(begin, begin + PER_SHEET);
    const pixels = await readPixels(some, source, SIDE, signal);
    some.forEach((id, i) => {
      if (pixels[i] !== null) cells.set(id, begin + i);
    });
    const sheet = await spriteSheet(pixels, SIDE, COLUMNS);
    if (putSheet === null) webp.push(sheet);
    else files.push(await putSheet(files.length, sheet));
    onDone(begin + some.length);
  }
  const sheets =
    putSheet === null ? { kind: 'inside' as const, webp } : { kind: 'beside' as const, files };
  return { sprites: { side: SIDE, columns: COLUMNS, perSheet: PER_SHEET, sheets }, cells };
}

/**
 * The middle squares of images, in the order of the ids; null for those that cannot be read.
 * @param side [px]
 * @returns [side, side, 3] bytes each
 * @throws the signal's reason
 */
export async function readPixels(
  ids: readonly number[],
  source: Pick<ImageSource, 'read'>,
  side: number,
  signal?: AbortSignal,
): Promise<(Buffer | null)[]> {
  const pixels: (Buffer | null)[] = ids.map(() => null);
  const read = async (i: number): Promise<void> => {
    pixels[i] = await source
      .read(ids[i]!, signal)
      .then((bytes) => thumbnailPixels(bytes, side))
      .catch(() => null); // the run's record of unreadable images tells of it
  };
  await forEachInLanes(ids.length, LANES, read, signal);
  return pixels;
}
