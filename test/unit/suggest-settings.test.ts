import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { linesOf } from '../../src/cli/commands/suggest.ts';
import { loadRunConfig } from '../../src/config/load.ts';
import { sampledIds, statisticsOf } from '../../src/suggest/collection.ts';
import { requireWithin } from '../../src/suggest/memory-budget.ts';
import type { NetworkCost } from '../../src/suggest/measure/network-cost.ts';
import { planRun } from '../../src/suggest/plan.ts';
import { fastest, type Suggestion } from '../../src/suggest/suggest.ts';
import { configFileText, suggestedSettings } from '../../src/suggest/suggested-settings.ts';
import { leavesPlanOpen, withSuggestion } from '../../src/suggest/suggested-sources.ts';
import type { WorkerLoad } from '../../src/suggest/worker-memory.ts';

const folder = mkdtempSync(join(tmpdir(), 'suggest-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

const COST: NetworkCost = {
  ...{ engine: 'wasm', device: 'CPU', threads: 1 },
  ...{ forwardSeconds: 1e-4, trainingSeconds: 1e-3, viewSeconds: 1e-4 },
  ...{ baseBytes: 2 ** 29, bytesPerImage: 2 ** 20, extractionBytes: 1e6 },
};

function suggestion(workers: number, isMemoryGiven: boolean): Suggestion {
  const collection = { images: 300, shorterSide: 32, pixels: 1024, sampled: 200, readable: 198 };
  const resources = { workers, memoryBytes: 2 ** 32, minutes: 20 };
  const base = {
    ...{ crops: 2, heads: 3, iterations: 10, featureDim: 64, parameters: 0 },
    ...{ cacheBytes: 2 ** 28, learningRate: 0.06, batchSize: 128 },
  };
  const plan = planRun(collection, resources, base, () => COST);
  const engine = { name: 'wasm', reason: 'as a test has it' } as const;
  return { collection, resources, isMemoryGiven, engine, cost: COST, plan };
}

test('images that are looked at are spread over all, and few of few', () => {
  assert.deepEqual(sampledIds(3, 200), [0, 1, 2]);
  assert.deepEqual(sampledIds(10, 2), [2, 7]); // the middles of two halves
  assert.deepEqual(sampledIds(1_000_000, 4), [125_000, 375_000, 625_000, 875_000]);
});

test('the shorter side is the median of those of the images, whichever way they stand', () => {
  const sizes = [
    ...[
      [10, 90],
      [90, 20],
      [30, 90],
    ].map(([width, height]) => ({ width: width!, height: height! })),
  ];
  assert.deepEqual(statisticsOf(sizes), {
    shorterSide: 20,
    pixels: (900 + 1800 + 2700) / 3,
    readable: 3,
  });
});

describe('the file of a suggestion', () => {
  const file = join(folder, 'suggested.yaml');
  const own = suggestion(2, true);

  test('is a configuration with each suggested setting, over the preset', () => {
    writeFileSync(file, configFileText(own, '/photos'));
    const { config, origins } = loadRunConfig({ file, env: {}, settings: [] });
    assert.equal(config.algorithm, 'deepcluster-v2'); // the preset's
    assert.equal(config.data.source, '/photos');
    for (const { key, value } of suggestedSettings(own)) {
      const path = key.split('.');
      const found = path.reduce<unknown>(
        (at, name) => (at as Record<string, unknown>)[name],
        config,
      );
      assert.equal(found, value, key);
      assert.match(origins[key]!, /suggested\.yaml:\d+/);
    }
    assert.equal(config.cluster.memoryBudget, 2 ** 32);
  });

  test('has no budget that nobody gave', () => {
    assert.doesNotMatch(configFileText(suggestion(2, false), 'x'), /memoryBudget/);
  });
});

test('the table has a reason for each setting, what was not readable, time and memory', () => {
  const lines = linesOf(suggestion(3, false));
  assert.equal(
    lines[0],
    '300 images, shorter side about 32 px (200 looked at, 2 of 200 cannot be read)',
  );
  assert.match(lines.join('\n'), /cluster\.workers +3 +a step has 2 slices: 1 of them wait/);
  assert.match(lines.at(-1)!, /^time about .*; memory of a worker about 0\.\d GiB, of 4\.0 GiB$/);
});

test('the engine is the one that trains in the least time, and the reason says by how much', () => {
  const other = { ...COST, engine: 'tensorflow', trainingSeconds: 1.5e-3 };
  assert.deepEqual(fastest([other, COST]), {
    engine: 'wasm',
    reason: '1.5 times as fast as tensorflow in training this network here',
  });
  assert.equal(fastest([other]).engine, 'tensorflow');
});

describe('a launch takes the suggestion only where nothing says how to learn', () => {
  const surroundings = { env: {}, signal: new AbortController().signal };
  const set = (key: string, value: string) => ({ key, value, origin: `--set ${key}` });
  const source = set('data.source', join(folder, 'none'));
  const asks = (sources: object, env = {}) =>
    withSuggestion({ settings: [source], ...sources }, { ...surroundings, env });

  test('not with a preset, a file, or a setting of the network, the views, the clusters, the training', async () => {
    assert.equal(await asks({ preset: 'demo' }), null);
    assert.equal(await asks({ file: 'run.yaml' }), null);
    assert.equal(await asks({ settings: [] }), null);
    for (const key of ['algorithm', 'model.width', 'clustering.k', 'training.batchSize']) {
      assert.equal(await asks({ settings: [source, set(key, '8')] }), null, key);
    }
    assert.equal(await asks({}, { DC_CLUSTERING__K: '4' }), null);
  });

  test('with settings of place and length it looks at the images', async () => {
    const settings = [source, set('cluster.workers', '3'), set('epochs', '2'), set('seed', '1')];
    await assert.rejects(asks({ settings }), { code: 'DATA_UNREADABLE' });
    for (const key of [
      'epochs',
      'seed',
      'cluster.engine',
      'checkpoint.everySteps',
      'data.source',
    ]) {
      assert.ok(leavesPlanOpen(key), key);
    }
    for (const key of ['training.learningRate', 'data.imageSize', 'data.shardSize', 'model.neck']) {
      assert.ok(!leavesPlanOpen(key), key);
    }
  });
});

describe('a memory budget', () => {
  const load: WorkerLoad = {
    ...{ sliceSize: 64, crops: 1, imageSize: 32, decodedPixels: 0, cacheBytes: 0 },
    ...{ images: 1, workers: 1, featureDim: 1, batchSize: 128, parameters: 0 },
  };
  const fixed = 2 ** 29 + 48 * 2 ** 20 + 8;
  const each = 2 ** 20 + 4 * 3 * 32 * 32;
  const need = (budget: number, isResumed = false): void => {
    requireWithin(budget, COST, load, { isResumed });
  };

  test('that is enough is no error, to the byte', () => {
    need(fixed + 64 * each);
    assert.throws(() => {
      need(fixed + 64 * each - 1);
    });
  });

  test('that is short names the largest slice that fits', () => {
    assert.throws(
      () => {
        need(fixed + 10.5 * each);
      },
      {
        code: 'CONFIG_INVALID',
        message:
          'config training.sliceSize: must be at most 10 (--set training.sliceSize=10) to stay within ' +
          'cluster.memoryBudget 0.56 GiB, where a worker takes about 0.61 GiB with training.sliceSize 64, got 64',
      },
    );
  });

  test('that holds no slice, or is of a run whose slices must stay, is to be raised', () => {
    for (const [budget, isResumed] of [
      [fixed, false],
      [fixed + 10.5 * each, true],
    ] as const) {
      const raised = new RegExp(`raise it \\(--set cluster\\.memoryBudget=${fixed + 64 * each}\\)`);
      assert.throws(
        () => {
          need(budget, isResumed);
        },
        { message: raised },
      );
    }
  });
});
