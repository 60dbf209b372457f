/** A range of simulated schedules as a test: none may break a rule, and faults must really have occurred. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { runSchedule } from '../../simulation/schedules.ts';
import { ProcessDied } from '../../simulation/virtual-world.ts';

/** What must have happened in every fiftieth schedule at least. */
const OFTEN = [
  'death.coordinator',
  'death.server',
  'death.worker',
  'worker.lost',
  'server.lost',
  'push.fenced',
  'push.duplicate',
  'result.fenced',
  'commit.duplicate',
  'checkpoint.written',
  'coordinator.second',
  'folder.taken-over',
];
/** What must have happened at all. */
const SOMETIMES = [
  'checkpoint.fenced',
  'lease.expired',
  'checkpoint.failed',
  'run.resumed',
  'push.stale',
];

export function testSchedules(first: number, count: number): void {
  test(`schedules ${first} to ${first + count - 1} of faults end as the undisturbed run, and keep every rule`, async () => {
    const totals = await lettingProcessesDie(() => playSchedules(first, count));
    const often = (what: string): number => totals.get(what) ?? 0;
    for (const what of OFTEN) assert.ok(often(what) > count / 50, `${what}: only ${often(what)}`);
    for (const what of SOMETIMES) assert.ok(often(what) > 0, `${what}: never`);
  });
}

/** How often each event was seen over all schedules. */
async function playSchedules(first: number, count: number): Promise<Map<string, number>> {
  const totals = new Map<string, number>();
  for (let seed = first; seed < first + count; seed += 1) {
    const { failure, counts } = await runSchedule(seed);
    assert.equal(failure, null, `node --import tsx test/simulation/run.ts --seed ${seed} --trace`);
    for (const [what, times] of Object.entries(counts)) {
      totals.set(what, (totals.get(what) ?? 0) + times);
    }
  }
  return totals;
}

/** What a process had not awaited when it died rejects with nobody to hear it: that fails no test; everything else does. */
async function lettingProcessesDie<Result>(run: () => Promise<Result>): Promise<Result> {
  const runners = process.rawListeners('unhandledRejection') as (() => void)[];
  const onStray = (error: unknown): void => {
    if (!(error instanceof ProcessDied)) throw error;
  };
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', onStray);
  try {
    return await run();
  } finally {
    await setImmediate();
    process.removeListener('unhandledRejection', onStray);
    for (const runner of runners) process.on('unhandledRejection', runner);
  }
}
