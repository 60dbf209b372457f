/**
 * Mode `local` in real processes: killed workers and servers, a resumed run, more or fewer workers;
 * each time the run as it was, and an exchange once in several batches.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { committed, disturbedRuns, entered, hasEvent } from '../support/runs/disturbed-runs.ts';
import { eventsOf } from '../support/runs/trace-events.ts';

const LOCAL_STEPS = 2;
const runs = await disturbedRuns({
  epochs: 3,
  servers: 1,
  settings: {
    'training.mode': 'local',
    'training.localSteps': LOCAL_STEPS,
    'training.schedule': JSON.stringify([{ epoch: 1, factor: 0.5 }]),
  },
});
/** Steps of 24 images in mode `sync`, of 144 images. */
const STEPS = (3 * 144) / 24;

test('a round has the images of several steps', () => {
  assert.equal(runs.losses.length, STEPS / LOCAL_STEPS);
  assert.equal(runs.undisturbed.ledger.committed, 3 * 144);
});

test('kill -9 of a worker in train leaves the run as it was', async () => {
  const run = runs.start('killed-worker');
  await run.reaches(entered(1, 'train'));
  run.signal('worker-1', 'SIGKILL');
  await run.endsAsUndisturbed();
  assert.ok(hasEvent(run.events, 'worker.lost'));
});

test('kill -9 of the server in train leaves the run as it was', async () => {
  const run = runs.start('killed-server');
  await run.reaches(entered(1, 'train'));
  run.signal('server-0', 'SIGKILL');
  await run.endsAsUndisturbed();
});

test('kill -9 of every process, then --resume: the run as it was', async () => {
  const run = runs.start('all-killed');
  await run.reaches(committed(4));
  await run.killAll(['coordinator', 'server-0', 'worker-0', 'worker-1']);
  const resumed = runs.start('all-killed', { resume: true });
  await resumed.endsAsUndisturbed();
  assert.ok(hasEvent(resumed.events, 'run.resumed'));
});

test('one and three workers give the run of two; each exchanges once a round at the most', async () => {
  for (const workers of [1, 3]) {
    const name = `workers-${workers}`;
    const settings = { 'cluster.minWorkers': workers, 'cluster.backupFactor': 0 };
    const run = runs.start(name, { workers, settings, flags: ['--trace'] });
    await run.endsAsUndisturbed();
    const spans = Array.from({ length: workers }, (_, i) =>
      eventsOf(join(run.out, 'trace', `worker-${i}.json`), 'X'),
    );
    for (const own of spans) {
      const rounds = own.filter(({ name: what }) => what === 'push').length;
      assert.ok(rounds <= runs.losses.length, `${rounds} pushes of a worker`);
    }
    const passes = spans.flat().filter(({ name: what }) => what === 'lossAndGradient').length;
    // Three slices of 8 images in each of the local steps.
    assert.equal(passes, 3 * STEPS);
  }
});
