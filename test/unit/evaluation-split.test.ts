import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stratifiedSplit, type Split } from '../../src/evaluation/split.ts';
import { seededRng } from '../../src/math/rng.ts';

interface Options {
  readonly testFraction?: number;
  readonly maxImages?: number;
  readonly seed?: number;
}

/** Labels of classes with these sizes, in an order that has nothing to do with them. */
function mixedLabels(sizes: readonly number[]): Int32Array {
  const rng = seededRng('labels');
  return Int32Array.from(
    sizes
      .flatMap((size, c) => new Array<number>(size).fill(c))
      .map((label) => ({ label, at: rng.float() }))
      .sort((a, b) => a.at - b.at)
      .map(({ label }) => label),
  );
}

function split(labels: Int32Array, options: Options = {}): Split {
  return stratifiedSplit({ labels, testFraction: 0.33, maxImages: 20_000, seed: 31, ...options });
}

function countsOf(ids: Int32Array, labels: Int32Array): number[] {
  const counts = new Array<number>(Math.max(...labels) + 1).fill(0);
  for (const id of ids) counts[labels[id]!]! += 1;
  return counts;
}

test('every labelled image is on one side, and each class is split by the fraction', () => {
  const labels = mixedLabels([100, 10, 3, 2]);
  const { train, test: held } = split(labels);
  const all = [...train, ...held].sort((a, b) => a - b);
  assert.deepEqual(all, [...labels.keys()]);
  // round(.33 * 100), round(3.3), round(.99), and round(.66)
  assert.deepEqual(countsOf(held, labels), [33, 3, 1, 1]);
  assert.deepEqual(
    [...train],
    [...train].sort((a, b) => a - b),
  );
  assert.deepEqual(
    [...held],
    [...held].sort((a, b) => a - b),
  );
});

test('a class of two or more is on both sides at any fraction; a class of one is trained on', () => {
  const labels = mixedLabels([2, 5, 1, 40]);
  for (const testFraction of [0.001, 0.5, 0.999]) {
    const { train, test: held } = split(labels, { testFraction });
    for (const c of [0, 1, 3]) {
      assert.ok(countsOf(train, labels)[c]! >= 1);
      assert.ok(countsOf(held, labels)[c]! >= 1);
    }
    assert.equal(countsOf(held, labels)[2], 0);
  }
});

test('images without a class are left out', () => {
  const { train, test: held } = split(Int32Array.of(-1, 0, 0, -1, 1, 1));
  assert.deepEqual(
    [...train, ...held].sort((a, b) => a - b),
    [1, 2, 4, 5],
  );
  const none = split(Int32Array.of(-1, -1));
  assert.equal(none.train.length + none.test.length, 0);
});

test('a cap is met exactly and keeps the proportions of the classes', () => {
  const labels = mixedLabels([600, 300, 100]);
  const { train, test: held } = split(labels, { maxImages: 100, testFraction: 0.3 });
  const taken = Int32Array.from([...train, ...held]);
  assert.deepEqual(countsOf(taken, labels), [60, 30, 10]);
  assert.deepEqual(countsOf(held, labels), [18, 9, 3]);
});

test('a cap leaves two of each class wherever it has room for them', () => {
  const sizes = [5000, 2, 3, 2, 1];
  const labels = mixedLabels(sizes);
  const { train, test: held } = split(labels, { maxImages: 12 });
  assert.equal(train.length + held.length, 12);
  for (const c of [0, 1, 2, 3]) {
    assert.ok(countsOf(train, labels)[c]! >= 1 && countsOf(held, labels)[c]! >= 1, `class ${c}`);
  }
});

test('a cap below two of each class takes whole pairs of some classes', () => {
  const labels = mixedLabels(new Array<number>(50).fill(4));
  const { train, test: held } = split(labels, { maxImages: 20 });
  assert.deepEqual(
    [...new Set(countsOf(train, labels))].sort(),
    [0, 1],
    'ten classes with one image to train on',
  );
  assert.deepEqual(countsOf(held, labels), countsOf(train, labels));
  assert.equal(held.length, 10);
});

test('the seed decides which images, and the same one decides the same', () => {
  const labels = mixedLabels([30, 30]);
  assert.deepEqual(split(labels), split(labels));
  assert.notDeepEqual(split(labels, { seed: 32 }).test, split(labels).test);
  // Each of 30 images is held out in a third of the seeds: 10 of 30. 5 standard errors of 400 seeds.
  const held = new Array<number>(60).fill(0);
  for (let seed = 0; seed < 400; seed += 1) {
    for (const id of split(labels, { seed, testFraction: 1 / 3 }).test) held[id]! += 1;
  }
  const error = 5 * Math.sqrt((400 * 2) / 9);
  for (const count of held) assert.ok(Math.abs(count - 400 / 3) < error, `held ${count} times`);
});
