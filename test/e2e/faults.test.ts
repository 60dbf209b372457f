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
/** One more than the epoch that is disturbed, so that the run always has some way to go after it. */
const EPOCHS = 3;
const folder = temporaryFolder();
const data = join(folder.path, 'images');
const undisturbed = join(folder.path, 'undisturbed');

before(async () => {
  await makeImages({ out: data, classes: 6, perClass: 24, size: 48, seed: 1 });
  const summary = await finished(start({ out: undisturbed }));
  assert.equal(summary.ledger.committed, EPOCHS * IMAGES);
});
after(() => {
  folder.remove();
});

function start(plan: Omit<LaunchPlan, 'data'>): Launched {
  return launch({ data, settings: { epochs: EPOCHS }, ...plan });
}

function assertSameRun(out: string): void {
  assert.deepEqual(lossesOf(out), lossesOf(undisturbed), 'bit for bit');
}

function inEpochOne(phase: string): (event: RunEvent) => boolean {
  return ({ event, epoch, phase: name }) =>
    event === 'phase.entered' && epoch === 1 && name === phase;
}

for (const phase of ['extract', 'kmeans', 'train']) {
  test(`kill -9 of a worker in ${phase} leaves the run as it was`, async () => {
    const out = join(folder.path, `killed-in-${phase}`);
    const launched = start({ out });
    await waitForEvent(out, inEpochOne(phase), launched);
    process.kill(pidOf(out, 'worker-1'), 'SIGKILL');
    const summary = await finished(launched);
    assertSameRun(out);
    assert.equal(summary.ledger.committed, EPOCHS * IMAGES, 'every draw exactly once');
    const events = eventsOf(out).map(({ event }) => event);
    assert.ok(events.includes('worker.lost'));
    assert.ok(
      events.indexOf('worker.lost') < events.indexOf('run.finished'),
      'while the run went on',
    );
  });
}

test('kill -9 of every process, then --resume: the run as it was', async () => {
  const out = join(folder.path, 'all-killed');
  const launched = start({ out });
  const isLate = ({ event, step }: RunEvent): boolean => event === 'step.committed' && step === 8;
  await waitForEvent(out, isLate, launched);
  for (const id of ['coordinator', 'worker-0', 'worker-1']) process.kill(pidOf(out, id), 'SIGKILL');
  launched.process.kill('SIGKILL');
  await launched.ended;
  const summary = await finished(start({ out, resume: true }));
  assertSameRun(out);
  assert.equal(summary.ledger.committed, EPOCHS * IMAGES);
  assert.ok(eventsOf(out).some(({ event }) => event === 'run.resumed'));
});

test('SIGTERM takes a checkpoint and asks to be tried again; --resume goes on with it', async () => {
  const out = join(folder.path, 'terminated');
  const launched = start({ out });
  const isUnderWay = ({ event, step }: RunEvent): boolean =>
    event === 'step.committed' && step === 1;
  await waitForEvent(out, isUnderWay, launched);
  launched.process.kill('SIGTERM');
  const { code, stderr } = await launched.ended;
  assert.equal(code, 75, stderr);
  assert.match(stderr, /--resume/);
  const stopped = eventsOf(out).findIndex(({ event }) => event === 'run.stopped');
  assert.ok(
    eventsOf(out)
      .slice(0, stopped)
      .some(({ event }) => event === 'checkpoint.written'),
  );
  await finished(start({ out, resume: true, workers: 1 }));
  assertSameRun(out);
});

test('one and three workers give the run of two', async () => {
  for (const workers of [1, 3]) {
    const out = join(folder.path, `workers-${workers}`);
    await finished(start({ out, workers }));
    assertSameRun(out);
  }
});
