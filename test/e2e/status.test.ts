/** `deepcluster status` beside runs of real processes: while they go on, when they have died, and at their end. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { makeImages } from '../../src/data/made/made-images.ts';
import type { RunStatus } from '../../src/run/status/run-status.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import {
  launch,
  pidOf,
  runCommand,
  waitForEvent,
  type Launched,
} from '../support/runs/launched-run.ts';

const folder = temporaryFolder();
const data = join(folder.path, 'images');
/** Where `status` looks by itself. */
const runs = join(folder.path, 'runs');
const out = join(runs, 'watched');
/** So many that it is still under way when it is looked at. */
const ENDLESS = { epochs: 1000 };

before(async () => {
  mkdirSync(runs);
  await makeImages({ out: data, classes: 2, perClass: 24, size: 32, seed: 3 });
});
after(() => {
  folder.remove();
});

async function said(args: readonly string[], code = 0): Promise<string> {
  const ran = await runCommand(['status', ...args], {}, folder.path).ended;
  assert.equal(ran.code, code, ran.stderr);
  return code === 0 ? ran.stdout : ran.stderr;
}

async function statusOf(...args: string[]): Promise<RunStatus> {
  return JSON.parse(await said([...args, '--json'])) as RunStatus;
}

async function committed(launched: Launched, step: number): Promise<void> {
  await waitForEvent(
    out,
    (line) => line.event === 'step.committed' && (line['step'] as number) >= step,
    launched,
  );
}

test('a run is found in runs/, its coordinator by its folder; what died says how to go on, and is watched to its end', async () => {
  assert.match(await said([], 42), /no run lies in runs\/ here; name a run with --out DIR, or /);

  const first = launch({ data, out, settings: ENDLESS });
  await committed(first, 3);
  const running = await statusOf();
  assert.deepEqual([running.state, running.folder], ['running', join('runs', 'watched')]);
  assert.match(running.coordinator ?? '', /^127\.0\.0\.1:\d+$/);
  assert.ok(running.step > 3 && running.lastLoss !== null);
  const workers = running.workers.map(({ workerId }) => workerId).sort();
  assert.deepEqual(workers, ['worker-0', 'worker-1']);
  assert.ok(running.workers.every(({ ordersInFlight }) => ordersInFlight !== null));
  const asked = await statusOf('--coordinator', running.coordinator!);
  assert.deepEqual([asked.state, asked.runId, asked.folder], ['running', running.runId, null]);
  await said(['--coordinator', running.coordinator!, '--out', out], 2);

  // The launcher first, or it would start the coordinator again.
  const coordinator = pidOf(out, 'coordinator');
  first.process.kill('SIGKILL');
  process.kill(coordinator, 'SIGKILL');
  await first.ended;
  const unanswered = await said(['--coordinator', running.coordinator!], 75);
  assert.match(unanswered, /nothing listens there .*: deepcluster status --out DIR$/m);
  const died = await statusOf('--out', out);
  assert.deepEqual([died.state, died.coordinator], ['interrupted', null]);
  const command = /continue with: deepcluster (.*)/.exec(await said(['--out', out]))![1]!;

  const words = [...command.split(' '), '--set', `epochs=${died.epoch + 2}`, '--json'];
  const second = runCommand(words, {}, folder.path);
  await waitForEvent(out, (line) => line.event === 'term.begun' && line['term'] === 2, second);
  const lines = (await said(['--watch'])).trimEnd().split('\n');
  assert.equal((await second.ended).code, 0);
  assert.ok(lines.length >= 2, lines.join('\n'));
  assert.match(lines.at(-1)!, /^finished \(all epochs are done\), \d+ epochs, \d+ steps/);
  assert.equal((await statusOf()).state, 'finished');
});

test('a run whose images are still being listed says so, in runs/ and by its folder', async () => {
  const hold = join(folder.path, 'hold');
  writeFileSync(hold, '');
  const begun = join(runs, 'begun');
  const preload = import.meta.resolve('../support/doubles/held-listing.mjs');
  const env = { NODE_OPTIONS: `--import=${preload}`, HOLD_LISTING: hold };
  const launched = launch({ data, out: begun, settings: { epochs: 1 }, env });
  try {
    const status = await listing(begun);
    assert.equal(status.state, 'listing');
    assert.deepEqual(
      [status.folder, status.runId, status.algorithm, status.epochs, status.workers],
      [begun, null, 'deepcluster', 1, []],
    );
    assert.match(status.reason, /^process \d+ on \S+ lists the images of .*, for \d+ s so far$/);
    assert.ok(status.reason.includes(data));
    assert.match(
      await said([]),
      /^run +not begun, deepcluster in .*begun\nstate +listing: process /,
    );
  } finally {
    rmSync(hold);
  }
  assert.equal((await launched.ended).code, 0);
  assert.equal((await statusOf('--out', begun)).state, 'finished');
});

/** Once the coordinator is up and lists. */
async function listing(begun: string): Promise<RunStatus> {
  for (;;) {
    const { code, stdout } = await runCommand(['status', '--out', begun, '--json']).ended;
    if (code === 0) return JSON.parse(stdout) as RunStatus;
    await pause(100);
  }
}
