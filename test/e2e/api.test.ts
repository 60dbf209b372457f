/** The program as a library: a run is trained by a call, opened, and its network put to use. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  loadNetwork,
  openRun,
  train,
  type OpenedRun,
  type RunSummary,
  type TrainedNetwork,
} from '../../src/api.ts';
import { makeImages } from '../../src/data/made/made-images.ts';
import { SMALL_ODC } from '../support/runs/disturbed-runs.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';

/** More than go through the network at a time. */
const IMAGES = 160;
const folder = temporaryFolder();
const data = join(folder.path, 'images');
const out = join(folder.path, 'run');
const heard = { phases: new Set<string>(), remarks: [] as string[] };
let summary: RunSummary;
let run: OpenedRun;
let network: TrainedNetwork;

/** Learns much in every epoch: clusters of the network as an epoch begins are not those of its end. */
const SETTINGS = {
  epochs: 2,
  'cluster.engine': 'wasm',
  'data.imageSize': 32,
  'data.resizeRatio': 1,
  'model.architecture': 'small-convnet',
  'model.width': 4,
  'model.featureDim': 16,
  'clustering.k': 5,
  'clustering.pcaDim': 8,
  'training.batchSize': 16,
  'training.sliceSize': 8,
  'training.learningRate': 0.05,
};

before(async () => {
  await makeImages({ out: data, classes: 4, perClass: IMAGES / 4, size: 32, seed: 1 });
  const trained = await train({
    data,
    out,
    settings: SETTINGS,
    onProgress: ({ phase }) => heard.phases.add(phase),
    onRemark: (text) => heard.remarks.push(text),
  });
  assert.equal(trained.out, out);
  summary = trained.summary;
  assert.equal(summary.images, IMAGES);
  run = await openRun(out);
  network = await loadNetwork(run, { engine: 'wasm', threads: 1 });
});
after(async () => {
  await network.close();
  folder.remove();
});

test('training tells its phases, and which engine computes', () => {
  for (const phase of ['extract', 'kmeans', 'train']) assert.ok(heard.phases.has(phase), phase);
  assert.ok(heard.remarks.some((text) => text.startsWith('engine wasm')));
});

test('the images of the run are in the clusters that the run gave them', async () => {
  const done: number[] = [];
  const embedded = await network.embed(data, { onProgress: (images) => done.push(images) });
  assert.equal(embedded.paths.length, IMAGES);
  assert.equal(run.clustersAreOf, 'final parameters');
  assert.deepEqual(embedded.clusters, run.clusters);
  assert.notDeepEqual(embedded.clusters, run.pseudoLabels, 'those of training are older');
  assert.deepEqual(embedded.seconds, run.details!.seconds);
  assert.equal(embedded.features.length, IMAGES * network.dim);
  assert.deepEqual(done, [128, IMAGES]);
});

test('the distances are those that the run found, and add up to its inertia', async () => {
  const { distances, secondDistances } = await network.embed(data);
  // Whitened rows have length 1, and so no centroid is farther than 2.
  for (const distance of distances!) assert.ok(0 <= distance && distance <= 2);
  distances!.forEach((distance, i) => {
    assert.ok(distance <= secondDistances![i]!);
    assert.ok(Math.abs(distance - run.details!.distances[i]!) < 1e-5);
  });
  const squares = distances!.reduce((sum, distance) => sum + distance ** 2, 0);
  const { inertia } = summary.finalClusters!;
  assert.ok(Math.abs(squares - inertia) < 1e-4 * inertia, `${squares}, not ${inertia}`);
});

test('the images of an ODC run are in the clusters that its final parameters give them', async () => {
  const odc = join(folder.path, 'odc');
  await train({ data, out: odc, settings: { ...SETTINGS, ...SMALL_ODC } });
  const opened = await openRun(odc);
  const trained = await loadNetwork(opened, { engine: 'wasm', threads: 1 });
  try {
    const { clusters, seconds } = await trained.embed(data);
    assert.deepEqual(clusters, opened.clusters);
    assert.deepEqual(seconds, opened.details!.seconds);
    assert.notDeepEqual(clusters, opened.pseudoLabels, 'the memory is older');
  } finally {
    await trained.close();
  }
});

test('images from elsewhere have the features that they would have anywhere; bad ones are named', async () => {
  const whole = await network.embed(data);
  const other = join(folder.path, 'other');
  mkdirSync(other);
  const [path] = whole.paths.slice(7);
  cpSync(join(data, path!), join(other, 'a.jpg'));
  writeFileSync(join(other, 'b.jpg'), 'no image');
  const { features, clusters, paths, unreadable } = await network.embed(other);
  assert.deepEqual(paths, ['a.jpg']);
  assert.deepEqual(features, whole.features.slice(7 * network.dim, 8 * network.dim));
  assert.deepEqual(clusters, whole.clusters!.slice(7, 8));
  assert.deepEqual(
    unreadable.map(({ path }) => path),
    ['b.jpg'],
  );
});

test('what cannot be done is an error with its code, and a stop ends the run in order', async () => {
  const invalid = { code: 'CONFIG_INVALID' };
  await assert.rejects(train({ data, out }), { ...invalid, message: /already holds a run/ });
  const settings = { ...SETTINGS, 'training.batchSise': 1 };
  await assert.rejects(train({ data, out: join(folder.path, 'no'), settings }), {
    ...invalid,
    message: /training\.batchSise.*training\.batchSize/,
  });
  await assert.rejects(network.embed(join(folder.path, 'nowhere')), { code: 'DATA_UNREADABLE' });
  const stop = new AbortController();
  const stopped = train({
    data,
    out: join(folder.path, 'stopped'),
    settings: { ...SETTINGS, epochs: 1000 },
    signal: stop.signal,
    onProgress: ({ phase }) => {
      if (phase === 'train') stop.abort();
    },
  });
  await assert.rejects(stopped, (error: { exitCode?: number; code?: string }) => {
    return error.exitCode === 75 || error.code === 'UNAVAILABLE';
  });
  assert.ok(readdirSync(join(folder.path, 'stopped', 'checkpoints')).length > 0);
});
