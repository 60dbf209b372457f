/** Real processes with the real network: ODC loses a worker in mid-step, then everything, and nobody can tell afterwards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SMALL_ODC, committed, disturbedRuns, hasEvent } from '../support/runs/disturbed-runs.ts';

const runs = await disturbedRuns({ epochs: 3, settings: SMALL_ODC });

/** After this step, the next one's slices are under way: between two publications, and off the checkpoints at every third step. */
const isLate = committed(9);

test('the undisturbed run is one of ODC, and leaves no cluster empty', () => {
  const { algorithm, clusters } = runs.undisturbed;
  assert.equal(algorithm, 'odc');
  assert.equal(clusters.empty, 0);
});

test('kill -9 of a worker in mid-step leaves the run as it was', async () => {
  const run = runs.start('worker-killed');
  await run.reaches(isLate);
  run.signal('worker-1', 'SIGKILL');
  await run.endsAsUndisturbed();
  assert.ok(hasEvent(run.events, 'worker.lost'));
});

test('kill -9 of every process, then --resume: the run as it was', async () => {
  const run = runs.start('all-killed');
  await run.reaches(isLate);
  await run.killAll(['coordinator', 'worker-0', 'worker-1']);
  await runs.start('all-killed', { resume: true }).endsAsUndisturbed();
});
