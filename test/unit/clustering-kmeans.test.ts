import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  assignShard,
  nextCentroids,
  splitForEmpty,
  sumShard,
} from '../../src/clustering/kmeans-reducer.ts';
import { clusterSeed, initialCentroidIds, kmeans } from '../../src/clustering/kmeans.ts';
import { normalizedMutualInformation } from '../../src/clustering/agreement.ts';
import {
  addPacked,
  inertiaOf,
  noSums,
  packSums,
  type ClusterSums,
} from '../../src/clustering/cluster-sums.ts';
import { unitRowsRounder } from '../../src/clustering/exact-sums.ts';
import {
  addMoments,
  columnSquaresOf,
  momentRounders,
  momentsOf,
  noMoments,
  roundMoments,
} from '../../src/clustering/moments.ts';
import { applyWhitening, solveWhitening } from '../../src/clustering/whitening.ts';
import { seededRng } from '../../src/math/rng.ts';
import { kmeansBruteForce, whitenBruteForce } from '../support/oracles/brute-force-clustering.ts';
import { lcgArray } from '../support/made/lcg.ts';

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

test('twenty seeds end where the reference ends', () => {
  const ends = Array.from(
    { length: 20 },
    (_, seed) => kmeans(oraclePoints(), 1000, 8, 10, { iterations: 20, seed }).inertia,
  );
  const mean = ends.reduce((a, b) => a + b, 0) / 20;
  // The reference sums in float32: three decimals.
  assert.ok(Math.abs(Math.min(...ends) - 608.678) < 2e-3, `${Math.min(...ends)}`);
  assert.ok(Math.abs(mean - 614.158) < 2e-3, `${mean}`);
  assert.ok(Math.abs(Math.max(...ends) - 622.764) < 2e-3, `${Math.max(...ends)}`);
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

test('a cluster of a single point is never split', () => {
  // N - K = 12 - 11 = 1: the last cluster gives at once, with probability (3 - 1) / 1; those of one point never do.
  const sizes = Float64Array.of(0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3);
  const centroids = Float32Array.from(sizes.keys());
  assert.deepEqual([...splitForEmpty(centroids, sizes, 1)], [0]);
  assert.deepEqual([...sizes], [1.5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1.5]);
  const [high, low] = [10 * (1 + 1 / 1024), 10 * (1 - 1 / 1024)];
  assert.deepEqual([...centroids], [high, 1, 2, 3, 4, 5, 6, 7, 8, 9, low].map(Math.fround));
});

test('nothing is split where no cluster has two points', () => {
  const centroids = Float32Array.of(1, 2, 3);
  assert.deepEqual([...splitForEmpty(centroids, Float64Array.of(1, 0, 1), 1)], []);
  assert.deepEqual([...centroids], [1, 2, 3]);
});

test('assignment equals brute force in float64, ties going to the lower index', () => {
  // More rows and more centroids than a tile, neither a multiple of the blocks inside.
  const rng = seededRng('assign');
  const [n, dim, k] = [201, 13, 77];
  const features = Float32Array.from({ length: n * dim }, () => rng.normal());
  const centroids = Float32Array.from({ length: k * dim }, () => rng.normal());
  // Copies within a block, in another block, and in another tile.
  for (const copy of [3, 7, 40]) centroids.copyWithin(copy * dim, 2 * dim, 3 * dim);
  features.set(centroids.subarray(2 * dim, 3 * dim));
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
  assert.equal(labels[0], 2, 'row 0 is centroid 2 itself');
  for (const copy of [3, 7, 40]) assert.ok(!labels.includes(copy), `copy ${copy} wins nothing`);
});

/** The rows added up by their nearest centroids. */
function summed(
  rows: Float32Array,
  dim: number,
  centroids: Float32Array,
  rounder = 0,
): ClusterSums {
  const total = noSums(centroids.length / dim, dim, rounder);
  sumShard(rows, rows.length / dim, dim, centroids, total);
  return total;
}

test('sums of data shards add up to those of the whole', () => {
  const points = oraclePoints();
  const centroids = points.slice(0, 80);
  const cut = (begin: number, end: number) =>
    summed(points.slice(begin * 8, end * 8), 8, centroids);
  const parts = [cut(0, 300), cut(300, 301), cut(301, 700), cut(700, 1000)];
  const whole = cut(0, 1000);
  const merged = noSums(10, 8, 0);
  for (const part of parts) addPacked(merged, packSums(part));
  assert.deepEqual([...merged.counts], [...whole.counts]);
  const { inertia } = assignShard(points, 1000, 8, centroids, 10);
  for (const total of [merged, whole]) {
    assert.ok(Math.abs(inertiaOf(total, centroids) - inertia) < 1e-9 * inertia);
  }
  merged.sums.forEach((value, i) => {
    assert.ok(Math.abs(value - whole.sums[i]!) < 1e-9, `sum ${i}`);
  });
});

test('a row has the same label in whatever data shard it lies', () => {
  const points = oraclePoints();
  const centroids = points.slice(0, 50 * 8);
  const { labels } = assignShard(points, 1000, 8, centroids, 50);
  const part = assignShard(points.slice(333 * 8, 702 * 8), 369, 8, centroids, 50);
  assert.deepEqual(part.labels, labels.slice(333, 702));
});

test('a data shard without a readable image adds nothing', () => {
  const centroids = oraclePoints().slice(0, 80);
  const empty = summed(new Float32Array(0), 8, centroids);
  assert.equal(packSums(empty).rows.length, 0);
  const part = summed(oraclePoints(), 8, centroids);
  const total = { ...part, sums: part.sums.slice(), counts: part.counts.slice() };
  addPacked(total, packSums(empty));
  assert.deepEqual(total, part);
});

test('features and centroids of another width are refused', () => {
  const ten = new Float32Array(10);
  assert.throws(() => assignShard(ten, 3, 4, ten, 2), { code: 'SHAPE_MISMATCH' });
  assert.throws(() => assignShard(ten, 2, 5, ten, 3), { code: 'SHAPE_MISMATCH' });
  const part = { rows: new Float64Array(4), counts: Uint32Array.of(3, 1), squares: 0 };
  assert.throws(
    () => {
      addPacked(noSums(2, 3, 0), part);
    },
    {
      code: 'SHAPE_MISMATCH',
      message: /cluster sums of a result: expected shape \[2, 3\], got \[4\]/,
    },
  );
  assert.throws(
    () => {
      addPacked(noSums(3, 2, 0), part);
    },
    {
      code: 'SHAPE_MISMATCH',
      message: /cluster sizes of a result: expected shape \[3\], got \[2\]/,
    },
  );
});

test('a cluster without members keeps its place where nobody can be split', () => {
  const total = { sums: Float64Array.of(2, 0), counts: Uint32Array.of(1, 0) };
  const { centroids, refilled } = nextCentroids(total, Float32Array.of(9, 5));
  assert.deepEqual([...centroids], [2, 5]);
  assert.deepEqual([...refilled], []);
});

/** Oracle T13: 600 x 12, six planted groups: row i stands out in column i mod 6. */
function plantedFeatures(): Float32Array {
  const x = lcgArray(4242, 7200);
  for (let i = 0; i < 600; i += 1) x[i * 12 + (i % 6)]! += 1.5;
  return Float32Array.from(x);
}

const PLANTED_GROUPS = Int32Array.from({ length: 600 }, (_, i) => i % 6);

test('the whole clustering of the planted-groups oracle: PCA, L2, k-means, agreement', () => {
  const features = plantedFeatures();
  const whitening = solveWhitening(momentsOf(features, 600, 12), { outDim: 6, epsilon: 0 });
  const expected = [298.73, 286.03, 277.53, 271.15, 251.32, 57.72];
  expected.forEach((value, i) => {
    assert.ok(Math.abs(whitening.eigenvalues[i]! - value) < 6e-3, `${whitening.eigenvalues[i]}`);
  });
  const rows = applyWhitening(whitening, features, 600);
  const runs = Array.from({ length: 10 }, (_, seed) =>
    kmeans(rows, 600, 6, 12, { iterations: 20, seed }),
  );
  const fifth = runs[5]!;
  assert.ok(Math.abs(fifth.objectives[0]! - 280.966) < 2e-3, `${fifth.objectives[0]}`);
  assert.ok(Math.abs(fifth.inertia - 116.957) < 2e-3, `${fifth.inertia}`);
  assert.deepEqual(sizesOf(fifth.labels, 12), [45, 100, 48, 25, 36, 54, 51, 55, 52, 46, 49, 39]);
  const ends = runs.map(({ inertia }) => inertia);
  assert.ok(Math.abs(Math.min(...ends) - 116.57) < 6e-3, ends.join(' '));
  assert.ok(Math.abs(Math.max(...ends) - 138.86) < 6e-3, ends.join(' '));
  assert.ok(Math.abs(ends.reduce((a, b) => a + b, 0) / 10 - 127.5) < 0.06, ends.join(' '));
  const truths = runs.map(({ labels }) => normalizedMutualInformation(labels, PLANTED_GROUPS));
  assert.ok(Math.abs(truths[5]! - 0.8582) < 6e-5, `${truths[5]}`);
  assert.ok(Math.min(...truths) > 0.8575 && Math.max(...truths) < 0.8825, truths.join(' '));
  const noiseFloor = normalizedMutualInformation(runs[0]!.labels, runs[1]!.labels);
  assert.ok(noiseFloor > 0.5 && noiseFloor < 0.99, `two seeds on one set: ${noiseFloor}`);
});

/** The distributed clustering, with data shards that end at `ends`. */
function clusterInShards(features: Float32Array, dim: number, ends: readonly number[]) {
  const cuts = ends.map((end, i) => features.slice((ends[i - 1] ?? 0) * dim, end * dim));
  const countOf = (cut: Float32Array): number => cut.length / dim;
  const bound = cuts.reduce((total, cut) => total + columnSquaresOf(cut, countOf(cut), dim), 0);
  const rounders = momentRounders(countOf(features), bound);
  const moments = noMoments(dim);
  for (const cut of cuts)
    addMoments(moments, roundMoments(momentsOf(cut, countOf(cut), dim), rounders));
  const whitening = solveWhitening(moments, { outDim: 6, epsilon: 1e-8 });
  const shards = cuts.map((cut) => applyWhitening(whitening, cut, countOf(cut)));
  const d = whitening.outDim;
  const rows = Float32Array.from(shards.flatMap((shard) => [...shard]));
  let centroids = Float32Array.from(
    [...initialCentroidIds(rows.length / d, 12, 5)].flatMap((row) => [
      ...rows.subarray(row * d, (row + 1) * d),
    ]),
  );
  for (let iteration = 0; iteration < 20; iteration += 1) {
    const total = noSums(12, d, unitRowsRounder(countOf(features)));
    for (const shard of shards) sumShard(shard, shard.length / d, d, centroids, total);
    centroids = Float32Array.from(nextCentroids(total, centroids).centroids);
  }
  const assigned = shards.map((shard) => assignShard(shard, shard.length / d, d, centroids, 12));
  return {
    centroids,
    labels: assigned.flatMap(({ labels }) => [...labels]),
    inertia: assigned.reduce((total, { inertia }) => total + inertia, 0),
  };
}

test('in any data shards, the clustering agrees with one over all rows in float64', () => {
  const features = plantedFeatures();
  const rows = whitenBruteForce(features, 600, 12, 6);
  const naive = kmeansBruteForce(rows, 600, 6, initialCentroidIds(600, 12, 5), 20);
  // One shard, several of which one is empty, and shards smaller than a tile.
  for (const ends of [
    [600],
    [100, 100, 390, 600],
    Array.from({ length: 60 }, (_, i) => 10 * i + 10),
  ]) {
    const { labels, inertia, centroids } = clusterInShards(features, 12, ends);
    assert.deepEqual(labels, [...naive.labels], `${ends.length} shards`);
    // float32 rows and centroids of length 1: 6e-8 each, summed over 600 rows.
    assert.ok(Math.abs(inertia - naive.inertia) < 1e-5 * naive.inertia);
    // The sign of a component is free: compare products of centroids, not their coordinates.
    for (let a = 0; a < 12; a += 1) {
      for (let b = 0; b <= a; b += 1) {
        let product = 0;
        let expected = 0;
        for (let j = 0; j < 6; j += 1) {
          product += centroids[a * 6 + j]! * centroids[b * 6 + j]!;
          expected += naive.centroids[a * 6 + j]! * naive.centroids[b * 6 + j]!;
        }
        assert.ok(Math.abs(product - expected) < 1e-5, `centroids ${a} and ${b}`);
      }
    }
  }
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
