import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { describeModel } from '../../src/nn/architectures.ts';
import { modelConfigSchema } from '../../src/nn/config.ts';
import {
  activationBytes,
  costOf,
  measuredSizes,
  type CostSample,
  type NetworkCost,
} from '../../src/suggest/measure/network-cost.ts';
import {
  costKey,
  recallCost,
  rememberCost,
  rememberedCostsFile,
} from '../../src/suggest/measure/remembered-costs.ts';

const folder = mkdtempSync(join(tmpdir(), 'costs-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function sample(images: number, trainingBytes: number, startBytes = 50): CostSample {
  const seconds = { forwardSeconds: images, trainingSeconds: 2 * images, viewSeconds: 3 * images };
  return { images, startBytes, trainingBytes, peakBytes: trainingBytes + images, ...seconds };
}

const COST: NetworkCost = {
  ...{ engine: 'wasm', device: 'CPU', threads: 1 },
  ...{ forwardSeconds: 0.1, trainingSeconds: 0.2, viewSeconds: 0.3 },
  ...{ baseBytes: 100, bytesPerImage: 7, extractionBytes: 1e6 },
};

describe('the line through two measured peaks', () => {
  test('goes through both; the extraction is that after the smaller one', () => {
    const cost = { ...COST, ...costOf(sample(4, 200), sample(16, 320)) };
    assert.equal(cost.bytesPerImage, (320 - 200) / (16 - 4));
    assert.equal(cost.baseBytes, 200 - 4 * 10);
    assert.equal(cost.extractionBytes, 200 + 4);
  });

  test('is level where the larger slice took no more, and never below what the process began with', () => {
    assert.deepEqual(
      [costOf(sample(4, 200), sample(16, 190))].map((c) => [c.bytesPerImage, c.baseBytes]),
      [[0, 190]],
    );
    assert.equal(costOf(sample(4, 60), sample(16, 180)).baseBytes, 50); // the line says 20
  });

  test('has the times of the larger slice', () => {
    const { forwardSeconds, trainingSeconds, viewSeconds } = costOf(sample(1, 1), sample(8, 2));
    assert.deepEqual([forwardSeconds, trainingSeconds, viewSeconds], [8, 16, 24]);
  });
});

test('the measured slices are small for large networks, and a multiple of each other', () => {
  const spec = (settings: object, size: number) =>
    describeModel(modelConfigSchema.parse(settings), size, 10);
  const small = spec({ architecture: 'small-convnet' }, 32);
  assert.deepEqual(measuredSizes(small, 2), [16, 64]);
  const large = spec({ architecture: 'resnet50', sobel: false }, 224);
  // Of 1 GiB of outputs 1.0e8 an image, there are ten; 1.5e11 multiply-adds would be twelve.
  assert.equal(Math.floor(2 ** 30 / activationBytes(large)), 10);
  assert.deepEqual(measuredSizes(large, 1), [2, 8]);
  assert.deepEqual(measuredSizes(large, 8), [1, 4]);
});

test('activations are the outputs of all layers, in float32', () => {
  const spec = describeModel(
    modelConfigSchema.parse({ architecture: 'small-convnet', width: 4, featureDim: 8 }),
    32,
    5,
  );
  const maps = [
    ...[16 * 16 * 4, 16 * 16 * 4, 16 * 16 * 4, 8 * 8 * 4], // conv, norm, relu, pool
    ...[8 * 8 * 8, 8 * 8 * 8, 8 * 8 * 8, 4 * 4 * 8],
    ...[4 * 4 * 16, 4 * 4 * 16, 4 * 4 * 16, 2 * 2 * 16],
    ...[2 * 2 * 16, 2 * 2 * 16, 2 * 2 * 16, 16],
    ...[16, 16, 8, 8, 5], // flat, dropout, dense, relu, head
  ];
  assert.equal(activationBytes(spec), 4 * maps.reduce((sum, numbers) => sum + numbers, 0));
});

describe('remembered costs', () => {
  const file = join(folder, 'cache', 'costs.json');

  test('are found again by their key, and by no other', async () => {
    await rememberCost(file, 'a', COST);
    await rememberCost(file, 'b', { ...COST, engine: 'tensorflow' });
    assert.deepEqual(await recallCost(file, 'a'), COST);
    assert.equal((await recallCost(file, 'b'))?.engine, 'tensorflow');
    assert.equal(await recallCost(file, 'c'), undefined);
    assert.notEqual(costKey(['a', 1]), costKey(['a', 2]));
  });

  test('that are damaged are none, and the next one mends the file', async () => {
    for (const text of ['', '{', '{"costs":[["a",{}]]}', '[]', '{"costs":[["a",null]]}']) {
      writeFileSync(file, text);
      assert.equal(await recallCost(file, 'a'), undefined, text);
    }
    await rememberCost(file, 'a', COST);
    assert.deepEqual(await recallCost(file, 'a'), COST);
  });

  test('are bounded: the oldest leave first', async () => {
    for (let i = 0; i <= 200; i += 1) await rememberCost(file, `k${i}`, COST);
    const { costs } = JSON.parse(readFileSync(file, 'utf8')) as { costs: unknown[] };
    assert.equal(costs.length, 200);
    assert.equal(await recallCost(file, 'k0'), undefined);
    assert.deepEqual(await recallCost(file, 'k200'), COST);
  });

  test('are not written where that cannot be, which is no error', async () => {
    const blocked = join(folder, 'blocked', 'deepcluster', 'costs.json');
    writeFileSync(join(folder, 'blocked'), 'a file in the place of a folder');
    await rememberCost(blocked, 'a', COST);
    assert.equal(await recallCost(blocked, 'a'), undefined);
    const readOnly = join(folder, 'read-only', 'costs.json');
    mkdirSync(dirname(readOnly));
    chmodSync(dirname(readOnly), 0o500);
    await rememberCost(readOnly, 'a', COST); // as root it is written
  });

  test("lie in the user's cache folder", () => {
    assert.equal(
      rememberedCostsFile({ XDG_CACHE_HOME: '/c' }),
      '/c/deepcluster/network-costs.json',
    );
    assert.match(
      rememberedCostsFile({ XDG_CACHE_HOME: '' }),
      /\.cache\/deepcluster\/network-costs\.json$/,
    );
  });
});
