/** ODC against the figures of an independent script: one test a key, through the same step that a run takes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RowMetric } from '../../src/clustering/nearest-two.ts';
import { assignRows } from '../../src/clustering/odc/assignment.ts';
import { classWeights, sampleWeights } from '../../src/clustering/odc/loss-weights.ts';
import { mixAndAssign } from '../../src/clustering/odc/mixing.ts';
import { consecutiveSamples } from '../../src/clustering/odc/sample-memory.ts';
import {
  classQuota,
  contiguousSlices,
  drawByQuota,
  isIntervalDue,
} from '../../src/clustering/odc/sampler.ts';
import { splitInTwo } from '../../src/clustering/odc/split.ts';
import { sizeStatistics } from '../../src/clustering/odc/statistics.ts';
import { beginOdc, type OdcState } from '../../src/clustering/reference/odc-step.ts';
import { seededRng } from '../../src/math/rng.ts';
import { softmaxLoss } from '../../src/engine/plain/softmax-loss.ts';
import {
  centroidsOf,
  matrixOf,
  odcFixtures,
  odcSettings,
  type SmallClusterFigures,
} from '../support/oracles/odc-fixtures.ts';
import { allRows, slicesOf, stateOf, takeStep } from '../support/oracles/odc-run.ts';

/** The memory is float32, the figures are float64 with nine decimals. */
const TOLERANCE = 1e-5;

function assertNear(got: ArrayLike<number>, expected: ArrayLike<number>, within = TOLERANCE): void {
  assert.equal(got.length, expected.length);
  Array.from(expected).forEach((value, i) => {
    const difference = Math.abs(got[i]! - value);
    assert.ok(difference <= within, `[${i}]: ${got[i]}, expected ${value}`);
  });
}

/** 12 samples in 3 classes; nothing but the step itself happens, unless a test sets an interval. */
function initialState(settings: Partial<Parameters<typeof odcSettings>[0]> = {}): OdcState {
  const { raw, labels, classes } = odcFixtures.init;
  return beginOdc(
    odcSettings({
      clusters: classes,
      dim: 3,
      centroidInterval: 0,
      smallClusterInterval: 0,
      ...settings,
    }),
    matrixOf(raw),
    Int32Array.from(labels),
    [consecutiveSamples(0, labels.length)],
  ).state;
}

test('init: rows are unit rows, centroids the means of their classes, not normalised', () => {
  const { bank, centroids, centroid_norms, labels } = odcFixtures.init;
  const state = initialState();
  assertNear(allRows(state), bank.flat());
  assertNear(state.clusters.centroids.values, centroids.flat());
  assert.deepEqual([...state.clusters.pseudoLabels], labels);
  const norms = centroid_norms.map((_, c) =>
    Math.hypot(...state.clusters.centroids.values.subarray(c * 3, c * 3 + 3)),
  );
  assertNear(norms, centroid_norms);
});

test('update: the same from one slice and from two', () => {
  const { indices, features, mixed, two_workers } = odcFixtures.update;
  const { new_labels_of_batch, change_ratio, labels, bank } = odcFixtures.update;
  const one = initialState();
  const whole = [{ ids: indices, features: matrixOf(features) }];
  const [slice] = slicesOf(one, whole);
  assertNear(slice!.rows, mixed.flat());
  assert.deepEqual([...slice!.pseudoLabels], new_labels_of_batch);

  const outcome = takeStep(one, whole);
  assert.equal(outcome.relabelled / outcome.copies, change_ratio);
  const two = initialState();
  const halves = two_workers.map((ids, w) => ({
    ids,
    features: matrixOf(features.slice(2 * w, 2 * w + 2)),
  }));
  takeStep(two, halves);
  for (const state of [one, two]) {
    assertNear(allRows(state), bank.flat());
    assert.deepEqual([...state.clusters.pseudoLabels], labels);
    assertNear(state.clusters.centroids.values, odcFixtures.init.centroids.flat());
  }
  assert.deepEqual(allRows(one), allRows(two));
});

test('recompute: means of the rows as they are now', () => {
  const { sizes, centroids } = odcFixtures.recompute;
  const { indices, features } = odcFixtures.update;
  const state = initialState({ centroidInterval: 1 });
  const outcome = takeStep(state, [{ ids: indices, features: matrixOf(features) }]);
  assert.ok(outcome.isPublished);
  assert.deepEqual([...state.clusters.sizes], sizes);
  assertNear(state.clusters.centroids.values, centroids.flat());
});

test('momentum_values: 0 freezes the memory, 1 keeps the fresh direction', () => {
  const { indices, features, results } = odcFixtures.momentum_values;
  for (const [momentum, expected] of Object.entries(results)) {
    const state = initialState({ momentum: Number(momentum) });
    const inputs = [{ ids: indices, features: matrixOf(features) }];
    const [slice] = slicesOf(state, inputs);
    assertNear(slice!.rows, expected.mixed.flat());
    assert.deepEqual([...slice!.pseudoLabels], expected.new_labels_of_batch);
    const { relabelled, copies } = takeStep(state, inputs);
    assert.equal(relabelled / copies, expected.change_ratio);
  }
});

test('zero_feature: a dead feature leaves the row; a zero row stays zero, in class 0', () => {
  const { indices, features, mixed, new_labels_of_batch } = odcFixtures.zero_feature;
  const state = initialState();
  const [slice] = slicesOf(state, [{ ids: indices, features: matrixOf(features) }]);
  assertNear(slice!.rows, mixed.flat());
  assert.deepEqual([...slice!.pseudoLabels], new_labels_of_batch);
  for (const metric of ['dot', 'cosine'] as const) {
    const zero = new Float32Array(3);
    const { rows, pseudoLabels } = mixAndAssign(zero, zero, state.clusters.centroids, 0.5, metric);
    assert.deepEqual([...rows, ...pseudoLabels], [0, 0, 0, 0]);
  }
});

test('duplicate_index: both copies mix with the row before the step, the last one stands', () => {
  const { indices, features, mixed, new_labels_of_batch } = odcFixtures.duplicate_index;
  const { change_ratio, bank_row_5, label_5, label_1 } = odcFixtures.duplicate_index;
  // As one slice, and as three that arrive in the wrong order.
  for (const cut of [[indices], indices.map((id) => [id])]) {
    const state = initialState();
    let from = 0;
    const inputs = cut.map((ids) => {
      from += ids.length;
      return { ids, features: matrixOf(features.slice(from - ids.length, from)) };
    });
    const slices = slicesOf(state, inputs);
    assertNear(Float32Array.from(slices.flatMap(({ rows }) => [...rows])), mixed.flat());
    assert.deepEqual(
      slices.flatMap(({ pseudoLabels }) => [...pseudoLabels]),
      new_labels_of_batch,
    );
    const outcome = state.commit(0, slices.toReversed());
    assert.ok(outcome.kind === 'applied');
    assert.equal(outcome.relabelled / outcome.copies, change_ratio);
    assertNear(state.memory.rowsOf(Int32Array.of(5)), bank_row_5);
    assert.equal(state.clusters.pseudoLabels[5], label_5);
    assert.equal(state.clusters.pseudoLabels[1], label_1);
    assert.deepEqual([...state.memory.pseudoLabelsOf(Int32Array.of(5, 1))], [label_5, label_1]);
  }
});

test('metric: dot product, cosine and distance disagree where they should', () => {
  const { centroids, rows, by_dot, by_cosine, by_distance } = odcFixtures.metric;
  const assign = (metric: RowMetric): number[] => [
    ...assignRows(matrixOf(rows), centroidsOf(centroids), metric),
  ];
  assert.deepEqual(assign('dot'), by_dot);
  assert.deepEqual(assign('cosine'), by_cosine);
  assert.deepEqual(assign('distance'), by_distance);
});

test('empty_keeps_centroid: a class without rows keeps its centroid when all are published', () => {
  const { labels, centroids } = odcFixtures.empty_keeps_centroid;
  const { bank, centroids: before } = odcFixtures.init;
  const settings = odcSettings({
    clusters: 3,
    dim: 3,
    centroidInterval: 1,
    smallClusterInterval: 0,
  });
  const state = stateOf(settings, matrixOf(bank), Int32Array.from(labels), matrixOf(before));
  takeStep(state, []);
  assertNear(state.clusters.centroids.values, centroids.flat());
});

for (const key of ['one_small', 'two_small'] as const) {
  test(`${key}: merged in order, the largest split, only the split pairs published`, () => {
    const figures: SmallClusterFigures = odcFixtures[key];
    const { classes, bank, labels, centroids, steps } = figures;
    const settings = odcSettings({
      clusters: classes,
      dim: 3,
      centroidInterval: 0,
      minSize: figures.min_cluster,
    });
    const state = stateOf(settings, matrixOf(bank), Int32Array.from(labels), matrixOf(centroids));
    const { smallClusters, movedIds, movedLabels } = takeStep(state, []);
    assert.deepEqual([...state.clusters.pseudoLabels], figures.labels_after);
    assert.deepEqual([...state.clusters.sizes], figures.sizes_after);
    assertNear(state.clusters.centroids.values, figures.centroids_after.flat());
    const count = (name: string): number => steps.filter(({ step }) => step === name).length;
    assert.equal(smallClusters.merges, count('merge'));
    assert.equal(smallClusters.splits, count('split'));
    const moves = steps.flatMap((step) => step.members ?? step.moved_part ?? []);
    assert.equal(smallClusters.moves, moves.length);
    // What the sample memory is told is the whole difference.
    const told = Int32Array.from(labels);
    movedIds.forEach((id, i) => {
      told[id] = movedLabels[i]!;
    });
    assert.deepEqual([...told], figures.labels_after);
    assert.deepEqual([...state.memory.pseudoLabelsOf(movedIds)], [...movedLabels]);
  });
}

test('identical_rows: where 2-means finds one part, the first half keeps the class', () => {
  const { rows, kept, moved } = odcFixtures.identical_rows;
  const split = splitInTwo(matrixOf(rows), 3);
  assert.ok(split.isHalved);
  assert.deepEqual(
    [...split.isMoved],
    [...Array<number>(kept).fill(0), ...Array<number>(moved).fill(1)],
  );
});

test('weights: by size, power and offset, summing to 1', () => {
  for (const { sizes, power, eps, weights } of odcFixtures.weights) {
    const got = classWeights(Int32Array.from(sizes), { power, offset: eps });
    // Twelve decimals.
    assertNear(got, weights, 1e-11);
  }
});

test('weighted_loss: the weighted mean over the step, with its gradient', () => {
  const { logits, labels, weights, loss, grad_logits } = odcFixtures.weighted_loss;
  const [own] = sampleWeights([Int32Array.from(labels)], Float64Array.from(weights), 'step');
  const { lossSum, gradient } = softmaxLoss(matrixOf(logits), Int32Array.from(labels), 3, own);
  assertNear([lossSum / 4], [loss]);
  assertNear(
    gradient.map((value) => value / 4),
    grad_logits.flat(),
  );
});

test('weighted_loss: two slices give the loss of the whole, or the mean of theirs', () => {
  const { logits, two_workers: figures } = odcFixtures.weighted_loss;
  const sizes = Int32Array.from(figures.sizes);
  const weights = classWeights(sizes, { power: 0.5, offset: 1e-5 });
  assertNear(weights, figures.weights, 1e-11);
  const slices = [figures.labels.slice(0, 2), figures.labels.slice(2)].map((labels) =>
    Int32Array.from(labels),
  );
  const lossSums = (normaliser: 'step' | 'reference'): number[] =>
    sampleWeights(slices, weights, normaliser).map((own, s) => {
      const rows = matrixOf(logits.slice(2 * s, 2 * s + 2));
      return softmaxLoss(rows, slices[s]!, 3, own).lossSum;
    });
  const [a, b] = lossSums('step');
  assertNear([(a! + b!) / 4], [figures.whole_batch]);
  const [ownA, ownB] = lossSums('reference');
  assertNear([ownA! / 2, ownB! / 2], [figures.worker_a, figures.worker_b]);
  assertNear([(ownA! + ownB!) / 4], [figures.mean_of_workers]);
});

test('interval: at the end of every nth step; never for 0 and less', () => {
  const { n, first_iterations, zero_based_hits } = odcFixtures.interval;
  const steps = Array.from({ length: first_iterations }, (_, step) => step);
  assert.deepEqual(
    steps.filter((step) => isIntervalDue(step, n)),
    zero_based_hits,
  );
  assert.ok(!steps.some((step) => isIntervalDue(step, 0) || isIntervalDue(step, -3)));
});

test('contiguous_slices: the last is filled up with the first entries', () => {
  const { length, workers, slices } = odcFixtures.contiguous_slices;
  const list = Int32Array.from({ length }, (_, i) => i);
  assert.deepEqual(
    contiguousSlices(list, workers).map((slice) => [...slice]),
    slices,
  );
});

test('uniform_quota: the quota from each class, with replacement where it has no more', () => {
  for (const figures of odcFixtures.uniform_quota) {
    const { sizes, classes, N, per_class, with_replacement, kept } = figures;
    assert.equal(classQuota(N, classes), per_class);
    let first = 0;
    const members = sizes.map((size) => {
      first += size;
      return Int32Array.from({ length: size }, (_, i) => first - size + i);
    });
    const rng = seededRng('quota', N);
    for (let trial = 0; trial < 50; trial += 1) {
      const draws = drawByQuota(members, rng);
      assert.equal(draws.length, kept);
      members.forEach((own, c) => {
        const drawn = [...draws].filter((id) => own.includes(id));
        assert.ok(drawn.length <= per_class);
        if (with_replacement[c] === false) assert.equal(new Set(drawn).size, drawn.length);
        if (figures.drawn_before_cut === kept) {
          assert.equal(drawn.length, own.length === 0 ? 0 : per_class);
        }
      });
    }
  }
});

test('size_entropy: nats and perplexity', () => {
  for (const { sizes, nats, perplexity } of odcFixtures.size_entropy) {
    const statistics = sizeStatistics(Int32Array.from(sizes));
    assertNear([statistics.entropyNats, statistics.perplexity], [nats, perplexity], 1e-9);
    assert.equal(statistics.largest, Math.max(...sizes));
    assert.equal(statistics.smallest, Math.min(...sizes));
    assert.equal(statistics.empty, sizes.filter((size) => size === 0).length);
  }
});

for (const parts of [1, 2]) {
  test(`trace: four steps with publications, a merge and a split, in ${parts} part(s) and slice(s)`, () => {
    const { trace } = odcFixtures;
    const half = trace.labels.length / 2;
    const ranges =
      parts === 1
        ? [consecutiveSamples(0, 2 * half)]
        : [consecutiveSamples(0, half), consecutiveSamples(half, 2 * half)];
    const settings = odcSettings({
      clusters: trace.classes,
      dim: 4,
      momentum: trace.momentum,
      centroidInterval: trace.recompute_every,
      smallClusterInterval: trace.small_every,
      minSize: trace.min_cluster,
      lossWeights: { power: trace.power, offset: trace.eps },
    });
    const { state } = beginOdc(
      settings,
      matrixOf(trace.raw),
      Int32Array.from(trace.labels),
      ranges,
    );
    assertNear(allRows(state), trace.bank.flat());
    assertNear(state.clusters.centroids.values, trace.centroids.flat());
    for (const step of trace.iterations) {
      const width = step.indices.length / parts;
      const inputs = Array.from({ length: parts }, (_, s) => ({
        ids: step.indices.slice(s * width, (s + 1) * width),
        features: matrixOf(step.features.slice(s * width, (s + 1) * width)),
      }));
      const slices = slicesOf(state, inputs);
      assertNear(Float32Array.from(slices.flatMap(({ rows }) => [...rows])), step.mixed.flat());
      assert.deepEqual(
        slices.flatMap(({ pseudoLabels }) => [...pseudoLabels]),
        step.new_labels_of_batch,
      );
      const outcome = takeStep(state, inputs);
      assert.equal(outcome.relabelled / outcome.copies, step.change_ratio);
      assert.equal(outcome.isPublished, step.recomputed);
      assert.equal(
        outcome.smallClusters.splits,
        step.small_steps.filter(({ step: name }) => name === 'split').length,
      );
      assert.deepEqual([...state.clusters.pseudoLabels], step.labels);
      assert.deepEqual([...state.clusters.sizes], step.sizes);
      assertNear(state.clusters.centroids.values, step.centroids.flat());
      assertNear(state.clusters.weights, step.weights, 1e-11);
    }
    assertNear(allRows(state), trace.bank_after.flat());
  });
}
