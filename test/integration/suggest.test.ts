/** `deepcluster suggest` on a small collection, and what can be wrong with one. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadRunConfig } from '../../src/config/load.ts';
import { findImages } from '../../src/data/source/source.ts';
import { lookAtCollection } from '../../src/suggest/collection.ts';
import { ranCli, type Ran } from '../support/runs/cli-run.ts';
import { makeNoiseImages, temporaryFolder } from '../support/runs/in-process-run.ts';

const folder = temporaryFolder();
const data = join(folder.path, 'images');
const env = { ...process.env, XDG_CACHE_HOME: join(folder.path, 'cache') };

before(async () => {
  await makeNoiseImages(data, 40);
});
after(() => {
  folder.remove();
});

function suggest(...args: string[]): Promise<Ran> {
  return ranCli(['suggest', '--engine', 'wasm', ...args], env);
}

test('the settings of a collection are printed with their reasons, and written to a file', async () => {
  const file = join(folder.path, 'suggested.yaml');
  const ran = await suggest('--data', data, '--workers', '2', '--memory', '2G', '--out', file);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /^measuring small-convnet at 32 px on wasm, once on this machine\n$/);
  assert.match(ran.stdout, /^40 images, shorter side about \d+ px \(40 looked at\)\n/);
  assert.match(ran.stdout, /\nclustering\.k +10 +4 images a cluster/);
  assert.match(ran.stdout, /memory of a worker about \d\.\d GiB, of 2\.0 GiB\n/);
  const command = /start it with: deepcluster launch --config (\S+)\n$/.exec(ran.stdout);
  assert.equal(command?.[1], file);
  const { config } = loadRunConfig({ file, env: {}, settings: [] });
  assert.equal(config.data.source, data);
  assert.equal(config.clustering.k, 10);
  assert.equal(config.cluster.engine, 'wasm');
  assert.equal(config.cluster.memoryBudget, 2 * 2 ** 30);
});

test('with --json it is one object, and what was measured is not measured again', async () => {
  const ran = await suggest('--data', data, '--workers', '2', '--json');
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(ran.stderr, '');
  const suggested = JSON.parse(ran.stdout) as {
    collection: object;
    settings: { key: string; value: unknown; reason: string }[];
    memory: { perWorker: number; budget: number };
    network: { engine: string };
  };
  assert.equal(suggested.network.engine, 'wasm');
  assert.ok(suggested.settings.every(({ reason }) => reason.length > 0));
  assert.ok(suggested.memory.perWorker > 1e8 && suggested.memory.perWorker < 2e9);
});

test('too little memory is told with how much is needed, which is enough', async () => {
  const ran = await suggest('--data', data, '--workers', '2', '--memory', '64M');
  assert.equal(ran.code, 42, ran.stderr);
  const needed = /must be at least (\d+) bytes/.exec(ran.stderr)?.[1];
  assert.ok(needed, ran.stderr);
  const again = await suggest('--data', data, '--workers', '2', '--memory', needed);
  assert.equal(again.code, 0, again.stderr);
});

test('images of which none can be read are refused, and data verify says why', async () => {
  const bad = join(folder.path, 'bad');
  mkdirSync(bad);
  writeFileSync(join(bad, 'a.jpg'), 'no picture');
  const ran = await suggest('--data', bad);
  assert.equal(ran.code, 42);
  assert.match(
    ran.stderr,
    /none of 1 images that were looked at can be read; deepcluster data verify/,
  );
  const verified = await ranCli(['data', 'verify', '--data', bad, '--json'], env);
  assert.match(verified.stdout, /not an image of a known format/);
});

test('words that are no bytes and no file are refused', async () => {
  for (const memory of ['8X', '', '-1', '0']) {
    const ran = await suggest('--data', data, '--memory', memory);
    assert.equal(ran.code, 2, memory);
  }
  const ran = await suggest('--data', data, '--out', join(folder.path, 'none', 'x.yaml'));
  assert.equal(ran.code, 42);
  assert.match(ran.stderr, /config out: must be a file that can be written: ENOENT/);
});

test('of a list of 100,000 images a sample is looked at', async () => {
  const list = join(folder.path, 'list.txt');
  const { paths } = await findImages(data);
  // The same few files again and again.
  const names = Array.from({ length: 100_000 }, (_, i) => `images/${paths[i % paths.length]!}`);
  writeFileSync(list, `${names.join('\n')}\n`);
  const found = await lookAtCollection(list, new AbortController().signal);
  assert.deepEqual([found.images, found.sampled, found.readable], [100_000, 200, 200]);
});
