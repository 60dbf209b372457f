import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clusterEntropy,
  clusterSizes,
  normalizedMutualInformation,
} from '../../src/clustering/agreement.ts';
import { seededRng } from '../../src/math/rng.ts';

const nmi = (a: readonly number[], b: readonly number[]): number =>
  normalizedMutualInformation(Int32Array.from(a), Int32Array.from(b));

function assertClose(actual: number, expected: number, tolerance = 1e-12): void {
  assert.ok(Math.abs(actual - expected) < tolerance, `${actual}, expected ${expected}`);
}

/** From the definition: the full table of joint shares. */
function nmiBruteForce(a: readonly number[], b: readonly number[]): number {
  const share = (holds: (i: number) => boolean): number =>
    a.filter((_, i) => holds(i)).length / a.length;
  const groupsA = [...new Set(a)];
  const groupsB = [...new Set(b)];
  const entropy = (shares: number[]): number =>
    shares.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0);
  const hA = entropy(groupsA.map((x) => share((i) => a[i] === x)));
  const hB = entropy(groupsB.map((y) => share((i) => b[i] === y)));
  const joint = groupsA.flatMap((x) => groupsB.map((y) => share((i) => a[i] === x && b[i] === y)));
  return (hA + hB - entropy(joint)) / Math.sqrt(hA * hB);
}

test('T11: mutual information is normalised by the geometric mean of the entropies', () => {
  // The oracle has ten decimals.
  assertClose(nmi([0, 0, 0, 1, 1, 2, 2, 2], [0, 0, 1, 1, 1, 2, 2, 0]), 0.5588730382, 1e-10);
  // I = ln 2, H = ln 2 and ln 4: ln 2 / sqrt(ln 2 * ln 4) = 1 / sqrt 2; the arithmetic mean would give 2 / 3.
  assertClose(nmi([0, 0, 1, 1], [0, 1, 2, 3]), 1 / Math.sqrt(2));
});

test('agreement is that of the definition, either way round and whatever the groups are called', () => {
  const rng = seededRng('agreement');
  const a = Array.from({ length: 500 }, () => rng.integer(12));
  const b = a.map((label) => (rng.float() < 0.6 ? label % 5 : rng.integer(9)));
  assertClose(nmi(a, b), nmiBruteForce(a, b));
  assertClose(nmi(b, a), nmi(a, b));
  assertClose(
    nmi(
      a.map((label) => 40 - 3 * label),
      b,
    ),
    nmi(a, b),
  );
});

test('equal partitions agree fully and independent ones not at all', () => {
  assert.equal(nmi([0, 1, 2, 2, 3, 3, 3], [5, 4, 1, 1, 0, 0, 0]), 1);
  assertClose(nmi([0, 0, 1, 1], [0, 1, 0, 1]), 0);
});

test('images that one side has no label for do not count', () => {
  const a = [0, -1, 0, 0, 1, 1, 2, 9, 2, 2];
  const b = [0, 7, 0, 1, 1, 1, 2, -1, 2, 0];
  assertClose(nmi(a, b), nmi([0, 0, 0, 1, 1, 2, 2, 2], [0, 0, 1, 1, 1, 2, 2, 0]));
  assert.equal(nmi([0, 1, -1], [-1, -1, 3]), 0, 'no image has both');
  assert.equal(nmi([0, 0, 1], [3, 3, -1]), 1, 'one group each, once the third is left out');
});

test('without entropy, single groups agree with each other and with nothing else', () => {
  assert.equal(nmi([4, 4, 4], [0, 0, 0]), 1);
  assert.equal(nmi([4, 4, 4], [0, 1, 0]), 0);
  assert.equal(nmi([0, 1, 0], [4, 4, 4]), 0);
  assert.equal(nmi([], []), 0);
});

test('labellings of different lengths are refused', () => {
  assert.throws(() => nmi([0, 1], [0]), { code: 'SHAPE_MISMATCH' });
});

test('sizes count every cluster up to K, also the empty ones', () => {
  assert.deepEqual([...clusterSizes(Int32Array.of(2, 0, -1, 2, 2), 4)], [1, 0, 3, 0]);
});

test('entropy is 1 of ln K for even clusters and 0 for a single one', () => {
  const entropy = (...sizes: number[]): { nats: number; normalised: number } =>
    clusterEntropy(Int32Array.from(sizes));
  assertClose(entropy(5, 5, 5).nats, Math.log(3));
  assertClose(entropy(5, 5, 5).normalised, 1);
  assert.deepEqual(entropy(0, 9, 0), { nats: 0, normalised: 0 });
  // 1/4, 3/4 and an empty cluster, which is one of the K.
  const nats = (1 / 4) * Math.log(4) + (3 / 4) * Math.log(4 / 3);
  assertClose(entropy(1, 3, 0).nats, nats);
  assertClose(entropy(1, 3, 0).normalised, nats / Math.log(3));
  assert.deepEqual(entropy(7), { nats: 0, normalised: 0 });
  assert.deepEqual(entropy(0, 0), { nats: 0, normalised: 0 });
});
