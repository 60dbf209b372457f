/** The listing of a run's images: a list of its own, and what names a difference. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  LISTING_FILE,
  compareImages,
  describeDifference,
  presentCount,
  readListing,
  writeListing,
} from '../../src/data/source/listing.ts';
import {
  openImageSource,
  type ImageSource,
  type ListedImage,
} from '../../src/data/source/source.ts';
import { temporaryFolder, writeFiles } from '../support/made/data-images.ts';

type Images = Readonly<Record<string, number>>;

function listed(images: Images): ListedImage[] {
  return Object.entries(images).map(([path, size]) => ({ path, size }));
}

function sourceOf(images: Images): Pick<ImageSource, 'count' | 'path' | 'size'> {
  const entries = Object.entries(images);
  return {
    count: entries.length,
    path: (id) => entries[id]![0],
    size: (id) => entries[id]![1],
  };
}

async function differenceOf(before: Images, now: Images): Promise<string> {
  return describeDifference(await compareImages(listed(before), sourceOf(now)));
}

async function readAll(file: string): Promise<ListedImage[]> {
  const images: ListedImage[] = [];
  for await (const image of readListing(file)) images.push(image);
  return images;
}

test('the listing copied into the folder of the images is a list of the same images, classes included', async (t) => {
  const root = await temporaryFolder(t);
  const run = await temporaryFolder(t);
  await writeFiles(root, {
    'cat/a "quoted", name.jpg': '123',
    'cat/back\\slash.png': '1',
    'dog/line\nbreak.jpg': '12',
    'dog/é\u{1F600}.webp': '1234',
    'list.csv': 'path,label\ndog/é\u{1F600}.webp,yes\ncat/back\\slash.png,no\n',
  });
  for (const spec of [root, join(root, 'list.csv')]) {
    const source = await openImageSource(spec);
    writeListing(join(run, LISTING_FILE), source);
    assert.deepEqual(readdirSync(run), [LISTING_FILE], 'nothing half written is left');
    await cp(join(run, LISTING_FILE), join(root, LISTING_FILE));
    await writeFiles(root, { 'cat/later.jpg': 'it is not in the listing' });
    const again = await openImageSource(join(root, LISTING_FILE));
    assert.equal(again.digest, source.digest);
    assert.equal(again.count, source.count);
    assert.deepEqual(again.truth, source.truth);
    const images = await readAll(join(run, LISTING_FILE));
    assert.deepEqual(
      images.map(({ path, size }) => [path, size]),
      Array.from({ length: source.count }, (_, id) => [source.path(id), source.size(id)]),
    );
  }
});

test('names that are not UTF-8 go through the listing, and are shown escaped', async (t) => {
  const root = await temporaryFolder(t);
  const name = Buffer.concat([Buffer.from(`${root}/caf`), Buffer.of(0xe9), Buffer.from('.jpg')]);
  writeFileSync(name, '123');
  const source = await openImageSource(root);
  writeListing(join(root, LISTING_FILE), source);
  assert.equal((await openImageSource(join(root, LISTING_FILE))).digest, source.digest);
  const difference = await compareImages(readListing(join(root, LISTING_FILE)), sourceOf({}));
  assert.equal(describeDifference(difference), '1 missing (first "caf\\xe9.jpg")');
});

test('a listing of more images than are written at a time is whole', async (t) => {
  const run = await temporaryFolder(t);
  const count = 2500;
  const paths = Array.from({ length: count }, (_, i) => `${i}.jpg`);
  const source = { count, path: (id: number) => paths[id]!, size: (id: number) => id, truth: null };
  const file = join(run, LISTING_FILE);
  writeListing(file, source as unknown as ImageSource);
  const images = await readAll(file);
  assert.deepEqual(
    images,
    paths.map((path, size) => ({ path, size })),
  );
  assert.equal(readFileSync(file, 'utf8').split('\n').length, count + 1);
});

test('missing, added and resized images are counted, and the first of each is named', async () => {
  const before = { 'a.jpg': 1, 'b.jpg': 2, 'c.jpg': 3, 'd.jpg': 4, 'e.jpg': -1 };
  const differences: [Images, string][] = [
    [{ 'a.jpg': 1, 'd.jpg': 4, 'e.jpg': -1 }, '2 missing (first "b.jpg")'],
    // A list has its entries whether the files are there or not.
    [{ ...before, 'c.jpg': -1, 'd.jpg': -1 }, '2 missing (first "c.jpg")'],
    [{ ...before, 'f.jpg': 1, '0.jpg': 1, 'g.jpg': -1 }, '3 added (first "f.jpg")'],
    [{ ...before, 'b.jpg': 9, 'd.jpg': 8 }, '2 of another size (first "b.jpg": 9 bytes, 2 before)'],
    [{ ...before, 'e.jpg': 5 }, '1 of another size (first "e.jpg": 5 bytes, no file before)'],
    [
      { 'a.jpg': 7, 'c.jpg': 3, 'd.jpg': 4, 'e.jpg': -1, 'f.jpg': 1 },
      '1 missing (first "b.jpg"), 1 added (first "f.jpg"), 1 of another size (first "a.jpg": 7 bytes, 1 before)',
    ],
    [Object.fromEntries(Object.entries(before).toReversed()), 'the same ones in another order'],
  ];
  for (const [now, expected] of differences) {
    assert.equal(await differenceOf(before, now), expected);
  }
});

test('a path that a list has twice is compared by its first place', async () => {
  const twice = { ...sourceOf({ a: 1, b: 2, c: 3 }), path: (id: number) => ['a', 'b', 'a'][id]! };
  const difference = await compareImages(listed({ a: 1, b: 2 }), twice);
  assert.equal(describeDifference(difference), 'the same ones in another order');
});

test('images are present whose files were there', () => {
  assert.equal(presentCount(sourceOf({ a: 0, b: -1, c: 5 })), 2);
});
