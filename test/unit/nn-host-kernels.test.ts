/** The host kernels beside float64 JavaScript, with each instruction set that this processor has. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { noSums, type ClusterSums } from '../../src/clustering/cluster-sums.ts';
import { FLOAT64_KERNELS } from '../../src/clustering/kernels.ts';
import { initialCentroidIds, kmeans } from '../../src/clustering/kmeans.ts';
import { clusteringKernels } from '../../src/engine/clustering/kernels.ts';
import { searchOnEngine, searchOnHost } from '../../src/engine/clustering/searches.ts';
import {
  hostKernels,
  loadHostKernels,
  type HostModule,
} from '../../src/engine/clustering/host/host-kernels.ts';
import { HostSearch } from '../../src/engine/clustering/host/host-search.ts';
import { NearestCentroids } from '../../src/engine/clustering/search/nearest.ts';
import { kmeansOnEngine } from '../../src/engine/clustering/reference/run-on-engine.ts';
import { startEngine } from '../../src/engine/start.ts';
import { lcg } from '../support/made/lcg.ts';

// What the kernels are compared with where float64 is not what computes, and what takes what they do not.
const { products } = await startEngine('wasm');

const { module, story } = hostKernels();
const skip = module === null && `host kernels: ${story}`;

/** One test for each instruction set; skipped, with the reason, where the module is not built. */
function onEachKernels(name: string, body: (module: HostModule, kernels: number) => void): void {
  for (const [kernels, set] of (module?.kernels ?? ['any']).entries()) {
    test(`${name} (${set})`, { skip }, () => {
      body(module!, kernels);
    });
  }
}

type Next = () => number;

/** Rows or centroids of a kind: [count, dim]. */
type Maker = (next: Next, count: number, dim: number) => Float32Array;

const uniform: Maker = (next, count, dim) => new Float32Array(count * dim).map(() => next() - 0.5);

function scaledRows(next: Next, count: number, dim: number, scaleOf: () => number): Float32Array {
  const rows = uniform(next, count, dim);
  for (let i = 0; i < count; i += 1) {
    const scale = scaleOf();
    for (let j = i * dim; j < (i + 1) * dim; j += 1) rows[j]! *= scale;
  }
  return rows;
}

/** Overwrites one value in four hundred. */
function spoilt(next: Next, rows: Float32Array, values: readonly number[]): Float32Array {
  return rows.map((value) =>
    next() < 1 / 400 ? values[Math.floor(next() * values.length)]! : value,
  );
}

const KINDS: Readonly<Record<string, Maker>> = {
  uniform,
  'far from the origin': (next, count, dim) => uniform(next, count, dim).map((x) => x + 40),
  'whole numbers, full of ties': (next, count, dim) =>
    uniform(next, count, dim).map((x) => Math.round(4 * x)),
  'of few different rows': (next, count, dim) => {
    const few = uniform(next, 5, dim);
    const rows = new Float32Array(count * dim);
    for (let i = 0; i < count; i += 1) {
      const from = Math.floor(next() * 5) * dim;
      rows.set(few.subarray(from, from + dim), i * dim);
    }
    return rows;
  },
  'closer together than float32 products can tell': (next, count, dim) => {
    const centre = uniform(lcg(5), 1, dim);
    return uniform(next, count, dim).map((x, i) => centre[i % dim]! * (1 + 1e-6 * x));
  },
  'some of them zeros': (next, count, dim) =>
    scaledRows(next, count, dim, () => (next() < 0.5 ? 0 : 1)),
  'of very different lengths': (next, count, dim) =>
    scaledRows(next, count, dim, () => 10 ** (8 * (next() - 0.5))),
  'of lengths over all of float32': (next, count, dim) =>
    scaledRows(next, count, dim, () => 10 ** (82 * next() - 44)),
  'with columns of very different sizes': (next, count, dim) =>
    uniform(next, count, dim).map((x, i) => x * 10 ** ((i % dim) % 7)),
  huge: (next, count, dim) => uniform(next, count, dim).map((x) => 6e38 * x),
  tiny: (next, count, dim) => uniform(next, count, dim).map((x) => 1e-38 * x),
  'nothing but zeros': (_, count, dim) => new Float32Array(count * dim),
  'with infinities and NaN': (next, count, dim) =>
    spoilt(next, uniform(next, count, dim), [NaN, Infinity, -Infinity]),
};

/** Centroids that are rows, as at the start of k-means, or others of their kind. */
function centroidsOf(
  next: Next,
  rows: Float32Array,
  dim: number,
  k: number,
  make: Maker,
): Float32Array {
  if (next() < 0.5) return make(next, k, dim);
  const centroids = new Float32Array(k * dim);
  for (let c = 0; c < k; c += 1) {
    const from = Math.floor((next() * rows.length) / dim) * dim;
    centroids.set(rows.subarray(from, from + dim), c * dim);
  }
  return centroids;
}

/** Sums that something has been added to. */
function begunSums(k: number, dim: number, rounder: number): ClusterSums {
  const total = noSums(k, dim, rounder);
  total.sums.forEach((_sum, i) => (total.sums[i] = i / 64 - 1));
  total.counts.forEach((_count, c) => (total.counts[c] = c % 3));
  return total;
}

/** The naive loop. */
function addRowsPlainly(
  rows: Float32Array,
  labels: Int32Array,
  dim: number,
  { sums, counts, rounder }: ClusterSums,
): void {
  labels.forEach((label, row) => {
    counts[label]! += 1;
    for (let j = 0; j < dim; j += 1) {
      const value = rows[row * dim + j]!;
      sums[label * dim + j]! += value + rounder - rounder;
    }
  });
}

/** Three steps, since each begins with the labels of the one before, and what float64 makes of them. */
function assertSameSteps(
  search: HostSearch,
  rows: Float32Array,
  n: number,
  dim: number,
  steps: readonly Float32Array[],
  what: string,
): void {
  const oracle = FLOAT64_KERNELS.rowsToCluster(rows, n, dim);
  for (const centroids of steps) {
    const k = centroids.length / dim;
    const labels = search.labels(centroids, k, () => undefined);
    assert.deepEqual(labels, oracle.assign(centroids, k).labels, what);
    // As the rows are, onto sums of other rows; and on a grid that is coarse for them.
    for (const rounder of [0, 1.5 * 2 ** 40]) {
      const [ours, theirs] = [0, 1].map(() => begunSums(k, dim, rounder));
      search.sumByLabel(labels, ours!);
      addRowsPlainly(rows, labels, dim, theirs!);
      assert.deepEqual(ours, theirs, what);
    }
    const [ours, theirs] = [noSums(k, dim, 0), noSums(k, dim, 0)];
    search.sumByLabel(labels, ours);
    oracle.sum(centroids, theirs);
    assert.deepEqual([ours.sums, ours.counts], [theirs.sums, theirs.counts], what);
  }
}

onEachKernels('labels and sums are those of float64, bit for bit, over shapes', (host, kernels) => {
  const next = lcg(1);
  for (const [kind, make] of Object.entries(KINDS)) {
    // One of each; around tiles of 4 and 8 rows, panels of 16 and 48 centroids, quads and vectors of columns, chunks of 64 rows.
    for (const [n, dim, k] of [
      [1, 1, 1],
      [9, 3, 16],
      [63, 4, 17],
      [65, 5, 48],
      [130, 15, 49],
      [70, 64, 97],
      [200, 33, 5],
      [20, 260, 150],
    ] as const) {
      const rows = make(next, n, dim);
      const steps = [k, k, Math.ceil(k / 2)].map((count) =>
        centroidsOf(next, rows, dim, count, make),
      );
      const what = `${n} x ${dim}, k ${k}, ${kind}`;
      const search = new HostSearch(host, rows, n, dim, { threads: 2, kernels });
      assertSameSteps(search, rows, n, dim, steps, what);
    }
  }
});

onEachKernels('rows in a part of a larger buffer are read where they lie', (host, kernels) => {
  const [n, dim, k] = [40, 6, 7];
  const rows = uniform(lcg(2), n + 1, dim).subarray(dim);
  const steps = [rows.subarray(0, k * dim)];
  const search = new HostSearch(host, rows, n, dim, { threads: 1, kernels });
  assertSameSteps(search, rows, n, dim, steps, 'a view');
});

onEachKernels('any number of threads gives the same bits', (host, kernels) => {
  const [n, dim, k] = [3000, 24, 90];
  const rows = uniform(lcg(3), n, dim);
  const results = [1, 2, 7].map((threads) => {
    const search = new HostSearch(host, rows, n, dim, { threads, kernels });
    const labels = search.labels(rows.subarray(0, k * dim), k, () => undefined);
    const total = noSums(k, dim, 0);
    search.sumByLabel(labels, total);
    return { labels, total, norms: search.norms };
  });
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
});

onEachKernels('no row at all has no labels, and sums of zero', (host, kernels) => {
  const search = new HostSearch(host, new Float32Array(0), 0, 3, { threads: 2, kernels });
  const centroids = Float32Array.of(1, 2, 3);
  assert.equal(search.labels(centroids, 1, () => undefined).length, 0);
  const total = noSums(1, 3, 0);
  search.sumByLabel(new Int32Array(0), total);
  assert.deepEqual(total, noSums(1, 3, 0));
});

onEachKernels('what an engine finds without them is the same to the last bit', (host, kernels) => {
  const [n, dim, k] = [2500, 37, 60];
  const rows = uniform(lcg(4), n, dim);
  const ours = new HostSearch(host, rows, n, dim, { threads: 2, kernels });
  const theirs = products.run(() => new NearestCentroids(products, rows, n, dim));
  assert.deepEqual(ours.norms, theirs.norms);
  const ids = initialCentroidIds(n, k, 5);
  const onHost = searchOnHost({ module: host, threads: 2, kernels }, products);
  const [a, b] = [onHost, searchOnEngine(products)].map((search) =>
    kmeansOnEngine(clusteringKernels(products, search), rows, n, dim, k, 8, ids),
  );
  assert.deepEqual(a, b);
  assert.deepEqual(a!.labels, kmeans(rows, n, dim, k, { iterations: 8, seed: 5 }).labels);
});

test('wrong arguments are errors, and read nothing', { skip }, () => {
  const rows = [2, 3, new Float32Array(6)] as const;
  const arrays = [
    new Float32Array(3),
    new Int8Array(8),
    new Float32Array(8),
    new Float64Array(2),
  ] as const;
  const labels = Int32Array.of(-1, -1);
  const centroids = new Float32Array(3);
  module!.encodeRows(0, 1, ...rows, ...arrays);
  assert.throws(() => module!.encodeRows(9, 1, ...rows, ...arrays), /kernels that this processor/);
  assert.throws(() => module!.encodeRows(0, 0, ...rows, ...arrays), /expected threads/);
  assert.throws(() => module!.encodeRows(0, 1, 2, 4, rows[2], ...arrays), /an array of 8/);
  const find = (k: number, begin: number, end: number): void => {
    module!.findNearest(0, 1, ...rows, ...arrays, k, centroids, begin, end, labels);
  };
  assert.throws(() => {
    find(0, 0, 2);
  }, /expected centroids/);
  assert.throws(() => {
    find(2, 0, 2);
  }, /an array of 6/);
  assert.throws(() => {
    find(1, 1, 3);
  }, /rows that there are/);
  assert.deepEqual(labels, Int32Array.of(-1, -1));
  const [sums, counts] = [new Float64Array(3), new Uint32Array(1)];
  for (const label of [-1, 1]) {
    assert.throws(
      () => module!.sumByLabel(0, 1, 2, 3, rows[2], Int32Array.of(0, label), 1, 0, sums, counts),
      /none of the clusters/,
    );
  }
});

test('rows of more dimensions than they take are left to the engine', { skip }, () => {
  const dim = module!.mostDim + 1;
  const rows = uniform(lcg(6), 3, dim);
  const kernels = clusteringKernels(
    products,
    searchOnHost({ module: module!, threads: 1 }, products),
  );
  const { labels } = kernels.rowsToCluster(rows, 3, dim).assign(rows, 3);
  assert.deepEqual(labels, Int32Array.of(0, 1, 2));
});

test('a module that is missing, broken or of another version is none, and why is said', () => {
  const folder = mkdtempSync(join(tmpdir(), 'host-kernels-'));
  try {
    const missing = loadHostKernels(join(folder, 'missing.node'));
    assert.equal(missing.module, null);
    assert.match(missing.story, /not built \(npx deepcluster setup\)/);
    writeFileSync(join(folder, 'broken.node'), 'no module');
    const broken = loadHostKernels(join(folder, 'broken.node'));
    assert.equal(broken.module, null);
    assert.match(broken.story, /not loaded: .*broken\.node/);
    writeFileSync(join(folder, 'old.cjs'), 'module.exports = { interface: 0 };');
    const old = loadHostKernels(join(folder, 'old.cjs'));
    assert.equal(old.module, null);
    assert.match(old.story, /another version/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
