import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OdcSummary } from '../../src/algorithms/odc/figures.ts';
import { odcSettingsOf, planOdcEpoch } from '../../src/algorithms/odc/strategy.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import { sliceDraws, stepCount, stepDraws } from '../../coordinator/run/epoch-plan.ts';
import { arrayOf } from '../../src/arrays/bundle.ts';
import { clusterSeed, initialCentroidIds } from '../../src/clustering/kmeans.ts';
import { sampleWeights } from '../../src/clustering/odc/loss-weights.ts';
import { normaliseRows } from '../../src/clustering/odc/mixing.ts';
import { consecutiveSamples } from '../../src/clustering/odc/sample-memory.ts';
import { beginOdc } from '../../src/clustering/reference/odc-step.ts';
import { runConfigSchema } from '../../src/config/schema.ts';
import { dataConfigSchema } from '../../src/data/config.ts';
import { createImageLoader } from '../../src/data/loader/loader.ts';
import { openImageSource } from '../../src/data/source/source.ts';
import { unavailable } from '../../src/errors.ts';
import { kmeansBruteForce } from '../support/oracles/brute-force-clustering.ts';
import {
  FEATURES,
  SIDE,
  checkpointOf,
  initialShift,
  placeForRuns,
  plainCompute,
  plainFeatures,
  readLines,
  readLosses,
  runPlain,
  type PlainSlice,
} from '../support/runs/in-process-run.ts';
import { allRows, slicesOf } from '../support/oracles/odc-run.ts';

const IMAGES = 60;
const K = 6;
const BATCH = 16;
const SLICE = 6;
const EPOCHS = 3;
const { data, out } = await placeForRuns(IMAGES);

const SETTINGS = {
  algorithm: 'odc',
  'model.neck': 'odc',
  epochs: EPOCHS,
  'odc.publishInterval': 3,
  'odc.smallClusterSize': 6,
  'odc.logInterval': 4,
} as const;

/** Slices as the workers computed them, by step and slice. */
function recorder(): {
  slices: Map<string, PlainSlice>;
  compute: () => ReturnType<typeof plainCompute>;
} {
  const slices = new Map<string, PlainSlice>();
  const onSlice = (slice: PlainSlice): void => {
    slices.set(`${slice.step}/${slice.slice}`, slice);
  };
  return { slices, compute: () => plainCompute({ onSlice }) };
}

test('two workers over gRPC do what the pure parts do in one process, bit for bit', async () => {
  const run = out('workers-2');
  const { slices, compute } = recorder();
  await runPlain({ data, out: run, workers: 2, settings: SETTINGS, compute });

  const source = await openImageSource(data);
  const loader = createImageLoader({
    source,
    config: dataConfigSchema.parse({ imageSize: SIDE, resizeRatio: 1 }),
    seed: 31,
  });
  const { pixels } = await loader.centre(Int32Array.from({ length: IMAGES }, (_, i) => i));
  const features = plainFeatures(pixels, IMAGES, initialShift(31));
  const rows = normaliseRows(features, FEATURES);
  const start = initialCentroidIds(IMAGES, K, clusterSeed(31, 0, true));
  const { labels } = kmeansBruteForce(Float64Array.from(rows), IMAGES, FEATURES, start, 8);
  const config = runConfigSchema().parse({
    algorithm: 'odc',
    model: { neck: 'odc' },
    clustering: { k: K },
    training: { batchSize: BATCH, sliceSize: SLICE },
    odc: { publishInterval: 3, smallClusterSize: 6 },
  });
  const settings = odcSettingsOf(config, FEATURES);
  const range = [consecutiveSamples(0, IMAGES)];
  const { state } = beginOdc(settings, features, Int32Array.from(labels), range);

  let step = 0;
  let moves = 0;
  for (let epoch = 0; epoch < EPOCHS; epoch += 1) {
    const plan = planOdcEpoch(state.clusters.pseudoLabels, epoch, 31, true);
    for (let index = 0; index < stepCount(plan, config.training); index += 1) {
      const draws = sliceDraws(stepDraws(plan, index, config.training), config.training);
      const idsOf = draws.map(({ begin, end }) => plan.ids.slice(begin, end));
      const targets = idsOf.map((ids) => state.memory.pseudoLabelsOf(ids));
      const weights = sampleWeights(targets, state.clusters.weights, 'step');
      const inputs = idsOf.map((ids, slice) => {
        const given = slices.get(`${step}/${slice}`)!;
        assert.deepEqual(given.pseudoLabels, targets[slice], `targets of ${step}/${slice}`);
        assert.deepEqual(given.weights, Float32Array.from(weights[slice]!));
        return { ids: [...ids], features: given.features };
      });
      const outcome = state.commit(step, slicesOf(state, inputs));
      if (outcome.kind === 'applied') moves += outcome.movedIds.length;
      step += 1;
    }
  }
  assert.ok(moves > 0, 'the settings make small clusters');
  const { files } = await checkpointOf(run);
  assert.deepEqual(
    arrayOf(files['clustering']!, 'pseudo-labels', Int32Array),
    state.clusters.pseudoLabels,
  );
  assert.deepEqual(
    arrayOf(files['clustering']!, 'centroids', Float32Array),
    state.clusters.centroids.values,
  );
  assert.deepEqual(arrayOf(files['sample-memory']!, 'memory-rows', Float32Array), allRows(state));
});

test('one and three workers give the run of two, bit for bit', async () => {
  const expected = await checkpointOf(out('workers-2'));
  for (const workers of [1, 3]) {
    const run = out(`workers-${workers}`);
    await runPlain({ data, out: run, workers, settings: SETTINGS });
    assert.deepEqual(readLosses(run), readLosses(out('workers-2')), `${workers} workers`);
    const { files } = await checkpointOf(run);
    for (const name of ['parameters', 'clustering', 'sample-memory']) {
      assert.deepEqual(files[name], expected.files[name], `${name} of ${workers} workers`);
    }
  }
});

test('a run that is stopped in mid-epoch and resumed is the undisturbed run, metrics too', async () => {
  const run = out('stopped');
  const stop = new AbortController();
  let slices = 0;
  const compute = () =>
    plainCompute({
      beforeGradient: () => {
        slices += 1;
        if (slices === 20) stop.abort(unavailable('test', 'stopped'));
      },
    });
  await assert.rejects(
    runPlain({ data, out: run, workers: 2, settings: SETTINGS, signal: stop.signal, compute }),
    /stopped/,
  );
  const stopped = await checkpointOf(run);
  const position = (stopped.state as { position: { index: number } }).position;
  assert.ok(position.index % 4 !== 0, 'in the middle of an epoch, between publications');
  await runPlain({ data, out: run, workers: 1, settings: SETTINGS, resume: true });
  assert.deepEqual(readLosses(run), readLosses(out('workers-2')));
  const [files, expected] = [await checkpointOf(run), await checkpointOf(out('workers-2'))];
  for (const name of ['parameters', 'clustering', 'sample-memory']) {
    assert.deepEqual(files.files[name], expected.files[name], name);
  }
  assert.deepEqual(figuresOf(run), figuresOf(out('workers-2')));
});

/** ODC's figures by step, without their time and the coordinator's term. */
function figuresOf(run: string): object[] {
  return readLines(run, 'metrics.jsonl')
    .filter(({ metric }) => metric === 'dc_odc')
    .map(({ ts: _ts, term: _term, ...figures }) => figures);
}

test('clusters that k-means leaves empty get a part of the largest ones, which is told', async () => {
  const run = out('few-kinds');
  // Three kinds of images, and a few about the first, for six clusters: one round of k-means leaves
  // three empty.
  const threeKinds = (count: number, seed: readonly (string | number)[] | null): Float32Array =>
    Float32Array.from({ length: count * FEATURES }, (_, i) => {
      const [row, column] = [Math.floor(i / FEATURES), i % FEATURES];
      if (column === row % 3) return 1;
      if (row === 12) return 0.02 * column;
      return seed === null ? 0 : 0.01 * column;
    });
  const fewRounds = { 'clustering.iterations': 1, 'odc.smallClusterSize': 1 };
  const settings = { ...SETTINGS, epochs: 1, ...fewRounds };
  const compute = () => plainCompute({ features: threeKinds });
  const summary = await runPlain({ data, out: run, workers: 2, settings, compute });
  const filled = readLines(run, 'events.jsonl').filter(({ event }) => event === 'clusters.filled');
  assert.equal(filled.length, 1);
  // 2-means tells the few from the first kind; the rows of the others are halved as they come.
  assert.deepEqual([filled[0]!['splits'], filled[0]!['halvings']], [3, 2]);
  const { odc } = summary as RunSummary & { readonly odc?: OdcSummary };
  assert.ok(odc!.smallest >= 1, 'the memory has no empty cluster');
  // By the network alone, equal images are in one cluster, whatever the memory has made of them.
  assert.equal(summary.clusters.empty, 2);
  assert.equal(summary.finalClusters?.emptyClusters, 2);
});

test('a small size that the images do not suffice for is refused, naming what would do', async () => {
  const settings = { ...SETTINGS, 'odc.smallClusterSize': 11 };
  await assert.rejects(
    runPlain({ data, out: out('crowded'), workers: 0, settings }),
    /odc\.smallClusterSize: must be at most 10, the images \(60\) per cluster \(clustering\.k 6\)/,
  );
});

test('what a user watches: metrics by interval, the epochs, the summary', async () => {
  const run = out('watched');
  const settings = { ...SETTINGS, 'evaluation.enabled': true, 'evaluation.knnK': 5 };
  const summary = await runPlain({ data, out: run, workers: 2, settings });
  assert.equal(summary.algorithm, 'odc');
  assert.equal(summary.ledger.committed, EPOCHS * IMAGES);
  assert.equal(summary.clusters.empty, 0);
  const { odc } = summary as RunSummary & { readonly odc?: OdcSummary };
  assert.ok(odc !== undefined);
  assert.equal(odc.changeRatio.length, EPOCHS);
  assert.ok(odc.smallest >= 1 && odc.largest < IMAGES);
  assert.equal(summary.nmi.toTruth?.length, EPOCHS);
  const figures = figuresOf(run) as { step: number; copies: number; empty: number }[];
  assert.deepEqual(
    figures.map(({ step }) => step),
    [3, 7, 11],
  );
  assert.equal(
    figures.reduce((total, { copies }) => total + copies, 0),
    EPOCHS * IMAGES,
  );
  const phases = readLines(run, 'events.jsonl')
    .filter(({ event }) => event === 'phase.entered')
    .map(({ phase }) => phase);
  assert.deepEqual(phases, [
    ...['extract', 'project', 'sampleRows', 'kmeans', 'assign', 'memory'],
    ...['train', 'train', 'train'],
    // By the final network, with the centroids that there are.
    ...['extract', 'project', 'assign', 'evaluate'],
  ]);
  const drifts = readLines(run, 'metrics.jsonl').filter(
    ({ metric }) => metric === 'dc_odc_class_sum_drift',
  );
  assert.ok(drifts.length > 0);
  assert.ok(drifts.every(({ drift }) => drift === 0));
});
