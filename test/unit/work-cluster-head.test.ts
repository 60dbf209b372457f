/** A head clustered whole by one worker, beside spherical k-means in plain loops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLOAT64_KERNELS } from '../../src/clustering/kernels.ts';
import { clusterSeed, initialCentroidIds } from '../../src/clustering/kmeans.ts';
import { runConfigSchema } from '../../src/config/schema.ts';
import { seededRng } from '../../src/math/rng.ts';
import { clusterHead } from '../../src/work/cluster-head.ts';
import type { WorkTools } from '../../src/work/tools.ts';

const IMAGES = 60;
const DIM = 3;
const K = 5;
const ITERATIONS = 6;
const EPOCH = 2;
const ORDER = { head: 1, parts: 2, part: 1, leftOut: [3, 17, 59] };
const IDS = { leaseId: 'lease', generation: 1, epoch: EPOCH, parameterVersion: 9, clustering: 1 };

const CONFIG = runConfigSchema().parse({
  algorithm: 'deepcluster-v2',
  model: { neck: 'projection', neckDim: DIM },
  data: { shardSize: 7 },
  clustering: { k: K, iterations: ITERATIONS },
});

/** Two parts a row, neither of length 1. */
function rowOf(id: number): number[] {
  const rng = seededRng(5, 'row', id);
  return Array.from({ length: 2 * DIM }, () => rng.normal());
}

function toolsFor(asked: { step: number; ids: Int32Array }[]): WorkTools {
  return {
    config: CONFIG,
    source: { count: IMAGES },
    advance: () => undefined,
    held: { kernelsFor: () => FLOAT64_KERNELS },
    memoryRows: (step: number, ids: Int32Array) => {
      asked.push({ step, ids });
      return Promise.resolve(Float32Array.from([...ids].flatMap(rowOf)));
    },
  } as unknown as WorkTools;
}

function unit(values: readonly number[]): number[] {
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** Index of the largest product, the first of several. */
function nearest(row: readonly number[], centroids: readonly number[][]): number {
  const products = centroids.map((centroid) => dot(row, centroid));
  return products.indexOf(Math.max(...products));
}

test('has the labels and centroids of plain loops over the rows that there are', async () => {
  const ids = Array.from({ length: IMAGES }, (_, id) => id).filter(
    (id) => !ORDER.leftOut.includes(id),
  );
  const rows = ids.map((id) => unit(rowOf(id).slice(DIM)));
  const start = initialCentroidIds(ids.length, K, clusterSeed(CONFIG.seed, EPOCH, true, 1));
  let centroids = [...start].map((row) => rows[row]!);
  for (let iteration = 0; iteration < ITERATIONS; iteration += 1) {
    const labels = rows.map((row) => nearest(row, centroids));
    centroids = centroids.map((_, c) => {
      const members = rows.filter((_row, i) => labels[i] === c);
      assert.ok(members.length > 0, 'no cluster of this example is empty');
      return unit(members.reduce((sum, row) => sum.map((value, j) => value + row[j]!)));
    });
  }
  const expected = rows.map((row) => nearest(row, centroids));

  const asked: { step: number; ids: Int32Array }[] = [];
  const found = await clusterHead.perform(ORDER, IDS, toolsFor(asked));
  assert.deepEqual(
    asked.map(({ step, ids: of }) => [step, [...of]]),
    [[9, ids]],
    'rows as they were before the step',
  );
  const labels = new Array<number>(IMAGES).fill(-1);
  ids.forEach((id, i) => (labels[id] = expected[i]!));
  assert.deepEqual([...found.labels], labels);
  const flat = centroids.flat();
  found.centroids.forEach((value, i) => {
    assert.ok(Math.abs(value - flat[i]!) < 1e-5, `centroids[${i}]: ${value}, not ${flat[i]}`);
  });
  const inertia = rows.reduce((sum, row, i) => sum + 2 - 2 * dot(row, centroids[expected[i]!]!), 0);
  assert.ok(Math.abs(found.inertia - inertia) < 1e-4, `${found.inertia}, not ${inertia}`);
  assert.equal(found.refilled, 0);
});
