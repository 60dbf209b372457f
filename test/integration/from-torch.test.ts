/** A run that begins with the weights of a file: an export of ours, or the names of torchvision; what is refused, and resume. */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { runConfigSchema } from '../../src/config/schema.ts';
import { messageOf } from '../../src/errors.ts';
import { initialParameters } from '../../src/ps/initial-values.ts';
import { bodyCount } from '../../src/ps/layout.ts';
import { initialWeights } from '../../src/run/initial-weights.ts';
import { openRun } from '../../src/run/open-run.ts';
import { ranCli } from '../support/runs/cli-run.ts';
import { placeForRuns } from '../support/runs/in-process-run.ts';
import { networkOf, runNetwork } from '../support/runs/network-run.ts';

const { data, out, folder } = await placeForRuns(30);
const first = out('first');
const file = join(folder, 'weights.safetensors');

before(async () => {
  await runNetwork({ data, out: first });
  const ran = await ranCli([
    ...['export', '--run', first, '--to', 'safetensors', '--out', file, '--engine', 'wasm'],
  ]);
  assert.equal(ran.code, 0, ran.stderr);
});

test("a run begins with an export's weights and statistics, to the bit, and with a head of its own", async () => {
  const before = await openRun(first);
  const loaded: { parameters: Float32Array; statistics: Float32Array }[] = [];
  await runNetwork({
    ...{ data, out: out('second') },
    settings: { seed: 77, 'model.initialWeights': file },
    onLoad: (parameters, statistics) => {
      loaded.push({ parameters: parameters.slice(), statistics: statistics.slice() });
    },
  });
  const { layout } = networkOf();
  const body = bodyCount(layout);
  const { parameters, statistics } = loaded[0]!;
  assert.deepEqual(parameters.subarray(0, body), before.parameters.subarray(0, body));
  assert.deepEqual(statistics, before.statistics);
  assert.deepEqual(parameters.subarray(body), initialParameters(layout, 77).subarray(body));
});

test('a run goes on from its checkpoint without the file that it began with', async () => {
  const [copy, run] = [join(folder, 'moved.safetensors'), out('resumed')];
  copyFileSync(file, copy);
  const settings = { 'model.initialWeights': copy };
  await runNetwork({ data, out: run, settings: { ...settings, epochs: 1 } });
  rmSync(copy);
  const { steps } = await runNetwork({
    ...{ data, out: run, resume: true },
    settings: { ...settings, epochs: 2 },
  });
  assert.equal(steps, 4);
});

/** What `launch` says, which starts nothing. */
async function refused(code: number, ...args: string[]): Promise<string> {
  const ran = await ranCli(['launch', ...args]);
  assert.equal(ran.code, code, ran.stderr);
  return ran.stderr.trimEnd();
}

const SMALL = [
  ...['--set', 'model.architecture=small-convnet', '--set', 'model.width=4'],
  ...['--set', 'model.featureDim=8', '--set', 'data.imageSize=32', '--data', data],
];

test('weights of another network are refused by name and shape, before anything starts', async () => {
  const run = out('none');
  const from = ['--out', run, ...SMALL, '--from-torch'];
  assert.equal(
    await refused(42, ...from, file, '--set', 'model.sobel=false'),
    `deepcluster: weights ${file}: array features.0.weight: expected shape [4, 3, 5, 5], got [4, 2, 5, 5]; ` +
      "they must be of the run's network (model.architecture small-convnet, model.sobel false): " +
      "it sees Sobel's two maps, add --set model.sobel=true",
  );
  assert.match(await refused(42, ...from, join(folder, 'none')), /cannot be read \(ENOENT/);
  const text = join(folder, 'weights.pth');
  writeFileSync(text, 'not safetensors, of course');
  assert.match(await refused(42, ...from, text), /cannot be read \(as safetensors: header of/);
  assert.equal(existsSync(run), false);
});

test('weights that a message says are of another network are taken by theirs', async () => {
  const config = (sobel: boolean) =>
    runConfigSchema().parse({
      data: { imageSize: 32 },
      model: {
        ...{ architecture: 'small-convnet', width: 4, featureDim: 8 },
        ...{ sobel, initialWeights: file },
      },
    });
  const message = await initialWeights(config(false)).then(
    () => assert.fail('taken'),
    (error: unknown) => messageOf(error),
  );
  const [, setting] = /add --set model\.sobel=(true|false)$/.exec(message)!;
  assert.notEqual(await initialWeights(config(setting === 'true')), null);
});

test("'--from-torch' and '--resume' exclude each other, and without the one the other works", async () => {
  const message = await refused(2, '--resume', '--from-torch', file, '--out', out('gone'));
  assert.match(message, /'--from-torch' begins a run; leave it out with '--resume'/);
  assert.match(await refused(42, '--resume', '--out', out('gone')), /holds no run to resume/);
});
