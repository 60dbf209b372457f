/** Resizing against brute force, against Pillow's numbers, and against the laws of a linear filter. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resample, type RawImage } from '../../src/data/pixels/resample.ts';
import { imageOf, lcgImage } from '../support/made/data-images.ts';
import { naiveResize } from '../support/oracles/data-resize-oracle.ts';

function resizePart(
  image: RawImage,
  part: { left: number; top: number; width: number; height: number },
  w: number,
  h: number,
  mirrored = false,
): Uint8Array {
  const out = new Uint8Array(w * h * 3);
  resample(
    image,
    { begin: part.left, length: part.width, size: w, windowBegin: 0, windowSize: w },
    { begin: part.top, length: part.height, size: h, windowBegin: 0, windowSize: h },
    mirrored,
    out,
  );
  return out;
}

function resizeAll(image: RawImage, w: number, h: number): Uint8Array {
  return resizePart(image, { left: 0, top: 0, width: image.width, height: image.height }, w, h);
}

// Pillow 13.0.0: Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR), pixels of lcgImage(7, 5, 11).
const PILLOW_4X3 = [
  [80, 123, 114, 51, 153, 138, 83, 118, 157, 106, 86, 138],
  [111, 137, 144, 110, 105, 117, 134, 76, 99, 109, 138, 113],
  [98, 149, 112, 126, 128, 92, 131, 124, 159, 97, 141, 95],
].flat();
const PILLOW_5X8_ROW_1 = [92, 123, 98, 29, 131, 148, 90, 167, 144, 74, 86, 163, 110, 86, 132];

test('a reduced image equals Pillow to the bit', () => {
  assert.deepEqual([...resizeAll(lcgImage(7, 5, 11), 4, 3)], PILLOW_4X3);
});

test('an image reduced along one side and enlarged along the other equals Pillow to the bit', () => {
  const row = resizeAll(lcgImage(7, 5, 11), 5, 8).subarray(5 * 3, 2 * 5 * 3);
  assert.deepEqual([...row], PILLOW_5X8_ROW_1);
});

test('any part and any size agree with the naive filter up to the rounding of two passes', () => {
  const image = lcgImage(23, 17, 5);
  const cases = [
    { part: { left: 0, top: 0, width: 23, height: 17 }, w: 9, h: 4 },
    { part: { left: 3, top: 2, width: 11, height: 13 }, w: 16, h: 16 },
    { part: { left: 22, top: 16, width: 1, height: 1 }, w: 5, h: 3 },
    { part: { left: 0, top: 8, width: 23, height: 1 }, w: 2, h: 7 },
  ];
  for (const { part, w, h } of cases) {
    const got = resizePart(image, part, w, h);
    const expected = naiveResize(image, part, w, h);
    // each pass rounds by at most a half
    for (const [i, value] of got.entries()) {
      assert.ok(Math.abs(value - expected[i]!) <= 1, `pixel ${i}`);
    }
  }
});

test('a constant image stays constant at every size', () => {
  for (const value of [0, 1, 127, 254, 255]) {
    const image = imageOf(31, 19, () => [value, value, value]);
    for (const [w, h] of [
      [7, 5],
      [64, 64],
      [31, 19],
    ] as const) {
      assert.deepEqual(new Set(resizeAll(image, w, h)), new Set([value]));
    }
  }
});

test('a ramp stays a ramp: away from the edges, half the size has the mean of each pair', () => {
  const image = imageOf(40, 4, (x) => [2 * x, 200 - 4 * x, 100]);
  const row = resizeAll(image, 20, 2);
  for (let x = 1; x < 19; x++) {
    const centre = 2 * x + 0.5; // of source pixels 2x and 2x + 1
    assert.deepEqual([...row.subarray(x * 3, x * 3 + 3)], [2 * centre, 200 - 4 * centre, 100]);
  }
});

test('the same size changes nothing', () => {
  const image = lcgImage(13, 11, 3);
  assert.deepEqual(resizeAll(image, 13, 11), image.data);
});

test('a mirrored result is the plain one with its rows reversed', () => {
  const image = lcgImage(21, 9, 8);
  const part = { left: 4, top: 1, width: 12, height: 7 };
  const plain = resizePart(image, part, 8, 6);
  const mirrored = resizePart(image, part, 8, 6, true);
  for (let y = 0; y < 6; y++) {
    for (let x = 0; x < 8; x++) {
      const here = (y * 8 + x) * 3;
      const there = (y * 8 + 7 - x) * 3;
      assert.deepEqual(mirrored.subarray(here, here + 3), plain.subarray(there, there + 3));
    }
  }
});

test('a window of a resize is that part of the whole resize', () => {
  const image = lcgImage(30, 20, 4);
  const whole = resizeAll(image, 15, 12);
  const out = new Uint8Array(5 * 6 * 3);
  resample(
    image,
    { begin: 0, length: 30, size: 15, windowBegin: 7, windowSize: 5 },
    { begin: 0, length: 20, size: 12, windowBegin: 3, windowSize: 6 },
    false,
    out,
  );
  for (let y = 0; y < 6; y++) {
    const begin = ((y + 3) * 15 + 7) * 3;
    assert.deepEqual(out.subarray(y * 15, (y + 1) * 15), whole.subarray(begin, begin + 15));
  }
});
