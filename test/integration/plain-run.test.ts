import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { arrayOf } from '../../src/arrays/bundle.ts';
import { FLOAT64_KERNELS, type ClusteringKernels } from '../../src/clustering/kernels.ts';
import { clusterSeed, initialCentroidIds } from '../../src/clustering/kmeans.ts';
import { dataConfigSchema } from '../../src/data/config.ts';
import { createImageLoader } from '../../src/data/loader/loader.ts';
import { openImageSource } from '../../src/data/source/source.ts';
import { unavailable } from '../../src/errors.ts';
import type { EngineName } from '../../src/engine/registry.ts';
import { openRun } from '../../src/run/open-run.ts';
import type { Compute } from '../../worker/session.ts';
import { kmeansBruteForce, whitenBruteForce } from '../support/oracles/brute-force-clustering.ts';
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
} from '../support/runs/in-process-run.ts';
import { testEngines } from '../support/engines/engines.ts';
import { PLAIN_LAYOUT } from '../support/made/layouts.ts';
import { readProjector } from '../support/made/projector-files.ts';
import { readEvents } from '../support/made/tensorboard-events.ts';

const IMAGES = 60;
const { data, out } = await placeForRuns(IMAGES);

/** Null where the engine is not installed. */
async function kernelsOf(name: 'float64' | EngineName): Promise<ClusteringKernels | null> {
  if (name === 'float64') return FLOAT64_KERNELS;
  const engine = (await testEngines()).find((one) => one.name === name)?.engine ?? null;
  return engine?.clustering ?? null;
}

for (const name of ['float64', 'wasm', 'tensorflow'] as const) {
  test(`the distributed PCA and k-means equal a brute-force float64 computation on the same features: ${name}`, async (t) => {
    const clustering = await kernelsOf(name);
    if (clustering === null) {
      t.skip(`engine ${name} is not installed here`);
      return;
    }
    const compute = (): Compute => ({ ...plainCompute(), clustering });
    await equalsBruteForce(out(`brute-force-${name}`), compute);
  });
}

async function equalsBruteForce(run: string, compute: () => Compute): Promise<void> {
  await runPlain({ data, out: run, workers: 2, settings: { epochs: 1 }, compute });
  const { files } = await checkpointOf(run);
  const clustering = files['clustering']!;
  const centroids = arrayOf(clustering, 'centroids', Float32Array);
  const labels = arrayOf(clustering, 'pseudo-labels', Int32Array);

  const source = await openImageSource(data);
  const config = dataConfigSchema.parse({ imageSize: SIDE, resizeRatio: 1 });
  const loader = createImageLoader({ source, config, seed: 31 });
  const { pixels } = await loader.centre(Int32Array.from({ length: IMAGES }, (_, i) => i));
  const features = plainFeatures(pixels, IMAGES, initialShift(31));
  const rows = whitenBruteForce(features, IMAGES, FEATURES, 5);
  const start = initialCentroidIds(IMAGES, 6, clusterSeed(31, 0, true));
  const expected = kmeansBruteForce(rows, IMAGES, 5, start, 8);
  assert.deepEqual([...labels], [...expected.labels]);
  // An eigenvector's sign is arbitrary: each dimension is compared up to it.
  for (let j = 0; j < 5; j += 1) {
    const column = (values: ArrayLike<number>): number[] =>
      Array.from({ length: 6 }, (_, c) => values[c * 5 + j]!);
    const [ours, theirs] = [column(centroids), column(expected.centroids)];
    const sign = Math.sign(ours.reduce((total, value, c) => total + value * theirs[c]!, 0));
    ours.forEach((value, c) => {
      assert.ok(Math.abs(value - sign * theirs[c]!) < 1e-5, `centroid ${c}, dimension ${j}`);
    });
  }
}

test('one, two and three workers give the same run bit for bit, and each holds its part of the features', async () => {
  const runs = [1, 2, 3];
  for (const workers of runs) await runPlain({ data, out: out(`workers-${workers}`), workers });
  const losses = readLosses(out('workers-1'));
  assert.equal(losses.length, 2 * Math.ceil(IMAGES / 16));
  const first = await checkpointOf(out('workers-1'));
  for (const workers of runs.slice(1)) {
    const run = out(`workers-${workers}`);
    assert.deepEqual(readLosses(run), losses, `${workers} workers`);
    assert.deepEqual((await checkpointOf(run)).files['parameters'], first.files['parameters']);
    const held = new Map(
      readLines(run, 'metrics.jsonl')
        .filter(({ metric }) => metric === 'dc_resident_feature_rows')
        .map(({ workerId, rows }) => [workerId, rows as number]),
    );
    assert.equal(held.size, workers, 'every worker held features');
    for (const rows of held.values()) {
      // Data shards of 13 images: a share is a whole number of them, and one more where another
      // worker was slow.
      assert.ok(
        rows <= IMAGES / workers + 2 * 13,
        `${rows} of ${IMAGES} rows on one of ${workers}`,
      );
    }
  }
});

test('a run that is stopped in mid-epoch and resumed is the undisturbed run', async () => {
  const undisturbed = out('workers-2');
  const run = out('stopped');
  const stop = new AbortController();
  let slices = 0;
  const compute = () =>
    plainCompute({
      beforeGradient: () => {
        slices += 1;
        if (slices === 17) stop.abort(unavailable('test', 'stopped'));
      },
    });
  await assert.rejects(
    runPlain({ data, out: run, workers: 2, signal: stop.signal, compute }),
    /stopped/,
  );
  const summary = await runPlain({ data, out: run, workers: 1, resume: true });
  assert.deepEqual(readLosses(run), readLosses(undisturbed));
  assert.equal(summary.ledger.committed, 2 * IMAGES);
  assert.ok(readLines(run, 'events.jsonl').some(({ event }) => event === 'run.resumed'));
});

test('a schedule takes hold with the first step of its epoch', async () => {
  // Half of twice the learning rates is what the plain run has, and a power of two costs no
  // rounding.
  const run = out('scheduled');
  const settings = {
    'training.learningRate': 2 * 0.01,
    'training.headLearningRate': 2 * 0.05,
    'training.schedule': '[{epoch: 0, factor: 0.5}, {epoch: 1, factor: 0.25}]',
  };
  await runPlain({ data, out: run, workers: 2, settings });
  const [plain, scheduled] = [readLosses(out('workers-2')), readLosses(run)];
  // The loss of a step is that of the parameters it begins with.
  const lastAlike = Math.ceil(IMAGES / 16);
  assert.deepEqual(scheduled.slice(0, lastAlike + 1), plain.slice(0, lastAlike + 1));
  assert.notEqual(scheduled[lastAlike + 1], plain[lastAlike + 1]);
});

test('the record tells phases, steps and processes', () => {
  const events = readLines(out('workers-2'), 'events.jsonl');
  const named = (event: string): Record<string, unknown>[] =>
    events.filter((line) => line['event'] === event);
  assert.deepEqual(
    named('phase.entered')
      .filter(({ epoch }) => epoch === 0)
      .map(({ phase }) => phase),
    ['extract', 'moments', 'pca', 'project', 'sampleRows', 'kmeans', 'assign', 'train'],
  );
  assert.deepEqual(
    named('step.committed').map(({ step }) => step),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  assert.equal(
    named('step.committed').reduce((total, { samples }) => total + (samples as number), 0),
    2 * IMAGES,
  );
  assert.deepEqual(
    new Set(named('process.started').map(({ role }) => role)),
    new Set(['coordinator', 'server', 'worker']),
  );
  assert.equal(named('run.finished').length, 1);
});

test('TensorBoard has the loss of every step, the figures of every epoch, the values of every variable', () => {
  const board = join(out('workers-2'), 'tensorboard');
  const [name, ...others] = readdirSync(board).filter((file) => file.startsWith('events.'));
  assert.deepEqual(others, [], 'one term, one file');
  const events = readEvents(readFileSync(join(board, name!)));
  const losses = events.flatMap(({ scalars }) => scalars.get('loss/step') ?? []);
  const written = readFileSync(join(out('workers-2'), 'loss-by-step.txt'), 'utf8');
  assert.deepEqual(losses, written.trim().split('\n').map(Number).map(Math.fround));
  const named = (tag: string): number[] =>
    events.filter(({ tags }) => tags.includes(tag)).map(({ step }) => step);
  assert.deepEqual(named('clusters/normalised_entropy'), [4, 8]);
  for (const { name: variable } of PLAIN_LAYOUT.variables) {
    assert.deepEqual(named(`parameters/${variable}`), [4, 8]);
  }
  assert.deepEqual(named('clusters/sizes'), [8]);
});

test("TensorBoard has pictures of the clusters, and their centroids as the checkpoint's", async () => {
  const run = out('workers-2');
  const board = join(run, 'tensorboard');
  const summary = readFileSync(join(run, 'cluster-summary.csv'), 'utf8');
  const filled = summary
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','))
    .filter(([, size]) => size !== '0');
  const [name] = readdirSync(board).filter((file) => file.startsWith('events.'));
  const pictures = readEvents(readFileSync(join(board, name!))).flatMap(({ step, images }) =>
    Array.from(images, ([tag, { width, height }]) => ({ step, tag, width, height })),
  );
  assert.deepEqual(
    pictures.sort((a, b) => (a.tag < b.tag ? -1 : 1)),
    filled.map(([cluster, size]) => ({
      ...{ step: 8, tag: `clusters/${cluster}` },
      width: 96 * Math.min(6, Number(size)),
      height: 96 * Math.min(4, Math.ceil(Number(size) / 6)),
    })),
  );
  const [embedding, ...others] = await readProjector(board);
  assert.deepEqual(others, [], 'features of images come with the report');
  assert.deepEqual(
    embedding!.metadata.map(({ cluster, size, medoid }) => [cluster, size, medoid]),
    filled.map(([cluster, size, medoid]) => [cluster, size, medoid]),
  );
  const { centroids } = await openRun(run);
  assert.deepEqual(
    embedding!.points,
    filled.map(([cluster]) =>
      Array.from({ length: 5 }, (_, j) =>
        Number(centroids!.values[5 * Number(cluster) + j]!.toPrecision(6)),
      ),
    ),
  );
  assert.ok(embedding!.centres.every((pixel) => pixel.some((value) => value > 0)));
});

test('the metrics tell how long devices computed and waited for views, by epoch and phase', () => {
  const lines = readLines(out('workers-2'), 'metrics.jsonl').filter(
    ({ metric }) => metric === 'dc_compute_seconds',
  );
  const named = lines.map(({ epoch, phase }) => `${String(epoch)} ${String(phase)}`);
  assert.deepEqual(named, ['0 extract', '0 train', '1 extract', '1 train']);
  for (const line of lines) {
    assert.ok((line['dc_compute_seconds'] as number) > 0);
    assert.ok((line['dc_view_wait_seconds'] as number) > 0);
  }
});

test('class folders are evaluated at the end, trained and random network alike', async () => {
  const settings = { epochs: 1, 'evaluation.enabled': true, 'evaluation.knnK': 5 };
  const summary = await runPlain({ data, out: out('evaluated'), workers: 2, settings });
  const { evaluation } = summary;
  assert.ok(evaluation !== null);
  assert.equal(evaluation.feature, 'plain (10)');
  assert.equal(evaluation.classes, 2);
  assert.equal(evaluation.trainImages + evaluation.testImages, IMAGES);
  // The folders are told apart by brightness, which is the first of the plain features; half would
  // be chance.
  assert.ok(evaluation.knnTop1 > 0.7, `kNN ${evaluation.knnTop1}`);
  assert.ok(evaluation.linearTop1 > 0.7, `linear ${evaluation.linearTop1}`);
  assert.ok(evaluation.randomKnnTop1 > 0.7 && evaluation.randomLinearTop1 > 0.7);
  // The cosine of two grey images is 1 whatever their brightness: neighbours of raw pixels are chance.
  assert.ok(evaluation.pixelsLinearTop1! > 0.7, `pixels ${evaluation.pixelsLinearTop1}`);
  assert.ok(evaluation.pixelsKnnTop1! < evaluation.knnTop1);
  assert.ok(evaluation.kmeansNmi! >= 0 && evaluation.pixelsKmeansNmi! <= 1);
  // A single split: the error of its test images alone.
  assert.equal(evaluation.intervals?.from, 'test images');
  const { random, pixels } = evaluation.gains!;
  assert.equal(random.knnTop1.value, evaluation.knnTop1 - evaluation.randomKnnTop1);
  assert.equal(pixels.linearTop1.value, evaluation.linearTop1 - evaluation.pixelsLinearTop1!);
});
