/** What ODC refuses, and the cases of small clusters that the reference leaves open. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginOdc } from '../../src/clustering/reference/odc-step.ts';
import {
  SampleMemory,
  consecutiveSamples,
  samplesModulo,
  type SliceRows,
} from '../../src/clustering/odc/sample-memory.ts';
import { drawOdcEpoch } from '../../src/clustering/odc/sampler.ts';
import { ClusterMembers } from '../../src/clustering/odc/cluster-members.ts';
import {
  answerLocally,
  planSmallClusters,
  type SmallClusterPlan,
  type SmallClusterRule,
} from '../../src/clustering/odc/small-clusters.ts';
import { splitInTwo } from '../../src/clustering/odc/split.ts';
import { matrixOf, odcSettings } from '../support/oracles/odc-fixtures.ts';
import { takeStep } from '../support/oracles/odc-run.ts';

/** Unit rows in the plane, by angle in degrees. */
function atAngles(...degrees: readonly number[]): Float32Array {
  return matrixOf(
    degrees.map((angle) => [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)]),
  );
}

function plan(
  rows: Float32Array,
  labels: readonly number[],
  centroids: Float32Array,
  rule: Partial<SmallClusterRule>,
): SmallClusterPlan | null {
  const clusters = centroids.length / 2;
  return answerLocally(
    planSmallClusters(
      new ClusterMembers(Int32Array.from(labels), clusters),
      { values: centroids, clusters, dim: 2 },
      { minSize: 2, maxSplits: Infinity, metric: 'dot', ...rule },
    ),
    (ids) => matrixOf([...ids].map((id) => [...rows.subarray(2 * id, 2 * id + 2)])),
  );
}

function labelsAfter(labels: readonly number[], { ids, to }: SmallClusterPlan): number[] {
  const after = [...labels];
  ids.forEach((id, i) => {
    after[id] = to[i]!;
  });
  return after;
}

test('where every class is small, the largest counts as large: the lowest of equals', () => {
  const rows = atAngles(0, 2, 40, 42, 80);
  const labels = [0, 0, 1, 1, 2];
  const result = plan(rows, labels, atAngles(0, 40, 80), { minSize: 10 });
  assert.ok(result !== null);
  assert.equal(result.counts.merges, 2);
  // All are in class 0; {80, 42, 40} leave {0, 2}; then the largest, class 1, is split again: 40 and 42 from 80.
  assert.deepEqual(labelsAfter(labels, result), [0, 0, 1, 1, 2]);
  assert.deepEqual([...result.ids], [], 'rows that come back to their class are no change');
  assert.equal(result.counts.moves, 3 + 3 + 1);
  assert.deepEqual(result.republished, [0, 1, 2]);
});

test('beyond the cap the emptiest classes are treated; the others are neither merged nor merged into', () => {
  const rows = atAngles(0, 1, 2, 20, 21, 22, 45, 90);
  const labels = [0, 0, 0, 0, 0, 0, 2, 3];
  // Class 1 is empty, 2 and 3 have one member each.
  const result = plan(rows, labels, atAngles(10, 0, 45, 90), { maxSplits: 2 });
  assert.ok(result !== null);
  assert.equal(result.counts.postponed, 1);
  assert.equal(result.counts.splits, 2);
  const after = labelsAfter(labels, result);
  assert.equal(after[7], 3, 'waits for the next call');
  assert.notEqual(after[6], 2);
  assert.deepEqual(new Set(after), new Set([0, 1, 2, 3]));
});

test('a size of 0 treats no class, 1 only empty ones', () => {
  const rows = atAngles(0, 1, 30, 31, 60);
  const labels = [0, 0, 0, 0, 1];
  const centroids = atAngles(15, 60, 0);
  assert.equal(plan(rows, labels, centroids, { minSize: 0 }), null);
  const result = plan(rows, labels, centroids, { minSize: 1 });
  assert.ok(result !== null);
  assert.equal(result.counts.merges, 0);
  assert.deepEqual(labelsAfter(labels, result), [0, 0, 2, 2, 1]);
});

test('classes for which no row can be spared stay empty, and are counted', () => {
  const result = plan(atAngles(0, 90), [0, 1], atAngles(0, 90, 45), { minSize: 1 });
  assert.ok(result !== null);
  assert.equal(result.counts.unfilled, 1);
  assert.equal(result.counts.splits, 0);
  assert.deepEqual([...result.ids], []);
});

test('a split keeps the part of the lowest sample, even the smaller one, and is the same as brute force', () => {
  const rows = atAngles(0, 50, 52, 55, 60, 3);
  const { isMoved, isHalved } = splitInTwo(rows, 2);
  assert.deepEqual([...isMoved], [0, 1, 1, 1, 1, 0]);
  assert.equal(isHalved, false);
  assert.deepEqual([...isMoved], bestSplit(rows));
});

test('two rows are split into one and one, equal or not', () => {
  assert.deepEqual([...splitInTwo(atAngles(0, 1), 2).isMoved], [0, 1]);
  const { isMoved, isHalved } = splitInTwo(atAngles(30, 30), 2);
  assert.deepEqual([...isMoved], [0, 1]);
  assert.ok(isHalved);
});

test('what a step brings is checked before anything changes', () => {
  const memory = new SampleMemory(consecutiveSamples(4, 7), 2, 3, {
    step: 5,
    rows: atAngles(0, 10, 20),
    pseudoLabels: Int32Array.of(0, 1, -1),
  });
  const good = {
    slice: 0,
    ids: Int32Array.of(5),
    rows: atAngles(70),
    pseudoLabels: Int32Array.of(2),
  };
  const cases: readonly [Partial<SliceRows>, string][] = [
    [{ ids: Int32Array.of(3) }, 'PROTOCOL_VIOLATION'],
    [{ ids: Int32Array.of(7) }, 'PROTOCOL_VIOLATION'],
    // A sample without a feature.
    [{ ids: Int32Array.of(6) }, 'PROTOCOL_VIOLATION'],
    [{ pseudoLabels: Int32Array.of(3) }, 'PROTOCOL_VIOLATION'],
    [{ pseudoLabels: Int32Array.of(-1) }, 'PROTOCOL_VIOLATION'],
    [{ rows: Float32Array.of(1, NaN) }, 'NON_FINITE'],
    [{ rows: atAngles(1, 2) }, 'SHAPE_MISMATCH'],
    [{ pseudoLabels: Int32Array.of(1, 1) }, 'SHAPE_MISMATCH'],
  ];
  for (const [wrong, code] of cases) {
    assert.throws(() => memory.apply(5, [good, { ...good, slice: 1, ...wrong }]), { code });
  }
  assert.throws(() => memory.apply(6, [good]), { code: 'PROTOCOL_VIOLATION' });
  assert.deepEqual(memory.rowsOf(Int32Array.of(4, 5, 6)), atAngles(0, 10, 20));
  assert.equal(memory.apply(5, [good]).kind, 'applied');
  assert.deepEqual(memory.pseudoLabelsOf(Int32Array.of(5)), Int32Array.of(2));
});

test('the answer to a step can be given again until the next one', () => {
  const state = { step: 0, rows: atAngles(0, 10), pseudoLabels: Int32Array.of(0, 0) };
  const memory = new SampleMemory(samplesModulo(1, 2, 5), 2, 2, state);
  const slice = {
    slice: 0,
    ids: Int32Array.of(3),
    rows: atAngles(70),
    pseudoLabels: Int32Array.of(1),
  };
  const { change } = memory.apply(0, [slice]);
  assert.deepEqual(memory.apply(0, [slice]), { kind: 'duplicate', change });
  assert.equal(memory.relabel(0, Int32Array.of(1), Int32Array.of(1)), 'applied');
  assert.equal(memory.relabel(0, Int32Array.of(1), Int32Array.of(1)), 'applied');
  memory.apply(1, [{ ...slice, ids: Int32Array.of(1), pseudoLabels: Int32Array.of(0) }]);
  assert.equal(memory.relabel(0, Int32Array.of(1), Int32Array.of(1)), 'duplicate');
  assert.deepEqual(memory.pseudoLabelsOf(Int32Array.of(1, 3)), Int32Array.of(0, 1));
  assert.throws(() => memory.relabel(2, Int32Array.of(1), Int32Array.of(1)), {
    code: 'PROTOCOL_VIOLATION',
  });
});

test('more classes than samples are refused with both numbers; empty ones get a part of the largest', () => {
  const features = atAngles(0, 1, 30, 31);
  const settings = odcSettings({ clusters: 5, dim: 2, minSize: 1 });
  const ranges = [consecutiveSamples(0, 4)];
  assert.throws(() => beginOdc(settings, features, Int32Array.of(0, 0, 0, 0), ranges), {
    code: 'CONFIG_INVALID',
    message: 'config clustering.k: must not exceed the number of images (4), got 5',
  });
  const labels = Int32Array.of(0, 0, 0, 0);
  const { state, filled } = beginOdc({ ...settings, clusters: 3 }, features, labels, ranges);
  assert.equal(filled.splits, 2);
  assert.ok(!state.clusters.sizes.includes(0));
  assert.deepEqual(
    [...state.memory.pseudoLabelsOf(Int32Array.of(0, 1, 2, 3))],
    [...state.clusters.pseudoLabels],
  );
});

test('a sample without a feature belongs to no class and no sum', () => {
  const settings = odcSettings({ clusters: 2, dim: 2, minSize: 1, centroidInterval: 1 });
  const features = matrixOf([
    [0, 0],
    [1, 0],
    [2, 0],
    [0, 1],
  ]);
  const labels = Int32Array.of(-1, 0, 0, 1);
  const { state } = beginOdc(settings, features, labels, [consecutiveSamples(0, 4)]);
  takeStep(state, [{ ids: [2], features: Float32Array.of(5, 0) }]);
  assert.deepEqual([...state.clusters.sizes], [2, 1]);
  assert.deepEqual([...state.clusters.centroids.values], [1, 0, 0, 1]);
});

test('epochs are drawn by seed and epoch: 63 % of the samples with replacement, all without', () => {
  const ids = Int32Array.from({ length: 20_000 }, (_, i) => 3 * i);
  const draw = (epoch: number, withReplacement: boolean): Int32Array =>
    drawOdcEpoch({ ids, seed: 1, epoch, withReplacement });
  assert.deepEqual(draw(4, true), draw(4, true));
  assert.notDeepEqual(draw(4, true), draw(5, true));
  // 1 - 1/e; the share has a standard error of sqrt((1/e)(1 - 2/e) / N) = 0.0022.
  const share = new Set(draw(4, true)).size / ids.length;
  assert.ok(Math.abs(share - (1 - 1 / Math.E)) < 5 * 0.0022, `${share}`);
  assert.deepEqual(draw(4, false).sort(), ids);
  assert.notDeepEqual(draw(4, false), ids);
});

/** The division of least squared distance, of all that there are. */
function bestSplit(rows: Float32Array): number[] {
  const n = rows.length / 2;
  let best: number[] = [];
  let least = Infinity;
  for (let mask = 1; mask < 2 ** (n - 1); mask += 1) {
    const part = Array.from({ length: n }, (_, i) => (i === 0 ? 0 : (mask >> (i - 1)) & 1));
    const cost = [0, 1].reduce((sum, p) => sum + spread(rows, part, p), 0);
    if (cost < least) [least, best] = [cost, part];
  }
  return best;
}

function spread(rows: Float32Array, part: readonly number[], p: number): number {
  const own = part.flatMap((value, i) => (value === p ? [[rows[2 * i]!, rows[2 * i + 1]!]] : []));
  const mean = [0, 1].map((j) => own.reduce((sum, row) => sum + row[j]!, 0) / own.length);
  return own.reduce((sum, row) => sum + (row[0]! - mean[0]!) ** 2 + (row[1]! - mean[1]!) ** 2, 0);
}
