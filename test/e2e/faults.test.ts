/** Real processes that are killed or stopped in each phase, or are more or fewer: the run as it was. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { committed, disturbedRuns, entered, hasEvent } from '../support/runs/disturbed-runs.ts';

/** One more epoch than is disturbed, so that the run always has some way to go after it. */
const runs = await disturbedRuns({ epochs: 3 });

for (const phase of ['extract', 'kmeans', 'train']) {
  test(`kill -9 of a worker in ${phase} leaves the run as it was`, async () => {
    const run = runs.start(`killed-in-${phase}`);
    await run.reaches(entered(1, phase));
    run.signal('worker-1', 'SIGKILL');
    await run.endsAsUndisturbed();
    const events = run.events.map(({ event }) => event);
    assert.ok(events.includes('worker.lost'));
    assert.ok(
      events.indexOf('worker.lost') < events.indexOf('run.finished'),
      'while the run went on',
    );
  });
}

test('kill -9 of every process, then --resume: the run as it was', async () => {
  const run = runs.start('all-killed');
  await run.reaches(committed(8));
  await run.killAll(['coordinator', 'worker-0', 'worker-1']);
  const resumed = runs.start('all-killed', { resume: true });
  await resumed.endsAsUndisturbed();
  assert.ok(hasEvent(resumed.events, 'run.resumed'));
});

test('SIGTERM takes a checkpoint and asks to be tried again; --resume goes on with it', async () => {
  const run = runs.start('terminated');
  await run.reaches(committed(1));
  assert.match(await run.stops(), /--resume/);
  const stopped = run.events.findIndex(({ event }) => event === 'run.stopped');
  assert.ok(hasEvent(run.events.slice(0, stopped), 'checkpoint.written'));
  await runs.start('terminated', { resume: true, workers: 1 }).endsAsUndisturbed();
});

test('one and three workers give the run of two', async () => {
  for (const workers of [1, 3]) {
    await runs.start(`workers-${workers}`, { workers }).endsAsUndisturbed();
  }
});
