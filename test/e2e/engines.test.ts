/** A whole run on each engine, and what the launcher says of it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeImages } from '../../src/data/made/made-images.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import { testEngines } from '../support/engines/engines.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import { finished, launch, lossesOf } from '../support/runs/launched-run.ts';

const folder = temporaryFolder();
const data = join(folder.path, 'images');
before(async () => {
  await makeImages({ out: data, classes: 4, perClass: 12, size: 32, seed: 1 });
});
after(() => {
  folder.remove();
});

const engines = await testEngines();
const tensorflow = engines.find(({ name }) => name === 'tensorflow')!;
// Asking for them has loaded them, which sets this for all processes that come after.
delete process.env['TF_NUM_INTRAOP_THREADS'];

for (const { name, skip } of engines) {
  test(
    `launch says once which engine its workers run, and on what (${name})`,
    { skip },
    async () => {
      const out = join(folder.path, name);
      const settings = { epochs: 1, 'cluster.engine': name };
      const { code, stdout, stderr } = await launch({ data, out, workers: 2, settings }).ended;
      assert.equal(code, 0, stderr);
      assert.equal((JSON.parse(stdout) as RunSummary).engine, name);
      const said = stderr.split('\n').filter((line) => line.startsWith('engine '));
      assert.equal(said.length, 1, stderr);
      assert.match(said[0]!, new RegExp(`^engine ${name}: .*, as asked`));
    },
  );
}

const missing = engines.find(({ skip }) => skip !== false);

test(
  'both engines give the same losses to 1e-3, over fifty steps of one clustering',
  { skip: missing?.skip ?? false },
  async () => {
    const losses = new Map<string, number[]>();
    for (const { name } of engines) {
      const out = join(folder.path, `fifty-${name}`);
      // Rounding grows with every step, and at twice this rate a maximum that is taken elsewhere makes it grow a thousandfold at
      // once; another clustering would turn it into other pseudo-labels.
      const steps = {
        ...{ 'training.learningRate': 0.03, 'training.headLearningRate': 0.03 },
        ...{ epochs: 1, 'clustering.reassign': 25, 'model.dropout': 0.2 },
        ...{ 'model.width': 16, 'model.featureDim': 128 },
      };
      await finished(launch({ data, out, settings: { ...steps, 'cluster.engine': name } }));
      losses.set(name, lossesOf(out));
    }
    const [tensorflow, wasm] = [losses.get('tensorflow')!, losses.get('wasm')!];
    assert.equal(wasm.length, (48 * 25) / 24);
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    assert.ok(mean(wasm.slice(-10)) < 0.99 * mean(wasm.slice(0, 10)), 'the network learns');
    wasm.forEach((loss, step) => {
      const error = Math.abs(tensorflow[step]! / loss - 1);
      assert.ok(error <= 1e-3, `step ${step}: ${tensorflow[step]} and ${loss}`);
    });
  },
);

/** Early convolutions large enough that oneDNN adds up their filter gradients in parts. */
const IN_PARTS = {
  ...{ 'cluster.engine': 'tensorflow', 'model.width': 32, 'data.imageSize': 32 },
  ...{ 'training.batchSize': 48, 'training.sliceSize': 24, 'clustering.reassign': 4 },
};

test(
  'tensorflow: a run that began with a thread a core goes on with other workers to the same bits',
  { skip: tensorflow.skip },
  async () => {
    const begun = { ...IN_PARTS, 'cluster.threads': 2 };
    const [whole, parted] = [join(folder.path, 'whole'), join(folder.path, 'parted')];
    await finished(launch({ data, out: whole, workers: 1, settings: begun }));
    await finished(launch({ data, out: parted, workers: 1, settings: { ...begun, epochs: 1 } }));
    const resumed = { data, out: parted, workers: 2, resume: true, settings: IN_PARTS };
    const { code, stderr } = await launch(resumed).ended;
    assert.equal(code, 0, stderr);
    assert.deepEqual(lossesOf(parted), lossesOf(whole));
  },
);

test(
  'tensorflow: with as many threads each, one, two and three workers give the same bits',
  { skip: tensorflow.skip },
  async () => {
    const losses: number[][] = [];
    for (const workers of [1, 2, 3]) {
      const out = join(folder.path, `of-${workers}`);
      const settings = { ...IN_PARTS, epochs: 1, 'cluster.threads': 1 };
      await finished(launch({ data, out, workers, settings }));
      losses.push(lossesOf(out));
    }
    assert.deepEqual(losses[1], losses[0]);
    assert.deepEqual(losses[2], losses[0]);
  },
);
