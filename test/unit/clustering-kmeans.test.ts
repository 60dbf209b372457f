import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  assignShard,
  mergeShardSums,
  nextCentroids,
  splitForEmpty,
  sumShard,
} from '../../src/clustering/kmeans-reducer.ts';
import { clusterSeed, initialCentroidIds, kmeans } from '../../src/clustering/kmeans.ts';
import { momentsOf } from '../../src/clustering/moments.ts';
import { applyWhitening, solveWhitening } from '../../src/clustering/whitening.ts';
import { seededRng } from '../../src/math/rng.ts';
import { kmeansBruteForce } from '../support/brute-force-clustering.ts';
import { lcgArray } from '../support/lcg.ts';

/** Oracle T6: 1000 x 8 unit rows. */
function oraclePoints(): Float32Array {
  const x = lcgArray(777, 8000).map((value) => value - 0.5);
  const points = new Float32Array(8000);
  for (let i = 0; i < 1000; i += 1) {
    const length = Math.hypot(...x.subarray(i * 8, (i + 1) * 8));
    for (let j = 0; j < 8; j += 1) points[i * 8 + j] = x[i * 8 + j]! / length;
  }
  return points;
}

function sizesOf(labels: Int32Array, k: number): number[] {
  const sizes = new Array<number>(k).fill(0);
  for (const label of labels) sizes[label]! += 1;
  return sizes;
}

const T6_OBJECTIVES = [
  927.292, 657.99, 647.531, 641.82, 636.625, 631.703, 627.861, 625.397, 622.905, 621.582, 620.596,
  619.903, 619.185, 618.649, 618.114, 617.13, 616.555, 616.18, 615.657, 614.933,
];

test('the start is the prefix of the reference permutation', () => {
  const start = [...initialCentroidIds(1000, 10, 0)];
  assert.deepEqual(start, [845, 303, 66, 436, 239, 593, 573, 999, 919, 268]);
  assert.equal(new Set(initialCentroidIds(50, 50, 7)).size, 50, 'as many as there are: each once');
  assert.throws(
    () => initialCentroidIds(3, 4, 0),
    /must not exceed the number of images \(3\), got 4/,
  );
});

test('k-means follows the reference trace: objectives, final objective, sizes', () => {
  const { objectives, inertia, labels } = kmeans(oraclePoints(), 1000, 8, 10, {
    iterations: 20,
    seed: 0,
  });
  T6_OBJECTIVES.forEach((expected, i) => {
    // The reference sums in float32: three decimals of 600 to 900.
    assert.ok(
      Math.abs(objectives[i]! - expected) < 2e-3,
      `step ${i}: ${objectives[i]} is not ${expected}`,
    );
  });
  assert.ok(Math.abs(inertia - 614.5718) < 1e-3, `${inertia}`);
  assert.deepEqual(sizesOf(labels, 10), [106, 99, 118, 103, 107, 100, 104, 87, 88, 88]);
});

test('the objective never rises between steps without a refill', () => {
  const { objectives, refilled } = kmeans(oraclePoints(), 1000, 8, 40, { iterations: 15, seed: 3 });
  assert.ok(refilled.every((count) => count === 0));
  objectives.slice(1).forEach((objective, i) => {
    assert.ok(objective <= objectives[i]! * (1 + 1e-5), `step ${i + 1}`);
  });
});

test('twenty points repeated fifty times leave 17 to 20 of 40 clusters empty, and every step refills some', () => {
  const distinct = oraclePoints();
  const points = Float32Array.from(
    { length: 8000 },
    (_, i) => distinct[Math.floor(i / 400) * 8 + (i % 8)]!,
  );
  const { refilled, labels } = kmeans(points, 1000, 8, 40, { iterations: 20, seed: 0 });
  assert.ok(
    refilled.every((count) => count >= 18 && count <= 25),
    refilled.join(' '),
  );
  const empty = sizesOf(labels, 40).filter((size) => size === 0).length;
  assert.ok(empty >= 17 && empty <= 20, `${empty} empty`);
});

test('empty clusters take halves of large ones by the reference draws', () => {
  const sizes = Float64Array.of(0, 10, 0, 30);
  const centroids = Float32Array.of(0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, -1, 1, -2, 2);
  assert.deepEqual([...splitForEmpty(centroids, sizes, 4)], [0, 2]);
  assert.deepEqual([...sizes], [15, 10, 7.5, 7.5]);
  const expected = [
    [-1.0009765625, 0.9990234375, -2.001953125, 1.998046875],
    [1, 2, 3, 4],
    [-0.9999990463, 0.9999990463, -1.9999980927, 1.9999980927],
    [-0.9980478287, 1.0019540787, -1.9960956573, 2.0039081573],
  ];
  expected.flat().forEach((value, i) => {
    assert.ok(
      Math.abs(centroids[i]! - value) < 1e-9 + Math.abs(value) * 1e-9,
      `[${i}]: ${centroids[i]}`,
    );
  });
});

test('nothing is split where no cluster has two points', () => {
  const centroids = Float32Array.of(1, 2, 3);
  assert.deepEqual([...splitForEmpty(centroids, Float64Array.of(1, 0, 1), 1)], []);
  assert.deepEqual([...centroids], [1, 2, 3]);
});

test('assignment equals brute force in float64, ties going to the lower index', () => {
  const rng = seededRng('assign');
  const [n, dim, k] = [200, 13, 11];
  const features = Float32Array.from({ length: n * dim }, () => rng.normal());
  const centroids = Float32Array.from({ length: k * dim }, () => rng.normal());
  centroids.copyWithin(7 * dim, 2 * dim, 3 * dim);
  const { labels, inertia } = assignShard(features, n, dim, centroids, k);
  let total = 0;
  for (let i = 0; i < n; i += 1) {
    const distances = Array.from({ length: k }, (_, c) => {
      let squared = 0;
      for (let j = 0; j < dim; j += 1)
        squared += (features[i * dim + j]! - centroids[c * dim + j]!) ** 2;
      return squared;
    });
    const best = Math.min(...distances);
    total += best;
    assert.equal(labels[i], distances.indexOf(best), `row ${i}`);
  }
  assert.ok(Math.abs(inertia - total) < 1e-9 * total);
  assert.ok(!labels.includes(7), 'the copy of centroid 2 wins nothing');
});

test('sums of data shards merge to those of the whole; arrival order leaves no trace in the bits', () => {
  const points = oraclePoints();
  const centroids = points.slice(0, 80);
  const cut = (begin: number, end: number, shard: number) =>
    sumShard(points.slice(begin * 8, end * 8), end - begin, 8, centroids, 10, shard);
  const parts = [cut(0, 300, 0), cut(300, 301, 1), cut(301, 700, 2), cut(700, 1000, 3)];
  const whole = sumShard(points, 1000, 8, centroids, 10, 0);
  const merged = mergeShardSums(parts);
  assert.deepEqual([...merged.counts], [...whole.counts]);
  assert.ok(Math.abs(merged.inertia - whole.inertia) < 1e-9 * whole.inertia);
  merged.sums.forEach((value, i) => {
    assert.ok(Math.abs(value - whole.sums[i]!) < 1e-9, `sum ${i}`);
  });
  const shuffled = mergeShardSums([parts[2]!, parts[0]!, parts[3]!, parts[1]!]);
  assert.deepEqual(shuffled, merged);
});

test('a cluster without members keeps its place where nobody can be split', () => {
  const total = { shard: 0, sums: Float64Array.of(2, 0), counts: Uint32Array.of(1, 0), inertia: 0 };
  const { centroids, refilled } = nextCentroids(total, Float32Array.of(9, 5));
  assert.deepEqual([...centroids], [2, 5]);
  assert.deepEqual([...refilled], []);
});

test('the whole clustering of the planted-groups oracle: PCA, L2, k-means', () => {
  const x = lcgArray(4242, 7200);
  for (let i = 0; i < 600; i += 1) x[i * 12 + (i % 6)]! += 1.5;
  const features = Float32Array.from(x);
  const whitening = solveWhitening(momentsOf(features, 600, 12), { outDim: 6, epsilon: 0 });
  const expected = [298.73, 286.03, 277.53, 271.15, 251.32, 57.72];
  expected.forEach((value, i) => assert.ok(Math.abs(whitening.eigenvalues[i]! - value) < 6e-3));
  const rows = applyWhitening(whitening, features, 600);
  const result = kmeans(rows, 600, 6, 12, { iterations: 20, seed: 5 });
  assert.ok(Math.abs(result.objectives[0]! - 280.966) < 2e-3, `${result.objectives[0]}`);
  assert.ok(Math.abs(result.inertia - 116.957) < 2e-3, `${result.inertia}`);
  assert.deepEqual(sizesOf(result.labels, 12), [45, 100, 48, 25, 36, 54, 51, 55, 52, 46, 49, 39]);
  const naive = kmeansBruteForce(
    Float64Array.from(rows),
    600,
    6,
    initialCentroidIds(600, 12, 5),
    20,
  );
  assert.deepEqual([...result.labels], [...naive.labels]);
});

test('as many clusters as points give every point its own', () => {
  const points = oraclePoints().slice(0, 30 * 8);
  const { labels, inertia } = kmeans(points, 30, 8, 30, { iterations: 3, seed: 1 });
  assert.equal(new Set(labels).size, 30);
  assert.ok(inertia < 1e-9);
});

test('the seed of an epoch is fresh and in 0..1233, or fixed', () => {
  const seeds = Array.from({ length: 50 }, (_, epoch) => clusterSeed(31, epoch, true));
  assert.ok(seeds.every((seed) => seed >= 0 && seed <= 1233));
  assert.ok(new Set(seeds).size > 40);
  assert.equal(clusterSeed(31, 4, true), seeds[4]);
  assert.equal(clusterSeed(31, 4, false), 1234);
});
