/**
 * Real processes whose images go away while they train: a share is unmounted, half of a folder is
 * moved, and comes back.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  SMALL_ODC,
  disturbedRuns,
  hasEvent,
  type DisturbedRun,
  type DisturbedRuns,
} from '../support/runs/disturbed-runs.ts';
import { finished, runCommand } from '../support/runs/launched-run.ts';

const KIND = { epochs: 3, images: { perClass: 16 } };
const SETTINGS = { 'evaluation.enabled': false, 'data.cacheBytes': 0 };
const deepcluster = await disturbedRuns({ ...KIND, settings: SETTINGS });
const odc = await disturbedRuns({
  ...KIND,
  settings: { ...SETTINGS, ...SMALL_ODC, 'odc.smallClusterSize': 2 },
});

/** Moves every nth image away. @returns how many, and what brings them back */
function hide({ data, folder }: DisturbedRuns, every: number): { count: number; show: () => void } {
  const hidden = join(folder, 'hidden');
  const files = readdirSync(data, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.jpg') || path.endsWith('.png'))
    .filter((_path, i) => i % every === 0);
  for (const path of files) {
    mkdirSync(join(hidden, path, '..'), { recursive: true });
    renameSync(join(data, path), join(hidden, path));
  }
  const show = (): void => {
    for (const path of files) renameSync(join(hidden, path), join(data, path));
  };
  return { count: files.length, show };
}

async function trains(run: DisturbedRun): Promise<void> {
  await run.reaches(({ event }) => event === 'step.committed');
}

async function waitsForImages(run: DisturbedRun): Promise<string> {
  const waiting = await run.reaches(({ event }) => event === 'data.waiting');
  return String(waiting['reason']);
}

for (const [name, runs, every] of [
  ['half of the images', deepcluster, 2],
  ['all images', deepcluster, 1],
  ['half of the images of an ODC run', odc, 2],
] as const) {
  test(`${name} gone: the run ends with 75 and one message, and goes on as its message says`, async () => {
    const settings = { 'data.waitMs': 1500 };
    const run = runs.start(name.replaceAll(' ', '-'), { settings });
    await trains(run);
    const { count, show } = hide(runs, every);
    const stderr = await run.endsToBeResumed();
    const lines = stderr.split('\n').filter((line) => line.startsWith('deepcluster: '));
    assert.equal(lines.length, 1);
    assert.match(
      lines[0]!,
      new RegExp(
        `^deepcluster: data .*images: ${count} of ${runs.images} images cannot be read any more, .*\\(no such file\\), in .*images, .*is a share unmounted\\?`,
      ),
    );
    assert.doesNotMatch(stderr, /restart \d|order\.failed|engine .*failed/);
    const advice = /continue with: deepcluster (launch --resume --out \S+)$/.exec(lines[0]!);
    assert.ok(advice, 'says how to go on');
    show();
    const resumed = await finished(runCommand([...advice[1]!.split(' '), '--json']));
    runs.assertSameLosses(run.out);
    assert.equal(resumed.ledger.committed, KIND.epochs * runs.images);
    assert.equal(resumed.ledger.skipped, 0);
  });
}

test('a share that is back in time is waited for, and costs no number', async () => {
  const run = deepcluster.start('back');
  await trains(run);
  const { show } = hide(deepcluster, 1);
  assert.match(await waitsForImages(run), /waiting up to 60 s/);
  show();
  await run.endsAsUndisturbed();
  assert.ok(!hasEvent(run.events, 'worker.lost'));
  const { stderr } = await run.launched.ended;
  assert.match(stderr, /images cannot be read any more.*waiting up to 60 s/);
});

test('a run that waits for images stops when it is asked to, and goes on from its checkpoint', async () => {
  const run = deepcluster.start('stopped');
  await trains(run);
  const { show } = hide(deepcluster, 1);
  await waitsForImages(run);
  await run.stops();
  show();
  await finished(runCommand(['launch', '--resume', '--out', run.out, '--json']));
  deepcluster.assertSameLosses(run.out);
});
