import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { inertiaOf, noSums } from '../../src/clustering/cluster-sums.ts';
import { unitRowsRounder } from '../../src/clustering/exact-sums.ts';
import { initialCentroidIds, kmeans } from '../../src/clustering/kmeans.ts';
import { FLOAT64_KERNELS, type ClusteringKernels } from '../../src/clustering/kernels.ts';
import type { Multiply } from '../../src/engine/clustering/products.ts';
import {
  kmeansOnEngine,
  pcaOnEngine,
} from '../../src/engine/clustering/reference/run-on-engine.ts';
import { splitFactor, splitProduct } from '../../src/engine/clustering/float32-product.ts';
import { startEngine } from '../../src/engine/start.ts';
import { onEachEngine, onEachSearch } from '../support/engines/on-each-engine.ts';
import { lcg, lcgArray } from '../support/made/lcg.ts';

/** Rows about `centre` in every coordinate, of length 1 if asked. */
function rowsOf(seed: number, n: number, dim: number, centre = 0, isUnit = false): Float32Array {
  const rows = Float32Array.from(lcgArray(seed, n * dim), (value) => value - 0.5 + centre);
  if (!isUnit) return rows;
  for (let i = 0; i < n; i += 1) {
    const row = rows.subarray(i * dim, (i + 1) * dim);
    const length = Math.hypot(...row);
    row.forEach((value, j) => {
      row[j] = value / length;
    });
  }
  return rows;
}

function picked(rows: Float32Array, dim: number, ids: ArrayLike<number>): Float32Array {
  const result = new Float32Array(ids.length * dim);
  Array.from(ids).forEach((id, i) => {
    result.set(rows.subarray(id * dim, (id + 1) * dim), i * dim);
  });
  return result;
}

function assertSameStep(
  kernels: ClusteringKernels,
  rows: Float32Array,
  n: number,
  dim: number,
  centroids: Float32Array,
  what: string,
): void {
  const k = centroids.length / dim;
  const prepared = kernels.rowsToCluster(rows, n, dim);
  const ours = noSums(k, dim, 0);
  prepared.sum(centroids, ours);
  const assigned = prepared.assign(centroids, k);
  prepared.release();
  const oracle = FLOAT64_KERNELS.rowsToCluster(rows, n, dim);
  const theirs = noSums(k, dim, 0);
  oracle.sum(centroids, theirs);
  assert.deepEqual(assigned.labels, oracle.assign(centroids, k).labels, what);
  assert.deepEqual(ours.counts, theirs.counts, what);
  assert.deepEqual(ours.sums, theirs.sums, what);
  const scale = rows.reduce((sum, value) => sum + value * value, 0);
  const inertia = inertiaOf(ours, centroids);
  const expected = assigned.inertia;
  assert.ok(Math.abs(inertia - expected) <= 1e-6 * expected + 1e-12 * scale, what);
  const byDistances = oracle.assign(centroids, k).inertia;
  assert.ok(Math.abs(inertia - byDistances) <= 1e-6 * byDistances + 1e-12 * scale, what);
}

onEachSearch(
  'equal distances go to the lower index, whichever is the first by rounding',
  (kernels) => {
    const [n, dim, k] = [40, 64, 6];
    // Whole numbers in other orders: every distance of a row is the same, and every order of the sum rounds in its own way.
    const numbers = Float32Array.from(lcgArray(19, dim), (value) => Math.floor(value * 8192));
    const centroids = Float32Array.from({ length: k * dim }, (_, at) => {
      const turn = Math.floor(at / dim) * 11;
      return numbers[((at % dim) + turn) % dim]!;
    });
    const rows = Float32Array.from({ length: n * dim }, (_, at) => 4097 + 2 * Math.floor(at / dim));
    const prepared = kernels.rowsToCluster(rows, n, dim);
    assert.deepEqual(prepared.assign(centroids, k).labels, new Int32Array(n));
    prepared.release();
  },
);

onEachSearch(
  'labels, counts and sums are those of float64, bit for bit, over shapes',
  (kernels) => {
    // Rows around a block of 1024, centroids around a tile of 1024 and a group of 16, odd dimensions.
    const shapes = [
      [1, 1, 1],
      [10, 3, 1],
      [1023, 5, 2],
      [1025, 17, 15],
      [1500, 64, 16],
      [700, 33, 17],
      [600, 8, 1024],
      [1100, 7, 1025],
    ] as const;
    shapes.forEach(([n, dim, k], i) => {
      for (const [centre, isUnit] of [
        [0, true],
        [0, false],
        [40, false],
      ] as const) {
        const rows = rowsOf(100 + i, n, dim, centre, isUnit);
        const next = lcg(200 + i);
        const ids = Array.from({ length: k }, () => Math.floor(next() * n));
        const what = `${n} x ${dim}, k ${k}, centre ${centre}`;
        assertSameStep(kernels, rows, n, dim, picked(rows, dim, ids), what);
      }
    });
  },
);

onEachSearch(
  'ties go to the lower index: repeated rows and centroids, and points between two',
  (kernels) => {
    const dim = 6;
    const base = rowsOf(7, 20, dim, 0, true);
    const rows = picked(
      base,
      dim,
      Array.from({ length: 1200 }, (_, i) => i % 20),
    );
    const centroids = picked(
      base,
      dim,
      Array.from({ length: 100 }, (_, c) => (c * 7) % 20),
    );
    assertSameStep(kernels, rows, 1200, dim, centroids, 'repeated');
    // Whole coordinates make every distance exact: many points lie half way between centroids.
    const next = lcg(9);
    const grid = Float32Array.from({ length: 2000 * 2 }, () => Math.floor(next() * 5) - 2);
    const corners = Float32Array.of(-2, -2, -2, 2, 2, -2, 2, 2, 0, 0, 0, 0);
    assertSameStep(kernels, grid, 2000, 2, corners, 'grid');
  },
);

onEachSearch(
  'centroids closer together than float32 products can tell are told apart',
  (kernels) => {
    const [n, dim, k] = [400, 48, 30];
    const rows = rowsOf(11, n, dim, 0, true);
    const next = lcg(12);
    const centre = rowsOf(13, 1, dim, 0, true);
    const centroids = new Float32Array(k * dim).map(
      (_, i) => centre[i % dim]! * (1 + 1e-6 * next()),
    );
    assertSameStep(kernels, rows, n, dim, centroids, 'near');
  },
);

onEachSearch('exact sums of unit rows are those of float64, whoever adds which rows', (kernels) => {
  const [n, dim, k] = [1100, 17, 23];
  const rows = rowsOf(31, n, dim, 0, true);
  const centroids = picked(
    rows,
    dim,
    Array.from({ length: k }, (_, c) => 7 * c),
  );
  const rounder = unitRowsRounder(n);
  const expected = noSums(k, dim, rounder);
  FLOAT64_KERNELS.rowsToCluster(rows, n, dim).sum(centroids, expected);
  const total = noSums(k, dim, rounder);
  for (const [begin, end] of [
    [600, 1100],
    [0, 1],
    [1, 600],
  ] as const) {
    const own = rows.slice(begin * dim, end * dim);
    const prepared = kernels.rowsToCluster(own, end - begin, dim);
    prepared.sum(centroids, total);
    prepared.release();
  }
  assert.deepEqual([total.sums, total.counts], [expected.sums, expected.counts]);
  const long = kernels.rowsToCluster(
    rows.map((value) => 1.01 * value),
    n,
    dim,
  );
  assert.throws(
    () => {
      long.sum(centroids, total);
    },
    { code: 'PROTOCOL_VIOLATION', message: /rows of k-means: length: expected at most 1/ },
  );
  long.release();
});

onEachSearch('whole runs of k-means are those of float64', (kernels) => {
  const [n, dim, k] = [1500, 24, 40];
  const rows = rowsOf(21, n, dim, 0, true);
  const ids = initialCentroidIds(n, k, 5);
  const ours = kmeansOnEngine(kernels, rows, n, dim, k, 8, ids);
  const theirs = kmeans(rows, n, dim, k, { iterations: 8, seed: 5 });
  assert.deepEqual(ours.labels, theirs.labels);
  assert.deepEqual(ours.centroids, theirs.centroids);
  ours.objectives.forEach((objective, i) => {
    assert.ok(Math.abs(objective / theirs.objectives[i]! - 1) < 1e-9);
  });
});

onEachEngine(
  'moments are those of float64 within the rounding of float32 blocks, far from the origin too',
  (kernels) => {
    for (const [n, dim, centre] of [
      [1, 3, 0],
      [2049, 5, 0],
      [300, 513, 100],
    ] as const) {
      const rows = rowsOf(31, n, dim, centre);
      const ours = kernels.moments(rows, n, dim);
      const theirs = FLOAT64_KERNELS.moments(rows, n, dim);
      assert.equal(ours.count, n);
      ours.sum.forEach((value, j) => {
        assert.ok(Math.abs(value - theirs.sum[j]!) <= 1e-12 * n * (1 + centre));
      });
      // Centred entries are below 1/2 each: the bound of the file's header, with n rows of variance below 1/4.
      const bound = Math.min(n, 2048) * 2 ** -24 * n * 0.3 + 1e-10;
      ours.outer.forEach((value, i) => {
        assert.ok(Math.abs(value - theirs.outer[i]!) <= bound, `${n} x ${dim}: ${i}`);
      });
    }
  },
);

onEachEngine(
  'whitened columns have sum of squares 1 before rows are normalised, and rows agree with float64 up to sign',
  (kernels) => {
    const [n, dim, outDim] = [900, 420, 40];
    const next = lcg(41);
    // Decaying spread over the coordinates, away from the origin.
    const rows = new Float32Array(n * dim).map(
      (_, i) => (next() - 0.5) / (1 + 0.05 * (i % dim)) + 3,
    );
    const { whitening, rows: ours } = pcaOnEngine(kernels, rows, n, dim, outDim);
    const moments = FLOAT64_KERNELS.moments(rows, n, dim);
    const exact = FLOAT64_KERNELS.solve(moments, { outDim, epsilon: 0 });
    assert.equal(whitening.outDim, outDim);
    const theirs = FLOAT64_KERNELS.project(exact, rows, n);
    whitening.eigenvalues.forEach((value, i) => {
      assert.ok(Math.abs(value / exact.eigenvalues[i]! - 1) < 1e-5, `eigenvalue ${i}`);
    });
    const squares = new Float64Array(outDim);
    for (let i = 0; i < n; i += 1) {
      for (let c = 0; c < outDim; c += 1) {
        let value = 0;
        for (let j = 0; j < dim; j += 1) {
          value += (rows[i * dim + j]! - whitening.mean[j]!) * whitening.components[c * dim + j]!;
        }
        squares[c]! += value * value;
      }
    }
    squares.forEach((sum, c) => {
      assert.ok(Math.abs(sum - 1) < 1e-5, `column ${c}: ${sum}`);
    });
    // Dot products of rows do not know the vectors' signs.
    for (let i = 1; i < 50; i += 1) {
      const dot = (values: Float32Array): number => {
        let sum = 0;
        for (let j = 0; j < outDim; j += 1) sum += values[j]! * values[i * outDim + j]!;
        return sum;
      };
      assert.ok(Math.abs(dot(ours) - dot(theirs)) < 1e-3, `rows 0 and ${i}`);
    }
  },
);

onEachEngine(
  'fewer rows than dimensions lower the number of dimensions; equal rows are an error',
  (kernels) => {
    const [n, dim] = [30, 500];
    const rows = rowsOf(51, n, dim);
    const { whitening } = pcaOnEngine(kernels, rows, n, dim, 64);
    assert.equal(whitening.outDim, n - 1);
    const equal = picked(rowsOf(52, 1, dim), dim, new Int32Array(n));
    assert.throws(() => pcaOnEngine(kernels, equal, n, dim, 8), /same feature/);
  },
);

test('a factor is cut in two parts of at most 11 and 13 bits, whose sum it is', async () => {
  await startEngine('wasm');
  const values = Float32Array.from(
    lcgArray(51, 4000),
    (value, i) => (value - 0.5) * 2 ** ((i % 40) - 20),
  );
  const parts = tf.tidy(() => {
    const { high, low } = splitFactor(tf.tensor2d(values, [40, 100]));
    return { high: high.dataSync(), low: low.dataSync() };
  });
  values.forEach((value, i) => {
    assert.equal(parts.high[i]! + parts.low[i]!, value);
    assert.equal(roundedToTf32(parts.high[i]!), parts.high[i]);
    assert.ok(Math.abs(parts.low[i]!) <= Math.abs(value) * 2 ** -11);
  });
});

test('products of factors that are rounded to 11 bits are float32 when these are cut in two', async (t) => {
  await startEngine('wasm');
  const [n, dim, m] = [30, 500, 20];
  const [a, b] = [rowsOf(61, n, dim, 3), rowsOf(62, m, dim, 3)];
  const coarse: Multiply = (x, y, ...transposed) =>
    tf.matMul(rounded(x), rounded(y), ...transposed);
  const cut: Multiply = (x, y) => splitProduct(x, y, false, true, coarse);
  const errors = [cut, coarse].map((multiply) => {
    const got = tf.tidy(() =>
      multiply(tf.tensor2d(a, [n, dim]), tf.tensor2d(b, [m, dim]), false, true).dataSync(),
    );
    let worst = 0;
    for (let i = 0; i < n; i += 1) {
      for (let j = 0; j < m; j += 1) {
        let exact = 0;
        for (let d = 0; d < dim; d += 1) exact += a[i * dim + d]! * b[j * dim + d]!;
        worst = Math.max(worst, Math.abs(got[i * m + j]! - exact) / exact);
      }
    }
    return worst;
  });
  t.diagnostic(`relative errors ${errors.map((error) => error.toExponential(1)).join(', ')}`);
  assert.ok(errors[0]! < 3e-6, `cut in two: ${errors[0]}`);
  assert.ok(errors[1]! > 1e-5, `what would not show a cut that is missing: ${errors[1]}`);
});

function rounded(x: tf.Tensor2D): tf.Tensor2D {
  return tf.tensor2d(x.dataSync<'float32'>().map(roundedToTf32), x.shape);
}

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

/** As a GPU reads a factor: the low 13 bits of the pattern are cut off. */
function roundedToTf32(value: number): number {
  float[0] = value;
  bits[0] = bits[0]! & 0xffff_e000;
  return float[0];
}
