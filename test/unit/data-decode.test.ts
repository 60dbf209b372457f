/** Decoding of every awkward kind of image file, made by sharp on the spot. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import sharp, { type Color, type Sharp } from 'sharp';
import { decodeImage } from '../../src/data/pixels/decode.ts';
import { encoder, imageOf, lcgImage, noiseJpeg, pixelAt } from '../support/made/data-images.ts';

/** Left half red, right half blue. */
const RED_BLUE = imageOf(32, 16, (x) => (x < 16 ? [255, 0, 0] : [0, 0, 255]));

/** Asserts that a pixel is a colour, up to what JPEG and colour conversion do to it. */
function assertNear(got: readonly number[], expected: readonly number[], tolerance: number): void {
  for (const [c, value] of got.entries()) {
    assert.ok(Math.abs(value - expected[c]!) <= tolerance, `got ${got.join()}`);
  }
}

function plain(background: Color, channels: 3 | 4 = 3): Sharp {
  return sharp({ create: { width: 8, height: 4, channels, background } });
}

/** Length, type, data, checksum. */
function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32BE(data.length, 0);
  numbers.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([numbers.subarray(0, 4), body, numbers.subarray(4)]);
}

test('lossless files give their pixels back', async () => {
  const image = lcgImage(19, 7, 2);
  const png = await encoder(image).png().toBuffer();
  const webp = await encoder(image).webp({ lossless: true }).toBuffer();
  for (const file of [png, webp]) {
    const decoded = await decodeImage(file);
    assert.deepEqual([decoded.width, decoded.height], [19, 7]);
    assert.deepEqual(Buffer.from(decoded.data), Buffer.from(image.data));
  }
});

test('EXIF orientation 6 turns the image a quarter to the right', async () => {
  const file = await encoder(RED_BLUE)
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
    .toBuffer();
  const decoded = await decodeImage(file);
  assert.deepEqual([decoded.width, decoded.height], [16, 32]);
  assertNear(pixelAt(decoded, 8, 2), [255, 0, 0], 3); // left became top
  assertNear(pixelAt(decoded, 8, 29), [0, 0, 255], 3);
  const reduced = await decodeImage(file, { maxShorterSide: 8 });
  assert.deepEqual([reduced.width, reduced.height], [8, 16]);
});

test('CMYK becomes RGB', async () => {
  const file = await plain('#c02020').toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
  assert.equal((await sharp(file).metadata()).space, 'cmyk');
  assertNear(pixelAt(await decodeImage(file), 3, 2), [0xc0, 0x20, 0x20], 24); // ink has a smaller gamut
});

test('grey, 16-bit and palette images get three channels of 8 bits', async () => {
  const grey = await plain('#777777').toColourspace('b-w').jpeg().toBuffer();
  const grey16 = await plain('#777777').toColourspace('grey16').png().toBuffer();
  const rgb16 = await plain('#123456').toColourspace('rgb16').png().toBuffer();
  const palette = await plain('#123456').png({ palette: true }).toBuffer();
  for (const file of [grey, grey16]) {
    assertNear(pixelAt(await decodeImage(file), 7, 3), [0x77, 0x77, 0x77], 1);
  }
  for (const file of [rgb16, palette]) {
    const decoded = await decodeImage(file);
    assert.equal(decoded.data.length, 8 * 4 * 3);
    assert.deepEqual(pixelAt(decoded, 7, 3), [0x12, 0x34, 0x56]);
  }
});

test('transparency is laid on mid-grey', async () => {
  const clear = await plain({ r: 255, g: 0, b: 0, alpha: 0 }, 4).png().toBuffer();
  assert.deepEqual(pixelAt(await decodeImage(clear), 1, 1), [128, 128, 128]);
  const half = await plain({ r: 255, g: 255, b: 255, alpha: 0.5 }, 4).png().toBuffer();
  assertNear(pixelAt(await decodeImage(half), 1, 1), [191, 191, 191], 1); // (255 + 128) / 2
});

test('of an animation the first frame counts', async () => {
  const frames = imageOf(8, 16, (_x, y) => (y < 8 ? [255, 0, 0] : [0, 0, 255]));
  const file = await sharp(frames.data, {
    raw: { width: 8, height: 16, channels: 3, pageHeight: 8 },
  })
    .webp({ lossless: true })
    .toBuffer();
  assert.equal((await sharp(file).metadata()).pages, 2);
  const decoded = await decodeImage(file);
  assert.deepEqual([decoded.width, decoded.height], [8, 8]);
  assert.deepEqual(pixelAt(decoded, 4, 4), [255, 0, 0]);
});

test('large images are reduced to the asked shorter side, small and thin ones are left alone', async () => {
  const shape = async (w: number, h: number, maxShorterSide: number): Promise<number[]> => {
    const { width, height } = await decodeImage(await noiseJpeg(w, h), { maxShorterSide });
    return [width, height];
  };
  assert.deepEqual(await shape(640, 480, 96), [128, 96]);
  assert.deepEqual(await shape(480, 640, 96), [96, 128]);
  assert.deepEqual(await shape(90, 60, 96), [90, 60]);
  assert.deepEqual(await shape(400, 20, 96), [400, 20]);
});

test('a reduced image is the image: a ramp keeps its ends and its middle', async () => {
  const ramp = imageOf(512, 256, (x) => [x / 2, x / 2, x / 2]);
  const decoded = await decodeImage(await encoder(ramp).jpeg({ quality: 95 }).toBuffer(), {
    maxShorterSide: 64,
  });
  assert.deepEqual([decoded.width, decoded.height], [128, 64]);
  // pixel x covers source pixels 4x .. 4x + 3, of mean (4x + 1.5) / 2
  for (const x of [2, 40, 64, 125]) assertNear(pixelAt(decoded, x, 30).slice(0, 1), [2 * x], 3);
});

const FORMATS = ['jpeg', 'png', 'gif', 'webp', 'tiff'] as const;

test('a truncated JPEG, PNG or GIF is decoded as far as it goes, and said to be damaged', async () => {
  const image = lcgImage(300, 300, 3); // libvips decodes PNG in strips: of a small one a broken strip is all there is
  for (const format of ['jpeg', 'png', 'gif'] as const) {
    const file = await encoder(image).toFormat(format).toBuffer();
    const torn = file.subarray(0, Math.floor(file.length * 0.6));
    const whole = await decodeImage(file);
    assert.equal(whole.damage, undefined);
    for (const options of [{}, { maxShorterSide: 100 }]) {
      const decoded = await decodeImage(torn, options);
      assert.equal(decoded.damage, `a damaged or truncated ${format.toUpperCase()}`);
      const side = options.maxShorterSide ?? 300;
      assert.deepEqual([decoded.width, decoded.height], [side, side]);
      const sound = await decodeImage(file, options);
      assert.deepEqual(pixelAt(decoded, 5, 5), pixelAt(sound, 5, 5));
      assert.notDeepEqual(pixelAt(decoded, 5, side - 2), pixelAt(sound, 5, side - 2));
    }
  }
});

test('wherever a file is cut, its image is damaged or unreadable, never taken for whole', async () => {
  const image = lcgImage(48, 40, 5);
  for (const format of FORMATS) {
    const file = await encoder(image).toFormat(format).toBuffer();
    const whole = await decodeImage(file);
    for (let part = 1; part < 40; part += 1) {
      const torn = file.subarray(0, Math.floor((file.length * part) / 40));
      const decoded = await decodeImage(torn).catch((error: unknown) => error as Error);
      if (decoded instanceof Error) assert.match(decoded.message, /^(a damaged|not an image)/);
      else assert.match(decoded.damage ?? 'none', /^a damaged or truncated /);
    }
    assert.equal(whole.damage, undefined);
  }
});

test('bytes that a checksum of PNG does not fit are damage', async () => {
  const file = await encoder(lcgImage(64, 64, 4))
    .png()
    .toBuffer();
  const flipped = Buffer.from(file);
  flipped[Math.floor(file.length * 0.7)]! ^= 0xff;
  const { damage } = await decodeImage(flipped);
  assert.equal(damage, 'a damaged or truncated PNG');
});

test('an image of which no row of pixels is there is unreadable rather than black or grey', async () => {
  const image = lcgImage(240, 240, 6);
  for (const format of ['jpeg', 'png'] as const) {
    const file = await encoder(image).toFormat(format).toBuffer();
    // Cut behind the header of the pixels: 12 bytes of JPEG's start of scan; of PNG's less than a
    // row is left.
    const marker = format === 'png' ? Buffer.from('IDAT') : Buffer.from('ffda', 'hex');
    const torn = file.subarray(0, file.indexOf(marker) + (format === 'png' ? 20 : 14));
    const lenient = await sharp(torn, { failOn: 'none' }).raw().toBuffer();
    // The decoder alone gives one colour, and in a JPEG a first block of noise with its fringe.
    assert.equal(new Set(lenient.subarray(18 * 240 * 3)).size, 1);
    await assert.rejects(decodeImage(torn), /^Error: a damaged or truncated \w+$/);
  }
});

test('a sound image of one colour is read, and a sound image is decoded to the same bits as without care', async () => {
  const black = await encoder(imageOf(9, 9, () => [0, 0, 0]))
    .png()
    .toBuffer();
  const { data, damage } = await decodeImage(black);
  assert.deepEqual([damage, data.some((value) => value !== 0)], [undefined, false]);
  for (const format of FORMATS) {
    const file = await encoder(lcgImage(50, 40, 7))
      .toFormat(format)
      .toBuffer();
    const careless = await sharp(file, { failOn: 'none', autoOrient: true }).raw().toBuffer();
    const decoded = await decodeImage(file);
    assert.deepEqual(Buffer.from(decoded.data), careless);
  }
});

test('text, an SVG and an empty file are not images', async () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>';
  await assert.rejects(
    decodeImage(Buffer.from('no image at all')),
    /not an image of a known format/,
  );
  await assert.rejects(decodeImage(Buffer.from(svg)), /not an image of a known format/);
  await assert.rejects(decodeImage(Buffer.alloc(0)), /the file is empty/);
});

test('an image that declares too many pixels is refused before it is unpacked', async () => {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(20_000, 0); // width
  header.writeUInt32BE(20_000, 4); // height
  header.set([8, 2], 8); // 8 bits, RGB
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  const file = Buffer.concat([
    signature,
    pngChunk('IHDR', header),
    pngChunk('IDAT', Buffer.alloc(64)),
  ]);
  await assert.rejects(decodeImage(file), /a PNG of more than 16777216 pixels in 109 bytes/);
});

test('a torn header of every format is refused in one line', async () => {
  for (const format of ['jpeg', 'png', 'webp', 'gif', 'tiff'] as const) {
    const file = await encoder(RED_BLUE).toFormat(format).toBuffer();
    await assert.rejects(decodeImage(file.subarray(0, 14)), /^Error: a damaged or truncated \w+$/);
  }
});

test('an AVIF gives its pixels back, reduced like any other', async () => {
  const file = await encoder(RED_BLUE)
    .avif({ lossless: true, chromaSubsampling: '4:4:4' })
    .toBuffer();
  const decoded = await decodeImage(file);
  assert.deepEqual([decoded.width, decoded.height], [32, 16]);
  assertNear(pixelAt(decoded, 8, 8), [255, 0, 0], 3);
  assertNear(pixelAt(decoded, 24, 8), [0, 0, 255], 3);
  const { width, height } = await decodeImage(file, { maxShorterSide: 8 });
  assert.deepEqual([width, height], [16, 8]);
  await assert.rejects(decodeImage(file.subarray(0, 100)), /a damaged or truncated AVIF/);
});

/**
 * A grey TIFF, uncompressed, of samples that are of one format of TIFF 6.0, page 80: 1 unsigned, 3
 * IEEE floating point.
 */
function greyTiff(samples: Uint8Array | Float32Array, side: number, sampleFormat: number): Buffer {
  const tags = [
    [256, side], // width
    [257, side], // length
    [258, samples.BYTES_PER_ELEMENT * 8], // bits
    [259, 1], // no compression
    [262, 1], // black is zero
    [273, 8], // where the strip begins
    [277, 1], // samples per pixel
    [278, side], // rows per strip
    [279, samples.byteLength],
    [339, sampleFormat],
  ] as const;
  const header = Buffer.from('49492a0000000000', 'hex');
  header.writeUInt32LE(8 + samples.byteLength, 4);
  const directory = Buffer.alloc(2 + 12 * tags.length + 4);
  directory.writeUInt16LE(tags.length, 0);
  tags.forEach(([tag, value], i) => {
    directory.writeUInt16LE(tag, 2 + 12 * i);
    directory.writeUInt16LE(3, 4 + 12 * i); // of 16 bits
    directory.writeUInt32LE(1, 6 + 12 * i);
    directory.writeUInt16LE(value, 10 + 12 * i);
  });
  return Buffer.concat([header, Buffer.from(samples.buffer), directory]);
}

test('a TIFF of floating-point numbers is refused, not shown as black', async () => {
  const bytes = greyTiff(
    Uint8Array.from({ length: 64 }, (_, i) => 4 * i),
    8,
    1,
  );
  assert.deepEqual(pixelAt(await decodeImage(bytes), 1, 7), [228, 228, 228]); // 4 * (7 * 8 + 1)
  const floats = greyTiff(
    Float32Array.from({ length: 64 }, (_, i) => i / 64),
    8,
    3,
  );
  await assert.rejects(decodeImage(floats), /^Error: a TIFF of float samples, which is not read/);
});
