/** The program as a library: a run is trained by a call, opened, and its network put to use. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadNetwork, openRun, train, type OpenedRun, type TrainedNetwork } from '../../src/api.ts';
import { makeImages } from '../../src/data/made/made-images.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';

/** More than go through the network at a time. */
const IMAGES = 160;
const folder = temporaryFolder();
const data = join(folder.path, 'images');
const out = join(folder.path, 'run');
const heard = { phases: new Set<string>(), remarks: [] as string[] };
let run: OpenedRun;
let network: TrainedNetwork;

/** Learns next to nothing, so that its clusters at the end are still those of its own features. */
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
  'training.learningRate': 1e-12,
  'training.headLearningRate': 1e-12,
  'training.batchNormMomentum': 1e-9,
};

before(async () => {
  await makeImages({ out: data, classes: 4, perClass: IMAGES / 4, size: 32, seed: 1 });
  const { summary, out: where } = await train({
    data,
    out,
    settings: SETTINGS,
    onProgress: ({ phase }) => heard.phases.add(phase),
    onRemark: (text) => heard.remarks.push(text),
  });
  assert.equal(where, out);
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
  assert.deepEqual(embedded.clusters, run.pseudoLabels);
  assert.equal(embedded.features.length, IMAGES * network.dim);
  assert.deepEqual(done, [128, IMAGES]);
});

test('the distances that are told add up to the inertia of the last clustering', async () => {
  const { distances } = await network.embed(data);
  // Whitened rows have length 1, and so no centroid is farther than 2.
  for (const distance of distances!) assert.ok(0 <= distance && distance <= 2);
  // The inertia of the run's last clustering is the mean of the squared distances.
  const squares = distances!.reduce((sum, distance) => sum + distance ** 2, 0);
  const { inertia } = run.record.epochs.at(-1)!;
  assert.ok(Math.abs(squares - inertia!) < 1e-4 * inertia!, `${squares}, not ${inertia}`);
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
