/**
 * Pictures for pages that show many: thumbnails of one size put together to sheets. Nothing that
 * trains sees them.
 */
import sharp, { type Sharp } from 'sharp';
import { decodeImage } from './decode.ts';

const QUALITY = 74;

/**
 * The middle square of an image, upright, at exactly this size.
 * @param side [px]; a smaller image is enlarged
 * @returns [side, side, 3] bytes, RGB
 * @throws Error whose message says in one line why the bytes are no readable image
 */
export async function thumbnailPixels(bytes: Buffer, side: number): Promise<Buffer> {
  const { data, width, height } = await decodeImage(bytes, { maxShorterSide: side });
  return sharp(data, { raw: { width, height, channels: 3 } })
    .resize(side, side, { fit: 'cover', kernel: 'cubic' })
    .raw()
    .toBuffer();
}

/** Pictures of one size, [side, side, 3] bytes each; null leaves a cell empty. */
export type Cells = readonly (Buffer | null)[];

/** Cells side by side, row by row, as WebP; a full row has `columns` of them. */
export async function spriteSheet(cells: Cells, side: number, columns: number): Promise<Buffer> {
  return sheetOf(cells, side, columns, rowsOf(cells, columns))
    .webp({ quality: QUALITY })
    .toBuffer();
}

/** An encoded picture and its size [px]. */
export interface Picture {
  readonly encoded: Buffer;
  readonly width: number;
  readonly height: number;
}

/** The same as JPEG. */
export async function jpegSheet(cells: Cells, side: number, columns: number): Promise<Picture> {
  const rows = rowsOf(cells, columns);
  const encoded = await sheetOf(cells, side, columns, rows).jpeg({ quality: QUALITY }).toBuffer();
  return { encoded, width: columns * side, height: rows * side };
}

/** The same as PNG, with as many rows as columns: the fewest that have room for all. */
export async function squareSheet(cells: Cells, side: number): Promise<Picture> {
  const columns = Math.max(1, Math.ceil(Math.sqrt(cells.length)));
  const encoded = await sheetOf(cells, side, columns, columns).png().toBuffer();
  return { encoded, width: columns * side, height: columns * side };
}

function rowsOf(cells: Cells, columns: number): number {
  return Math.max(1, Math.ceil(cells.length / columns));
}

function sheetOf(cells: Cells, side: number, columns: number, rows: number): Sharp {
  const width = columns * side;
  const height = rows * side;
  const pixels = Buffer.alloc(width * height * 3);
  cells.forEach((cell, place) => {
    if (cell === null) return;
    const left = (place % columns) * side;
    const top = Math.floor(place / columns) * side;
    for (let y = 0; y < side; y += 1) {
      cell.copy(pixels, ((top + y) * width + left) * 3, y * side * 3, (y + 1) * side * 3);
    }
  });
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** @param rgba [height, width, 4] bytes */
export async function encodePng(rgba: Uint8Array, width: number, height: number): Promise<Buffer> {
  return sharp(rgba, { raw: { width, height, channels: 4 } })
    .png()
    .toBuffer();
}
