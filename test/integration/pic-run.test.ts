/**
 * Runs of DeepCluster with power iteration clustering: over gRPC on loopback, with features that are
 * arithmetic on the pixels, beside the same graph by plain loops; with any number of workers, one
 * that is lost in the middle of the search, and a resume.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrayOf } from '../../src/arrays/bundle.ts';
import { clusterSizes } from '../../src/clustering/agreement.ts';
import { FLOAT64_KERNELS } from '../../src/clustering/kernels.ts';
import { dataConfigSchema } from '../../src/data/config.ts';
import { createImageLoader } from '../../src/data/loader/loader.ts';
import { openImageSource } from '../../src/data/source/source.ts';
import { unavailable } from '../../src/errors.ts';
import type { Notice } from '../../src/telemetry/notice.ts';
import { openRun } from '../../src/run/open-run.ts';
import { clusterPlainly } from '../support/oracles/plain-pic.ts';
import {
  FEATURES,
  SIDE,
  checkpointOf,
  initialShift,
  placeForRuns,
  plainCompute,
  plainFeatures,
  readLines,
  readLosses,
  runPlain,
} from '../support/runs/in-process-run.ts';

const IMAGES = 60;
const PCA_DIM = 5;
const { data, out } = await placeForRuns(IMAGES);
const PIC = { 'clustering.method': 'pic', 'clustering.k': 12 };

async function clusteringOf(run: string) {
  const { files } = await checkpointOf(run);
  const clustering = files['clustering']!;
  return {
    labels: arrayOf(clustering, 'pseudo-labels', Int32Array),
    centroids: arrayOf(clustering, 'centroids', Float32Array),
    shape: clustering['centroids']!.shape,
    parameters: files['parameters'],
    final: files['final-clustering'],
  };
}

/** Whitened unit rows of the images, by the network that the run began with. */
async function initialRows(): Promise<Float32Array> {
  const source = await openImageSource(data);
  const config = dataConfigSchema.parse({ imageSize: SIDE, resizeRatio: 1 });
  const loader = createImageLoader({ source, config, seed: 31 });
  const { pixels } = await loader.centre(Int32Array.from({ length: IMAGES }, (_, i) => i));
  loader.close();
  const features = plainFeatures(pixels, IMAGES, initialShift(31));
  const moments = FLOAT64_KERNELS.moments(features, IMAGES, FEATURES);
  const whitening = FLOAT64_KERNELS.solve(moments, { outDim: PCA_DIM, epsilon: 1e-8 });
  return FLOAT64_KERNELS.project(whitening, features, IMAGES);
}

for (const [name, k, pic, isApart] of [
  ['its own number of clusters', 20, {}, false],
  ['fewer than the graph has', 4, { 'clustering.pic.neighbours': 2 }, false],
  ['singletons, and fewer', 9, { 'clustering.pic.neighbours': 1, 'clustering.pic.sigma': 1 }, true],
] as const) {
  test(`clusters and means are those of plain loops over all pairs: ${name}`, async () => {
    const run = out(`plain ${name}`);
    const settings = { ...PIC, ...pic, 'clustering.k': k, epochs: 1 };
    await runPlain({ data, out: run, workers: 2, settings });
    const rows = await initialRows();
    const expected = clusterPlainly(rows, PCA_DIM, {
      ...{ k, neighbours: 5, sigma: 0.2, alpha: 0.001, iterations: 200 },
      ...('clustering.pic.neighbours' in pic
        ? { neighbours: pic['clustering.pic.neighbours'] }
        : {}),
      ...('clustering.pic.sigma' in pic ? { sigma: pic['clustering.pic.sigma'] } : {}),
    });
    assert.equal(expected.apart > 0, isApart, `${expected.apart} images are led to no cluster`);
    const { labels, centroids, shape } = await clusteringOf(run);
    assert.deepEqual([...labels], expected.labels);
    assert.deepEqual(shape, [expected.count, PCA_DIM]);
    centroids.forEach((value, i) => {
      // Data shards are projected by themselves, and the PCA is of sums in another order.
      assert.ok(Math.abs(value - expected.means[i]!) < 1e-5, `mean ${i}`);
    });
    const found = readLines(run, 'events.jsonl').find(({ event }) => event === 'clusters.found')!;
    assert.deepEqual([found['found'], found['clusters']], [expected.found, expected.count]);
    const warned = readLines(run, 'events.jsonl').filter(
      ({ event, epoch }) => event === 'clusters.dissolved' && epoch === 0,
    );
    assert.equal(warned.length, expected.found > k ? 1 : 0);
  });
}

test('one, two and three workers give the same run bit for bit', async () => {
  for (const workers of [1, 2, 3]) {
    await runPlain({ data, out: out(`workers-${workers}`), workers, settings: PIC });
  }
  const first = await clusteringOf(out('workers-1'));
  for (const workers of [2, 3]) {
    const run = out(`workers-${workers}`);
    assert.deepEqual(readLosses(run), readLosses(out('workers-1')), `${workers} workers`);
    assert.deepEqual(await clusteringOf(run), first, `${workers} workers`);
  }
});

test('clusters that the graph has not are empty, and no image is trained as one of them', async () => {
  const run = out('workers-2');
  const { labels, shape } = await clusteringOf(run);
  const count = shape[0]!;
  assert.ok(count < 12, `${count} clusters`);
  const sizes = clusterSizes(labels, 12);
  assert.ok(sizes.every((size, cluster) => size > 0 === cluster < count));
  const epochs = readLines(run, 'metrics.jsonl').filter(({ emptyClusters }) => emptyClusters);
  assert.equal(epochs.at(-1)!['emptyClusters'], 12 - count);
  const graphs = readLines(run, 'metrics.jsonl').filter(
    ({ metric }) => metric === 'dc_graph_clusters',
  );
  assert.deepEqual(
    graphs
      .map(({ epoch, clusters }) => [epoch, clusters])
      .slice(0, 2)
      .at(-1),
    [1, count],
  );
});

test("final clusters are the graph's, with the distance to their own mean", async () => {
  const run = out('workers-2');
  const { clusters, centroids, details } = await openRun(run).then((opened) => ({
    ...opened,
    centroids: opened.centroids!,
    details: opened.details!,
  }));
  const { final } = await clusteringOf(run);
  assert.deepEqual(clusters, arrayOf(final!, 'clusters', Int32Array));
  const nearer = [...clusters.keys()].filter(
    (id) => details.secondDistances[id]! < details.distances[id]!,
  );
  assert.ok(nearer.length > 0, 'some image is nearer to the mean of another cluster');
  clusters.forEach((cluster, id) => {
    assert.ok(cluster < centroids.count);
    assert.notEqual(details.seconds[id], cluster);
  });
});

test('a worker that is lost in the middle of the search changes no bit', async () => {
  const run = out('lost');
  const lost = new AbortController();
  const never = new AbortController().signal;
  let searches = 0;
  const compute = (worker: number) => ({
    ...plainCompute(),
    clustering: {
      ...FLOAT64_KERNELS,
      nearestRows: ((...input) => {
        searches += 1;
        if (worker === 0) lost.abort(unavailable('test', 'it is gone'));
        return FLOAT64_KERNELS.nearestRows(...input);
      }) as typeof FLOAT64_KERNELS.nearestRows,
    },
  });
  await runPlain({
    ...{ data, out: run, workers: 2, settings: PIC, compute },
    workerSignal: (worker) => (worker === 0 ? lost.signal : never),
  });
  assert.ok(lost.signal.aborted && searches > 0);
  const again = readLines(run, 'events.jsonl').filter(({ event }) => event === 'worker.lost');
  assert.ok(again.length > 0, 'a worker has left');
  assert.deepEqual(readLosses(run), readLosses(out('workers-2')));
  assert.deepEqual(await clusteringOf(run), await clusteringOf(out('workers-2')));
});

test('a run that is stopped in the search of its second epoch, and resumed, is the undisturbed run', async () => {
  const run = out('stopped');
  const stop = new AbortController();
  const onNotice = (notice: Notice): void => {
    const isSearch = notice.type === 'progress' && notice.phase === 'neighbours';
    if (isSearch && notice.epoch === 1 && notice.done > 2)
      stop.abort(unavailable('test', 'stopped'));
  };
  const stopped = runPlain({
    data,
    out: run,
    workers: 2,
    settings: PIC,
    signal: stop.signal,
    onNotice,
  });
  await assert.rejects(stopped, /stopped/);
  await runPlain({ data, out: run, workers: 1, settings: PIC, resume: true });
  assert.deepEqual(readLosses(run), readLosses(out('workers-2')));
  assert.deepEqual(await clusteringOf(run), await clusteringOf(out('workers-2')));
});
