/**
 * From the bytes of an image file to 8-bit sRGB pixels, by sharp (libvips).
 * EXIF orientation is applied; CMYK, grey, palette and 16-bit images are converted; profiles of RGB images are ignored, as
 * the reference ignores them. Transparency is laid on mid-grey, so that neither dark nor light drawings vanish. Of an
 * animation the first frame counts. What a file declares itself to be is ignored in favour of what it holds.
 */
import sharp from 'sharp';
import type { RawImage } from './resample.ts';

export interface DecodeOptions {
  /**
   * Images with a longer "shorter side" than this are reduced to it while decoding [px]. The same for every view of an
   * image, so that pixels do not depend on which view asked first. Left out: never reduced.
   */
  readonly maxShorterSide?: number;
  /** Rejects a truncated or damaged image instead of decoding what is there. */
  readonly strict?: boolean;
}

/** Pixels an image may declare, 16384 squared: more is taken for a decompression bomb. */
const MAX_PIXELS = 2 ** 28;

/** Formats found under the extensions of images; keeps SVG, PDF and the like, which load things, away from the decoder. */
const LOADERS = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff'].map((name) => `VipsForeignLoad${name}`);
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: LOADERS });
// Each buffer is decoded once: a cache of operations would only hold memory.
sharp.cache(false);

/** @throws Error of the decoder, where the bytes are not an image it can read. */
export async function decodeImage(bytes: Buffer, options: DecodeOptions = {}): Promise<RawImage> {
  if (bytes.length === 0) throw new Error('the file is empty');
  let pipeline = sharp(bytes, {
    failOn: options.strict === true ? 'error' : 'none',
    limitInputPixels: MAX_PIXELS,
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
