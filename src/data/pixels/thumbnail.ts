/** Small pictures of images, for people to look at. Nothing that trains sees them. */
import sharp from 'sharp';
import { decodeImage } from './decode.ts';

const QUALITY = 80;

/**
 * The middle square of an image as a JPEG, upright as its EXIF orientation says.
 * @param side of the square at most [px]; a smaller image is not enlarged
 * @throws Error whose message says in one line why the bytes are no readable image
 */
export async function thumbnailJpeg(bytes: Buffer, side: number): Promise<Buffer> {
  const { data, width, height } = await decodeImage(bytes, { maxShorterSide: side });
  const edge = Math.min(width, height);
  return sharp(data, { raw: { width, height, channels: 3 } })
    .extract({
      left: Math.floor((width - edge) / 2),
      top: Math.floor((height - edge) / 2),
      width: edge,
      height: edge,
    })
    .jpeg({ quality: QUALITY })
    .toBuffer();
}
