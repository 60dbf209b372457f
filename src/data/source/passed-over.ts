/**
 * Files of a folder that look like images and take no part, told in one line with what can be done
 * about them.
 */
import { extname } from 'node:path';
import { shownPath } from './path-bytes.ts';

export interface PassedOver {
  /** Of src/data/pixels/formats.ts. */
  readonly kind: string;
  readonly count: number;
  /** The first of them by path. */
  readonly example: string;
}

/**
 * `passed over 40 HEIC, 20 BMP: these kinds of files are not read; …`, or null where there are
 * none.
 */
export function passedOverLine(passedOver: readonly PassedOver[]): string | null {
  if (passedOver.length === 0) return null;
  const kinds = passedOver.map(({ kind, count }) => `${count} ${kind}`).join(', ');
  return `passed over ${kinds}: these kinds of files are not read; ${remediesOf(passedOver).join('; ')}`;
}

/** Kinds that ImageMagick 6 as Debian 12 has it was seen to convert. */
const OF_IMAGEMAGICK: ReadonlySet<string> = new Set([
  'HEIC',
  'BMP',
  'JPEG 2000',
  'PSD',
  'TGA',
  'Netpbm',
  'ICO',
  'Radiance HDR',
]);

/**
 * Each command keeps the originals, and names the new files so that they do not meet those that are
 * there.
 */
function remediesOf(passedOver: readonly PassedOver[]): string[] {
  const remedies: string[] = [];
  const images = passedOver.filter(({ kind }) => kind !== 'camera raw' && kind !== 'video');
  const image = images.find(({ kind }) => OF_IMAGEMAGICK.has(kind));
  if (image !== undefined) {
    const files = `*.${extensionOf(image)}`;
    remedies.push(
      `convert those that you need, e.g. by ImageMagick: for f in ${files}; do convert "$f" "$f.jpg"; done`,
    );
  } else if (images.length > 0) {
    remedies.push('convert those that you need to JPEG or PNG');
  }
  const raw = passedOver.find(({ kind }) => kind === 'camera raw');
  if (raw !== undefined)
    remedies.push(`camera raw becomes TIFF by: dcraw -T *.${extensionOf(raw)}`);
  const video = passedOver.find(({ kind }) => kind === 'video');
  if (video !== undefined) {
    const name = `NAME.${extensionOf(video)}`;
    remedies.push(`a video becomes a picture a second by: ffmpeg -i ${name} -r 1 NAME-%05d.jpg`);
  }
  return remedies;
}

/** As it is written, since a shell's pattern minds the case. */
function extensionOf({ example }: PassedOver): string {
  return shownPath(extname(example).slice(1)) || '…';
}
