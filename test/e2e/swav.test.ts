/**
 * Real processes with the real network: SwAV by one or two workers, with processes killed where its
 * queue is read and its memory written, and nobody can tell afterwards.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SMALL_SWAV, committed, disturbedRuns } from '../support/runs/disturbed-runs.ts';

const runs = await disturbedRuns({
  images: { classes: 4, perClass: 24 },
  ...{ epochs: 3, settings: SMALL_SWAV, servers: 2 },
});

test('the undisturbed run has its figures from clusterings that reach no loss', () => {
  const { algorithm, epochs, nmi, clusters } = runs.undisturbed;
  assert.equal(algorithm, 'swav');
  assert.equal(epochs, 3);
  assert.equal(nmi.toPrevious.length, 3);
  assert.ok(nmi.toPrevious.slice(1).every((value) => value! > 0));
  assert.equal(clusters.empty, 0);
  assert.ok(runs.losses.every((loss) => Number.isFinite(loss) && loss > 0));
});

test('one worker makes the run that two make, bit for bit', async () => {
  await runs.start('workers-1', { workers: 1 }).endsAsUndisturbed();
});

test('kill -9 of a worker in mid-epoch', async () => {
  const run = runs.start('worker');
  await run.reaches(committed(4));
  run.signal('worker-0', 'SIGKILL');
  await run.endsAsUndisturbed();
});

test('kill -9 of every process, then --resume: the run as it was', async () => {
  const run = runs.start('all-killed');
  await run.reaches(committed(8));
  await run.killAll(['coordinator', 'worker-0', 'worker-1', 'server-0', 'server-1']);
  await runs.start('all-killed', { resume: true }).endsAsUndisturbed();
});
