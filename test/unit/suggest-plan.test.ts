import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Collection } from '../../src/suggest/collection.ts';
import type { NetworkCost } from '../../src/suggest/measure/network-cost.ts';
import {
  batchSizeFor,
  clustersFor,
  epochsFor,
  planRun,
  shardSizeFor,
  sliceWithin,
  type BaseSettings,
  type Resources,
} from '../../src/suggest/plan.ts';
import { estimatedSeconds } from '../../src/suggest/run-time.ts';
import { largestSlice, workerPeakBytes } from '../../src/suggest/worker-memory.ts';

const GIB = 2 ** 30;
const BASE: BaseSettings = {
  ...{ crops: 2, heads: 3, iterations: 10, featureDim: 64, parameters: 0 },
  ...{ cacheBytes: 2 ** 28, learningRate: 0.06, batchSize: 128 },
};
const MACHINE: Resources = { workers: 2, memoryBytes: 4 * GIB, minutes: 20 };

/** Time and memory grow with the pixels of a view. */
function costAt(imageSize: number): NetworkCost {
  const times = (imageSize / 32) ** 2;
  return {
    ...{ engine: 'wasm', device: 'CPU', threads: 1 },
    ...{ forwardSeconds: 1e-4 * times, trainingSeconds: 1e-3 * times, viewSeconds: 1e-4 * times },
    ...{ baseBytes: 0.5 * GIB, bytesPerImage: 1e6 * times, extractionBytes: 1e6 },
  };
}

function collection(images: number, shorterSide: number): Collection {
  const sampled = Math.min(images, 200);
  return { images, shorterSide, pixels: shorterSide ** 2, sampled, readable: sampled };
}

function planned(images: number, shorterSide: number, machine: Partial<Resources> = {}) {
  return planRun(collection(images, shorterSide), { ...MACHINE, ...machine }, BASE, costAt);
}

describe('rules by the number of images', () => {
  const rows: readonly [number, object][] = [
    // images / 50 clusters, at least 10; an eighth of the images a shard, in steps of 32, at least
    // 64
    [300, { batchSize: 64, k: 10, shardSize: 64, epochs: 400 }], // 8000 / 5 steps, but 400 at most
    [2000, { batchSize: 128, k: 40, shardSize: 256, epochs: 400 }], // 8000 / 16, but 400 at most
    [5000, { batchSize: 128, k: 100, shardSize: 640, epochs: 200 }], // 8000 / 40
    [20_000, { batchSize: 128, k: 400, shardSize: 2528, epochs: 102 }], // 2 * 8000 / 157
    [1_000_000, { batchSize: 256, k: 3000, shardSize: 4096, epochs: 29 }], // 14.14 * 8000 / 3907
    [100_000_000, { batchSize: 256, k: 3000, shardSize: 4096, epochs: 10 }],
  ];
  for (const [images, expected] of rows) {
    test(`${images} images`, () => {
      const batchSize = batchSizeFor(images);
      const k = clustersFor(images);
      const epochs = epochsFor(images, batchSize);
      assert.deepEqual({ batchSize, k, shardSize: shardSizeFor(images), epochs }, expected);
    });
  }

  test('a handful of images has fewer clusters than images', () => {
    assert.deepEqual([2, 5, 12, 30].map(clustersFor), [2, 2, 6, 10]);
  });
});

test('a plan of 5,000 small photos is what was measured', () => {
  const { settings, preset, size } = planned(5000, 32);
  assert.equal(preset.name, 'small-photos');
  assert.deepEqual(Object.fromEntries(settings.map(({ key, value }) => [key, value])), {
    epochs: 200,
    'data.imageSize': 32,
    'data.shardSize': 640,
    'clustering.k': 100,
    'training.batchSize': 128,
    'training.sliceSize': 64,
    'training.learningRate': 0.06,
    'training.warmupEpochs': 2,
  });
  for (const { key, reason } of settings) assert.match(reason, /^\S.*\S$/, key);
  assert.equal(size.batchSize % size.sliceSize, 0);
});

test('the learning rate goes with the batch, up to what was measured', () => {
  const rateOf = (images: number) =>
    planned(images, 32).settings.find(({ key }) => key === 'training.learningRate')!.value;
  assert.deepEqual([300, 5000, 1e6].map(rateOf), [0.03, 0.06, 0.1]); // 0.12 would be in proportion
});

test('results do not depend on the number of workers: numbers of the run are the same for any', () => {
  const numbers = (workers: number) => {
    const { settings } = planned(20_000, 32, { workers, minutes: 1e6 });
    return settings.map(({ key, value }) => [key, value]);
  };
  for (const workers of [1, 3, 16]) assert.deepEqual(numbers(workers), numbers(2));
});

describe('the size of views', () => {
  const sizeOf = (...args: Parameters<typeof planned>) => planned(...args).size.imageSize;

  test('is the largest that the images have, within the time', () => {
    assert.equal(sizeOf(5000, 20), 32); // the smallest there is
    assert.equal(sizeOf(5000, 70, { minutes: 1e6 }), 64);
    assert.equal(sizeOf(5000, 500, { minutes: 1e6 }), 128);
    // 200 epochs of 5,000 images in 2 workers at 64 px: 4 * (1 + 2 * 0.1) ms an image, 2400 s, and
    // the rest.
    assert.equal(sizeOf(5000, 500, { minutes: 50 }), 64);
    assert.equal(sizeOf(5000, 500, { minutes: 30 }), 48);
  });

  test('is the smallest where no other is quick enough, and the plan says so', () => {
    const { size, settings, seconds } = planned(1_000_000, 500);
    assert.equal(size.imageSize, 32);
    assert.ok(seconds > 20 * 60);
    const { reason } = settings.find(({ key }) => key === 'data.imageSize')!;
    assert.match(reason, /the smallest, for time: more than the 20 minutes/);
  });

  test('is one that fits into the memory', () => {
    const wide = { minutes: 1e6 };
    const tight = sizeOf(5000, 500, { ...wide, memoryBytes: 1.1 * GIB });
    assert.ok(tight < 128, String(tight));
    assert.throws(() => planned(5000, 500, { memoryBytes: 0.4 * GIB }), {
      code: 'CONFIG_INVALID',
      message: /^config cluster\.memoryBudget: must be at least \d+ bytes .* \(from --memory\)$/,
    });
  });
});

test('slices are whole parts of a batch, and never below 64 views of two crops', () => {
  assert.deepEqual(
    [1000, 64, 63, 32, 0].map((fitting) => sliceWithin(128, fitting)),
    [64, 64, 32, 32, 32],
  );
  assert.equal(sliceWithin(64, 1000), 32);
  assert.equal(sliceWithin(256, 1000), 64);
});

describe('the memory of a worker', () => {
  const cost = { ...costAt(32), baseBytes: 1e9, bytesPerImage: 1e6, extractionBytes: 1e6 };
  const load = {
    ...{ crops: 2, imageSize: 32, decodedPixels: 6144, cacheBytes: 1e8 },
    ...{ images: 5000, workers: 2, featureDim: 128, batchSize: 128, parameters: 0 },
  };
  const view = 3 * 32 * 32;
  const decoded = 5000 * (3 * 6144 + view);
  const rows = 2 * 4 * 128 * 2500;
  const fixed = 1e9 + 48 * 2 ** 20 + decoded + rows;

  test('is the measured line, the decoded images, the rows, and views made ahead', () => {
    assert.equal(
      workerPeakBytes(cost, { ...load, cacheBytes: 1e9, sliceSize: 64 }),
      fixed + 64 * (1e6 + 4 * 2 * view),
    );
    assert.equal(
      workerPeakBytes(cost, { ...load, cacheBytes: 10, sliceSize: 1 }),
      fixed - decoded + 10 + (1e6 + 8 * view),
    );
  });

  test('is that of the extraction where slices are small', () => {
    const large = { ...cost, extractionBytes: 2e9 };
    assert.equal(
      workerPeakBytes(large, { ...load, cacheBytes: 1e9, sliceSize: 64 }),
      fixed + 1e9, // in place of the base of 1e9, 2e9
    );
    assert.equal(largestSlice(large, load, 1.2e9), 0);
  });

  test('has a gradient that waits for each level of the tree over its slices of a step', () => {
    const peak = (sliceSize: number, workers: number, parameters: number): number =>
      workerPeakBytes(cost, { ...load, parameters, sliceSize, workers });
    const sums = (sliceSize: number, workers: number): number =>
      peak(sliceSize, workers, 1000) - peak(sliceSize, workers, 0);
    // Of 128 images, 8 slices by one worker are 3 levels; 4 for each of two are 2.
    assert.deepEqual(
      [sums(16, 1), sums(16, 2), sums(16, 3), sums(64, 1), sums(128, 1), sums(64, 2)],
      [3 * 4000, 2 * 4000, 2 * 4000, 4000, 0, 0],
    );
    const budget = 1.2e9;
    const own = { ...load, parameters: 2e6, workers: 1 };
    const fits = largestSlice(cost, own, budget);
    assert.ok(workerPeakBytes(cost, { ...own, sliceSize: fits }) <= budget);
    assert.ok(workerPeakBytes(cost, { ...own, sliceSize: fits + 1 }) > budget);
    assert.ok(fits < largestSlice(cost, { ...own, parameters: 0 }, budget));
    // Mode `local`: parameters as they came and as they are moved, and the momentum.
    const [sync, local] = [false, true].map((isLocal) =>
      workerPeakBytes(cost, { ...own, sliceSize: 16, isLocal }),
    );
    assert.equal(local! - sync!, 3 * 4 * own.parameters);
  });

  test('gives the largest slice that fits: one more does not', () => {
    const budget = 1.2e9;
    const fits = largestSlice(cost, load, budget);
    assert.ok(workerPeakBytes(cost, { ...load, sliceSize: fits }) <= budget);
    assert.ok(workerPeakBytes(cost, { ...load, sliceSize: fits + 1 }) > budget);
    assert.equal(largestSlice(cost, load, 1e9), 0);
  });
});

test('the time is that of the passes, the views beside them, the rounds of k-means, and the start', () => {
  const size = { images: 1000, epochs: 10, batchSize: 100, sliceSize: 50, k: 20, imageSize: 32 };
  const cost = { ...costAt(32), threads: 2 };
  const seconds = estimatedSeconds({ pixels: 1024 }, size, BASE, 2, cost);
  const beside = (2 * 1e-4) / 2; // 1,000 images of 32 px stay in the cache
  const epoch = (1000 * (1e-3 + beside)) / 2 + 10 * 0.01;
  const products = (3 * 11 * 1000 * 20 * 64) / (2e10 * 2 * 2);
  const clustering = products + 3 * 11 * 0.02;
  const extraction = (1000 * (1e-4 + beside)) / 2;
  const expected = 5 + 2 * extraction + 10 * (epoch + clustering);
  assert.ok(Math.abs(seconds - expected) < 1e-9, `${seconds} ${expected}`);
});
