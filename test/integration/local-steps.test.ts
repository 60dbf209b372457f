/**
 * Mode `local` with a real network: a round of one local step is a step of mode `sync`, within
 * rounding, in a whole run.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeImages } from '../../src/data/made/made-images.ts';
import { readLosses, temporaryFolder } from '../support/runs/in-process-run.ts';
import { runNetwork } from '../support/runs/network-run.ts';

const folder = temporaryFolder();
after(folder.remove);
const data = join(folder.path, 'images');
await makeImages({ out: data, classes: 3, perClass: 16, size: 40, seed: 5 });

/** At which the body's momentum shows within six steps. */
const RATE = 0.5;
const SETTINGS = {
  ...{ epochs: 1, 'training.batchSize': 8, 'training.sliceSize': 4 },
  ...{ 'training.learningRate': RATE, 'training.headLearningRate': RATE },
  'training.weightDecay': 1e-3,
};
const ONE_STEP = {
  ...{ 'training.mode': 'local', 'training.localSteps': 1, 'training.momentum': 0 },
  ...{ 'training.outerLearningRate': 1, 'training.outerMomentum': 0.9 },
  'training.nesterov': false,
};

async function lossesOf(name: string, own: Readonly<Record<string, string | number | boolean>>) {
  const out = join(folder.path, name);
  await runNetwork({ data, out, model: { dropout: 0.2 }, settings: { ...SETTINGS, ...own } });
  return readLosses(out);
}

/** The largest of all steps, relative. */
function difference(a: readonly number[], b: readonly number[]): number {
  assert.equal(a.length, b.length);
  return Math.max(...a.map((loss, step) => Math.abs(loss - b[step]!) / loss));
}

test('a run of one local step a round is that of mode sync, while the rate stays', async () => {
  const sync = await lossesOf('sync', {});
  assert.equal(sync.length, 6);
  const local = await lossesOf('local', ONE_STEP);
  // Float32 rounds in other places: parameters, and what they do to the loss a few steps later.
  assert.ok(difference(local, sync) < 1e-6, `${difference(local, sync)}`);
  assert.notDeepEqual(local, sync, 'it is no run of mode sync');
  const other = await lossesOf('without-momentum', { ...ONE_STEP, 'training.outerMomentum': 0 });
  const off = difference(other, sync);
  assert.ok(off > 1e-4, `without its momentum it is far from that: ${off}`);
});
