/** Which images of a cluster a page shows, which clusters are near each other, and how they are written into the page. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGallery } from '../../src/report/client/decode.js';
import {
  fairShare,
  nearestAndFarthest,
  orderByCluster,
  upperFence,
} from '../../src/report/gallery/cluster-order.ts';
import { galleryJson } from '../../src/report/gallery/gallery-data.ts';
import { nearestClusters } from '../../src/report/gallery/neighbours.ts';
import { madeGallery } from '../support/made/gallery.ts';
import { lcg } from '../support/made/lcg.ts';

test('images stand by cluster, then from the centroid outward, then by id', () => {
  const clusters = Int32Array.of(1, 0, 1, -1, 1, 0, 1);
  const distances = Float32Array.of(0.5, 0.2, 0.1, 0, 0.5, 0.1, NaN);
  const { ids, starts } = orderByCluster(clusters, distances, 3);
  assert.deepEqual([...starts], [0, 2, 6, 6]); // cluster 2 is empty; image 3 has none
  assert.deepEqual([...ids], [5, 1, 2, 0, 4, 6]); // without a distance comes last
  assert.deepEqual([...orderByCluster(clusters, null, 3).ids], [1, 5, 0, 2, 4, 6], 'by id');
});

test('small clusters show all they have, large ones as many as each other', () => {
  assert.equal(fairShare([2, 10, 10], 12), 5); // 2 + 5 + 5
  assert.equal(fairShare([2, 10, 10], 13), 5); // 2 + 6 + 6 would be 14
  assert.equal(fairShare([2, 10, 10], 22), 10);
  assert.equal(fairShare([2, 10, 10], 2), 0);
  assert.equal(fairShare([], 5), 0);
  const random = lcg(5);
  for (let round = 0; round < 50; round += 1) {
    const sizes = Array.from({ length: 8 }, () => Math.floor(30 * random()));
    const limit = Math.floor(200 * random());
    const shown = (cap: number): number =>
      sizes.reduce((sum, size) => sum + Math.min(size, cap), 0);
    const caps = Array.from({ length: 31 }, (_, cap) => cap);
    const best = caps.filter((cap) => cap <= Math.max(...sizes) && shown(cap) <= limit).at(-1);
    assert.equal(fairShare(sizes, limit), best);
  }
});

test('of a cluster larger than its share, three quarters are the nearest and the rest the farthest', () => {
  assert.deepEqual(nearestAndFarthest(3, 8), [0, 1, 2]);
  assert.deepEqual(nearestAndFarthest(10, 4), [0, 1, 2, 9]);
  assert.deepEqual(nearestAndFarthest(10, 0), []);
});

test('far is beyond the third quartile and one and a half interquartile ranges', () => {
  // Quartiles of 1 to 5, linear between values: 2 and 4.
  assert.equal(upperFence([1, 2, 3, 4, 5]), 4 + 1.5 * (4 - 2));
  // Of four values the quartiles lie at places 0.75 and 2.25.
  assert.equal(upperFence([0, 1, 2, 10]), 4 + 1.5 * (4 - 0.75));
  assert.ok(Number.isNaN(upperFence([1, 2, 3])));
});

test('the nearest clusters are those of a naive search, and empty ones are none', () => {
  const random = lcg(9);
  // More dimensions than are added up at a time.
  const [k, dim, count] = [40, 70, 4];
  const centroids = Float32Array.from({ length: k * dim }, () => random());
  const sizes = Array.from({ length: k }, (_, i) => (i === 4 ? 0 : i + 1));
  const found = nearestClusters(centroids, dim, sizes, count);
  const distance = (a: number, b: number): number => {
    const rows = [a, b].map((row) => [...centroids.subarray(row * dim, (row + 1) * dim)]);
    return Math.hypot(...rows[0]!.map((value, i) => value - rows[1]![i]!));
  };
  for (let own = 0; own < k; own += 1) {
    const others = sizes.flatMap((size, i) => (size === 0 || i === own ? [] : [i]));
    others.sort((a, b) => distance(own, a) - distance(own, b));
    assert.deepEqual(found[own], own === 4 ? [] : others.slice(0, count));
  }
});

test('of clusters that are as near as each other the lower number comes first', () => {
  const onALine = Float32Array.of(0, 1, -1, 2, 1);
  const found = nearestClusters(onALine, 1, [1, 1, 1, 1, 1], 3);
  assert.deepEqual(found[0], [1, 2, 4]);
  assert.deepEqual(found[1], [4, 0, 3]);
});

test("what is written into the page is what the page's script reads", () => {
  const data = madeGallery({ clusters: 5, perCluster: 7, classes: 3 });
  const read = readGallery(JSON.stringify(galleryJson(data)));
  assert.deepEqual(read.paths, data.paths);
  assert.deepEqual(read.starts, data.starts);
  assert.deepEqual(read.distances, data.distances);
  assert.deepEqual(read.labels, data.labels);
  assert.deepEqual(read.cells, data.cells);
  assert.deepEqual(read.clusters, data.clusters);
  assert.deepEqual(read.map?.points, data.map?.points);
  assert.deepEqual(read.map?.images, data.map?.images);
  assert.deepEqual([...read.clusterOf.slice(0, 8)], [0, 0, 0, 0, 0, 0, 0, 1]);
  const bare = { ...data, distances: null, labels: null, classes: null, map: null };
  const without = readGallery(JSON.stringify(galleryJson(bare)));
  assert.deepEqual([without.distances, without.labels, without.map], [null, null, null]);
});
