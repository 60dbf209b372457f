/**
 * Real processes that are killed, stopped, woken, asked to leave and torn down in the midst of what belongs together. Whatever
 * it is, the run ends with the losses of the undisturbed one, bit for bit, and every draw in the ledger once.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  SMALL_ODC,
  committed,
  disturbedRuns,
  entered,
  hasEvent,
  type DisturbedRuns,
} from '../support/runs/disturbed-runs.ts';

const EPOCHS = 3;
const STEPS_PER_EPOCH = 6;
/** Short, so that a stopped process is missed soon; a process that is merely slow is missed too, and does no harm. */
const IMPATIENT = { 'cluster.heartbeatTimeoutMs': 1000, 'cluster.leaseTtlMs': 2000 };
const SETTINGS = {
  'clustering.iterations': 5,
  'evaluation.enabled': false,
  'cluster.maxRestarts': 20,
};
const deepcluster = await disturbedRuns({ epochs: EPOCHS, servers: 2, settings: SETTINGS });
const odc = await disturbedRuns({
  ...{ epochs: EPOCHS, servers: 2 },
  settings: { ...SETTINGS, ...SMALL_ODC },
});
const RUNS = { deepcluster, odc };
type Algorithm = keyof typeof RUNS;

assert.equal(deepcluster.images / 24, STEPS_PER_EPOCH, 'the steps that are named below');

/** The first process to come to that place kills or stops itself there, and leaves a file that says so. */
function failpoint(runs: DisturbedRuns, name: string, place: string, action: 'kill' | 'stop') {
  const done = join(runs.folder, `${name}.done`);
  return { FAILPOINT: place, FAILPOINT_ACTION: action, FAILPOINT_DONE: done };
}

describe('kill -9 in every phase', () => {
  for (const id of ['server-1', 'coordinator']) {
    test(`of ${id}: in extraction, k-means and training, one after the other`, async () => {
      const run = deepcluster.start(`killed-${id}`);
      const terms = (): number => run.events.filter(({ event }) => event === 'term.begun').length;
      for (const moment of [entered(0, 'extract'), entered(1, 'kmeans'), committed(14)]) {
        await run.reaches(moment);
        run.signal(id, 'SIGKILL');
        // Its successor has taken over before the next blow.
        const before = terms();
        await run.reaches(() => terms() > before);
      }
      await run.endsAsUndisturbed();
    });

    test(`of ${id}, with ODC: as the memory is filled, and in training`, async () => {
      const run = odc.start(`killed-${id}`);
      for (const moment of [entered(0, 'memory'), committed(10)]) {
        await run.reaches(moment);
        run.signal(id, 'SIGKILL');
      }
      await run.endsAsUndisturbed();
    });
  }
});

describe('SIGSTOP, and woken', () => {
  test('a worker that slept past its lease changes nothing: fenced, and counted', async () => {
    // It sleeps with its push staged on every server, before the coordinator hears of it.
    const run = deepcluster.start('slept-worker', {
      // With nobody to compute its slice too, the step waits until it is held lost.
      settings: { ...IMPATIENT, 'cluster.backupFactor': 0 },
      env: failpoint(deepcluster, 'slept-worker', 'worker.pushed:step=7', 'stop'),
    });
    await run.reaches(committed(9));
    const sleeper = run.events.find(({ event }) => event === 'worker.lost');
    assert.ok(sleeper, 'step 7 has been committed without it');
    run.signal(sleeper['workerId'] as string, 'SIGCONT');
    await run.endsAsUndisturbed();
    assert.ok(hasEvent(run.events, 'push.fenced'), 'what it had for its old lease was refused');
  });

  test('a worker that sleeps costs a step no lease: another computes its slice, long before it is missed', async () => {
    const run = deepcluster.start('backed-worker', {
      settings: { 'cluster.heartbeatTimeoutMs': 60_000 },
      env: failpoint(deepcluster, 'backed-worker', 'worker.pushed:step=7', 'stop'),
    });
    const backed = await run.reaches(({ event }) => event === 'slice.backed');
    await run.reaches(committed(9));
    assert.ok(!hasEvent(run.events, 'worker.lost'), 'step 7 has been committed meanwhile');
    const sleeper = backed['workerId'] === 'worker-0' ? 'worker-1' : 'worker-0';
    run.signal(sleeper, 'SIGCONT');
    await run.endsAsUndisturbed();
  });

  for (const id of ['server-0', 'coordinator', 'worker-0']) {
    test(`${id}, at a moment of its own`, async () => {
      const run = deepcluster.start(`slept-${id}`, { settings: IMPATIENT });
      await run.reaches(committed(4));
      const pid = run.pidOf(id);
      process.kill(pid, 'SIGSTOP');
      // Longer than anyone is waited for: while the coordinator sleeps, nothing else tells the time.
      await sleep(2_500);
      process.kill(pid, 'SIGCONT');
      await run.endsAsUndisturbed();
      if (id === 'server-0') assert.ok(hasEvent(run.events, 'server.lost', { id }));
    });
  }
});

for (const [name, runs] of Object.entries(RUNS)) {
  test(`${name} by gRPC alone has the bits of the run that shares memory`, async () => {
    await runs
      .start('by-grpc', { settings: { 'cluster.sharedMemory': false } })
      .endsAsUndisturbed();
  });
}

test('SIGTERM of each role in turn: each leaves in order and is started again', async () => {
  const run = deepcluster.start('terminated');
  for (const [id, step] of [
    ['worker-0', 3],
    ['server-0', 7],
    ['coordinator', 11],
  ] as const) {
    await run.reaches(committed(step));
    run.signal(id, 'SIGTERM');
  }
  await run.endsAsUndisturbed();
  const starts = (id: string): number =>
    new Set(
      run.events
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
    ['coordinator.finallyClustered'],
    ['coordinator.finallyClustered', 'odc'],
    ['checkpoint.filesWritten:step=9'],
    ['checkpoint.named:step=9'],
  ] as readonly (readonly [string, Algorithm?])[]) {
    test(`${place} (${algorithm})`, async () => {
      const name = place.replaceAll(/\W/g, '-');
      const env = failpoint(RUNS[algorithm], name, place, 'kill');
      await RUNS[algorithm].start(name, { env }).endsAsUndisturbed();
      assert.ok(existsSync(env.FAILPOINT_DONE), 'the place was reached');
    });
  }
});

test('clocks that jump by hours, forward and back, change nothing', async () => {
  const jump = new URL('../support/doubles/clock-jumps.mjs', import.meta.url);
  const run = deepcluster.start('clock-jumps', {
    settings: IMPATIENT,
    env: { NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import ${jump.href}` },
  });
  await run.endsAsUndisturbed();
  const times = run.events.map(({ ts }) => Date.parse(ts as string));
  const back = times.some((time, i) => i > 0 && time < times[i - 1]! - 3_000_000);
  assert.ok(back, 'the coordinator did see its clock jump');
});
