/** What the loader is made of: lanes of work, the cache, and the cut into data shards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedLanes } from '../../src/data/lanes.ts';
import { ImageCache } from '../../src/data/loader/image-cache.ts';
import { planShards, shuffledIds } from '../../src/data/shard-plan.ts';
import { lcgImage } from '../support/made/data-images.ts';

test('shared lanes never run more than their limit, and an earlier job first', async () => {
  const lanes = new SharedLanes(2);
  let running = 0;
  let most = 0;
  const order: string[] = [];
  const job = (name: string, count: number, signal?: AbortSignal): Promise<void> =>
    lanes.run(
      count,
      async (index) => {
        most = Math.max(most, ++running);
        order.push(`${name}${index}`);
        await new Promise(setImmediate);
        running--;
      },
      signal,
    );
  const stop = new AbortController();
  const stopped = job('s', 1, stop.signal);
  const jobs = [job('a', 3), job('b', 2), job('c', 2, stop.signal)];
  stop.abort(new Error('stopped'));
  const failing = lanes.run(3, () => Promise.reject(new Error('a failure ends its job only')));
  const last = job('d', 1);
  await assert.rejects(failing, /its job only/);
  await assert.rejects(jobs[2]!, /stopped/);
  await Promise.all([stopped, jobs[0], jobs[1], last]);
  assert.deepEqual(order, ['s0', 'a0', 'a1', 'a2', 'b0', 'b1', 'd0']);
  assert.equal(most, 2);
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

test('the cache keeps deterministic views where there is room, and gives them up before any image', () => {
  const cache = new ImageCache(100);
  const view = Uint8Array.of(1, 2, 3);
  cache.keepView(1, view); // of an image that is not there
  assert.equal(cache.viewOf(1), undefined);
  cache.put(1, lcgImage(10, 1, 1));
  cache.put(2, lcgImage(20, 1, 1));
  cache.keepView(1, view);
  view[0] = 9;
  assert.deepEqual(cache.viewOf(1), Uint8Array.of(1, 2, 3));
  cache.keepView(2, new Uint8Array(8)); // 101 bytes
  assert.equal(cache.viewOf(2), undefined);
  assert.equal(cache.bytes, 93);
  cache.put(3, lcgImage(3, 1, 1)); // 102 bytes with the view
  assert.equal(cache.viewOf(1), undefined);
  assert.ok(cache.get(1) && cache.get(2) && cache.get(3));
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

test('shuffled ids are all samples once, by the seed alone, and mix classes that follow each other', () => {
  const ids = shuffledIds(1000, 3);
  assert.deepEqual(
    [...ids].toSorted((a, b) => a - b),
    Array.from({ length: 1000 }, (_, id) => id),
  );
  assert.deepEqual(shuffledIds(1000, 3), ids);
  assert.notDeepEqual(shuffledIds(1000, 4), ids);
  // Ten classes of a hundred, batches of fifty: (1 - 1/10)^50 is half of one percent.
  for (let begin = 0; begin < 1000; begin += 50) {
    const classes = new Set(ids.subarray(begin, begin + 50).map((id) => Math.floor(id / 100)));
    assert.ok(classes.size >= 8, `${begin}: ${classes.size}`);
  }
  assert.deepEqual([...shuffledIds(0, 1)], []);
});
