/** The loader: same views at any order, concurrency, cache and number of threads; unreadable images reported. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { augmentView } from '../../src/data/pixels/augmentation.ts';
import { dataConfigSchema, type DataConfig } from '../../src/data/config.ts';
import { decodeImage } from '../../src/data/pixels/decode.ts';
import { readImageFile } from '../../src/data/source/image-file.ts';
import {
  createImageLoader,
  type ImageLoader,
  type LoadedViews,
} from '../../src/data/loader/loader.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { centreView, randomView } from '../../src/data/pixels/views.ts';
import { seededRng } from '../../src/math/rng.ts';
import { noiseJpeg, temporaryFolder, writeFiles } from '../support/made/data-images.ts';

const SIZE = 16;
const VIEW_BYTES = SIZE * SIZE * 3;

function configOf(part: Partial<DataConfig> = {}): DataConfig {
  return { ...dataConfigSchema.parse({}), imageSize: SIZE, ...part };
}

/** Sources by their files; null is a file that is not there. */
type Files = readonly (Buffer | null)[];

async function folderSource(t: TestContext, files: Files): Promise<ImageSource> {
  const root = await temporaryFolder(t);
  const named = files.flatMap((file, id) => (file === null ? [] : [[`${id}.jpg`, file] as const]));
  await writeFiles(root, Object.fromEntries(named));
  return {
    spec: root,
    location: root,
    root,
    count: files.length,
    digest: '',
    truth: null,
    path: (id) => `${id}.jpg`,
    size: (id) => files[id]?.length ?? -1,
    locator: (id) => ({ kind: 'file', root, path: `${id}.jpg`, bytes: files[id]?.length ?? -1 }),
    read: (id) => readImageFile(join(root, `${id}.jpg`), files[id]?.length ?? -1),
  };
}

interface Opened extends ImageLoader {
  /** Images read and decoded by the calls that have ended. */
  decoded: number;
}

interface Settings {
  readonly config?: DataConfig;
  readonly seed?: number;
  readonly concurrency?: number;
  readonly threads?: number;
}

/** A loader that is closed with its test. */
function openLoader(t: TestContext, source: ImageSource, settings: Settings): Opened {
  const loader = createImageLoader({
    source,
    config: configOf(),
    seed: 1,
    ...settings,
    onMade: (_thread, made) => {
      opened.decoded += made.decoded;
    },
  });
  const opened: Opened = { ...loader, decoded: 0 };
  t.after(() => loader.close());
  return opened;
}

async function noiseFiles(count: number): Promise<Buffer[]> {
  return Promise.all(
    Array.from({ length: count }, (_, i) => noiseJpeg(24 + (i % 5), 20 + (i % 7), i + 1)),
  );
}

function viewOf(views: LoadedViews, row: number): Buffer {
  return Buffer.from(views.pixels.subarray(row * VIEW_BYTES, (row + 1) * VIEW_BYTES));
}

for (const threads of [0, 2]) {
  const where = threads === 0 ? 'own thread' : `${threads} loader threads`;

  test(`${where}: views are those of the plain functions on the decoded image`, async (t) => {
    const files = await noiseFiles(4);
    const config = configOf();
    const loader = openLoader(t, await folderSource(t, files), { threads, seed: 9 });
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

  test(`${where}: small views are of their own size, area and draws`, async (t) => {
    const files = await noiseFiles(3);
    const config = configOf({ greyProbability: 0.5 });
    const loader = openLoader(t, await folderSource(t, files), { threads, seed: 9, config });
    const [size, area] = [9, [0.05, 0.14]] as const;
    const ids = Int32Array.of(2, 2, 0);
    const occurrences = Int32Array.of(0, 1, 0);
    const small = await loader.small({ ids, occurrences }, 7, { size, area });
    assert.deepEqual([...small.ids], [...ids]);
    assert.equal(small.pixels.length, 3 * size * size * 3);
    for (const [row, id] of ids.entries()) {
      const rng = seededRng(9, 'small view', 7, id, occurrences[row]!);
      const image = await decodeImage(files[id]!);
      const view = randomView(image, size, rng, { ...config, cropArea: area });
      augmentView(view, size, rng, config);
      const bytes = size * size * 3;
      assert.deepEqual(
        Buffer.from(small.pixels.subarray(row * bytes, (row + 1) * bytes)),
        Buffer.from(view),
      );
    }
    // Views of the usual size do not depend on them.
    const large = await loader.random(ids, occurrences, 7);
    const fresh = openLoader(t, await folderSource(t, files), { threads, seed: 9, config });
    assert.deepEqual(large.pixels, (await fresh.random(ids, occurrences, 7)).pixels);
  });

  test(`${where}: turn, colour jitter and grey follow crop and mirror`, async (t) => {
    const [file] = await noiseFiles(1);
    const config = configOf({
      rotationDegrees: 10,
      colourJitter: { brightness: 0.4, contrast: 0.4, saturation: 1, hue: 0.5 },
      greyProbability: 0.5,
    });
    const source = await folderSource(t, [file!]);
    const changed = await openLoader(t, source, { threads, config }).random([0, 0], [0, 1], 7);
    const plain = await openLoader(t, source, { threads }).random([0, 0], [0, 1], 7);
    for (const occurrence of [0, 1]) {
      const rng = seededRng(1, 'view', 7, 0, occurrence);
      const view = randomView(await decodeImage(file!), SIZE, rng, config);
      assert.deepEqual(viewOf(plain, occurrence), Buffer.from(view));
      augmentView(view, SIZE, rng, config);
      assert.deepEqual(viewOf(changed, occurrence), Buffer.from(view));
      assert.notDeepEqual(viewOf(changed, occurrence), viewOf(plain, occurrence));
    }
    const centres = [config, configOf()].map((of) =>
      openLoader(t, source, { threads, config: of }).centre([0]),
    );
    const [withAll, without] = await Promise.all(centres);
    assert.deepEqual(withAll!.pixels, without!.pixels);
  });

  test(`${where}: a random view does not depend on order, company, concurrency or cache`, async (t) => {
    const files = await noiseFiles(12);
    const ids = Array.from(files.keys());
    const source = await folderSource(t, files);
    const reference = await openLoader(t, source, { concurrency: 1 }).random(ids, null, 3);
    const config = configOf({ cacheBytes: 3000 * Math.max(threads, 1) }); // one or two images each
    const loader = openLoader(t, source, { threads, config, concurrency: 5 });
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

  test(`${where}: damaged images are reported by every call that meets them, decoded or kept`, async (t) => {
    const files = await noiseFiles(3);
    const torn = files[1]!.subarray(0, Math.floor(files[1]!.length * 0.8));
    const source = await folderSource(t, [files[0]!, torn, files[2]!]);
    const damaged = [{ id: 1, path: '1.jpg', reason: 'a damaged or truncated JPEG' }];
    for (const cacheBytes of [0, 1_000_000]) {
      const loader = openLoader(t, source, { threads, config: configOf({ cacheBytes }) });
      const first = await loader.random([2, 1, 0, 1], null, 0);
      assert.deepEqual([...first.ids], [2, 1, 0, 1]);
      const calls = [
        loader.centre([0, 1]),
        loader.centre([1]), // its view is kept now, if anything is
        loader.random([1], [3], 1),
      ];
      for (const views of [first, ...(await Promise.all(calls)), await loader.centre([1])]) {
        assert.deepEqual(views.damaged, damaged);
        assert.deepEqual(views.unreadable, []);
      }
      assert.deepEqual((await loader.centre([0, 2])).damaged, []);
      assert.equal(loader.decoded > 3, cacheBytes === 0);
    }
  });

  test(`${where}: a file that has changed its size since the source was opened is unreadable`, async (t) => {
    const [a, b, longer] = await noiseFiles(3);
    const source = await folderSource(t, [a!, b!]);
    await writeFiles(source.root, { '1.jpg': longer! });
    const views = await openLoader(t, source, { threads }).centre([0, 1]);
    assert.deepEqual([...views.ids], [0]);
    const reason = `changed since the run began: ${longer!.length} bytes, ${b!.length} before`;
    assert.deepEqual(views.unreadable, [{ id: 1, path: '1.jpg', reason }]);
  });

  test(`${where}: unreadable images are reported once and their rows left out`, async (t) => {
    const [a, b] = await noiseFiles(2);
    const source = await folderSource(t, [a!, Buffer.from('not an image'), null, b!]);
    const loader = openLoader(t, source, { threads });
    const views = await loader.random([2, 0, 1, 3, 2], null, 0);
    assert.deepEqual([...views.ids], [0, 3]);
    assert.deepEqual([...views.rows], [1, 3]);
    assert.equal(views.pixels.length, 2 * VIEW_BYTES);
    const reason = 'not an image of a known format (JPEG, PNG, WebP, GIF, TIFF, AVIF)';
    assert.deepEqual(views.unreadable, [
      { id: 2, path: '2.jpg', reason: 'no such file' },
      { id: 1, path: '1.jpg', reason },
    ]);
    const alone = await loader.random([3], null, 0);
    assert.deepEqual(viewOf(views, 1), viewOf(alone, 0));
  });

  test(`${where}: nothing asked for is nothing loaded`, async (t) => {
    const views = await openLoader(t, await folderSource(t, []), { threads }).centre([]);
    assert.deepEqual([views.pixels.length, views.ids.length, views.unreadable.length], [0, 0, 0]);
  });

  test(`${where}: overlapping calls share a decode, later ones the cache`, async (t) => {
    const loader = openLoader(t, await folderSource(t, await noiseFiles(3)), { threads });
    await Promise.all([loader.centre([0, 1, 2]), loader.random([2, 1, 0, 0], null, 0)]);
    await loader.random([0, 1, 2], null, 1);
    assert.equal(loader.decoded, 3);
  });

  test(`${where}: without a cache every call reads again`, async (t) => {
    const source = await folderSource(t, await noiseFiles(2));
    const loader = openLoader(t, source, { threads, config: configOf({ cacheBytes: 0 }) });
    await loader.centre([0, 1]);
    await loader.centre([0, 1]);
    assert.equal(loader.decoded, 4);
  });

  test(`${where}: an abort ends its own call only`, async (t) => {
    const source = await folderSource(t, await noiseFiles(6));
    const loader = openLoader(t, source, { threads, concurrency: 2 });
    const controller = new AbortController();
    const ended = loader.centre([0, 1, 2, 3, 4, 5], controller.signal);
    const other = loader.centre([0, 1]);
    controller.abort(new Error('lease lost'));
    await assert.rejects(ended, /lease lost/);
    assert.equal((await other).ids.length, 2);
    await assert.rejects(loader.centre([0], controller.signal), /lease lost/);
  });

  test(`${where}: neither an abort nor the end waits for a read that is under way`, async (t) => {
    const inFolder = await folderSource(t, await noiseFiles(1));
    let hangs = false;
    // On the caller's own thread the disk hangs for good; a loader thread reads by itself.
    const source: ImageSource = {
      ...inFolder,
      read: (id) => (hangs ? new Promise(() => undefined) : inFolder.read(id)),
    };
    const config = configOf({ cacheBytes: 0 });
    const loader = openLoader(t, source, { threads, config });
    await loader.centre([0]); // its thread has started
    hangs = true;
    const controller = new AbortController();
    const aborted = loader.random([0], null, 1, controller.signal);
    // In the turn that asked: no loader thread can have answered, and none is waited for.
    controller.abort(new Error('shutdown'));
    await assert.rejects(aborted, /shutdown/);
    const closed = assert.rejects(loader.random([0], null, 2), /the image loader is closed/);
    loader.close();
    await closed;
    await assert.rejects(loader.centre([0]), /the image loader is closed/);
  });

  test(`${where}: a large photo is reduced while decoding, the same for both views`, async (t) => {
    const file = await noiseJpeg(400, 300);
    const config = configOf();
    const loader = openLoader(t, await folderSource(t, [file]), { threads, seed: 4 });
    const reduced = await decodeImage(file, { maxShorterSide: 36 }); // 2 * round(16 * 256 / 224)
    assert.equal(reduced.height, 36);
    const view = randomView(reduced, SIZE, seededRng(4, 'view', 0, 0, 0), config);
    assert.deepEqual(viewOf(await loader.random([0], null, 0), 0), Buffer.from(view));
    const centre = centreView(reduced, SIZE, config.resizeRatio);
    assert.deepEqual(viewOf(await loader.centre([0]), 0), Buffer.from(centre));
  });

  test(`${where}: occurrences must be one a sample, and ids those of the source`, async (t) => {
    const source = { ...(await folderSource(t, [])), path: () => assert.fail('no such sample') };
    const loader = openLoader(t, source, { threads });
    await assert.rejects(loader.random([0, 1], [0], 0), { code: 'SHAPE_MISMATCH' });
    await assert.rejects(loader.centre([5]), /no such sample/);
  });
}

test('seed, epoch, sample and occurrence each give another view', async (t) => {
  const file = await noiseJpeg(40, 30);
  const source = await folderSource(t, [file, file]);
  const view = async (seed: number, epoch: number, id: number, time: number): Promise<string> => {
    const loader = openLoader(t, source, { seed });
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

test('threads read an image where its source says that it is, whatever its name and folder', async (t) => {
  const source = await folderSource(t, await noiseFiles(4));
  const plain = await openLoader(t, source, { threads: 2 }).centre([0, 1, 2, 3]);
  const moved: ImageSource = {
    ...source,
    root: join(source.root, 'nowhere'),
    path: (id) => `of another name/${id}`,
    locator: (id) => source.locator(3 - id),
  };
  const views = await openLoader(t, moved, { threads: 2 }).centre([3, 2, 1, 0]);
  assert.deepEqual(views.unreadable, []);
  assert.deepEqual(views.pixels, plain.pixels);
});

test('all calls together read no more files at a time than allowed', async (t) => {
  const inFolder = await folderSource(t, await noiseFiles(12));
  let atOnce = 0;
  let mostAtOnce = 0;
  const source: ImageSource = {
    ...inFolder,
    read: async (id) => {
      mostAtOnce = Math.max(mostAtOnce, ++atOnce);
      return inFolder.read(id).finally(() => atOnce--);
    },
  };
  const loader = openLoader(t, source, { concurrency: 3 });
  await Promise.all([loader.centre([0, 1, 2, 3, 4, 5]), loader.centre([6, 7, 8, 9, 10, 11])]);
  assert.equal(mostAtOnce, 3);
});

test('a thread that dies fails its calls by name, and the next call has a new one', async (t) => {
  const started: Worker[] = [];
  const onWorker = (worker: Worker): void => {
    started.push(worker);
  };
  process.on('worker', onWorker);
  t.after(() => process.off('worker', onWorker));
  const loader = openLoader(t, await folderSource(t, await noiseFiles(2)), { threads: 2 });
  const lost = loader.centre([0, 1]);
  await new Promise(setImmediate); // threads are announced in the next tick
  await started[1]!.terminate();
  await assert.rejects(lost, { code: 'UNAVAILABLE', message: /^loader thread 1: it was ended$/ });
  assert.equal((await loader.centre([0, 1])).ids.length, 2);
  assert.equal(started.length, 3);
});

test('an error that nothing in a thread expects is the reason its calls fail with', async (t) => {
  // Arithmetic with it throws where the thread starts.
  const config = { ...configOf(), resizeRatio: 1n as unknown as number };
  const source = await folderSource(t, await noiseFiles(1));
  const loader = openLoader(t, source, { threads: 1, config });
  await assert.rejects(loader.centre([0]), {
    code: 'UNAVAILABLE',
    message: /^loader thread 0: Cannot mix BigInt/,
  });
});
