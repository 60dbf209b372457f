/** What is gathered for the report's explorer, on real files: thumbnails, figures, the map, filters, faults. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { spriteSheet, thumbnailPixels } from '../../src/data/pixels/sprites.ts';
import { openImageSource } from '../../src/data/source/source.ts';
import { survivedFaults } from '../../src/run/report/faults.ts';
import { filterPicture, tiledFilters } from '../../src/run/report/filters.ts';
import { gatherGallery } from '../../src/run/report/gallery.ts';
import { layOut } from '../../src/run/report/layout.ts';
import { sampleWithout } from '../../src/run/report/map-sample.ts';
import { encoder, imageOf, temporaryFolder, writeFiles } from '../support/made/data-images.ts';
import { lcg } from '../support/made/lcg.ts';

/** Of one colour. */
function plainPng(red: number, side: number): Promise<Buffer> {
  return encoder(imageOf(side, side, () => [red, 20, 40]))
    .png()
    .toBuffer();
}

test('a thumbnail has exactly its size, whether its image is larger or smaller', async () => {
  for (const side of [3, 8, 40]) {
    const pixels = await thumbnailPixels(await plainPng(200, side), 8);
    assert.equal(pixels.length, 8 * 8 * 3);
    assert.ok(Math.abs(pixels[0]! - 200) <= 2 && Math.abs(pixels[8 * 8 * 3 - 3]! - 200) <= 2);
  }
});

test('a sheet has its cells row by row, and leaves those empty that have no picture', async () => {
  const cell = (red: number): Buffer => Buffer.alloc(4 * 4 * 3, red);
  const webp = await spriteSheet([cell(250), null, cell(120)], 4, 2);
  const { data, info } = await sharp(webp).raw().toBuffer({ resolveWithObject: true });
  assert.deepEqual([info.width, info.height], [8, 8]);
  const at = (x: number, y: number): number => data[(y * 8 + x) * info.channels]!;
  // WebP loses some.
  for (const [x, y, red] of [
    [1, 1, 250],
    [6, 1, 0],
    [1, 6, 120],
    [6, 6, 0],
  ] as const) {
    assert.ok(Math.abs(at(x, y) - red) < 16, `${x}, ${y}: ${at(x, y)}`);
  }
});

test('the explorer has all images from the centroid outward, with figures over whole clusters', async (t) => {
  const root = await temporaryFolder(t);
  const image = await plainPng(90, 8);
  await writeFiles(root, {
    'a/0.png': image,
    'a/1.png': image,
    'a/2.png': Buffer.from('no image'),
    'b/3.png': image,
    'b/4.png': image,
    'b/5.png': image,
  });
  const source = await openImageSource(root);
  const nan = NaN;
  const data = await gatherGallery({
    ...{ source, seed: 1, k: 3 },
    clusters: Int32Array.of(2, 2, -1, 0, 2, 0),
    details: {
      distances: Float32Array.of(0.5, 0.25, nan, 2, 0.75, 1),
      seconds: Int32Array.of(0, 0, -1, 2, 0, 2),
      secondDistances: Float32Array.of(3, 3, nan, 3, 3, 3),
    },
    centroids: { values: Float32Array.of(0, 9, 5), count: 3, dim: 1 },
  });
  assert.equal(data.images, 5);
  assert.deepEqual(data.paths, ['b/5.png', 'b/3.png', 'a/1.png', 'a/0.png', 'b/4.png']);
  assert.deepEqual([...data.starts], [0, 2, 2, 5]);
  assert.deepEqual([...data.distances!], [1, 2, 0.25, 0.5, 0.75]);
  assert.deepEqual([...data.labels!], [1, 1, 0, 0, 1]);
  assert.deepEqual([...data.cells], [0, 1, 2, 3, 4]);
  assert.deepEqual([...data.clusters.sizes], [2, 0, 3]);
  assert.deepEqual([...data.clusters.meanDistances], [1.5, nan, 0.5]);
  assert.deepEqual([...data.clusters.majorities!], [1, -1, 0]);
  assert.deepEqual([...data.clusters.purities!], [1, nan, Math.fround(2 / 3)]);
  assert.deepEqual(data.clusters.neighbours, [[2], [], [0]], 'cluster 1 is empty');
  assert.equal(data.map, null, 'two clusters make no map');
});

test('with few thumbnails each cluster has those nearest to its centroid', async (t) => {
  const root = await temporaryFolder(t);
  const image = await plainPng(90, 8);
  const files = Array.from({ length: 12 }, (_, i): [string, Buffer] => [`${i + 10}.png`, image]);
  await writeFiles(root, Object.fromEntries(files));
  const source = await openImageSource(root);
  const sheets: Buffer[] = [];
  const data = await gatherGallery(
    {
      ...{ source, seed: 1, k: 2, details: null, centroids: null },
      clusters: Int32Array.from({ length: 12 }, (_, i) => (i < 10 ? 0 : 1)),
    },
    {
      thumbnails: 6,
      putSheet: (index, webp) => {
        sheets.push(webp);
        return Promise.resolve(`sheets/${index}.webp`);
      },
    },
  );
  // Four of ten, three quarters of them from the front; both of two.
  assert.deepEqual([...data.cells], [0, 1, 2, -1, -1, -1, -1, -1, -1, 3, 4, 5]);
  assert.deepEqual(data.sprites.sheets, { kind: 'beside', files: ['sheets/0.webp'] });
  const { width, height } = await sharp(sheets[0]).metadata();
  assert.deepEqual([width, height], [8 * 64, 64]);
});

test('the map keeps what is near together, and is the same every time', async () => {
  const random = lcg(2);
  const [n, dim] = [60, 6];
  // Three groups far from each other.
  const values = Float32Array.from({ length: n * dim }, (_, i) => {
    const group = Math.floor(i / dim) % 3;
    return (i % dim === group ? 20 : 0) + random();
  });
  const task = { seed: 4, neighbours: 1, centroids: null, rows: { values, dim } };
  const { points } = await layOut(task);
  assert.deepEqual((await layOut(task)).points, points);
  const distance = (a: number, b: number): number =>
    Math.hypot(points![2 * a]! - points![2 * b]!, points![2 * a + 1]! - points![2 * b + 1]!);
  for (let own = 0; own < n; own += 1) {
    const others = Array.from({ length: n }, (_, i) => i).filter((i) => i !== own);
    const nearest = others.reduce((best, i) => (distance(own, i) < distance(own, best) ? i : best));
    assert.equal(nearest % 3, own % 3);
  }
});

test('a map that is no longer wanted ends with the reason', async () => {
  const stop = new AbortController();
  const rows = { values: new Float32Array(4000).map((_, i) => Math.sin(i)), dim: 10 };
  const work = layOut({ seed: 4, neighbours: 1, centroids: null, rows }, stop.signal);
  stop.abort(new Error('the term is over'));
  await assert.rejects(work, /the term is over/);
});

test('a sample is a choice without repetition, in order, and the same for a seed', () => {
  const items = Array.from({ length: 50 }, (_, i) => 3 * i);
  const sample = sampleWithout(items, 20, 6);
  assert.equal(new Set(sample).size, 20);
  assert.ok(sample.every((item, i) => items.includes(item) && (i === 0 || sample[i - 1]! < item)));
  assert.deepEqual(sampleWithout(items, 20, 6), sample);
  assert.notDeepEqual(sampleWithout(items, 20, 7), sample);
  assert.deepEqual(sampleWithout(items, 50, 6), items);
});

test('filters are stretched each to its own range, beside each other', async () => {
  // Two filters of 1 x 1: the first -1, 0, 1, the second 4 everywhere.
  const values = Float32Array.of(-1, 4, 0, 4, 1, 4);
  const { rgba, width, height } = tiledFilters(values, 1, 2, 2);
  assert.deepEqual([width, height], [4, 2]);
  assert.deepEqual([...rgba.subarray(0, 4)], [0, 128, 255, 255]);
  assert.deepEqual([...rgba.subarray(4, 8)], [0, 0, 0, 0], 'a gap');
  assert.deepEqual([...rgba.subarray(8, 12)], [0, 0, 0, 255]);
  const variable = {
    ...{ name: 'features.0.weight', shape: [1, 1, 3, 2], group: 'body' as const },
    ...{ initial: { kind: 'constant' as const, value: 0 }, offset: 0, size: 6 },
  };
  const layout = {
    ...{ architecture: 'made', statistics: [], parameterCount: 6, statisticCount: 0 },
    variables: [variable],
  };
  const picture = await filterPicture({ layout, parameters: values });
  assert.deepEqual([picture?.count, picture?.side, picture?.layer], [2, 1, 'features.0.weight']);
  const grey = { ...layout, variables: [{ ...variable, shape: [1, 1, 2, 3] }] };
  assert.equal(await filterPicture({ layout: grey, parameters: values }), null, 'two channels');
});

test('faults are counted by kind with the reason of the last, and a torn line is passed over', async (t) => {
  const file = join(await temporaryFolder(t), 'events.jsonl');
  const line = (event: string, reason: string): string => `${JSON.stringify({ event, reason })}\n`;
  await writeFile(
    file,
    [
      line('worker.lost', 'first'),
      line('step.committed', 'worker.lost'),
      line('lease.expired', 'late'),
      line('worker.lost', 'second'),
      '{"event":"worker.lost","rea',
    ].join(''),
  );
  const faults = await survivedFaults(file);
  assert.deepEqual(
    faults.map(({ event, count, lastReason }) => [event, count, lastReason]),
    [
      ['worker.lost', 2, 'second'],
      ['lease.expired', 1, 'late'],
    ],
  );
  assert.deepEqual(await survivedFaults(`${file}.none`), []);
});
