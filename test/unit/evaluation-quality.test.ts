/** Figures of an evaluation against scikit-learn's, and against their definitions by brute force. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { greatestAssignment } from '../../src/evaluation/assignment.ts';
import { clusterQuality, type ClusterQuality } from '../../src/evaluation/cluster-quality.ts';
import { knnTop1 } from '../../src/evaluation/knn.ts';
import { linearProbeTop1 } from '../../src/evaluation/linear-probe.ts';
import { meanSilhouette, sampledSilhouette } from '../../src/evaluation/silhouette.ts';
import { sameClusterRate, sameImageRate } from '../../src/evaluation/view-consistency.ts';
import { seededRng } from '../../src/math/rng.ts';
import { blobs, evaluationOracle, partitions } from '../support/oracles/evaluation.ts';

const ORACLE = evaluationOracle();

function assertClose(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, expected ${expected}`);
}

for (const made of ORACLE.quality) {
  const { count, k, c } = made;
  test(`${count} images in ${k} clusters and ${c} classes have scikit-learn's figures`, () => {
    const { clusters, classes } = partitions(made);
    const quality = clusterQuality(clusters, classes);
    for (const [name, value] of Object.entries(quality) as [keyof ClusterQuality, number][]) {
      assertClose(value, made[name]!, 1e-9, name);
    }
  });
}

test('images without a cluster or a class do not count', () => {
  const clusters = Int32Array.of(0, 0, 1, 1, -1, 0);
  const classes = Int32Array.of(1, 1, 0, 0, 1, -1);
  const { nmi, ari, accuracy, purity } = clusterQuality(clusters, classes);
  assert.deepEqual([nmi, ari, accuracy, purity], [1, 1, 1, 1]);
  const none = clusterQuality(Int32Array.of(-1), Int32Array.of(0));
  assert.ok(Object.values(none).every((value) => value === 0));
  assert.throws(() => clusterQuality(clusters, Int32Array.of(0)), { code: 'SHAPE_MISMATCH' });
});

/** The best of all ways to give rows different columns. */
function bestByBruteForce(weights: number[][], row = 0, taken: readonly number[] = []): number {
  const columns = weights[0]!.length;
  if (row === weights.length || taken.length === columns) return 0;
  const isSpare = weights.length - row > columns - taken.length;
  const without = isSpare ? bestByBruteForce(weights, row + 1, taken) : -Infinity;
  const rest = Array.from({ length: columns }, (_, column) => column)
    .filter((column) => !taken.includes(column))
    .map((at) => weights[row]![at]! + bestByBruteForce(weights, row + 1, [...taken, at]));
  return Math.max(without, ...rest);
}

test('an assignment has the greatest weight of all, in squares, and with rows or columns to spare', () => {
  const rng = seededRng('assignment');
  for (const [rows, columns] of [
    ...[
      [1, 1],
      [2, 2],
      [4, 4],
      [6, 6],
      [3, 6],
      [1, 5],
    ],
    ...[
      [6, 3],
      [5, 1],
      [5, 4],
      [4, 5],
    ],
  ] as [number, number][]) {
    for (let round = 0; round < 20; round += 1) {
      // Small whole numbers, negative ones too: many are equal.
      const weights = Array.from({ length: rows }, () =>
        Array.from({ length: columns }, () => rng.integer(7) - 2),
      );
      const columnOf = greatestAssignment(weights.flat(), rows, columns);
      const given = [...columnOf].filter((column) => column >= 0);
      assert.equal(given.length, Math.min(rows, columns));
      assert.equal(new Set(given).size, given.length);
      const total = columnOf.reduce((sum, at, row) => sum + (at < 0 ? 0 : weights[row]![at]!), 0);
      assert.equal(total, bestByBruteForce(weights), JSON.stringify(weights));
    }
  }
});

test('an assignment of nothing is empty, and weights of another number are refused', () => {
  assert.deepEqual([...greatestAssignment([], 0, 0)], []);
  assert.deepEqual([...greatestAssignment([], 2, 0)], [-1, -1]);
  assert.throws(() => greatestAssignment([1, 2], 2, 2), { code: 'SHAPE_MISMATCH' });
});

for (const made of ORACLE.silhouette) {
  test(`the silhouette of ${made.count} rows in ${made.c} clusters is scikit-learn's`, () => {
    const { rows, classes } = blobs(11, made);
    assertClose(meanSilhouette(rows, classes, made.dim)!, made.silhouette, 1e-6, 'silhouette');
  });
}

test('a row that is alone counts nothing, and without two clusters there is no silhouette', () => {
  // Rows 0 and 2 of cluster 0, 10 alone: (1 - 2 / 10) and (1 - 2 / 8) over three rows.
  const rows = Float32Array.of(0, 2, 10);
  assertClose(meanSilhouette(rows, Int32Array.of(0, 0, 3), 1)!, 1.55 / 3, 1e-12, 'silhouette');
  assert.equal(meanSilhouette(rows, Int32Array.of(0, 0, 0), 1), null);
  assert.equal(meanSilhouette(rows, Int32Array.of(0, 1, 2), 1), null);
  // Copies of one row in two clusters: 0 of 0.
  assert.equal(meanSilhouette(new Float32Array(4), Int32Array.of(0, 0, 1, 1), 1), 0);
});

test('the silhouette of a sample is that of all where all fit, and the same for the same seed', () => {
  const made = ORACLE.silhouette[0]!;
  const { rows, classes } = blobs(11, made);
  const of = (maxRows: number, seed: number): number =>
    sampledSilhouette(rows, classes, made.dim, { maxRows, seed })!;
  assert.equal(of(120, 1), meanSilhouette(rows, classes, made.dim));
  assert.equal(of(60, 1), of(60, 1));
  assert.notEqual(of(60, 1), of(60, 2));
});

for (const { test: held, neighbours, knn, logistic, ...made } of ORACLE.classified) {
  const { count, dim, c: classes } = made;
  test(`${count} rows of ${dim} columns classify ${held} others as scikit-learn's do`, () => {
    const { rows, classes: labels } = blobs(21, { ...made, count: count + held });
    const set = {
      ...{ train: rows.subarray(0, count * dim), trainLabels: labels.subarray(0, count) },
      ...{ test: rows.subarray(count * dim), testLabels: labels.subarray(count) },
      ...{ dim, classes },
    };
    assertClose(knnTop1({ ...set, k: neighbours }), knn, 1e-9, 'kNN');
    const probe = linearProbeTop1(set, { epochs: 100, seed: 31 });
    assertClose(probe, logistic, 0.005, 'linear probe');
  });
}

test('a view that is nearest to its own image, or in its cluster, is counted', () => {
  const centres = Float32Array.of(1, 0, 0, 1, -1, 0);
  // The first and the last point as their images do, the second nearer to the first image.
  const views = Float32Array.of(3, 1, 2, 1, -1, 0.5);
  assertClose(sameImageRate({ centres, views, dim: 2 }), 2 / 3, 1e-12, 'same image');
  const rate = sameClusterRate(Int32Array.of(0, 1, 2, 2), Int32Array.of(0, 2, 2, 2));
  assert.equal(rate, 0.75);
  assert.equal(sameClusterRate(new Int32Array(0), new Int32Array(0)), 0);
  assert.throws(() => sameClusterRate(Int32Array.of(1), new Int32Array(0)), {
    code: 'SHAPE_MISMATCH',
  });
});
