/** Images for tests: pixels of a fixed generator, files of every awkward kind made by sharp, folders that vanish. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import sharp, { type Sharp } from 'sharp';
import type { RawImage } from '../../../src/data/pixels/resample.ts';

/** Pixels from the top bytes of s <- 1664525 s + 1013904223 mod 2^32, row by row. */
export function lcgImage(width: number, height: number, seed: number): RawImage {
  let state = seed;
  const data = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state >>> 24;
  });
  return { data, width, height };
}

/** An image whose pixel (x, y) has the given three channels. */
export function imageOf(
  width: number,
  height: number,
  colour: (x: number, y: number) => readonly [number, number, number],
): RawImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(colour(x, y), (y * width + x) * 3);
  }
  return { data, width, height };
}

/** The three channels of a pixel. */
export function pixelAt(image: RawImage, x: number, y: number): number[] {
  return [...image.data.subarray((y * image.width + x) * 3).subarray(0, 3)];
}

/** sharp on raw pixels, to be encoded as the test likes. */
export function encoder(image: RawImage): Sharp {
  return sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } });
}

/** A plain JPEG of noise whose bytes depend on the seed. */
export async function noiseJpeg(width: number, height: number, seed = 1): Promise<Buffer> {
  return encoder(lcgImage(width, height, seed))
    .jpeg({ quality: 90 })
    .toBuffer();
}

/** A folder that goes away with the test. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'data-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files by relative path, with the folders they need. */
export async function writeFiles(
  root: string,
  files: Readonly<Record<string, Uint8Array | string>>,
): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}
