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

for (const { name, skip } of await testEngines()) {
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

const missing = (await testEngines()).find(({ skip }) => skip !== false);

test(
  'both engines give the same losses to 1e-3, over fifty steps of one clustering',
  { skip: missing?.skip ?? false },
  async () => {
    const losses = new Map<string, number[]>();
    for (const { name } of await testEngines()) {
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
