/** An algorithm that test code alone brings, over several processes: each of them is given it as it starts. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeImages } from '../../src/data/made/made-images.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import { finished, launch, lossesOf } from '../support/runs/launched-run.ts';

const folder = temporaryFolder();
const data = join(folder.path, 'images');
const preload = new URL('../support/doubles/with-hashed-algorithm.mjs', import.meta.url).href;
const env = { NODE_OPTIONS: `--import ${preload}` };

before(async () => {
  await makeImages({ out: data, classes: 4, perClass: 12, size: 32, seed: 1 });
});
after(() => {
  folder.remove();
});

test('launch runs it over workers and a parameter server, and a resumed run goes on', async () => {
  const out = join(folder.path, 'run');
  const settings = { algorithm: 'hashed', 'hashed.salt': 3 };
  const first = await finished(launch({ data, out, servers: 1, settings, env }));
  assert.equal(first.algorithm, 'hashed');
  assert.equal(first.ledger.committed, 2 * 48);
  const more = { ...settings, epochs: 3 };
  const resumed = launch({ data, out, servers: 1, resume: true, settings: more, env });
  const summary = (await finished(resumed)) as typeof first & { hashed: { largest: number[] } };
  assert.equal(lossesOf(out).length, 3 * 2);
  assert.equal(summary.hashed.largest.length, 3);
});

test('a launch that is not given it says which there are', async () => {
  const out = join(folder.path, 'unknown');
  const { code, stderr } = await launch({ data, out, settings: { algorithm: 'hashed' } }).ended;
  assert.equal(code, 42);
  assert.match(
    stderr,
    /algorithm: must be one of deepcluster, deepcluster-v2, odc, swav, got "hashed"/,
  );
});
