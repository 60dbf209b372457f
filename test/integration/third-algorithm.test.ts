/** An algorithm that test code alone brings: registered, configured, run by real processes' parts, resumed and reported. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { allAlgorithms, registerAlgorithm } from '../../src/algorithms/registry.ts';
import { arrayOf } from '../../src/arrays/bundle.ts';
import { summaryLines } from '../../src/cli/summary-table.ts';
import { loadRunConfig } from '../../src/config/load.ts';
import { unavailable } from '../../src/errors.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import { HASHED, hashedLabels } from '../support/doubles/hashed-algorithm.ts';
import {
  checkpointOf,
  makeNoiseImages,
  plainCompute,
  readLines,
  readLosses,
  runPlain,
  temporaryFolder,
} from '../support/runs/in-process-run.ts';

const IMAGES = 40;
const SALT = 5;
const SETTINGS = { algorithm: 'hashed', 'hashed.salt': SALT };
const folder = temporaryFolder();
const data = join(folder.path, 'images');
const undisturbed = join(folder.path, 'undisturbed');

function load(settings: Readonly<Record<string, string>>, env: Record<string, string> = {}) {
  const given = Object.entries(settings);
  return loadRunConfig({
    env,
    settings: given.map(([key, value]) => ({ key, value, origin: '--set' })),
  }).config as unknown as Readonly<Record<string, unknown>>;
}

before(async () => {
  await makeNoiseImages(data, IMAGES);
  // What was composed before the registration must not stay.
  assert.throws(
    () => load({ algorithm: 'hashed' }),
    /must be one of deepcluster, deepcluster-v2, odc, swav, got "hashed"/,
  );
  assert.throws(() => load({ 'hashed.salt': '1' }), /hashed\.salt/);
  registerAlgorithm(HASHED);
  await runPlain({ data, out: undisturbed, workers: 2, settings: SETTINGS });
});
after(() => {
  folder.remove();
});

test('its name is a choice, and its settings are part of the configuration', () => {
  assert.throws(
    () => load({ algorithm: 'none' }),
    /must be one of deepcluster, deepcluster-v2, odc, swav, hashed/,
  );
  assert.deepEqual(load({})['hashed'], { salt: 0, logInterval: 1 });
  const config = load({ algorithm: 'hashed' }, { DC_HASHED__SALT: '7' });
  assert.deepEqual(config['hashed'], { salt: 7, logInterval: 1 });
  assert.throws(() => load({ 'hashed.salt': '-1' }), /hashed\.salt: must be at least 0/);
  assert.throws(() => load({ 'hashed.pepper': '1' }), /hashed\.pepper/);
  const keys = Object.keys(config);
  assert.deepEqual(keys.slice(keys.indexOf('clustering')).slice(0, 6), [
    'clustering',
    'deepclusterV2',
    'odc',
    'swav',
    'hashed',
    'training',
  ]);
});

test('a run trains on its pseudo-labels and clusters nothing', async () => {
  const { files } = await checkpointOf(undisturbed);
  const labels = arrayOf(files['clustering']!, 'pseudo-labels', Int32Array);
  assert.deepEqual(labels, hashedLabels(IMAGES, 6, SALT));
  const phases = readLines(undisturbed, 'events.jsonl')
    .filter(({ event }) => event === 'phase.entered')
    .map(({ phase }) => phase);
  assert.deepEqual(phases, ['train', 'train']);
  assert.equal(readLosses(undisturbed).length, 2 * Math.ceil(IMAGES / 16));
});

test('a run that is stopped in mid-epoch and resumed is the undisturbed run, its figures too', async () => {
  const out = join(folder.path, 'stopped');
  const stop = new AbortController();
  let slices = 0;
  const beforeGradient = (): void => {
    slices += 1;
    if (slices === 11) stop.abort(unavailable('test', 'stopped'));
  };
  const compute = () => plainCompute({ beforeGradient });
  const settings = SETTINGS;
  await assert.rejects(
    runPlain({ data, out, workers: 2, settings, signal: stop.signal, compute }),
    /stopped/,
  );
  const changed = { ...settings, 'hashed.logInterval': 3 };
  const summary = await runPlain({ data, out, workers: 1, settings: changed, resume: true });
  assert.deepEqual(readLosses(out), readLosses(undisturbed));
  assert.deepEqual(figuresByEpoch(out), figuresByEpoch(undisturbed));
  assert.deepEqual((summary as typeof summary & { hashed: unknown }).hashed, summaryOf().hashed);
  const { files } = await checkpointOf(out);
  assert.deepEqual(files['parameters'], (await checkpointOf(undisturbed)).files['parameters']);
  await assert.rejects(
    runPlain({ data, out, workers: 1, settings: { ...settings, 'hashed.salt': 6 }, resume: true }),
    /hashed\.salt: must stay 5 when the run is resumed/,
  );
});

test('its figures stand in metrics, summary, report and console', () => {
  const largest = Math.max(...sizesOf(hashedLabels(IMAGES, 6, SALT)));
  assert.deepEqual(figuresByEpoch(undisturbed), [
    { hashed: { largest, steps: 3 }, odc: null },
    { hashed: { largest, steps: 6 }, odc: null },
  ]);
  const summary = summaryOf();
  assert.deepEqual(summary.hashed, { largest: [largest, largest] });
  assert.ok(!('odc' in summary));
  const lines = summaryLines(summary, 'r');
  assert.ok(lines.includes(`Hashed     largest buckets ${largest}, ${largest}`), lines.join('\n'));
  const page = readFileSync(join(undisturbed, 'report.html'), 'utf8');
  assert.ok(page.includes('<h1>Hashed Pseudo-labels on '));
  assert.ok(page.includes('>Largest bucket</th>') && page.includes(`<td>${largest}</td>`));
  assert.ok(!page.includes('>Inertia</th>'));
});

test('a name or a key is taken once', () => {
  const { settings } = HASHED;
  for (const other of [
    HASHED,
    { ...HASHED, name: 'other' },
    { ...HASHED, name: 'odc', settings },
  ]) {
    assert.throws(() => {
      registerAlgorithm(other);
    }, /its name or a key of it is (hashed|odc)'s/);
  }
  assert.deepEqual(
    allAlgorithms().map(({ name }) => name),
    ['deepcluster', 'deepcluster-v2', 'odc', 'swav', 'hashed'],
  );
});

function summaryOf(): RunSummary & { readonly hashed: unknown } {
  const text = readFileSync(join(undisturbed, 'summary.json'), 'utf8');
  return JSON.parse(text) as ReturnType<typeof summaryOf>;
}

function figuresByEpoch(out: string): object[] {
  return readLines(out, 'metrics.jsonl')
    .filter((line) => 'meanLoss' in line)
    .map(({ hashed, odc }) => ({ hashed, odc }));
}

function sizesOf(labels: Int32Array): Int32Array {
  const sizes = new Int32Array(6);
  for (const label of labels) sizes[label]! += 1;
  return sizes;
}
