/** The loader: same views at any order, concurrency and cache; unreadable images reported; bounded memory and decodes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dataConfigSchema, type DataConfig } from '../../src/data/config.ts';
import { decodeImage } from '../../src/data/decode.ts';
import { ImageCache } from '../../src/data/image-cache.ts';
import { Gate } from '../../src/data/lanes.ts';
import { createImageLoader, type LoadedViews } from '../../src/data/loader.ts';
import type { ImageSource } from '../../src/data/source.ts';
import { planShards } from '../../src/data/shard-plan.ts';
import { centreView, randomView } from '../../src/data/views.ts';
import { seededRng } from '../../src/math/rng.ts';
import { lcgImage, noiseJpeg } from '../support/data-images.ts';

const SIZE = 16;
const VIEW_BYTES = SIZE * SIZE * 3;

function configOf(part: Partial<DataConfig> = {}): DataConfig {
  return { ...dataConfigSchema.parse({}), imageSize: SIZE, ...part };
}

/** A source in memory that counts its reads, in all and at a time; a missing file is an Error to throw. */
function memorySource(files: readonly (Buffer | Error)[]): ImageSource & {
  reads: number[];
  mostAtOnce: number;
} {
  let atOnce = 0;
  const source = {
    spec: 'memory',
    root: '/',
    count: files.length,
    digest: '',
    truth: null,
    reads: [] as number[],
    mostAtOnce: 0,
    path: (id: number) => `${id}.jpg`,
    read: async (id: number) => {
      source.reads.push(id);
      source.mostAtOnce = Math.max(source.mostAtOnce, ++atOnce);
      await new Promise(setImmediate);
      atOnce--;
      const file = files[id]!;
      if (file instanceof Error) throw file;
      return file;
    },
  };
  return source;
}

async function noiseFiles(count: number): Promise<Buffer[]> {
  return Promise.all(
    Array.from({ length: count }, (_, i) => noiseJpeg(24 + (i % 5), 20 + (i % 7), i + 1)),
  );
}

function viewOf(views: LoadedViews, row: number): Buffer {
  return Buffer.from(views.pixels.subarray(row * VIEW_BYTES, (row + 1) * VIEW_BYTES));
}

test('views are those of the plain functions on the decoded image', async () => {
  const files = await noiseFiles(4);
  const config = configOf();
  const loader = createImageLoader({ source: memorySource(files), config, seed: 9 });
  const centre = await loader.centre([2, 0]);
  const random = await loader.random([3], [5], 7);
  assert.deepEqual([...centre.ids], [2, 0]);
  assert.deepEqual([...centre.rows], [0, 1]);
  assert.deepEqual(centre.unreadable, []);
  for (const [row, id] of [2, 0].entries()) {
    const view = centreView(await decodeImage(files[id]!), SIZE, config.resizeRatio);
    assert.deepEqual(viewOf(centre, row), Buffer.from(view));
  }
  const rng = seededRng(9, 'view', 7, 3, 5);
  const view = randomView(await decodeImage(files[3]!), SIZE, rng, config);
  assert.deepEqual(viewOf(random, 0), Buffer.from(view));
});

test('a random view does not depend on order, company, concurrency or cache', async () => {
  const files = await noiseFiles(12);
  const ids = Array.from(files.keys());
  const reference = await createImageLoader({
    source: memorySource(files),
    config: configOf(),
    seed: 1,
    concurrency: 1,
  }).random(ids, null, 3);
  const loader = createImageLoader({
    source: memorySource(files),
    config: configOf({ cacheBytes: 3000 }), // one or two images
    seed: 1,
    concurrency: 5,
  });
  const [backward, some, centre] = await Promise.all([
    loader.random(ids.toReversed(), null, 3),
    loader.random(Int32Array.of(7, 2, 7), null, 3),
    loader.centre(ids),
  ]);
  for (const id of ids) {
    assert.deepEqual(viewOf(backward, ids.length - 1 - id), viewOf(reference, id));
  }
  assert.deepEqual(viewOf(some, 0), viewOf(reference, 7));
  assert.deepEqual(viewOf(some, 1), viewOf(reference, 2));
  assert.deepEqual(viewOf(some, 2), viewOf(reference, 7));
  assert.notDeepEqual(centre.pixels, reference.pixels);
});

test('seed, epoch, sample and occurrence each give another view', async () => {
  const file = await noiseJpeg(40, 30);
  const source = memorySource([file, file]);
  const view = async (seed: number, epoch: number, id: number, time: number): Promise<string> => {
    const loader = createImageLoader({ source, config: configOf(), seed });
    return viewOf(await loader.random([id], [time], epoch), 0).toString('hex');
  };
  const views = await Promise.all([
    view(1, 0, 0, 0),
    view(2, 0, 0, 0),
    view(1, 1, 0, 0),
    view(1, 0, 1, 0),
    view(1, 0, 0, 1),
  ]);
  assert.equal(new Set(views).size, 5);
});

test('unreadable images are reported once and their rows left out', async () => {
  const [a, b] = await noiseFiles(2);
  const gone = Object.assign(new Error('ENOENT: /secret/2.jpg'), { code: 'ENOENT' });
  const source = memorySource([a!, Buffer.from('not an image'), gone, b!]);
  const loader = createImageLoader({ source, config: configOf(), seed: 1 });
  const views = await loader.random([2, 0, 1, 3, 2], null, 0);
  assert.deepEqual([...views.ids], [0, 3]);
  assert.deepEqual([...views.rows], [1, 3]);
  assert.equal(views.pixels.length, 2 * VIEW_BYTES);
  assert.deepEqual(views.unreadable, [
    { id: 2, path: '2.jpg', reason: 'no such file' },
    { id: 1, path: '1.jpg', reason: 'not an image of a known format (JPEG, PNG, WebP, GIF, TIFF)' },
  ]);
  const alone = await loader.random([3], null, 0);
  assert.deepEqual(viewOf(views, 1), viewOf(alone, 0));
});

test('nothing asked for is nothing loaded', async () => {
  const loader = createImageLoader({ source: memorySource([]), config: configOf(), seed: 1 });
  const views = await loader.centre([]);
  assert.deepEqual([views.pixels.length, views.ids.length, views.unreadable.length], [0, 0, 0]);
});

test('overlapping calls share a decode, later ones the cache', async () => {
  const source = memorySource(await noiseFiles(3));
  const loader = createImageLoader({ source, config: configOf(), seed: 1 });
  await Promise.all([loader.centre([0, 1, 2]), loader.random([2, 1, 0, 0], null, 0)]);
  await loader.random([0, 1, 2], null, 1);
  assert.deepEqual(source.reads.toSorted(), [0, 1, 2]);
});

test('without a cache every call reads again', async () => {
  const source = memorySource(await noiseFiles(2));
  const loader = createImageLoader({ source, config: configOf({ cacheBytes: 0 }), seed: 1 });
  await loader.centre([0, 1]);
  await loader.centre([0, 1]);
  assert.deepEqual(source.reads.toSorted(), [0, 0, 1, 1]);
});

test('all calls together read no more files at a time than allowed', async () => {
  const source = memorySource(await noiseFiles(12));
  const loader = createImageLoader({ source, config: configOf(), seed: 1, concurrency: 3 });
  await Promise.all([loader.centre([0, 1, 2, 3, 4, 5]), loader.centre([6, 7, 8, 9, 10, 11])]);
  assert.equal(source.mostAtOnce, 3);
});

test('a gate never lets in more than its limit, also after a queue has emptied', async () => {
  const gate = new Gate(2);
  let inside = 0;
  let most = 0;
  const enter = (): Promise<void> =>
    gate.run(async () => {
      most = Math.max(most, ++inside);
      await new Promise(setImmediate);
      inside--;
    });
  for (let wave = 0; wave < 3; wave++) {
    await Promise.all(Array.from({ length: 5 }, enter));
    await assert.rejects(gate.run(() => Promise.reject(new Error('a failure leaves, too'))));
  }
  assert.equal(most, 2);
});

test('an abort ends its own call only', async () => {
  const source = memorySource(await noiseFiles(6));
  const loader = createImageLoader({ source, config: configOf(), seed: 1, concurrency: 2 });
  const controller = new AbortController();
  const ended = loader.centre([0, 1, 2, 3, 4, 5], controller.signal);
  const other = loader.centre([0, 1]);
  controller.abort(new Error('lease lost'));
  await assert.rejects(ended, /lease lost/);
  assert.equal((await other).ids.length, 2);
  await assert.rejects(loader.centre([0], controller.signal), /lease lost/);
  assert.ok(source.reads.length < 6);
});

test('an abort does not wait for a disk that hangs', async () => {
  const source = { ...memorySource([Buffer.alloc(1)]), read: () => new Promise<never>(() => {}) };
  const loader = createImageLoader({ source, config: configOf(), seed: 1 });
  const controller = new AbortController();
  const hung = loader.centre([0], controller.signal);
  setImmediate(() => {
    controller.abort(new Error('shutdown'));
  });
  await assert.rejects(hung, /shutdown/);
});

test('occurrences must be one a sample', async () => {
  const loader = createImageLoader({ source: memorySource([]), config: configOf(), seed: 1 });
  await assert.rejects(loader.random([0, 1], [0], 0), { code: 'SHAPE_MISMATCH' });
});

test('a large photo is reduced while decoding, the same for both views', async () => {
  const file = await noiseJpeg(400, 300);
  const config = configOf();
  const loader = createImageLoader({ source: memorySource([file]), config, seed: 4 });
  const reduced = await decodeImage(file, { maxShorterSide: 36 }); // 2 * round(16 * 256 / 224)
  assert.equal(reduced.height, 36);
  const view = randomView(reduced, SIZE, seededRng(4, 'view', 0, 0, 0), config);
  assert.deepEqual(viewOf(await loader.random([0], null, 0), 0), Buffer.from(view));
  const centre = centreView(reduced, SIZE, config.resizeRatio);
  assert.deepEqual(viewOf(await loader.centre([0]), 0), Buffer.from(centre));
});

test('the cache counts bytes and drops the least recently used', () => {
  const cache = new ImageCache(100);
  const image = (pixels: number): ReturnType<typeof lcgImage> => lcgImage(pixels, 1, 1);
  cache.put(1, image(10));
  cache.put(2, image(10));
  cache.put(3, image(10));
  assert.equal(cache.bytes, 90);
  assert.ok(cache.get(1)); // now 2 is the oldest
  cache.put(4, image(10));
  assert.equal(cache.get(2), undefined);
  assert.ok(cache.get(1) && cache.get(3) && cache.get(4));
  cache.put(4, image(13)); // replaced, not added: 30 + 30 + 39
  assert.equal(cache.bytes, 99);
  assert.ok(cache.get(1) && cache.get(3));
  cache.put(5, image(34)); // 102 bytes alone: not kept, and nothing is dropped for it
  assert.equal(cache.get(5), undefined);
  assert.equal(cache.bytes, 99);
});

test('data shards cover all samples once, in order; only the last may be short', () => {
  assert.deepEqual(planShards(10, 4), [
    { index: 0, begin: 0, end: 4 },
    { index: 1, begin: 4, end: 8 },
    { index: 2, begin: 8, end: 10 },
  ]);
  assert.deepEqual(planShards(8, 4).length, 2);
  assert.deepEqual(planShards(3, 4), [{ index: 0, begin: 0, end: 3 }]);
  assert.deepEqual(planShards(0, 4), []);
});
