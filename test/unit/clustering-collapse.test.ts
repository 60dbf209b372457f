import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CollapseWatch, collapseLine, findingOf } from '../../coordinator/run/collapse-watch.ts';
import {
  requireDifferentFeatures,
  requireDifferentRows,
  requireFilledClusters,
} from '../../src/clustering/clusterable.ts';
import {
  figuresOf,
  movementOf,
  spreadOfClusterSums,
  spreadOfMoments,
  type CollapseFigures,
} from '../../src/clustering/collapse.ts';
import { momentsOf } from '../../src/clustering/moments.ts';
import { sumRows } from '../../src/clustering/odc/cluster-sums.ts';
import { normaliseRows } from '../../src/clustering/odc/mixing.ts';
import { runConfigSchema } from '../../src/config/schema.ts';
import { seededRng } from '../../src/math/rng.ts';
import type { CollapseSummary } from '../../src/report/summary.ts';

const [N, D, K] = [200, 7, 4];

/** A common vector, and noise about it. */
function features(noise: number): Float32Array {
  const rng = seededRng('collapse', noise);
  return Float32Array.from({ length: N * D }, (_, i) => 1 + (i % D) + noise * rng.normal());
}

/** Σ |x - mean|² / Σ |x|², the naive way. */
function spreadByDefinition(rows: Float32Array): number {
  const means = Array.from({ length: D }, (_, j) => {
    let sum = 0;
    for (let i = 0; i < N; i += 1) sum += rows[i * D + j]!;
    return sum / N;
  });
  let variance = 0;
  let square = 0;
  rows.forEach((value, i) => {
    variance += (value - means[i % D]!) ** 2;
    square += value ** 2;
  });
  return variance / square;
}

function assertClose(got: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(got - expected) <= tolerance, `${got} is not ${expected}`);
}

describe('the spread', () => {
  test('of moments and of class sums is variance by mean square', () => {
    for (const noise of [0, 1e-3, 0.1, 3]) {
      const x = features(noise);
      // Sums of 200 products in float64.
      assertClose(spreadOfMoments(momentsOf(x, N, D)), spreadByDefinition(x), 1e-13);
      const rows = normaliseRows(x, D);
      const labels = Int32Array.from({ length: N }, (_, i) => i % K);
      const spread = spreadOfClusterSums(sumRows(rows, labels, K, D), D, N);
      // Lengths of unit rows are 1 within float32's rounding.
      assertClose(spread, spreadByDefinition(rows), 3e-7);
    }
    assert.equal(spreadOfMoments(momentsOf(new Float32Array(N * D), N, D)), 0);
  });
});

test('movement is the mean squared distance of rows', () => {
  const before = Float32Array.of(1, 0, 0, 1);
  assert.equal(movementOf(before, Float32Array.of(1, 0, 0, 1), 2), 0);
  assert.equal(movementOf(before, Float32Array.of(0, 0, 0, 3), 2), (1 + 4) / 2);
});

test('figures count the images that have a cluster', () => {
  const { largestShare, entropy } = figuresOf(0.5, Int32Array.of(0, 0, 0, 1, -1), 2);
  assert.equal(largestShare, 3 / 4);
  assertClose(entropy, (0.75 * Math.log(4 / 3) + 0.25 * Math.log(4)) / Math.log(2), 1e-15);
});

describe('at the start', () => {
  test('features that differ by rounding only are refused, and those that differ are not', () => {
    const equal = {
      code: 'DATA_UNREADABLE',
      message: /200 images, got the same feature.*identical/,
    };
    const spreadOf = (noise: number): number => spreadOfMoments(momentsOf(features(noise), N, D));
    const rowSpreadOf = (noise: number): number =>
      spreadOfClusterSums(
        sumRows(normaliseRows(features(noise), D), new Int32Array(N), 1, D),
        D,
        N,
      );
    assert.throws(() => requireDifferentFeatures(spreadOf(0), N, 0), equal);
    assert.throws(() => requireDifferentFeatures(spreadOf(1e-6), N, 0), equal);
    requireDifferentFeatures(spreadOf(1e-2), N, 0);
    assert.throws(() => requireDifferentRows(rowSpreadOf(0), new Int32Array(N)), equal);
    requireDifferentRows(rowSpreadOf(3e-2), new Int32Array(N));
  });

  test('later on, the network is named instead of the images', () => {
    assert.throws(
      () => requireDifferentFeatures(0, N, 3),
      /the network has collapsed before epoch 4/,
    );
  });

  test('fewer different features than clusters are refused, with their number', () => {
    const two = Int32Array.from({ length: 10 }, (_, i) => (i % 2) * 3);
    // The push that k-means gives a split centroid: (1 / 1024)² a row.
    const pushed = 10 / 1024 ** 2;
    assert.throws(() => requireFilledClusters(two, pushed, 4), {
      code: 'CONFIG_INVALID',
      message:
        'config clustering.k: must not exceed the number of different features, 2 of 10 images: lower it, or look for identical images, got 4',
    });
    requireFilledClusters(Int32Array.of(0, 1, 2, 3), 0, 4); // as many features as clusters
    requireFilledClusters(two, 0.1, 4); // rows that are not on their centroids
    assert.throws(
      () => requireFilledClusters(new Int32Array(10), 0, 4),
      /the same feature for all/,
    );
  });
});

const SOUND: CollapseFigures = { spread: 0.1, largestShare: 0.2, entropy: 0.9, movement: 0.2 };

describe('a finding', () => {
  test('has none of the figures that sound runs had', () => {
    // The lowest and highest of the runs in docs/algorithms.md.
    const worst = { spread: 0.0064, largestShare: 0.42, entropy: 0.82, movement: 0.13 };
    for (const figures of [SOUND, worst, { ...worst, movement: null }]) {
      assert.equal(findingOf(figures), null);
    }
  });

  test('names what has collapsed', () => {
    assert.match(findingOf({ ...SOUND, spread: 9e-5 })!, /nearly equal \(.* 9\.0e-5/);
    assert.match(findingOf({ ...SOUND, spread: -1e-9 })!, /nearly equal/);
    assert.match(findingOf({ ...SOUND, movement: 1e-14 })!, /are zero/);
    assert.match(findingOf({ ...SOUND, largestShare: 0.953 })!, /95\.3 % of the images/);
    assert.match(findingOf({ ...SOUND, entropy: 0.07 })!, /a few clusters .* 0\.070/);
  });
});

test('a collapse is told of once, counted, and its end noted; a second one makes an event and no warning', () => {
  const record = { collapse: { seen: 0, recovered: 0, now: null } as CollapseSummary };
  const told: string[] = [];
  const watch = new CollapseWatch({
    config: runConfigSchema().parse({}),
    record,
    folder: {
      event: (event, reason) => told.push(`event ${event}: ${reason}`),
      metrics: () => undefined,
    },
    logger: {
      warn: (event) => told.push(`warn ${event}`),
      info: (event) => told.push(`info ${event}`),
    },
  });
  const collapsed = { ...SOUND, largestShare: 1 };
  watch.note(SOUND, { epoch: 0, step: 0 });
  assert.equal(told.length, 0);
  watch.note(collapsed, { epoch: 1, step: 10 });
  watch.note(collapsed, { epoch: 2, step: 20 });
  assert.equal(
    collapseLine(record.collapse),
    'one cluster has 100.0 % of the images, since epoch 2, step 10; seen 2 times',
  );
  watch.note(SOUND, { epoch: 3, step: 30 });
  assert.equal(collapseLine(record.collapse), '');
  watch.note(collapsed, { epoch: 4, step: 40 });
  assert.deepEqual(
    told.map((line) => line.split(':')[0]),
    [
      'event clusters.collapsed',
      'warn clusters.collapsed',
      'event clusters.recovered',
      'info clusters.recovered',
      'event clusters.collapsed',
    ],
  );
  assert.match(told[0]!, /epoch 2, step 10: .*training\.learningRate=0\.005/);
  assert.deepEqual(record.collapse, {
    seen: 3,
    recovered: 1,
    now: { epoch: 4, step: 40, finding: 'one cluster has 100.0 % of the images' },
  });
});
