/**
 * Real processes with the real network: DeepCluster-v2 with small crops beside the large ones, by
 * LARS on parameter servers that hold whole variables. The number of workers and of servers shows in
 * no bit, and killed processes do not either.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SMALL_V2, committed, disturbedRuns } from '../support/runs/disturbed-runs.ts';

const runs = await disturbedRuns({
  epochs: 2,
  settings: {
    ...SMALL_V2,
    'data.imageSize': 48,
    'data.cropArea': '[0.14, 1]',
    'deepclusterV2.smallCrops': 2,
    'deepclusterV2.smallCropSize': 32,
    'training.optimizer': 'lars',
    'training.larsTrust': 0.02,
    'training.learningRate': 1,
  },
  servers: 2,
});

test('the undisturbed run learns', () => {
  const { epochs, finalLoss } = runs.undisturbed;
  const steps = runs.losses.length / epochs;
  const first = runs.losses.slice(0, steps).reduce((sum, loss) => sum + loss, 0) / steps;
  assert.ok(finalLoss < first, `${first} to ${finalLoss}`);
});

test('one worker and one server make the run that two and two make, bit for bit', async () => {
  await runs.start('alone', { workers: 1, servers: 1 }).endsAsUndisturbed();
});

test('kill -9 of every process in mid-epoch, then --resume: the run as it was', async () => {
  const run = runs.start('all-killed');
  await run.reaches(committed(6));
  await run.killAll(['coordinator', 'worker-0', 'worker-1', 'server-0', 'server-1']);
  await runs.start('all-killed', { resume: true }).endsAsUndisturbed();
});
