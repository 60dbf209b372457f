/** What the report's script decides without a document: order, filters, the window of a list, the lasso. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Script } from 'node:vm';
import { clientScript, scriptSource } from '../../src/report/client-script.ts';
import { colourOf } from '../../src/report/client/colours.js';
import { readGallery } from '../../src/report/client/decode.js';
import { fitted, isInside, nearestPoint, pointTowards } from '../../src/report/client/geometry.js';
import {
  allOf,
  clusterNamed,
  countByCluster,
  fileOf,
  imagesOf,
  imagesWith,
  isFar,
  sortClusters,
} from '../../src/report/client/query.js';
import { movedBy, scrolledTo, visibleItems } from '../../src/report/client/window.js';
import { galleryJson } from '../../src/report/gallery/gallery-data.ts';
import { madeGallery } from '../support/made/gallery.ts';
import { lcg } from '../support/made/lcg.ts';

test('a search finds paths that hold every word, in any case and order', () => {
  const paths = ['cats/black 01.jpg', 'dogs/black.jpg', 'cats/white.jpg'];
  assert.deepEqual([...imagesWith(paths, 'BLACK cats')!], [1, 0, 0]);
  assert.deepEqual([...imagesWith(paths, 'jpg')!], [1, 1, 1]);
  assert.deepEqual([...imagesWith(paths, 'lion')!], [0, 0, 0]);
  assert.equal(imagesWith(paths, '  '), null);
});

test('a page on a disk has the addresses of its images', () => {
  const gallery = { folder: 'file:///my%20photos/', paths: ['a/1 #2.jpg', 'b/\\xff.jpg'] };
  assert.equal(fileOf(gallery, 0, 'file:'), 'file:///my%20photos/a/1%20%232.jpg');
  assert.equal(fileOf(gallery, 1, 'file:'), null, 'its bytes are not known');
  assert.equal(fileOf(gallery, 0, 'https:'), null);
  assert.equal(fileOf({ ...gallery, folder: null }, 0, 'file:'), null);
});

test('a number with a hash names a cluster, if there is one', () => {
  assert.equal(clusterNamed(' #12 ', 13), 12);
  assert.equal(clusterNamed('#13', 13), null);
  assert.equal(clusterNamed('12', 13), null);
});

test('filters go together, and count images by cluster', () => {
  const [a, b] = [Uint8Array.of(1, 1, 0, 1), Uint8Array.of(1, 0, 0, 1)];
  assert.equal(allOf([null, null]), null);
  assert.equal(allOf([null, a]), a);
  const both = allOf([a, b])!;
  assert.deepEqual([...both], [1, 0, 0, 1]);
  const starts = Int32Array.of(0, 3, 3, 4);
  assert.deepEqual([...countByCluster(starts, both)], [1, 0, 1]);
  assert.deepEqual(imagesOf(starts, a, 0), [0, 1]);
  assert.deepEqual(imagesOf(starts, null, 0, 2), [0, 1]);
});

test('clusters are sorted by size, purity, tightness and number; those without a figure are last', () => {
  const clusters = {
    sizes: Int32Array.of(4, 9, 0, 9),
    purities: Float32Array.of(0.5, 0.25, NaN, 1),
    meanDistances: Float32Array.of(0.5, 0.75, NaN, 0.25),
    fences: new Float32Array(4),
    majorities: null,
    neighbours: null,
  };
  assert.deepEqual(sortClusters(clusters, null, 'size', false), [1, 3, 0, 2]);
  assert.deepEqual(sortClusters(clusters, null, 'size', true), [2, 0, 1, 3]);
  assert.deepEqual(sortClusters(clusters, null, 'purity', false), [3, 0, 1, 2]);
  assert.deepEqual(sortClusters(clusters, null, 'tightness', false), [3, 0, 1, 2]);
  assert.deepEqual(sortClusters(clusters, null, 'tightness', true), [1, 0, 3, 2]);
  assert.deepEqual(sortClusters(clusters, null, 'number', true), [3, 2, 1, 0]);
  const counts = Int32Array.of(0, 1, 0, 2);
  assert.deepEqual(sortClusters(clusters, counts, 'number', false), [1, 3], 'with an image each');
});

test('an image is far beyond the fence of its own cluster', () => {
  const gallery = readGallery(
    JSON.stringify(galleryJson(madeGallery({ clusters: 2, perCluster: 5, classes: 2 }))),
  );
  const far = gallery.paths.map((_, image) => isFar(gallery, image));
  assert.deepEqual(
    [...far.keys()].filter((image) => far[image]),
    [4, 9],
  );
});

test('the items in a window are those that a naive look at each row finds', () => {
  const random = lcg(3);
  for (let round = 0; round < 200; round += 1) {
    const view = {
      scrollTop: Math.floor(500 * random()),
      height: 1 + Math.floor(300 * random()),
      rowHeight: 10 + Math.floor(40 * random()),
      columns: 1 + Math.floor(6 * random()),
      count: Math.floor(60 * random()),
    };
    const seen = Array.from({ length: view.count }, (_, i) => i).filter((i) => {
      const top = Math.floor(i / view.columns) * view.rowHeight;
      return top < view.scrollTop + view.height && top + view.rowHeight > view.scrollTop;
    });
    const { begin, end } = visibleItems(view, 0);
    for (const i of seen) assert.ok(i >= begin && i < end, JSON.stringify({ view, i }));
    assert.ok(end <= view.count && begin >= 0);
    if (seen.length > 0) assert.ok(end - begin < seen.length + view.columns, 'and no further row');
  }
});

test('a list of 100,000 keeps a few dozen items in the document', () => {
  const view = { scrollTop: 4_000_000, height: 640, rowHeight: 100, columns: 1, count: 100_000 };
  assert.deepEqual(visibleItems(view, 4), { begin: 39_996, end: 40_011 });
});

test('keys move by one, by a row, by a page, and to the ends', () => {
  const grid = { columns: 4, count: 10, page: 2 };
  const from5 = (key: string): number | null => movedBy(key, 5, grid);
  assert.deepEqual(
    ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End'].map(from5),
    [4, 6, 1, 9, 0, 9],
  );
  assert.equal(movedBy('ArrowDown', 8, grid), 8, 'there is no row below');
  assert.equal(movedBy('PageDown', 5, grid), 9);
  assert.equal(movedBy('PageUp', 5, grid), 0);
  assert.equal(from5('a'), null);
});

test('a row out of sight is scrolled to by as little as it takes', () => {
  const view = { scrollTop: 100, height: 100, rowHeight: 20 };
  assert.equal(scrolledTo(2, view), 40);
  assert.equal(scrolledTo(6, view), 100, 'it is in sight');
  assert.equal(scrolledTo(10, view), 120); // its end at 220
});

test('inside a lasso is where a ray meets it an odd number of times', () => {
  const square = [
    { x: 0, y: 0 },
    { x: 4, y: 0 },
    { x: 4, y: 4 },
    { x: 0, y: 4 },
  ];
  assert.ok(isInside({ x: 1, y: 3 }, square));
  assert.ok(!isInside({ x: 5, y: 3 }, square));
  assert.ok(!isInside({ x: -1, y: 3 }, square));
  // An hourglass: the left and right triangles are outside.
  const hourglass = [square[0]!, square[1]!, square[3]!, square[2]!];
  assert.ok(isInside({ x: 2, y: 1 }, hourglass) && isInside({ x: 2, y: 3 }, hourglass));
  assert.ok(!isInside({ x: 0.5, y: 2 }, hourglass));
  // A circle of 60 corners: by distance from its centre, but for a rim.
  const circle = Array.from({ length: 60 }, (_, i) => ({
    x: Math.cos((i * Math.PI) / 30),
    y: Math.sin((i * Math.PI) / 30),
  }));
  const random = lcg(8);
  for (let round = 0; round < 300; round += 1) {
    const point = { x: 3 * random() - 1.5, y: 3 * random() - 1.5 };
    const radius = Math.hypot(point.x, point.y);
    if (Math.abs(radius - 1) > 0.01) assert.equal(isInside(point, circle), radius < 1);
  }
});

test('the map fills its box with both axes at one scale', () => {
  const places = fitted(Float32Array.of(0, 0, 10, 5), 120, 120, 10);
  assert.deepEqual([...places], [10, 35, 110, 85]); // 100 px for 10 units
  assert.deepEqual(
    [...fitted(Float32Array.of(3, 3), 40, 20, 5)],
    [20, 10],
    'one point: the middle',
  );
});

test('the point under the pointer, and the next one in an arrow’s direction', () => {
  const points = Float32Array.of(0, 0, 10, 1, 30, 0, 0, 12);
  assert.equal(nearestPoint(points, { x: 9, y: 0 }, 5), 1);
  assert.equal(nearestPoint(points, { x: 20, y: 40 }, 5), -1);
  assert.equal(
    nearestPoint(points, { x: 9, y: 0 }, 50, (i) => i !== 1),
    0,
  );
  assert.equal(pointTowards(points, 0, 'ArrowRight'), 1);
  assert.equal(
    pointTowards(points, 0, 'ArrowRight', (i) => i !== 1),
    2,
  );
  assert.equal(pointTowards(points, 0, 'ArrowDown'), 3);
  assert.equal(pointTowards(points, 0, 'ArrowLeft'), 0, 'there is none');
  assert.equal(pointTowards(points, 0, 'Enter'), 0);
});

test('clusters next to each other in number have different colours', () => {
  const colours = Array.from({ length: 40 }, (_, i) => colourOf(i, false));
  assert.equal(new Set(colours).size, 40);
  assert.notEqual(colourOf(1, true), colourOf(1, false));
});

test('the files of the script go together: nothing is imported, exported or declared twice', () => {
  const code = clientScript();
  assert.ok(!/^\s*(?:import|export)\b/m.test(code));
  // A block: two functions of one name would be an error in it, as they are in a module.
  new Script(`'use strict';{${code}}`);
  assert.match(scriptSource(code), /^'sha256-[A-Za-z0-9+/]{43}='$/);
});
