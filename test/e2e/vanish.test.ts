/**
 * Real processes whose images go away while they train: a share is unmounted, half of a folder is
 * moved, and comes back.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeImages } from '../../src/data/made/made-images.ts';
import { temporaryFolder } from '../support/in-process-run.ts';
import {
  eventsOf,
  finished,
  launch,
  lossesOf,
  runCommand,
  waitForEvent,
  type Launched,
} from '../support/launched-run.ts';

const IMAGES = 6 * 16;
const EPOCHS = 3;
const folder = temporaryFolder();
const data = join(folder.path, 'images');
const hidden = join(folder.path, 'hidden');

const ALGORITHMS = {
  deepcluster: {},
  odc: {
    algorithm: 'odc',
    'model.neck': 'odc',
    'model.neckHidden': 16,
    'model.neckDim': 8,
    'model.neckBatchNormMomentum': 0.1,
    'odc.smallClusterSize': 2,
    'odc.publishInterval': 4,
  },
} as const;
type Algorithm = keyof typeof ALGORITHMS;

before(async () => {
  await makeImages({ out: data, classes: 6, perClass: 16, size: 48, seed: 1 });
  for (const algorithm of ['deepcluster', 'odc'] as const) {
    await finished(start(algorithm, `undisturbed-${algorithm}`));
  }
});
after(() => {
  folder.remove();
});

function out(name: string): string {
  return join(folder.path, name);
}

function start(algorithm: Algorithm, name: string, settings: object = {}): Launched {
  return launch({
    ...{ data, out: out(name) },
    settings: {
      ...ALGORITHMS[algorithm],
      ...{ epochs: EPOCHS, 'evaluation.enabled': false, 'data.cacheBytes': 0 },
      ...settings,
    },
  });
}

/** Moves every nth file of the folder away. @returns how many, and what brings them back */
function hide(every: number): { count: number; show: () => void } {
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

async function trained(name: string, launched: Launched): Promise<void> {
  await waitForEvent(out(name), ({ event }) => event === 'step.committed', launched);
}

for (const [name, algorithm, every] of [
  ['half of the images', 'deepcluster', 2],
  ['all images', 'deepcluster', 1],
  ['half of the images of an ODC run', 'odc', 2],
] as const) {
  test(`${name} gone: the run ends with 75 and one message, and goes on as its message says`, async () => {
    const run = name.replaceAll(' ', '-');
    const launched = start(algorithm, run, { 'data.waitMs': 1500 });
    await trained(run, launched);
    const { count, show } = hide(every);
    const { code, stderr } = await launched.ended;
    assert.equal(code, 75, stderr);
    const lines = stderr.split('\n').filter((line) => line.startsWith('deepcluster: '));
    assert.equal(lines.length, 1);
    assert.match(
      lines[0]!,
      new RegExp(
        `^deepcluster: data .*images: ${count} of ${IMAGES} images cannot be read any more, .*\\(no such file\\), in .*images, .*is a share unmounted\\?`,
      ),
    );
    assert.doesNotMatch(stderr, /restart \d|order\.failed|engine .*failed/);
    const advice = /continue with: deepcluster (launch --resume --out \S+)$/.exec(lines[0]!);
    assert.ok(advice, 'says how to go on');
    show();
    const resumed = await finished(runCommand([...advice[1]!.split(' '), '--json']));
    assert.deepEqual(lossesOf(out(run)), lossesOf(out(`undisturbed-${algorithm}`)));
    assert.equal(resumed.ledger.committed, EPOCHS * IMAGES);
    assert.equal(resumed.ledger.skipped, 0);
  });
}

test('a share that is back in time is waited for, and costs no number', async () => {
  const launched = start('deepcluster', 'back');
  await trained('back', launched);
  const { show } = hide(1);
  const waiting = await waitForEvent(
    out('back'),
    ({ event }) => event === 'data.waiting',
    launched,
  );
  assert.match(String(waiting['reason']), /waiting up to 60 s/);
  show();
  const summary = await finished(launched);
  assert.deepEqual(lossesOf(out('back')), lossesOf(out('undisturbed-deepcluster')));
  assert.equal(summary.ledger.committed, EPOCHS * IMAGES);
  assert.equal(eventsOf(out('back')).filter(({ event }) => event === 'worker.lost').length, 0);
  const { stderr } = await launched.ended;
  assert.match(stderr, /images cannot be read any more.*waiting up to 60 s/);
});

test('a run that waits for images stops when it is asked to, and goes on from its checkpoint', async () => {
  const launched = start('deepcluster', 'stopped');
  await trained('stopped', launched);
  const { show } = hide(1);
  await waitForEvent(out('stopped'), ({ event }) => event === 'data.waiting', launched);
  launched.process.kill('SIGTERM');
  const { code } = await launched.ended;
  assert.equal(code, 75);
  show();
  const resume = ['launch', '--resume', '--out', out('stopped'), '--json'];
  await finished(runCommand(resume));
  assert.deepEqual(lossesOf(out('stopped')), lossesOf(out('undisturbed-deepcluster')));
});
