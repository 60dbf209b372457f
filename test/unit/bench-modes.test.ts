/** `bench modes`: what training took, from a run's events, and CPU times from lines of /proc. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { RunEvent } from '../../bench/chaos/chaos-plan.ts';
import { TrainingCourse } from '../../bench/modes/mode-run.ts';
import { modeConfig } from '../../bench/modes/modes.ts';
import { parseStat, treeCpuSeconds } from '../../bench/modes/tree-cpu.ts';
import { modesLines } from '../../src/cli/bench-table.ts';
import { runConfigSchema } from '../../src/config/schema.ts';

/** @param second of the event */
function eventAt(second: number, event: string, fields: object): RunEvent {
  return { ts: new Date(1000 * second).toISOString(), event, ...fields };
}

test('training is what lies between the beginning of the phase and the epoch’s last step', () => {
  const cpu = [10, 14, 20, 23];
  const course = new TrainingCourse(() => cpu.shift() ?? null);
  const phase = (second: number, epoch: number, name: string): void => {
    course.take(eventAt(second, 'phase.entered', { epoch, phase: name }));
  };
  const step = (second: number, loss: number, samples: number): void => {
    course.take(eventAt(second, 'step.committed', { loss, samples }));
  };
  phase(0, 0, 'extract');
  phase(5, 0, 'train');
  step(7, 4, 30);
  step(8, 2, 10);
  phase(9, 1, 'extract');
  phase(20, 1, 'train');
  step(21.5, 1, 10);
  course.take(eventAt(30, 'run.finished', {}));
  assert.deepEqual(course.points(), [
    { epoch: 0, loss: (4 * 30 + 2 * 10) / 40, trainSeconds: 3, trainCpuSeconds: 14 - 10 },
    { epoch: 1, loss: 1, trainSeconds: 4.5, trainCpuSeconds: 4 + 23 - 20 },
  ]);
});

test('where the system does not tell of CPU time, the course has none', () => {
  const course = new TrainingCourse(() => null);
  course.take(eventAt(0, 'phase.entered', { epoch: 0, phase: 'train' }));
  course.take(eventAt(1, 'step.committed', { loss: 1, samples: 2 }));
  assert.deepEqual(course.points(), [
    { epoch: 0, loss: 1, trainSeconds: 1, trainCpuSeconds: null },
  ]);
});

test('a line of /proc has its parent and four times, whatever the name of the process', () => {
  const line = '17 (a) (b c) S 4 17 17 0 -1 4194560 1 2 3 4 100 20 3000 400 20 0 7 0 55 1 2';
  assert.deepEqual(parseStat(line), { parent: 4, ticks: 100 + 20 + 3000 + 400 });
  assert.equal(parseStat('nothing'), null);
});

test('CPU time is of a process and of those it has started', async (t) => {
  if (treeCpuSeconds(process.pid) === null) {
    t.skip('no /proc on this system');
    return;
  }
  const busy = 'const end = Date.now() + 300; while (Date.now() < end); process.stdin.resume();';
  const script = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(`${busy} console.log(process.cpuUsage().user)`)}], { stdio: 'inherit' })`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const seconds = treeCpuSeconds(child.pid!);
  child.stdin.end();
  await once(child, 'close');
  // In hundredths of a second.
  assert.ok(seconds! >= Number(text.toString()) / 1e6 - 0.02, `${seconds}`);
  assert.equal(treeCpuSeconds(child.pid!), null, 'it has ended');
});

test('the runs of a comparison differ in their mode alone', () => {
  const plan = { epochs: 3, seed: 1, workers: 2, isQuick: true };
  const [sync, local] = [null, 4].map((steps) => runConfigSchema().parse(modeConfig(steps, plan)));
  const { training, ...others } = local!;
  const { training: ofSync, ...othersOfSync } = sync!;
  assert.deepEqual(others, othersOfSync);
  assert.deepEqual(training, { ...ofSync, mode: 'local', localSteps: 4 });
  assert.notEqual(ofSync.localSteps, 4);
});

test('the table has a row for each run', () => {
  const exchange = { pushes: 3, pulls: 2, vectorBytes: 1e5, exchangedBytes: 5e5 };
  const run = { ...exchange, steps: 12, samples: 100, seconds: 9, knnTop1: 0.5 };
  const points = [{ epoch: 0, loss: 2, trainSeconds: 3.5, trainCpuSeconds: null }];
  const machine = { cpu: 'none', cores: 2, memoryBytes: 1, gpus: [], platform: 'p', node: 'n' };
  const lines = modesLines({
    ...{ machine, date: 'today', images: 100, epochs: 1, workers: 2, seed: 1 },
    runs: [
      { mode: 'sync', localSteps: 1, ...run, points },
      { mode: 'local', localSteps: 8, ...run, knnTop1: null, points },
    ],
  });
  assert.match(lines.at(-2)!, /^sync +12 +2\.000 +50\.0 % +3\.50 +- +0\.5 +5\.00$/);
  assert.match(lines.at(-1)!, /^local, 8 steps +12 +2\.000 +- +3\.50 /);
});
