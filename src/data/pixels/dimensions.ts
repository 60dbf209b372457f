/** How large an image is, by the beginning of its file: nothing is decoded. */
import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { formatOf, HEAD_BYTES } from './formats.ts';

export interface Dimensions {
  /** Of the upright or the lying image, which is the same for the shorter side [px]. */
  readonly width: number;
  readonly height: number;
}

/** Of a file that are read first: headers of photographs, with their embedded thumbnails. */
const BEGINNING_BYTES = 128 * 1024;
/** Files whose sizes stand further behind are read whole up to here. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Null for what is no image that is read, or tells no size. @param file as `node:fs` takes it */
export async function readDimensions(file: string | Buffer): Promise<Dimensions | null> {
  try {
    const beginning = await readBeginning(file);
    // Nothing else reaches the decoder, as in decode.ts.
    if (beginning === null || formatOf(beginning.subarray(0, HEAD_BYTES))?.isRead !== true) {
      return null;
    }
    const found = await dimensionsOf(beginning);
    const isWhole = beginning.length < BEGINNING_BYTES;
    return found ?? (isWhole ? null : await dimensionsOf(await readFile(file)));
  } catch {
    return null;
  }
}

async function readBeginning(file: string | Buffer): Promise<Buffer | null> {
  // A pipe that nobody writes to is not waited for.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { size } = await handle.stat();
    if (size > MOST_BYTES) return null;
    const room = Buffer.alloc(BEGINNING_BYTES);
    const { bytesRead } = await handle.read(room, 0, BEGINNING_BYTES, 0);
    return room.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function dimensionsOf(bytes: Buffer): Promise<Dimensions | null> {
  const { width, height } = await sharp(bytes, { failOn: 'none' })
    .metadata()
    .catch(() => ({ width: 0, height: 0 }));
  return width > 0 && height > 0 ? { width, height } : null;
}
