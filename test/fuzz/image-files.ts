/** Images, spoiled or with another size in their header, and decoded in bounded memory. */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { decodeImage } from '../../src/data/pixels/decode.ts';
import type { Rng } from '../../src/math/rng.ts';
import { encoder, lcgImage } from '../support/made/data-images.ts';
import { type Fuzzer, type Outcome } from './engine.ts';
import { MAX_FILE, MEBIBYTE, REFUSED, TAKEN, requireReason } from './file-outcomes.ts';
import { mutateBytes, once, pick, randomBytes } from './mutate.ts';

/** The process's memory may grow by this much while images are decoded: none here has more than a few pixels to show. */
const MAX_RESIDENT_BYTES = 512 * MEBIBYTE;

export async function startImages(): Promise<Fuzzer> {
  const image = encoder(lcgImage(48, 32, 5));
  const seeds = await Promise.all([
    image.clone().jpeg({ quality: 80 }).toBuffer(),
    image.clone().jpeg({ progressive: true }).withMetadata({ orientation: 6 }).toBuffer(),
    image.clone().toColourspace('cmyk').jpeg().toBuffer(),
    image.clone().png().toBuffer(),
    image.clone().png({ palette: true, progressive: true }).toBuffer(),
    image.clone().toColourspace('rgb16').ensureAlpha().png().toBuffer(),
    image.clone().webp({ quality: 70 }).toBuffer(),
    image.clone().webp({ lossless: true }).toBuffer(),
    image.clone().gif().toBuffer(),
    image.clone().tiff().toBuffer(),
    image.clone().avif({ effort: 0 }).toBuffer(),
  ]);
  let resident = 0;
  const run = async (rng: Rng): Promise<Outcome> => {
    const bytes = once(rng, 8)
      ? withSize(rng, pick(rng, seeds))
      : once(rng, 20)
        ? Buffer.concat([pick(rng, seeds).subarray(0, 16), randomBytes(rng, 600)])
        : mutateBytes(rng, pick(rng, seeds), seeds, MAX_FILE);
    const options = {
      ...(once(rng, 2) ? { maxShorterSide: 1 + rng.integer(64) } : {}),
      strict: once(rng, 3),
    };
    resident ||= maxResidentBytes();
    let outcome = REFUSED;
    try {
      const { data, width, height } = await decodeImage(bytes, options);
      assert.equal(data.length, width * height * 3);
      outcome = TAKEN;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      requireReason(error);
    }
    const grown = maxResidentBytes() - resident;
    resident = Math.max(resident, maxResidentBytes());
    assert.ok(grown < MAX_RESIDENT_BYTES, `an image of ${bytes.length} bytes took ${grown} bytes`);
    return outcome;
  };
  return { run };
}

const SIDES = [0, 1, 7, 255, 4_000, 16_000, 16_384, 65_535, 2 ** 31 - 1];

/** An image that declares another size, in a header that is otherwise right: PNG's and JPEG's, or as it was. */
function withSize(rng: Rng, seed: Buffer): Buffer {
  const bytes = Buffer.from(
    seed.subarray(0, once(rng, 2) ? seed.length : rng.integer(seed.length)),
  );
  const [width, height] = [pick(rng, SIDES), pick(rng, SIDES)];
  if (bytes.toString('latin1', 12, 16) === 'IHDR' && bytes.length >= 33) {
    bytes.writeUInt32BE(width, 16);
    bytes.writeUInt32BE(height, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  }
  const frame = Math.max(bytes.indexOf('ffc0', 'hex'), bytes.indexOf('ffc2', 'hex'));
  if (frame >= 0 && bytes.length >= frame + 9) {
    bytes.writeUInt16BE(height & 0xffff, frame + 5);
    bytes.writeUInt16BE(width & 0xffff, frame + 7);
  }
  return bytes;
}

function maxResidentBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}
