/** Real processes with the real network: ODC loses a worker in mid-step, then everything, and nobody can tell afterwards. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { makeImages } from '../../src/data/made/made-images.ts';
import { temporaryFolder } from '../support/in-process-run.ts';
import {
  eventsOf,
  finished,
  launch,
  lossesOf,
  pidOf,
  waitForEvent,
  type LaunchPlan,
  type Launched,
  type RunEvent,
} from '../support/launched-run.ts';

const IMAGES = 6 * 24;
const EPOCHS = 3;
const folder = temporaryFolder();
const data = join(folder.path, 'images');
const undisturbed = join(folder.path, 'undisturbed');

const SETTINGS = {
  epochs: EPOCHS,
  algorithm: 'odc',
  'model.neck': 'odc',
  'model.neckHidden': 16,
  'model.neckDim': 8,
  'model.neckBatchNormMomentum': 0.1,
  'odc.smallClusterSize': 4,
  'odc.publishInterval': 4,
};

before(async () => {
  await makeImages({ out: data, classes: 6, perClass: 24, size: 48, seed: 1 });
  const summary = await finished(start({ out: undisturbed }));
  assert.equal(summary.algorithm, 'odc');
  assert.equal(summary.clusters.empty, 0);
});
after(() => {
  folder.remove();
});

function start(plan: Omit<LaunchPlan, 'data'>): Launched {
  return launch({ data, settings: SETTINGS, ...plan });
}

/** After this step, the next one's slices are under way: between two publications, and off the checkpoints at every third step. */
function isLate({ event, step }: RunEvent): boolean {
  return event === 'step.committed' && step === 9;
}

test('kill -9 of a worker in mid-step leaves the run as it was', async () => {
  const out = join(folder.path, 'worker-killed');
  const launched = start({ out });
  await waitForEvent(out, isLate, launched);
  process.kill(pidOf(out, 'worker-1'), 'SIGKILL');
  const summary = await finished(launched);
  assert.deepEqual(lossesOf(out), lossesOf(undisturbed), 'bit for bit');
  assert.equal(summary.ledger.committed, EPOCHS * IMAGES, 'every draw exactly once');
  assert.ok(eventsOf(out).some(({ event }) => event === 'worker.lost'));
});

test('kill -9 of every process, then --resume: the run as it was', async () => {
  const out = join(folder.path, 'all-killed');
  const launched = start({ out });
  await waitForEvent(out, isLate, launched);
  for (const id of ['coordinator', 'worker-0', 'worker-1']) process.kill(pidOf(out, id), 'SIGKILL');
  launched.process.kill('SIGKILL');
  await launched.ended;
  const summary = await finished(start({ out, resume: true }));
  assert.deepEqual(lossesOf(out), lossesOf(undisturbed), 'bit for bit');
  assert.equal(summary.ledger.committed, EPOCHS * IMAGES);
});
