/** Laws of an ODC step: what must not matter (cut, order, parts, repeats, restarts, numbers of classes) and what must hold. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterSizes, normalizedMutualInformation } from '../../src/clustering/agreement.ts';
import { applyCentroidDelta } from '../../src/clustering/odc/centroid-memory.ts';
import type { OdcSettings } from '../../src/clustering/odc/clusters.ts';
import {
  consecutiveSamples,
  samplesModulo,
  type SampleRange,
} from '../../src/clustering/odc/sample-memory.ts';
import { drawOdcEpoch } from '../../src/clustering/odc/sampler.ts';
import { answerRemotely } from '../../src/clustering/odc/small-clusters.ts';
import { sizeStatistics, summariseInterval } from '../../src/clustering/odc/statistics.ts';
import {
  beginOdc,
  restoreOdc,
  type OdcSnapshot,
  type OdcState,
} from '../../src/clustering/reference/odc-step.ts';
import { seededRng, shuffleInPlace } from '../../src/math/rng.ts';
import { odcSettings } from '../support/oracles/odc-fixtures.ts';
import {
  GroupedFeatures,
  allRows,
  slicesOf,
  stateOf,
  takeStep,
} from '../support/oracles/odc-run.ts';
import type { SliceInput } from '../support/oracles/odc-run.ts';

const N = 300;
const DIM = 8;
const K = 12;
const BATCH = 24;
/** Small enough classes that merges and splits happen all the time. */
const BUSY = odcSettings({ clusters: K, dim: DIM, centroidInterval: 3, minSize: 12 });

/** A run's source of steps: the same seed gives the same draws and the same features. */
function* batches(seed: number, data = new GroupedFeatures(N, DIM, 5, 0.4, seed)) {
  const ids = Int32Array.from({ length: N }, (_, id) => id);
  for (let epoch = 0; ; epoch += 1) {
    const draws = drawOdcEpoch({ ids, seed, epoch, withReplacement: true });
    for (let begin = 0; begin + BATCH <= N; begin += BATCH) {
      const batch = [...draws.subarray(begin, begin + BATCH)];
      yield { ids: batch, features: data.view(batch) };
    }
  }
}

function cut({ ids, features }: SliceInput, slices: number): SliceInput[] {
  const width = ids.length / slices;
  return Array.from({ length: slices }, (_, s) => ({
    ids: ids.slice(s * width, (s + 1) * width),
    features: features.subarray(s * width * DIM, (s + 1) * width * DIM),
  }));
}

function beginRun(
  settings: OdcSettings = BUSY,
  ranges: readonly SampleRange[] = [consecutiveSamples(0, N)],
): OdcState {
  const features = new GroupedFeatures(N, DIM, 5, 0.4, 99);
  const ids = Array.from({ length: N }, (_, id) => id);
  const labels = Int32Array.from(ids, (id) => (id * id) % settings.clusters);
  return beginOdc(settings, features.view(ids), labels, ranges).state;
}

function run(state: OdcState, steps: number, seed = 1, slices = 1): OdcState {
  const source = batches(seed);
  for (let i = 0; i < steps; i += 1) {
    takeStep(state, cut(source.next().value as SliceInput, slices));
  }
  return state;
}

/** Everything that decides the future, bit for bit. */
function assertSameState(a: OdcState, b: OdcState): void {
  assert.deepEqual(allRows(a), allRows(b));
  assert.deepEqual(a.clusters.pseudoLabels, b.clusters.pseudoLabels);
  assert.deepEqual(a.clusters.snapshot().centroids.sums, b.clusters.snapshot().centroids.sums);
  assert.deepEqual(a.clusters.centroids.values, b.clusters.centroids.values);
  assert.deepEqual(a.clusters.weights, b.clusters.weights);
  assert.equal(a.clusters.step, b.clusters.step);
  assert.equal(a.clusters.centroidMemory.version, b.clusters.centroidMemory.version);
}

test('slices of any number give the same run, bit for bit', () => {
  const whole = run(beginRun(), 60);
  for (const slices of [2, 3, 8]) assertSameState(whole, run(beginRun(), 60, 1, slices));
});

test('parts of the memory of any number and kind give the same run, bit for bit', () => {
  const whole = run(beginRun(), 60);
  const thirds = [0, 1, 2].map((part) => samplesModulo(part, 3, N));
  const uneven = [
    consecutiveSamples(0, 17),
    consecutiveSamples(17, 250),
    consecutiveSamples(250, N),
  ];
  for (const ranges of [thirds, uneven]) assertSameState(whole, run(beginRun(BUSY, ranges), 60));
});

test('after 1000 steps with merges and splits, sums, sizes and members equal a recomputation', () => {
  const state = beginRun();
  const source = batches(3);
  const outcomes = Array.from({ length: 1000 }, () => {
    const outcome = takeStep(state, [source.next().value as SliceInput]);
    // No class is ever empty where small clusters are treated at every step.
    assert.ok(!state.clusters.sizes.includes(0));
    return outcome;
  });
  const { smallClusters, changeRatio, copies } = summariseInterval(outcomes);
  assert.ok(smallClusters.splits > 100, `only ${smallClusters.splits} splits`);
  assert.equal(copies, 1000 * BATCH);
  assert.ok(changeRatio > 0);

  const { clusters } = state;
  assert.equal(clusters.centroidMemory.drift(state.recomputeSums()), 0);
  assert.deepEqual(clusters.sizes, clusterSizes(clusters.pseudoLabels, K));
  const ids = Int32Array.from({ length: N }, (_, id) => id);
  assert.deepEqual(state.memory.pseudoLabelsOf(ids), clusters.pseudoLabels);
  for (let c = 0; c < K; c += 1) {
    assert.deepEqual(
      clusters.membersOf(c),
      ids.filter((id) => clusters.pseudoLabels[id] === c),
    );
  }
  const rows = allRows(state);
  for (const id of ids) {
    const length = Math.hypot(...rows.subarray(id * DIM, (id + 1) * DIM));
    assert.ok(Math.abs(length - 1) < 1e-5);
  }
  for (let c = 0; c < K; c += 1) {
    const centroid = clusters.centroids.values.subarray(c * DIM, (c + 1) * DIM);
    assert.ok(Math.hypot(...centroid) <= 1 + 1e-6);
  }
  assert.ok(Math.abs(clusters.weights.reduce((sum, weight) => sum + weight, 0) - 1) < 1e-12);
});

test('sums that went wrong are seen as drift, and repaired', () => {
  const state = run(beginRun(), 5);
  const { sums } = state.clusters.snapshot().centroids;
  sums[7]! += 0.25;
  const exact = state.recomputeSums();
  assert.equal(state.clusters.centroidMemory.drift(exact), 0.25);
  assert.equal(state.clusters.centroidMemory.repair(exact), 0.25);
  assert.equal(state.clusters.centroidMemory.drift(exact), 0);
  const same = run(beginRun(), 5);
  run(state, 10, 2);
  run(same, 10, 2);
  assertSameState(state, same);
});

test('a step that comes again changes nothing, whatever comes with it', () => {
  const state = run(beginRun(), 7);
  const source = batches(5);
  const slices = slicesOf(state, [source.next().value as SliceInput]);
  assert.equal(state.commit(7, slices).kind, 'applied');
  const once = copyOf(state.snapshot());
  assert.equal(state.commit(7, slices).kind, 'duplicate');
  assert.equal(
    state.commit(7, slicesOf(state, [source.next().value as SliceInput])).kind,
    'duplicate',
  );
  assert.equal(state.commit(2, slices).kind, 'duplicate');
  assert.deepEqual(state.snapshot(), once);
  assert.throws(() => state.commit(9, slices), { code: 'PROTOCOL_VIOLATION' });
  assert.deepEqual(state.snapshot(), once);
});

test('a step that reached only some parts of the memory is completed when it comes again', () => {
  const ranges = [samplesModulo(0, 2, N), samplesModulo(1, 2, N)];
  const [cutOff, whole] = [run(beginRun(BUSY, ranges), 4), run(beginRun(BUSY, ranges), 4)];
  const slices = slicesOf(cutOff, cut(batches(6).next().value as SliceInput, 3));
  const own = slices.map(({ slice, ids, rows, pseudoLabels }) => {
    const at = [...ids.keys()].filter((i) => ids[i]! % 2 === 0);
    return {
      slice,
      ids: Int32Array.from(at, (i) => ids[i]!),
      rows: Float32Array.from(at.flatMap((i) => [...rows.subarray(i * DIM, (i + 1) * DIM)])),
      pseudoLabels: Int32Array.from(at, (i) => pseudoLabels[i]!),
    };
  });
  assert.equal(cutOff.memory.parts[0]!.apply(4, own).kind, 'applied');
  assert.equal(cutOff.commit(4, slices).kind, 'applied');
  whole.commit(4, slices);
  assertSameState(cutOff, whole);
});

test('rows that have to be fetched give the same plan as rows at hand', async () => {
  const [local, remote] = [beginRun(), beginRun()];
  const source = batches(9);
  for (let step = 0; step < 20; step += 1) {
    const slices = slicesOf(local, [source.next().value as SliceInput]);
    local.commit(step, slices);
    const { change } = remote.memory.apply(step, slices);
    assert.ok(change !== null);
    const outcome = await answerRemotely(remote.clusters.commit(step, change), (ids) =>
      Promise.resolve(remote.memory.rowsOf(ids)),
    );
    assert.ok(outcome.kind === 'applied');
    remote.memory.relabel(step, outcome.movedIds, outcome.movedLabels);
  }
  assertSameState(local, remote);
});

test('a run that goes on from a snapshot is the run that was not interrupted', () => {
  const ranges = [samplesModulo(0, 2, N), samplesModulo(1, 2, N)];
  // 40 steps: between two publications, so that the published centroids are not those of the rows.
  const state = run(beginRun(BUSY, ranges), 40);
  const restored = restoreOdc(BUSY, copyOf(state.snapshot()), ranges);
  assertSameState(state, restored);
  run(state, 40, 2);
  run(restored, 40, 2);
  assertSameState(state, restored);
});

test('other numbers for the classes give the same run with these numbers', () => {
  const settings = { ...BUSY, smallClusterInterval: 0 };
  const state = run(beginRun(settings), 1);
  const rows = allRows(state);
  const labels = state.clusters.pseudoLabels.slice();
  const centroids = state.clusters.centroids.values.slice();
  const renamed = Int32Array.from({ length: K }, (_, c) => c);
  shuffleInPlace(renamed, seededRng('renamed'));
  const movedCentroids = new Float32Array(K * DIM);
  renamed.forEach((to, c) => {
    movedCentroids.set(centroids.subarray(c * DIM, (c + 1) * DIM), to * DIM);
  });
  const plain = run(stateOf(settings, rows, labels, centroids), 50);
  const other = run(
    stateOf(
      settings,
      rows,
      labels.map((c) => renamed[c]!),
      movedCentroids,
    ),
    50,
  );
  assert.deepEqual(
    other.clusters.pseudoLabels,
    plain.clusters.pseudoLabels.map((c) => renamed[c]!),
  );
  assert.deepEqual(allRows(other), allRows(plain));
});

test('with features that stay and nothing kept of the memory, pseudo-labels come to rest', () => {
  const settings = odcSettings({
    clusters: K,
    dim: DIM,
    momentum: 1,
    centroidInterval: 1,
    smallClusterInterval: 0,
  });
  const state = beginRun(settings);
  const ids = Array.from({ length: N }, (_, id) => id);
  const features = new GroupedFeatures(N, DIM, 5, 0.2, 4).view(ids);
  const changes = Array.from({ length: 60 }, () => takeStep(state, [{ ids, features }]).relabelled);
  assert.ok(changes[0]! > N / 4, `only ${changes[0]} changes at first`);
  assert.equal(changes.at(-1), 0);
});

test('a worker that follows the deltas has the published centroids, at any pace', () => {
  const state = beginRun();
  const { centroidMemory } = state.clusters;
  const copies = [1, 2, 7].map((pace) => ({
    pace,
    values: new Float32Array(K * DIM),
    version: -1,
  }));
  const source = batches(8);
  for (let step = 0; step < 42; step += 1) {
    for (const copy of copies) {
      if (step % copy.pace !== 0) continue;
      const delta = centroidMemory.since(copy.version);
      assert.equal(delta.isWhole, step === 0);
      applyCentroidDelta(copy.values, delta, DIM);
      copy.version = delta.version;
      assert.deepEqual(copy.values, state.clusters.centroids.values);
    }
    takeStep(state, [source.next().value as SliceInput]);
  }
  assert.deepEqual(centroidMemory.since(centroidMemory.version).clusters, new Int32Array(0));
  // A worker from a run that has since gone back to a checkpoint.
  assert.ok(centroidMemory.since(centroidMemory.version + 1).isWhole);
});

test('on groups with noise the classes find the groups, evenly filled, and settle', () => {
  // Twice as many classes as groups, as the paper over-segments; from classes without any meaning.
  const settings = odcSettings({ clusters: K, dim: DIM, minSize: 8 });
  const data = new GroupedFeatures(N, DIM, 6, 0.25, 21);
  const ids = Array.from({ length: N }, (_, id) => id);
  const start = Int32Array.from(ids, (id) => (7 * id) % K);
  const { state } = beginOdc(settings, data.view(ids), start, [consecutiveSamples(0, N)]);
  const source = batches(11, data);
  const outcomes = Array.from({ length: 400 }, () =>
    takeStep(state, [source.next().value as SliceInput]),
  );
  const before = normalizedMutualInformation(start, data.truth);
  const after = normalizedMutualInformation(state.clusters.pseudoLabels.slice(), data.truth);
  assert.ok(after - before >= 0.25, `${before} to ${after}`);
  const early = summariseInterval(outcomes.slice(0, 20)).changeRatio;
  const late = summariseInterval(outcomes.slice(-50)).changeRatio;
  // Samples go on changing between the two classes of a group: the ratio falls, and not to 0.
  assert.ok(late < 0.75 * early && late > 0.02, `${early} to ${late}`);
  const { empty, perplexity } = sizeStatistics(state.clusters.sizes);
  assert.equal(empty, 0);
  assert.ok(perplexity > 0.8 * K, `${perplexity}`);
});

function copyOf({ arrays, counters }: OdcSnapshot): OdcSnapshot {
  const copies = Object.entries(arrays).map(([name, { data, shape }]) => [
    name,
    { data: data.slice(), shape },
  ]);
  return { arrays: Object.fromEntries(copies) as OdcSnapshot['arrays'], counters };
}
