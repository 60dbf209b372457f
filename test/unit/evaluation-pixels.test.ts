/** Raw pixels as features, averaged over areas; and wide rows, whose products an engine computes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { knnHits } from '../../src/evaluation/knn.ts';
import { pixelDim, pixelFeatures } from '../../src/evaluation/pixels.ts';
import { float64Products } from '../../src/evaluation/products.ts';
import { seededRng } from '../../src/math/rng.ts';
import { assertClose } from '../support/made/nn-arrays.ts';

function viewsOf(count: number, size: number): Uint8Array {
  const rng = seededRng('views', size);
  return Uint8Array.from({ length: 3 * count * size * size }, () => rng.integer(256));
}

test('up to 32 px the pixels themselves are the features, 0 to 1', () => {
  const views = viewsOf(2, 5);
  assert.equal(pixelDim(5), 75);
  assertClose(
    pixelFeatures(views, 2, 5),
    Float64Array.from(views, (v) => v / 255),
    1e-6,
    'pixels',
  );
});

test('64 px become 32: each is the mean of two by two', () => {
  const views = viewsOf(2, 64);
  const expected: number[] = [];
  for (let at = 0; at < 2 * 32 * 32; at += 1) {
    const [image, row, column] = [Math.floor(at / 1024), Math.floor(at / 32) % 32, at % 32];
    const of = (y: number, x: number, channel: number): number =>
      views[((image * 64 + 2 * row + y) * 64 + 2 * column + x) * 3 + channel]!;
    for (const c of [0, 1, 2]) {
      expected.push((of(0, 0, c) + of(0, 1, c) + of(1, 0, c) + of(1, 1, c)) / 4 / 255);
    }
  }
  assert.equal(pixelDim(64), 3072);
  assertClose(pixelFeatures(views, 2, 64), expected, 1e-6, 'means');
});

test('where sizes do not divide, pixels at the border of an area count by their part', () => {
  // Each repeated 32 times in both directions, 45 px become 1440 px, of which areas are 45 by 45.
  const [size, side] = [45, 32];
  const views = viewsOf(1, size);
  const features = pixelFeatures(views, 1, size);
  for (const [row, column] of [
    [0, 0],
    [13, 31],
    [31, 7],
  ] as const) {
    let sum = 0;
    for (let y = 0; y < size; y += 1) {
      for (let x = 0; x < size; x += 1) {
        const [from, across] = [row * size + y, column * size + x];
        sum += views[(Math.floor(from / side) * size + Math.floor(across / side)) * 3 + 1]!;
      }
    }
    const found = features[(row * side + column) * 3 + 1]!;
    assertClose([found], [sum / size ** 2 / 255], 1e-6, `${row}, ${column}`);
  }
});

test('kNN by products of whole rows names the classes that kNN by tiles names', () => {
  const rng = seededRng('knn by products');
  const [n, m, dim] = [90, 300, 7];
  const random = (count: number) => Float32Array.from({ length: count * dim }, () => rng.normal());
  const classes = (count: number) => Int32Array.from({ length: count }, () => rng.integer(3));
  const set = {
    ...{ train: random(n), trainLabels: classes(n), test: random(m), testLabels: classes(m) },
    ...{ dim, classes: 3, k: 5 },
  };
  // An image of zeros is as near to all.
  set.train.fill(0, 0, dim);
  set.test.fill(0, dim, 2 * dim);
  assert.deepEqual(knnHits({ ...set, products: float64Products }), knnHits(set));
});
