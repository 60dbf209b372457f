import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadRunConfig } from '../../src/config/load.ts';
import type { EngineName } from '../../src/engine/registry.ts';
import { withFastestEngine } from '../../src/suggest/fastest-engine.ts';
import { networkCost, networkCosts } from '../../src/suggest/measure/measured-network.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';

const folder = temporaryFolder();
after(() => {
  folder.remove();
});

const env = { ...process.env, OMP_NUM_THREADS: '1', XDG_CACHE_HOME: folder.path };
const signal = new AbortController().signal;
const set = (key: string, value: string) => ({ key, value, origin: 'the test' });
const { config } = loadRunConfig({
  preset: 'small-photos',
  env: {},
  settings: [set('model.width', '8'), set('clustering.k', '10')],
});

test('a network is measured once by a process of its own, and remembered', async () => {
  const told: string[] = [];
  const onMeasure = (text: string): void => void told.push(text);
  const cost = await networkCost(config, 'wasm', { env, signal, onMeasure });
  assert.deepEqual(told, ['measuring small-convnet at 32 px on wasm, once on this machine']);
  assert.equal(cost.engine, 'wasm');
  assert.equal(cost.threads, 1);
  // A process of Node with an engine, and not this one, whatever it holds.
  assert.ok(cost.baseBytes > 50e6 && cost.baseBytes < 2e9, String(cost.baseBytes));
  assert.ok(cost.trainingSeconds > cost.forwardSeconds && cost.forwardSeconds > 0);
  assert.ok(cost.viewSeconds > 0);
  assert.ok(existsSync(join(folder.path, 'deepcluster', 'network-costs.json')));
  assert.deepEqual(await networkCost(config, 'wasm', { env, signal, onMeasure }), cost);
  assert.equal(told.length, 1);
});

test('an engine that is missing is left out; where there is no other, its absence is told', async () => {
  const without = {
    ...env,
    NODE_OPTIONS: `--import=${import.meta.resolve('../support/doubles/without-tensorflow.mjs')}`,
  };
  const costs = (engines: EngineName[]) => networkCosts(config, engines, { env: without, signal });
  // wasm is remembered from the test before.
  assert.deepEqual(
    (await costs(['tensorflow', 'wasm'])).map(({ engine }) => engine),
    ['wasm'],
  );
  await assert.rejects(costs(['tensorflow']), { code: 'ENGINE_UNAVAILABLE' });
});

test("the fastest engine is that of the run's own network, and becomes a setting of the run", async () => {
  const stories: string[] = [];
  const onMeasure = (text: string): void => void stories.push(text);
  const settings = [set('model.width', '8'), set('clustering.k', '10')];
  const given = { preset: 'small-photos', settings };
  const surroundings = { env, signal, onMeasure };
  const { sources, story } = await withFastestEngine(given, surroundings);
  const { config: chosen, origins } = loadRunConfig({ ...sources, env: {} });
  const { engine } = chosen.cluster;
  assert.ok(engine === 'tensorflow' || engine === 'wasm', engine);
  assert.match(story, new RegExp(`^engine ${engine}: (the one that|\\d\\.\\d times as fast as)`));
  assert.equal(origins['cluster.engine'], '--engine fastest');
  const measured = stories.length;
  assert.deepEqual(await withFastestEngine(given, surroundings), { sources, story });
  assert.equal(stories.length, measured, 'it is remembered');
});

test('a measurement that is not wanted any more is ended', async () => {
  const stop = new AbortController();
  const other = loadRunConfig({ preset: 'small-photos', env: {}, settings: [] }).config;
  const onMeasure = (): void => {
    stop.abort(new Error('stopped'));
  };
  await assert.rejects(networkCost(other, 'wasm', { env, signal: stop.signal, onMeasure }), {
    message: 'stopped',
  });
});
