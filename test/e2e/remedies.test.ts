/**
 * Commands that a launched run prints when it ends, taken from its last line as a person copies
 * them, and run.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeImages } from '../../src/data/made/made-images.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import {
  eventsOf,
  finished,
  launch,
  lossesOf,
  runCommand,
  settingsIn,
  waitForEvent,
  type Launched,
} from '../support/runs/launched-run.ts';

const folder = temporaryFolder();
const data = join(folder.path, 'images');

before(async () => {
  await makeImages({ out: data, classes: 2, perClass: 24, size: 32, seed: 3 });
});
after(() => {
  folder.remove();
});

/** Its name has a space, as folders of people have. */
function out(name: string): string {
  return join(folder.path, `my ${name}`);
}

/** The words of the command that the last line of a run names, as a shell takes them. */
async function commandOf(launched: Launched, exitCode: number): Promise<string[]> {
  const { code, stderr } = await launched.ended;
  assert.equal(code, exitCode, stderr);
  const line = stderr.trimEnd().split('\n').at(-1)!;
  const command = /deepcluster (launch --resume(?: '[^']*'| [^\s;']+)*)/.exec(line)?.[1];
  assert.ok(command !== undefined, line);
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);
}

const RATES = { 'training.learningRate': 0.05, 'training.headLearningRate': 0.05 };

test('a run that was stopped goes on by the command that it ends with', async () => {
  const undisturbed = launch({ data, out: out('undisturbed'), settings: RATES });
  await finished(undisturbed);
  const launched = launch({ data, out: out('stopped'), settings: RATES });
  await waitForEvent(
    out('stopped'),
    ({ event, step }) => event === 'step.committed' && step === 2,
    launched,
  );
  launched.process.kill('SIGTERM');
  const command = await commandOf(launched, 75);
  await finished(runCommand([...command, '--json']));
  assert.deepEqual(lossesOf(out('stopped')), lossesOf(out('undisturbed')));
});

test('a launched run that diverged goes on by the command of its message', async () => {
  const settings = { ...RATES, 'training.learningRate': 1e12 };
  const command = await commandOf(launch({ data, out: out('diverged'), settings }), 1);
  assert.ok(command.includes('training.learningRate=0.05'), command.join(' '));
  const summary = await finished(runCommand([...command, '--json']));
  assert.ok(Number.isFinite(summary.finalLoss));
  assert.deepEqual(
    summary.settingChanges.map(({ key, step }) => `${key} ${step}`),
    ['training.learningRate 0', 'training.headLearningRate 0'],
  );
  const changed = eventsOf(out('diverged')).filter(({ event }) => event === 'settings.changed');
  assert.equal(changed.length, 2);
});

test('a network that dies of its rates lives with those that the warning names', async () => {
  const odc = {
    ...{ algorithm: 'odc', 'model.neck': 'odc', 'model.neckHidden': 32, 'model.neckDim': 16 },
    ...{ 'clustering.k': 4, 'odc.smallClusterSize': 1, epochs: 4 },
  };
  const tooHigh = { 'training.learningRate': 5, 'training.headLearningRate': 5 };
  const launched = launch({ data, out: out('dead'), settings: { ...odc, ...tooHigh } });
  const { collapse } = await finished(launched);
  assert.match(collapse.now?.finding ?? '', /are zero/);
  const { stderr } = await launched.ended;
  const warnings = stderr.split('\n').filter((line) => line.includes('clusters.collapsed'));
  assert.equal(warnings.length, 1, stderr);
  const rates = settingsIn(warnings[0]!);
  assert.deepEqual(Object.keys(rates), ['training.learningRate', 'training.headLearningRate']);
  const alive = await finished(launch({ data, out: out('alive'), settings: { ...odc, ...rates } }));
  assert.deepEqual(alive.collapse, { seen: 0, recovered: 0, now: null });
});
