/**
 * What TensorBoard's embedding projector is given of a run: read back by its formats, on real
 * images.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import sharp from 'sharp';
import { openImageSource } from '../../src/data/source/source.ts';
import {
  clusteredImages,
  readableUntil,
  type ClusteredImages,
} from '../../src/run/board/clustered-images.ts';
import { clusterEmbedding, imageEmbedding } from '../../src/run/board/embeddings.ts';
import { clusterMontages } from '../../src/run/board/montages.ts';
import {
  PROJECTOR_CONFIG,
  projectorFiles,
  type Embedding,
} from '../../src/tensorboard/projector.ts';
import { encoder, imageOf, temporaryFolder, writeFiles } from '../support/made/data-images.ts';
import { readProjector, type ReadEmbedding } from '../support/made/projector-files.ts';

/** Written as the program does, and read back. */
async function readBack(t: TestContext, ...embeddings: Embedding[]): Promise<ReadEmbedding[]> {
  const folder = await temporaryFolder(t);
  for (const { name, content } of projectorFiles(embeddings)) {
    await writeFile(join(folder, name), content);
  }
  return readProjector(folder);
}

const REDS = [10, 60, 110, 160, 210, 250];

/**
 * Six images of one colour each, of which number 2 cannot be read, in three clusters of three: 4, 1
 * and 0 by distance in the first, 5 and 3 in the last, none between.
 */
async function sixImages(t: TestContext): Promise<ClusteredImages> {
  const root = await temporaryFolder(t);
  const files = await Promise.all(
    REDS.map(async (red, i): Promise<[string, Buffer]> => {
      const png = await encoder(imageOf(8, 8, () => [red, 20, 40]))
        .png()
        .toBuffer();
      return [`${i < 3 ? 'a\tb' : 'c'}/${i}\n.png`, i === 2 ? Buffer.from('no image') : png];
    }),
  );
  await writeFiles(root, Object.fromEntries(files));
  return clusteredImages(await openImageSource(root), {
    k: 3,
    clusters: Int32Array.of(0, 0, -1, 2, 0, 2),
    details: {
      distances: Float32Array.of(0.75, 0.5, NaN, 2, 0.25, 1),
      seconds: Int32Array.of(2, 2, -1, 0, 2, 0),
      secondDistances: Float32Array.of(3, 3, NaN, 3, 3, 3),
    },
  });
}

function isNear(pixel: readonly number[], red: number): void {
  const [r = 0, g = 0, b = 0] = pixel;
  const off = Math.max(Math.abs(r - red), Math.abs(g - 20), Math.abs(b - 40));
  assert.ok(off <= 2, `${pixel.join()} is not ${red},20,40`);
}

test('clusters are their centroids, each with its medoid: cell i shows the medoid of point i', async (t) => {
  const images = await sixImages(t);
  const centroids = { values: Float32Array.of(1, 0.1, 7, 7, -3e-9, 123456.7), count: 3, dim: 2 };
  const embedding = await clusterEmbedding(images, centroids);
  const [read] = await readBack(t, embedding!);
  assert.equal(read?.name, 'clusters');
  assert.deepEqual(read.shape, [2, 2], 'the cluster without images is no point');
  assert.deepEqual(read.points, [
    [1, 0.1],
    [-3e-9, 123457],
  ]);
  assert.deepEqual(read.metadata, [
    {
      ...{ cluster: '0', size: '3', medoid: 'c/4\\x0a.png', 'mean distance': '0.5' },
      ...{ 'majority class': 'a\\x09b', 'its share': '0.6667' },
    },
    {
      ...{ cluster: '2', size: '2', medoid: 'c/5\\x0a.png', 'mean distance': '1.5' },
      ...{ 'majority class': 'c', 'its share': '1' },
    },
  ]);
  assert.deepEqual(read.sprite, { width: 128, height: 128, side: 64 });
  isNear(read.centres[0]!, 210);
  isNear(read.centres[1]!, 250);
});

test('images are points, too: each has its own thumbnail, none where it cannot be read', async (t) => {
  const images = await sixImages(t);
  const features = {
    ...{ ids: [5, 2, 0, 3, 1], dim: 1, name: 'made' },
    values: Float32Array.of(0.5, 0.2, NaN, 0.3, 0.1),
  };
  const [read] = await readBack(t, (await imageEmbedding(images, features))!);
  assert.deepEqual(read?.points, [[0.5], [0.2], [0.3], [0.1]], 'no point without a place');
  assert.deepEqual(
    read.metadata.map(({ path }) => path),
    ['c/5\\x0a.png', 'a\\x09b/2\\x0a.png', 'c/3\\x0a.png', 'a\\x09b/1\\x0a.png'],
  );
  assert.deepEqual(read.metadata[2], {
    ...{ path: 'c/3\\x0a.png', cluster: '2', distance: '2', class: 'c' },
  });
  assert.equal(read.metadata[1]!['distance'], '', 'not known');
  isNear(read.centres[0]!, 250);
  assert.deepEqual(read.centres[1], [0, 0, 0]);
  isNear(read.centres[2]!, 160);
  isNear(read.centres[3]!, 60);
});

test('what is not known has no column, and the configuration comes last', async (t) => {
  const { source, clusters } = await sixImages(t);
  const unlabelled = { ...readable(source), truth: null };
  const bare = clusteredImages(unlabelled, { clusters, details: null, k: 3 });
  const centroids = { values: Float32Array.of(1, 2, 3), count: 3, dim: 1 };
  const embedding = await clusterEmbedding(bare, centroids);
  assert.deepEqual(embedding?.columns, ['cluster', 'size', 'medoid']);
  const features = { ids: [0], values: Float32Array.of(1), dim: 1, name: 'made' };
  const others = await imageEmbedding(bare, features);
  assert.deepEqual(others?.columns, ['path', 'cluster']);
  assert.deepEqual(
    projectorFiles([embedding, others]).map(({ name }) => name),
    [
      ...['clusters.tsv', 'clusters-metadata.tsv', 'clusters-sprite.png'],
      ...['images.tsv', 'images-metadata.tsv', 'images-sprite.png', PROJECTOR_CONFIG],
    ],
  );
  const nowhere = { clusters: new Int32Array(6).fill(-1), details: null, k: 3 };
  assert.equal(await clusterEmbedding(clusteredImages(unlabelled, nowhere), centroids), null);
});

function readable(source: ClusteredImages['source']): ClusteredImages['source'] {
  return { truth: source.truth, path: (id) => source.path(id), read: (id) => source.read(id) };
}

test('beyond 4,096 points thumbnails are smaller, beyond 10,000 the largest clusters are shown', async () => {
  const k = 10_003;
  // Each cluster has an image, and all but 0, 7 and 9 a second one.
  const lone = new Set([0, 7, 9]);
  const seconds = Array.from({ length: k }, (_, c) => c).filter((c) => !lone.has(c));
  const clusters = Int32Array.from([...Array.from({ length: k }, (_, c) => c), ...seconds]);
  const read = () => Promise.reject(new Error('gone'));
  const source = { read, path: String, truth: null };
  const centroids = { values: Float32Array.from({ length: k }, (_, c) => c), count: k, dim: 1 };
  const embed = (ids: Int32Array): Promise<Embedding | null> =>
    clusterEmbedding(clusteredImages(source, { clusters: ids, details: null, k }), centroids);
  const all = await embed(clusters);
  assert.deepEqual([...all!.values], seconds);
  const { width, height } = await sharp(all!.sheet.png).metadata();
  assert.deepEqual([all!.sheet.side, width, height], [32, 3200, 3200]);
  assert.equal((await embed(clusters.slice(0, 4096)))!.sheet.side, 64);
  assert.equal((await embed(clusters.slice(0, 4097)))!.sheet.side, 32);
});

test('a montage has the images of a cluster from its centroid outward, the largest cluster first', async (t) => {
  const images = await sixImages(t);
  const montages = await clusterMontages(images);
  assert.deepEqual(
    montages.map(({ cluster, picture: { width, height } }) => ({ cluster, width, height })),
    [
      { cluster: 0, width: 288, height: 96 },
      { cluster: 2, width: 192, height: 96 },
    ],
  );
  const { data, info } = await sharp(montages[0]!.picture.encoded)
    .raw()
    .toBuffer({ resolveWithObject: true });
  assert.deepEqual([info.width, info.height], [288, 96]);
  const redAt = (x: number): number => data[(48 * 288 + x) * info.channels]!;
  // JPEG loses some.
  [210, 60, 10].forEach((red, i) => {
    assert.ok(Math.abs(redAt(96 * i + 48) - red) < 8, `image ${i}: ${redAt(96 * i + 48)}`);
  });
  const { details } = images;
  const withBad = { clusters: Int32Array.of(-1, -1, 1, -1, -1, 1), details, k: 3 };
  const [alone, ...rest] = await clusterMontages(clusteredImages(images.source, withBad));
  assert.equal(alone?.picture.width, 96, 'an image that cannot be read is left out');
  assert.deepEqual(rest, []);
});

test('a disk that does not answer costs the pictures, and no longer than the signal says', async (t) => {
  const images = await sixImages(t);
  const late = new AbortController();
  const source = readableUntil(
    { ...readable(images.source), read: () => new Promise(() => undefined) },
    late.signal,
  );
  const montages = clusterMontages({ ...images, source });
  late.abort(new Error('late'));
  assert.deepEqual(await montages, []);
  const centroids = { values: Float32Array.of(1, 2, 3), count: 3, dim: 1 };
  const [read] = await readBack(t, (await clusterEmbedding({ ...images, source }, centroids))!);
  assert.deepEqual(read?.centres[0], [0, 0, 0]);
});
