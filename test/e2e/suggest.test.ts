/** A launch that is told the images and nothing else: it takes the suggestion, and keeps it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { RunConfig } from '../../src/config/schema.ts';
import { configFileOf } from '../../src/run/folder.ts';
import { makeNoiseImages, temporaryFolder } from '../support/runs/in-process-run.ts';
import { runCommand } from '../support/runs/launched-run.ts';

const folder = temporaryFolder();
const data = join(folder.path, 'images');
const out = join(folder.path, 'run');
const env = { XDG_CACHE_HOME: join(folder.path, 'cache') };
const flags = ['--json', '--no-dashboard', '--out', out];

before(async () => {
  await makeNoiseImages(data, 40);
});
after(() => {
  folder.remove();
});

function savedConfig(): RunConfig {
  return (JSON.parse(readFileSync(configFileOf(out), 'utf8')) as { config: RunConfig }).config;
}

test('settings that nobody gave are suggested, recorded, and kept by a resume', async () => {
  const begun = runCommand(
    ['launch', '--data', data, '--engine', 'wasm', '--set', 'epochs=1', ...flags],
    env,
  );
  const { code, stderr } = await begun.ended;
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /settings for 40 images: small-photos, \d+ epochs, 32 px, k 10, engine wasm; about .* reasons: deepcluster suggest --data \S+/,
  );
  const { algorithm, epochs, data: views, clustering, training, cluster } = savedConfig();
  assert.equal(algorithm, 'deepcluster-v2');
  assert.equal(epochs, 1); // as given, not as suggested
  assert.equal(cluster.engine, 'wasm');
  assert.deepEqual([views.shardSize, views.imageSize, clustering.k], [64, 32, 10]);
  assert.deepEqual([training.batchSize, training.sliceSize], [64, 32]);

  const resumed = runCommand(['launch', '--resume', '--set', 'epochs=2', ...flags], env);
  const ended = await resumed.ended;
  assert.equal(ended.code, 0, ended.stderr);
  assert.doesNotMatch(ended.stderr, /settings for|measuring/);
  assert.equal(savedConfig().clustering.k, 10);
});

test('a slice beyond the memory budget ends before the first step, and the one that is named is within', async () => {
  const second = ['--json', '--no-dashboard', '--out', join(folder.path, 'budgeted')];
  const args = ['launch', '--preset', 'small-photos', '--data', data, '--engine', 'wasm'];
  const settings = {
    ...{ 'clustering.k': 10, epochs: 1, 'model.width': 96, 'data.imageSize': 96 },
    ...{ 'cluster.workers': 1, 'training.batchSize': 128, 'training.sliceSize': 128 },
  };
  const sets = (values: object) =>
    Object.entries(values).flatMap(([key, value]) => ['--set', `${key}=${String(value)}`]);
  const told = await runCommand(
    [...args, ...second, ...sets({ ...settings, 'cluster.memoryBudget': 1 })],
    env,
  ).ended;
  assert.equal(told.code, 42, told.stderr);
  const needed = Number(/--set cluster\.memoryBudget=(\d+)/.exec(told.stderr)?.[1]);
  const budget = { 'cluster.memoryBudget': Math.floor(0.8 * needed) };
  const short = await runCommand([...args, ...second, ...sets({ ...settings, ...budget })], env)
    .ended;
  assert.equal(short.code, 42, short.stderr);
  const fits = /--set training\.sliceSize=(\d+)/.exec(short.stderr)?.[1];
  assert.ok(fits, short.stderr);
  const smaller = { ...settings, ...budget, 'training.sliceSize': fits };
  const ran = await runCommand([...args, ...second, ...sets(smaller)], env).ended;
  assert.equal(ran.code, 0, ran.stderr);
});
