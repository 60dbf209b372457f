/**
 * The listing of a run's images, `images.ndjson` in its folder: one object a line in the order of
 * ids, with path, size and, where there is truth, label. It names what is different when a run is
 * resumed, and is itself a list that `--data` takes: copied into the folder of the images, it
 * stands for those that the run began with, whatever else lies there by now.
 */
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { shownPath } from './path-bytes.ts';
import { listedSource, type ImageSource, type ListedImage } from './source.ts';

export const LISTING_FILE = 'images.ndjson';

/** Images whose lines are written at a time. */
const CHUNK = 1024;

/** Some images, of which one is named. */
export interface SomeImages {
  readonly count: number;
  /** The first of them in words; empty where there is none. */
  readonly first: string;
}

/**
 * How the images of today differ from those of a listing; an image of another order only is none of
 * them.
 */
export interface ListingDifference {
  readonly missing: SomeImages;
  readonly added: SomeImages;
  readonly resized: SomeImages;
}

/** Images whose files were there when the source was opened. */
export function presentCount(source: Pick<ImageSource, 'count' | 'size'>): number {
  let present = 0;
  for (let id = 0; id < source.count; id += 1) if (source.size(id) >= 0) present += 1;
  return present;
}

/** Writes the listing to a file of that path. */
export function writeListing(file: string, source: ImageSource): void {
  const descriptor = openSync(file, 'w');
  try {
    for (let begin = 0; begin < source.count; begin += CHUNK) {
      const length = Math.min(CHUNK, source.count - begin);
      const lines = Array.from({ length }, (_, i) => lineOf(begin + i, source));
      writeAll(descriptor, Buffer.from(lines.join('')));
    }
  } finally {
    closeSync(descriptor);
  }
}

function lineOf(id: number, source: ImageSource): string {
  const { truth } = source;
  const label = truth === null ? {} : { label: truth.names[truth.labels[id]!] };
  return `${JSON.stringify({ path: source.path(id), size: source.size(id), ...label })}\n`;
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
}

/** The listing in memory, for a process that has none. */
export function encodeListing(source: ImageSource): Uint8Array {
  const lines = Array.from({ length: source.count }, (_, id) => lineOf(id, source));
  return Buffer.from(lines.join(''));
}

/** @throws SyntaxError for what is no listing */
export function decodeListing(bytes: Uint8Array): ListedImage[] {
  const lines = Buffer.from(bytes).toString('utf8').split('\n');
  return lines.flatMap((line) => (line === '' ? [] : [JSON.parse(line) as ListedImage]));
}

/**
 * The run's images where only a few of them are missing from those found: a run can do without as
 * many as it may leave out, and waits for them where it needs them.
 * @param listed those the run began with, read when they are needed
 * @param most images that may be missing
 * @returns null where more are missing, or others are there
 */
export async function withFewMissing(
  found: ImageSource,
  listed: () => Promise<readonly ListedImage[]>,
  most: number,
): Promise<{ readonly source: ImageSource; readonly missing: SomeImages } | null> {
  const images = await listed();
  const { missing, added, resized } = await compareImages(images, found);
  const areFew = missing.count > 0 && missing.count <= most;
  if (!areFew || added.count > 0 || resized.count > 0) return null;
  return { source: listedSource(images, found), missing };
}

/** The images of a listing, as they are read. @throws Error of the file system, or of JSON */
export async function* readListing(file: string): AsyncGenerator<ListedImage> {
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity });
  for await (const line of lines) if (line !== '') yield JSON.parse(line) as ListedImage;
}

/** Compares images by path; of a path that a list has twice the first place counts. */
export async function compareImages(
  before: AsyncIterable<ListedImage> | Iterable<ListedImage>,
  now: Pick<ImageSource, 'count' | 'path' | 'size'>,
): Promise<ListingDifference> {
  const places = new Map<string, number>();
  for (let id = now.count - 1; id >= 0; id -= 1) places.set(now.path(id), id);
  const isKnown = new Uint8Array(now.count);
  const [missing, added, resized] = [new Tally(), new Tally(), new Tally()];
  for await (const { path, size } of before) {
    const id = places.get(path);
    const sizeNow = id === undefined ? -1 : now.size(id);
    if (id !== undefined) isKnown[id] = 1;
    if (id === undefined || (sizeNow < 0 && size >= 0)) missing.add(path);
    else if (sizeNow !== size) resized.add(path, `: ${sizeNow} bytes, ${sizeOrNone(size)} before`);
  }
  for (const [path, id] of places) if (isKnown[id] === 0) added.addAt(id, path);
  return { missing, added, resized };
}

function sizeOrNone(size: number): number | string {
  return size < 0 ? 'no file' : size;
}

class Tally implements SomeImages {
  count = 0;
  first = '';
  /** Place of the first. */
  #id = Infinity;

  add(path: string, note = ''): void {
    this.addAt(this.count, path, note);
  }

  addAt(id: number, path: string, note = ''): void {
    this.count += 1;
    if (id >= this.#id) return;
    this.#id = id;
    this.first = `"${shownPath(path)}"${note}`;
  }
}

/** `24 missing (first "a.jpg"), 1 of another size (first "b.jpg": 12 bytes, 10 before)` */
export function describeDifference({ missing, added, resized }: ListingDifference): string {
  const parts = [
    [missing, 'missing'],
    [added, 'added'],
    [resized, 'of another size'],
  ] as const;
  const told = parts
    .filter(([{ count }]) => count > 0)
    .map(([{ count, first }, what]) => `${count} ${what} (first ${first})`);
  return told.length === 0 ? 'the same ones in another order' : told.join(', ');
}
