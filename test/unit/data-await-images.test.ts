/** Waiting for images that are missing, by a clock of its own: nothing sleeps. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { awaitImages, firstThere, type AwaitedImages } from '../../src/data/source/await-images.ts';
import { dataUnreadable, unavailable } from '../../src/errors.ts';
import { openImageSource, type ImageSource } from '../../src/data/source/source.ts';
import { temporaryFolder, writeFiles } from '../support/made/data-images.ts';

const SOURCE = { count: 3 } as ImageSource;

interface Waited {
  readonly pauses: number[];
  readonly told: string[];
  readonly looks: () => number;
}

/** A wait in which the n-th look finds what `found(n)` says: null where nothing is missing. */
function waiting(
  found: (look: number) => string | null,
  options: Partial<AwaitedImages> & { readonly lookMs?: number } = {},
): AwaitedImages & Waited {
  let nowMs = 500;
  let looks = 0;
  const pauses: number[] = [];
  const told: string[] = [];
  return {
    open: () => {
      looks += 1;
      nowMs += options.lookMs ?? 0;
      return Promise.resolve(SOURCE);
    },
    missing: () => found(looks),
    remedy: 'mount the share',
    waitMs: 10_000,
    nowMs: () => nowMs,
    pause: (ms) => {
      pauses.push(ms);
      nowMs += ms;
      return Promise.resolve();
    },
    signal: new AbortController().signal,
    onMissing: (reason) => {
      told.push(reason);
    },
    ...options,
    pauses,
    told,
    looks: () => looks,
  };
}

test('images that are all there are not waited for', async () => {
  const wait = waiting(() => null);
  assert.equal(await awaitImages(wait), SOURCE);
  assert.deepEqual([wait.pauses, wait.told, wait.looks()], [[], [], 1]);
});

test('images that come back end the wait, which was told once', async () => {
  const wait = waiting((look) => (look < 4 ? `${3 - look} are missing` : null));
  assert.equal(await awaitImages(wait), SOURCE);
  assert.deepEqual(wait.pauses, [1000, 1000, 1000]);
  assert.deepEqual(wait.told, ['2 are missing; looking again for 10 s (data.waitMs)']);
});

test('images that stay away end it once the time is over, with the last count', async () => {
  const wait = waiting((look) => `${100 - look} are missing`, { waitMs: 2500 });
  await assert.rejects(awaitImages(wait), {
    code: 'UNAVAILABLE',
    message: 'images of the run: 96 are missing; waited for 2.5 s (data.waitMs); mount the share',
  });
  assert.deepEqual(wait.pauses, [1000, 1000, 500]);
});

test('no time to wait is one look', async () => {
  const wait = waiting(() => 'all are missing', { waitMs: 0 });
  await assert.rejects(awaitImages(wait), { code: 'UNAVAILABLE' });
  assert.deepEqual([wait.pauses, wait.told, wait.looks()], [[], [], 1]);
});

test('looks that take long are as far apart as they are long', async () => {
  const wait = waiting((look) => (look < 3 ? 'some are missing' : null), { lookMs: 2500 });
  assert.equal(await awaitImages(wait), SOURCE);
  assert.deepEqual(wait.pauses, [2500, 2500]);
});

test('a signal ends the wait with its reason', async () => {
  const stop = new AbortController();
  const wait = waiting(() => 'some are missing', {
    signal: stop.signal,
    pause: () => {
      stop.abort(unavailable('worker', 'stopped'));
      return Promise.resolve();
    },
  });
  await assert.rejects(awaitImages(wait), { message: 'worker: stopped' });
  assert.equal(wait.looks(), 1);
});

test('places that are absent or empty are waited for; what is no list is an error at once', async (t) => {
  const root = await temporaryFolder(t);
  await writeFiles(root, {
    'photo.jpg': 'x',
    'broken.ndjson': '{"path"\n',
    'empty/readme.md': 'x',
  });
  for (const name of ['nowhere', 'nowhere.txt', 'empty']) {
    const place = join(root, name);
    const wait = waiting(() => null, { open: () => openImageSource(place), waitMs: 1000 });
    await assert.rejects(awaitImages(wait), { code: 'UNAVAILABLE' });
    assert.match(wait.told[0]!, new RegExp(`^data ${place}: .*; looking again`));
  }
  for (const name of ['photo.jpg', 'broken.ndjson']) {
    const wait = waiting(() => null, { open: () => openImageSource(join(root, name)) });
    await assert.rejects(awaitImages(wait), { code: 'DATA_UNREADABLE' });
    assert.deepEqual(wait.pauses, []);
  }
  const failing = waiting(() => null, {
    open: () => Promise.reject(dataUnreadable('x', 'is broken', 'mend it')),
  });
  await assert.rejects(awaitImages(failing), { message: 'data x: is broken; mend it' });
});

test('of several places the first that is there is taken, or else the first', async (t) => {
  const root = await temporaryFolder(t);
  await writeFiles(root, { 'b/x.jpg': 'x', 'c/x.jpg': 'x' });
  const [a, b, c] = ['a', 'b', 'c'].map((name) => join(root, name)) as [string, string, string];
  assert.equal(await firstThere([a, b, c]), b);
  assert.equal(await firstThere([c, b]), c);
  assert.equal(await firstThere([a]), a);
});
