/**
 * Real processes that are killed, stopped, woken, asked to leave and torn down in the midst of what belongs together. Whatever
 * it is, the run ends with the losses of the undisturbed one, bit for bit, and every draw in the ledger once.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeImages } from '../../src/data/made/made-images.ts';
import { temporaryFolder } from '../support/in-process-run.ts';
import {
  eventsOf,
  finished,
  launch,
  lossesOf,
  pidOf,
  waitForEvent,
  type Launched,
  type RunEvent,
} from '../support/launched-run.ts';

const IMAGES = 6 * 24;
const EPOCHS = 3;
const STEPS_PER_EPOCH = 6;
/** Short, so that a stopped process is missed soon; a process that is merely slow is missed too, and does no harm. */
const IMPATIENT = { 'cluster.heartbeatTimeoutMs': 1000, 'cluster.leaseTtlMs': 2000 };
const folder = temporaryFolder();
const data = join(folder.path, 'images');

const ALGORITHMS = {
  deepcluster: {},
  odc: {
    algorithm: 'odc',
    'model.neck': 'odc',
    'model.neckHidden': 16,
    'model.neckDim': 8,
    'model.neckBatchNormMomentum': 0.1,
    'odc.smallClusterSize': 4,
    'odc.publishInterval': 4,
  },
} as const;
type Algorithm = keyof typeof ALGORITHMS;

interface Disturbed {
  readonly name: string;
  readonly algorithm?: Algorithm;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

before(async () => {
  await makeImages({ out: data, classes: 6, perClass: 24, size: 48, seed: 1 });
  for (const algorithm of ['deepcluster', 'odc'] as const) {
    await finished(start({ name: 'undisturbed', algorithm }));
  }
});
after(() => {
  folder.remove();
});

function outOf({ name, algorithm = 'deepcluster' }: Disturbed): string {
  return join(folder.path, `${algorithm}-${name}`);
}

function start(run: Disturbed): Launched {
  const { algorithm = 'deepcluster', settings, env = {} } = run;
  const own = {
    epochs: EPOCHS,
    'clustering.iterations': 5,
    'evaluation.enabled': false,
    'cluster.maxRestarts': 20,
  };
  return launch({
    data,
    out: outOf(run),
    workers: 2,
    servers: 2,
    settings: { ...own, ...ALGORITHMS[algorithm], ...settings },
    env,
  });
}

/** The end of a disturbed run. @returns its events */
async function assertSameRun(run: Disturbed, launched: Launched): Promise<RunEvent[]> {
  const { algorithm = 'deepcluster' } = run;
  const summary = await finished(launched);
  const undisturbed = join(folder.path, `${algorithm}-undisturbed`);
  assert.deepEqual(lossesOf(outOf(run)), lossesOf(undisturbed), 'bit for bit');
  assert.equal(summary.ledger.committed, EPOCHS * IMAGES, 'every draw exactly once');
  return eventsOf(outOf(run));
}

function entered(epoch: number, phase: string): (event: RunEvent) => boolean {
  return (event) =>
    event.event === 'phase.entered' && event['epoch'] === epoch && event['phase'] === phase;
}

function committed(step: number): (event: RunEvent) => boolean {
  return (event) => event.event === 'step.committed' && event['step'] === step;
}

function has(events: readonly RunEvent[], name: string, fields: Partial<RunEvent> = {}): boolean {
  return events.some(
    (event) =>
      event.event === name &&
      Object.entries(fields).every(([field, value]) => event[field] === value),
  );
}

describe('kill -9 in every phase', () => {
  for (const id of ['server-1', 'coordinator']) {
    test(`of ${id}: in extraction, k-means and training, one after the other`, async () => {
      const run = { name: `killed-${id}` };
      const launched = start(run);
      for (const moment of [entered(0, 'extract'), entered(1, 'kmeans'), committed(14)]) {
        await waitForEvent(outOf(run), moment, launched);
        process.kill(pidOf(outOf(run), id), 'SIGKILL');
        // Its successor has taken over before the next blow.
        const deaths = eventsOf(outOf(run)).filter(({ event }) => event === 'term.begun').length;
        const isBack = (): boolean =>
          eventsOf(outOf(run)).filter(({ event }) => event === 'term.begun').length > deaths;
        await waitForEvent(outOf(run), isBack, launched);
      }
      await assertSameRun(run, launched);
    });

    test(`of ${id}, with ODC: as the memory is filled, and in training`, async () => {
      const run = { name: `killed-${id}`, algorithm: 'odc' } as const;
      const launched = start(run);
      for (const moment of [entered(0, 'memory'), committed(10)]) {
        await waitForEvent(outOf(run), moment, launched);
        process.kill(pidOf(outOf(run), id), 'SIGKILL');
      }
      await assertSameRun(run, launched);
    });
  }
});

describe('SIGSTOP, and woken', () => {
  test('a worker that slept past its lease changes nothing: fenced, and counted', async () => {
    // It sleeps with its push staged on every server, before the coordinator hears of it.
    const run = {
      name: 'slept-worker',
      // With nobody to compute its slice too, the step waits until it is held lost.
      settings: { ...IMPATIENT, 'cluster.backupFactor': 0 },
      env: failpoint('slept-worker', 'worker.pushed:step=7', 'stop'),
    };
    const launched = start(run);
    await waitForEvent(outOf(run), committed(9), launched);
    const sleeper = eventsOf(outOf(run)).find(({ event }) => event === 'worker.lost');
    assert.ok(sleeper, 'step 7 has been committed without it');
    process.kill(pidOf(outOf(run), sleeper['workerId'] as string), 'SIGCONT');
    const events = await assertSameRun(run, launched);
    assert.ok(has(events, 'push.fenced'), 'what it had for its old lease was refused');
  });

  test('a worker that sleeps costs a step no lease: another computes its slice, long before it is missed', async () => {
    const run = {
      name: 'backed-worker',
      settings: { 'cluster.heartbeatTimeoutMs': 60_000 },
      env: failpoint('backed-worker', 'worker.pushed:step=7', 'stop'),
    };
    const launched = start(run);
    const isBacked = ({ event }: RunEvent): boolean => event === 'slice.backed';
    const backed = await waitForEvent(outOf(run), isBacked, launched);
    await waitForEvent(outOf(run), committed(9), launched);
    assert.ok(!has(eventsOf(outOf(run)), 'worker.lost'), 'step 7 has been committed meanwhile');
    const sleeper = backed['workerId'] === 'worker-0' ? 'worker-1' : 'worker-0';
    process.kill(pidOf(outOf(run), sleeper), 'SIGCONT');
    await assertSameRun(run, launched);
  });

  for (const id of ['server-0', 'coordinator', 'worker-0']) {
    test(`${id}, at a moment of its own`, async () => {
      const run = { name: `slept-${id}`, settings: IMPATIENT };
      const launched = start(run);
      await waitForEvent(outOf(run), committed(4), launched);
      const pid = pidOf(outOf(run), id);
      process.kill(pid, 'SIGSTOP');
      await sleep(2_500);
      process.kill(pid, 'SIGCONT');
      const events = await assertSameRun(run, launched);
      if (id === 'server-0') assert.ok(has(events, 'server.lost', { id }));
    });
  }
});

test('SIGTERM of each role in turn: each leaves in order and is started again', async () => {
  const run = { name: 'terminated' };
  const launched = start(run);
  for (const [id, step] of [
    ['worker-0', 3],
    ['server-0', 7],
    ['coordinator', 11],
  ] as const) {
    await waitForEvent(outOf(run), committed(step), launched);
    process.kill(pidOf(outOf(run), id), 'SIGTERM');
  }
  const events = await assertSameRun(run, launched);
  const starts = (id: string): number =>
    new Set(
      events
        .filter((event) => event.event === 'process.started' && event['id'] === id)
        .map((event) => event['pid']),
    ).size;
  assert.equal(starts('coordinator'), 2);
  // A coordinator that ends in order takes servers and workers with it: they are started again, too.
  assert.equal(starts('server-0'), 3);
});

describe('kill -9 between what belongs together', () => {
  for (const [place, algorithm = 'deepcluster'] of [
    ['worker.partPushed:step=7'],
    ['worker.pushed:step=7'],
    ['coordinator.headReset:epoch=1'],
    ['coordinator.prepared:step=8'],
    ['coordinator.partCommitted:step=8'],
    ['coordinator.committed:step=8', 'odc'],
    ['server.headReset:epoch=1,part=1'],
    ['server.betweenHalves:step=8,part=1', 'odc'],
    ['server.afterApply:step=8,part=0'],
    ['server.afterApply:step=8,part=1', 'odc'],
    ['checkpoint.filesWritten:step=9'],
    ['checkpoint.named:step=9'],
  ] as readonly (readonly [string, Algorithm?])[]) {
    test(`${place} (${algorithm})`, async () => {
      const name = place.replaceAll(/\W/g, '-');
      const env = failpoint(name, place, 'kill');
      const run = { name, algorithm, env };
      await assertSameRun(run, start(run));
      assert.ok(existsSync(env['FAILPOINT_DONE']), 'the place was reached');
    });
  }
});

function failpoint(name: string, place: string, action: 'kill' | 'stop') {
  const done = join(folder.path, `${name}.done`);
  return { FAILPOINT: place, FAILPOINT_ACTION: action, FAILPOINT_DONE: done };
}

test('clocks that jump by hours, forward and back, change nothing', async () => {
  const jump = new URL('../support/clock-jumps.mjs', import.meta.url);
  const run = {
    name: 'clock-jumps',
    settings: IMPATIENT,
    env: { NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import ${jump.href}` },
  };
  const events = await assertSameRun(run, start(run));
  const times = events.map(({ ts }) => Date.parse(ts as string));
  const back = times.some((time, i) => i > 0 && time < times[i - 1]! - 3_000_000);
  assert.ok(back, 'the coordinator did see its clock jump');
});

assert.equal(IMAGES / 24, STEPS_PER_EPOCH, 'the steps that are named above');
