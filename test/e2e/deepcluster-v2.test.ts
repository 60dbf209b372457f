/**
 * Real processes with the real network: DeepCluster-v2 by one, two or three workers, with processes
 * killed where its memory is filled, clustered and trained on, and nobody can tell afterwards.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  SMALL_V2,
  committed,
  disturbedRuns,
  entered,
  hasEvent,
} from '../support/runs/disturbed-runs.ts';
import type { RunEvent } from '../support/runs/launched-run.ts';

const runs = await disturbedRuns({ epochs: 3, settings: SMALL_V2, servers: 2 });

test('the undisturbed run trains against prototypes, and learns', () => {
  const { algorithm, epochs, finalLoss } = runs.undisturbed;
  assert.equal(algorithm, 'deepcluster-v2');
  assert.equal(epochs, 3);
  const steps = runs.losses.length / epochs;
  const first = runs.losses.slice(0, steps).reduce((sum, loss) => sum + loss, 0) / steps;
  assert.ok(finalLoss < first, `${first} to ${finalLoss}`);
});

for (const workers of [1, 3]) {
  test(`${workers} workers make the run that two make, bit for bit`, async () => {
    await runs.start(`workers-${workers}`, { workers }).endsAsUndisturbed();
  });
}

test('kill -9 of a worker while the first memory is filled', async () => {
  const run = runs.start('filling');
  await run.reaches(entered(0, 'extract'));
  // The other one may not have been started yet.
  const isWorker = ({ event, id }: RunEvent): boolean =>
    event === 'process.started' && String(id).startsWith('worker-');
  run.signal(String(run.events.find(isWorker)!['id']), 'SIGKILL');
  await run.endsAsUndisturbed();
});

/** The undisturbed run's heads are clustered whole, each by one worker. */
const SHARED = { settings: { 'deepclusterV2.wholeBytes': 0 } };

test('a clustering that all workers share makes the same run, bit for bit', async () => {
  await runs.start('shared', { ...SHARED, workers: 3 }).endsAsUndisturbed();
});

test('kill -9 of a worker that holds rows of the memory, between k-means and steps', async () => {
  const run = runs.start('clustering', SHARED);
  await run.reaches(entered(1, 'kmeans'));
  run.signal('worker-0', 'SIGKILL');
  await run.endsAsUndisturbed();
  assert.ok(hasEvent(run.events, 'worker.lost'));
});

test('kill -9 of a worker that clusters a head', async () => {
  const run = runs.start('head');
  await run.reaches(entered(1, 'kmeans'));
  run.signal('worker-0', 'SIGKILL');
  await run.endsAsUndisturbed();
});

test('kill -9 of a server that holds half of the memory, in mid-epoch', async () => {
  const run = runs.start('server');
  await run.reaches(committed(7));
  run.signal('server-1', 'SIGKILL');
  await run.endsAsUndisturbed();
});

test('kill -9 of every process, then --resume: the run as it was', async () => {
  const run = runs.start('all-killed');
  await run.reaches(committed(8));
  await run.killAll(['coordinator', 'worker-0', 'worker-1', 'server-0', 'server-1']);
  await runs.start('all-killed', { resume: true }).endsAsUndisturbed();
});
