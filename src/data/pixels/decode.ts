/**
 * From the bytes of an image file to 8-bit sRGB pixels, by sharp (libvips). EXIF orientation is
 * applied; CMYK, grey, palette and 16-bit images are converted; profiles of RGB images are ignored,
 * as the reference ignores them. Transparency is laid on mid-grey, so that neither dark nor light
 * drawings vanish. Of an animation the first frame counts. The first bytes tell the format,
 * whatever the extension says. A file that is cut off, or whose checksums are wrong, gives the
 * pixels that are left and says so; bytes that were changed where a format has no checksum (inside
 * JPEG and WebP data) cannot be told from a picture.
 */
import sharp from 'sharp';
import { messageOf } from '../../errors.ts';
import { formatOf, HEAD_BYTES, READ_NAMES } from './formats.ts';
import type { RawImage } from './resample.ts';

export interface DecodeOptions {
  /**
   * Images with a longer "shorter side" than this are reduced to it while decoding [px]. The same for every view of an
   * image, so that pixels do not depend on which view asked first. Left out: never reduced.
   */
  readonly maxShorterSide?: number;
}

export interface DecodedImage extends RawImage {
  /**
   * One line that says why these pixels are only a part of the image, the rest being black or grey;
   * left out: it is whole.
   */
  readonly damage?: string;
}

/** Pixels an image may declare, 16384 squared: more is taken for a decompression bomb. */
const MAX_PIXELS = 2 ** 28;

/**
 * Pixels that a small file may declare, 4096 squared, and beyond them pixels for each of its bytes: photographs have a few, plain
 * drawings some hundred. Memory is taken for what a file declares, though it ends after its header.
 */
const AMPLE_PIXELS = 2 ** 24;
const PIXELS_PER_BYTE = 1000;

/** CMYK with transparency. */
const MAX_CHANNELS = 5;

// Each buffer is decoded once: a cache of operations would only hold memory.
sharp.cache(false);

/** @throws Error whose message says in one line why the bytes are no readable image */
export async function decodeImage(
  bytes: Buffer,
  options: DecodeOptions = {},
): Promise<DecodedImage> {
  if (bytes.length === 0) throw new Error('the file is empty');
  const format = formatOf(bytes.subarray(0, HEAD_BYTES));
  if (format === null) {
    throw new Error(`not an image of a known format (${READ_NAMES.join(', ')})`);
  }
  // Nothing else reaches the decoder: libvips also knows formats that load further files or run
  // programs.
  if (!format.isRead) {
    throw new Error(
      `a file of the kind ${format.name}, which is not read (only ${READ_NAMES.join(', ')})`,
    );
  }
  if (format.name === 'TIFF') await requirePixels(bytes);
  const maxPixels = Math.min(MAX_PIXELS, Math.max(AMPLE_PIXELS, PIXELS_PER_BYTE * bytes.length));
  try {
    return await decodeKnown(bytes, maxPixels, 'error', options);
  } catch (cause) {
    // Not libvips' own words: its threads share one error buffer and mix their messages up.
    if (messageOf(cause).includes('exceeds pixel limit')) {
      const limits = `more than ${maxPixels} pixels in ${bytes.length} bytes`;
      throw new Error(`a ${format.name} of ${limits}`, { cause });
    }
    const damage = `a damaged or truncated ${format.name}`;
    const image = await decodeKnown(bytes, maxPixels, 'none', options).catch(() => null);
    if (image === null || isBlank(image)) throw new Error(damage, { cause });
    return { ...image, damage };
  }
}

/**
 * Of TIFFs, those of floating-point numbers and of many channels are measurements: as pixels, they
 * would be black.
 */
async function requirePixels(bytes: Buffer): Promise<void> {
  const found = await sharp(bytes)
    .metadata()
    .catch(() => null); // decoding finds out, too
  if (found === null) return;
  const { depth, channels } = found;
  if (depth !== 'uchar' && depth !== 'ushort') {
    throw new Error(`a TIFF of ${depth} samples, which is not read (only 8 and 16 bits unsigned)`);
  }
  if (channels > MAX_CHANNELS) {
    throw new Error(`a TIFF of ${channels} channels, at most ${MAX_CHANNELS} are read`);
  }
}

/**
 * Share of its pixels that a damaged image must show; of a JPEG without data the first block is
 * noise.
 */
const LEAST_SHOWN = 0.01;

/**
 * Whether nearly all pixels have one corner's colour: of a damaged image, that next to nothing was
 * decoded.
 */
function isBlank({ data, width, height }: RawImage): boolean {
  const pixels = width * height;
  const corners = [0, width - 1, pixels - width, pixels - 1];
  return corners.some((corner) => {
    const [red, green, blue] = data.subarray(3 * corner, 3 * corner + 3);
    let shown = 0;
    for (let i = 0; i < data.length && shown < LEAST_SHOWN * pixels; i += 3) {
      if (data[i] !== red || data[i + 1] !== green || data[i + 2] !== blue) shown += 1;
    }
    return shown < LEAST_SHOWN * pixels;
  });
}

/** @param failOn `error` rejects a truncated or damaged image, `none` gives what is there of it */
async function decodeKnown(
  bytes: Buffer,
  maxPixels: number,
  failOn: 'error' | 'none',
  options: DecodeOptions,
): Promise<RawImage> {
  let pipeline = sharp(bytes, {
    failOn,
    limitInputPixels: maxPixels,
    ignoreIcc: true,
    autoOrient: true,
  });
  const side = options.maxShorterSide;
  if (side !== undefined) {
    pipeline = pipeline.resize({
      width: side,
      height: side,
      fit: 'outside',
      kernel: 'linear',
      withoutEnlargement: true,
    });
  }
  const { data, info } = await pipeline
    .flatten({ background: '#808080' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels instead of 3`);
  return { data, width: info.width, height: info.height };
}
