import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  ImagesLeftOut,
  MissingImages,
  type MissingImagesDeps,
} from '../../coordinator/images/missing-images.ts';
import type { Event, Lease } from '../../coordinator/control/state.ts';
import type { UnreadableImage } from '../../src/data/source/unreadable.ts';
import { exitCodeOf, needsPerson } from '../../src/errors.ts';
import type { ResultHeader__Output } from '../../src/rpc/generated/deepcluster/v1/ResultHeader.ts';

const IMAGES = 20;

interface World {
  readonly images: MissingImages;
  /** Images whose files are gone, by id; the test changes it. */
  readonly gone: Set<number>;
  readonly told: { event: string; reason: string; fields: Record<string, unknown> }[];
  /** Tasks given out again, with the time [ms]. */
  readonly released: { task: string; atMs: number }[];
  readonly interrupted: Error[];
  readonly failed: unknown[];
  nowMs(): number;
  /** Runs the clock until nothing is left to be waited for, or up to that time. */
  runUntil(ms?: number): Promise<void>;
}

interface Play {
  readonly waitMs?: number;
  readonly maxUnreadableFraction?: number;
  /** What a worker makes of a task that is given out again; left out: it is done. */
  readonly onRelease?: (task: string, world: World) => void;
}

/** A coordinator's rest, with a clock that stands still but for the pauses. */
function worldOf({ waitMs = 60_000, maxUnreadableFraction = 0.25, onRelease }: Play = {}): World {
  let nowMs = 0;
  let due: { atMs: number; resolve: () => void } | null = null;
  const dispatcher = {
    hasFailed: false,
    state: {} as never,
    dispatch: (event: Event) => {
      for (const task of event.type === 'tasksReleased' ? event.tasks : []) {
        world.released.push({ task, atMs: nowMs });
        if (onRelease) onRelease(task, world);
        else world.images.taskDone(task);
      }
      return [];
    },
    fail: (error: unknown) => {
      dispatcher.hasFailed = true;
      world.failed.push(error);
    },
    interrupt: (error: Error) => world.interrupted.push(error),
  };
  const deps: MissingImagesDeps = {
    source: {
      ...{ count: IMAGES, spec: 'photos', root: '/share/photos' },
      path: (id) => `${id}.jpg`,
      size: (id) => (id === 19 ? -1 : 100),
    },
    config: { data: { maxUnreadableFraction, waitMs } },
    look: (ids) =>
      Promise.resolve([...ids].filter((id) => world.gone.has(id)).map((id) => imageOf(id))),
    nowMs: () => nowMs,
    pause: (ms) =>
      new Promise((resolve) => {
        due = { atMs: nowMs + ms, resolve };
      }),
    isOver: () => false,
    dispatcher: () => dispatcher,
    tell: (event, reason, fields) => world.told.push({ event, reason, fields: { ...fields } }),
  };
  const world: World = {
    images: new MissingImages(deps),
    gone: new Set(),
    told: [],
    released: [],
    interrupted: [],
    failed: [],
    nowMs: () => nowMs,
    runUntil: async (ms = 1e9) => {
      for (;;) {
        await nextTurn();
        if (due === null || due.atMs > ms) return;
        nowMs = due.atMs;
        const { resolve } = due;
        due = null;
        resolve();
      }
    },
  };
  return world;
}

function imageOf(id: number, reason = 'no such file'): UnreadableImage {
  return { id, path: `${id}.jpg`, reason };
}

function headerOf(images: readonly UnreadableImage[], isFailure = true): ResultHeader__Output {
  const failure = isFailure ? { code: 'DATA_UNREADABLE', message: 'images cannot be read' } : null;
  return { failure, unreadable: [...images] } as unknown as ResultHeader__Output;
}

function leaseOf(kind: 'trainSlice' | 'extract' | 'moments', work = kind): Lease {
  const task = kind === 'trainSlice' ? 'trainSlice/4/0' : `${kind}/0`;
  const given =
    work === 'trainSlice' ? { kind: work, step: 4, slice: 0 } : { kind: work, shard: 0 };
  return { task, work: given } as unknown as Lease;
}

/** A world after a clustering of all images but the last two. */
function trained(play: Play = {}): World {
  const world = worldOf(play);
  world.images.beginClustering(0);
  world.images.accept([imageOf(18, 'no image'), imageOf(19)]);
  world.images.clustered(Int32Array.from({ length: IMAGES }, (_, id) => (id < 18 ? id % 3 : -1)));
  world.images.stepBegins(4);
  return world;
}

/** A slice whose images could not be read. */
function wait(world: World, images: readonly UnreadableImage[], task = 'trainSlice/4/0'): void {
  assert.ok(world.images.mustWait(leaseOf('trainSlice'), headerOf(images)));
  world.images.taskWaits(task, headerOf(images));
}

test('images that come back: told once, looked at each second, given out again, and nothing is left out', async () => {
  const world = trained();
  for (const id of [3, 4, 5]) world.gone.add(id);
  wait(world, [imageOf(4)]);
  await world.runUntil(10_500);
  assert.deepEqual(world.released, []);
  assert.match(world.images.pause, /^3 images cannot be read/);
  world.gone.clear();
  await world.runUntil();
  assert.deepEqual(world.released, [{ task: 'trainSlice/4/0', atMs: 11_000 }]);
  assert.deepEqual(
    world.told.map(({ event }) => event),
    ['data.waiting', 'data.returned'],
  );
  assert.deepEqual(world.told[0]!.fields, { count: 3, path: '4.jpg' });
  assert.match(
    world.told[0]!.reason,
    /^3 of 20 images .* 4\.jpg \(no such file\), in \/share\/photos; waiting up to 60 s/,
  );
  assert.deepEqual([...world.images.leftOut.keys()].sort(), [18, 19]);
  assert.equal(world.images.pause, '');
  assert.deepEqual([world.failed, world.interrupted], [[], []]);
});

test('a few that stay away are left out by decision, from the step under way on', async () => {
  const world = trained();
  for (const id of [3, 5, 7]) world.gone.add(id);
  wait(world, [imageOf(5)]);
  await world.runUntil(59_500);
  assert.equal(world.interrupted.length, 0, 'not before the time is over');
  await world.runUntil();
  assert.equal(world.nowMs(), 60_000);
  const decision: unknown = world.interrupted[0];
  assert.ok(decision instanceof ImagesLeftOut);
  assert.deepEqual([...decision.ids], [3, 5, 7], 'those that no worker has met, too');
  assert.deepEqual(world.images.leftOut.get(7), { ...imageOf(7), step: 4 });
  const { event, fields } = world.told.at(-1)!;
  assert.equal(event, 'images.left-out');
  assert.deepEqual(fields, { step: 4, count: 3, images: [3, 5, 7].map((id) => imageOf(id)) });
  assert.deepEqual(world.failed, []);
});

test('more than the limit, together with those known before, end the run with 75 and one message', async () => {
  const world = trained();
  for (const id of [0, 1, 2, 3]) world.gone.add(id);
  wait(world, [imageOf(2)]);
  await world.runUntil();
  assert.deepEqual(world.interrupted, []);
  const [error] = world.failed;
  assert.equal(exitCodeOf(error), 75);
  assert.ok(needsPerson(error));
  assert.match(
    (error as Error).message,
    /^data photos: 6 of 20 images cannot be read any more, more than data\.maxUnreadableFraction \(0\.25\) allows: the first is 0\.jpg \(no such file\), in \/share\/photos, after 60 s of waiting; is a share unmounted\?/,
  );
});

test('all gone end the run whatever the limit', async () => {
  const world = trained({ maxUnreadableFraction: 1, waitMs: 0 });
  for (let id = 0; id < 18; id += 1) world.gone.add(id);
  wait(world, [imageOf(0)]);
  await world.runUntil();
  assert.equal(exitCodeOf(world.failed[0]), 75);
  assert.match((world.failed[0] as Error).message, /20 of 20 images/);
});

test('a file that is there and decodes no more is tried until the time is over, then left out', async () => {
  const world = trained({
    waitMs: 5_000,
    onRelease: (task, { images }) => {
      images.taskWaits(task, headerOf([imageOf(6, 'truncated')]));
    },
  });
  wait(world, [imageOf(6, 'truncated')]);
  await world.runUntil();
  assert.equal(world.released.length, 60, 'about sixty tries');
  assert.deepEqual(world.images.leftOut.get(6), { ...imageOf(6, 'truncated'), step: 4 });
  assert.equal(world.interrupted.length, 1);
});

test('a file that is back when the time is over counts as back, though its slice was not tried again', async () => {
  const world = trained({ waitMs: 5_000 });
  world.gone.add(6).add(7);
  wait(world, [imageOf(6)]);
  await world.runUntil(4_990);
  world.gone.delete(6);
  await world.runUntil();
  assert.deepEqual([...(world.interrupted[0] as ImagesLeftOut).ids], [7]);
});

test('a share that goes away again within the time is one incident, and after it another', async () => {
  let tries = 0;
  const world = trained({
    onRelease: (task, { images, gone }) => {
      tries += 1;
      if (tries > 1) {
        images.taskDone(task);
        return;
      }
      gone.add(3);
      images.taskWaits(task, headerOf([imageOf(3)]));
    },
  });
  world.gone.add(3);
  wait(world, [imageOf(3)]);
  await world.runUntil(2_500);
  world.gone.clear();
  await world.runUntil(5_500);
  world.gone.clear();
  await world.runUntil(90_000);
  assert.equal(tries, 2);
  world.gone.add(3);
  const beginMs = world.nowMs();
  wait(world, [imageOf(3)], 'trainSlice/4/1');
  await world.runUntil();
  assert.equal(world.nowMs() - beginMs, 60_000, 'the second has its own time');
  assert.deepEqual(
    world.told.map(({ event }) => event),
    ['data.waiting', 'data.returned', 'data.waiting', 'images.left-out'],
  );
});

test('what waits in a phase that is over is waited for no more', async () => {
  const world = trained();
  world.gone.add(3);
  wait(world, [imageOf(3)]);
  await world.runUntil(2_500);
  world.images.phaseBegins();
  await world.runUntil();
  assert.ok(world.nowMs() < 4_000);
  assert.deepEqual([world.failed, world.interrupted, world.released], [[], [], []]);
});

test('before the first clustering only files that were seen and are gone are an incident', () => {
  const { images } = worldOf();
  images.beginClustering(0);
  const extract = leaseOf('extract');
  const waits = (image: UnreadableImage): boolean =>
    images.mustWait(extract, headerOf([image], false));
  assert.equal(waits(imageOf(2, 'no image')), false, 'it never was one');
  assert.equal(waits(imageOf(2)), true);
  assert.equal(waits(imageOf(19)), false, 'the source had not found it either');
});

test('after a clustering whatever took part must be readable; what did not may stay away', () => {
  const { images } = trained();
  images.beginClustering(8);
  const extract = leaseOf('extract');
  const waits = (image: UnreadableImage): boolean =>
    images.mustWait(extract, headerOf([image], false));
  assert.equal(waits(imageOf(2, 'no image')), true);
  assert.equal(waits(imageOf(18, 'no image')), false);
  assert.equal(waits(imageOf(19)), false);
});

test('features that are made again must be of the same images', () => {
  const { images } = trained();
  images.beginClustering(8);
  const again = leaseOf('moments', 'extract');
  assert.equal(images.mustWait(again, headerOf([imageOf(18)], false)), true);
  images.accept([imageOf(18)]);
  assert.equal(images.mustWait(again, headerOf([imageOf(18)], false)), false);
});

test('a failure for other reasons than images is not taken for one', () => {
  const { images } = trained();
  const slice = leaseOf('trainSlice');
  const other = { ...headerOf([imageOf(2)]), failure: { code: 'UNAVAILABLE', message: '' } };
  assert.equal(images.mustWait(slice, other), false);
  assert.equal(images.mustWait(slice, headerOf([])), false);
});

test('a resumed run knows what was left out, and what never took part', () => {
  const world = worldOf();
  const labels = Int32Array.from({ length: IMAGES }, (_, id) => (id < 18 ? 0 : -1));
  world.images.restore([{ ...imageOf(5), step: 7 }], labels);
  assert.deepEqual(
    [...world.images.leftOut.keys()].sort((a, b) => a - b),
    [5, 18, 19],
  );
  assert.equal(world.images.leftOut.get(5)?.step, 7);
});
