/** Normalisation and the Sobel maps, against figures worked out by the definition. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkInput, sobelMaps } from '../../src/engine/plain/front-end.ts';
import { assertClose } from '../support/made/nn-arrays.ts';

/** The two maps of a 5 x 5 image, as rows. */
function mapsOf(grey: readonly number[]): { x: number[][]; y: number[][] } {
  const maps = new Float32Array(50);
  const padded = new Float64Array(7 * 7);
  grey.forEach((value, i) => {
    padded[(1 + Math.floor(i / 5)) * 7 + 1 + (i % 5)] = value;
  });
  sobelMaps(padded, 5, 5, maps);
  const rows = (channel: number) =>
    [0, 1, 2, 3, 4].map((r) => [0, 1, 2, 3, 4].map((c) => maps[(r * 5 + c) * 2 + channel]!));
  return { x: rows(0), y: rows(1) };
}

const RAMP = Array.from({ length: 25 }, (_, i) => i);

test('the Sobel maps of a ramp are those of the reference network', () => {
  const { x, y } = mapsOf(RAMP);
  assert.deepEqual(x, [
    [-8, -6, -6, -6, 14],
    [-24, -8, -8, -8, 32],
    [-44, -8, -8, -8, 52],
    [-64, -8, -8, -8, 72],
    [-58, -6, -6, -6, 64],
  ]);
  const row = [-30, -40, -40, -40, -30];
  assert.deepEqual(y, [[-16, -24, -28, -32, -26], row, row, row, [46, 64, 68, 72, 56]]);
});

test('a constant image has gradients at its border only, from the zeros around it', () => {
  const { x, y } = mapsOf(Array<number>(25).fill(1));
  const side = [3, 4, 4, 4, 3];
  assert.deepEqual(
    x.map((row) => row[0]),
    side.map((v) => -v),
  );
  assert.deepEqual(
    x.map((row) => row[4]),
    side,
  );
  assert.ok(x.every((row) => row.slice(1, 4).every((value) => value === 0)));
  for (let r = 0; r < 5; r += 1) for (let c = 0; c < 5; c += 1) assert.equal(y[r]![c], x[c]![r]);
});

test('grey is the plain mean of the three channels', () => {
  const { x, y } = mapsOf(RAMP.map((a) => (a + 2 * a + (a * a) / 4) / 3));
  const tolerance = 1e-6; // five decimals of the figures
  assertClose(x[2]!, [-88.5, -22.66667, -24, -25.33333, 112.5], tolerance);
  assertClose(y[2]!, [-81.66667, -113.33333, -120, -126.66667, -98.33333], tolerance);
});

test('bytes are normalised before the gradients: black is -1.98602, white 2.43916', () => {
  for (const [byte, grey] of [
    [0, -1.98602],
    [255, 2.43916],
  ] as const) {
    const maps = networkInput(new Uint8Array(4 * 4 * 3).fill(byte), 1, 4, true);
    // Upper left corner: right neighbours 2 + 1 of them are there, left ones are zero.
    assertClose([maps[0]!, maps[1]!], [-3 * grey, -3 * grey], 2e-6);
  }
});

test('without Sobel the network sees normalised colours', () => {
  const input = networkInput(Uint8Array.of(0, 0, 0, 255, 255, 255), 1, 1, false);
  assertClose(input.slice(0, 3), [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225], 1e-7);
});

test('each image of a batch has borders of its own', () => {
  const one = new Uint8Array(3 * 3 * 3).fill(200);
  const both = new Uint8Array(2 * one.length);
  both.set(one);
  both.set(new Uint8Array(one.length).fill(10), one.length);
  const alone = networkInput(one, 1, 3, true);
  assert.deepEqual(networkInput(both, 2, 3, true).subarray(0, alone.length), alone);
});
