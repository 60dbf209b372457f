/** The two nearest centroids of a row, against all distances written out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  besidesOwn,
  nearestTwo,
  rankClusters,
  type RowMetric,
} from '../../src/clustering/nearest-two.ts';
import { seededRng } from '../../src/math/rng.ts';

const DIM = 7;

function made(rows: number, seed: number): Float32Array {
  const rng = seededRng(seed, 'nearest-two');
  return Float32Array.from({ length: rows * DIM }, () => rng.float() - 0.5);
}

/** What the metric makes of a row and a centroid; the larger, the more alike. */
const LIKENESS: Readonly<Record<RowMetric, (x: number[], c: number[]) => number>> = {
  dot: (x, c) => dot(x, c),
  cosine: (x, c) => dot(x, c) / Math.sqrt(dot(c, c)),
  distance: (x, c) => -distanceOf(x, c),
};

function dot(a: number[], b: number[]): number {
  return a.reduce((sum, value, j) => sum + value * b[j]!, 0);
}

function distanceOf(a: number[], b: number[]): number {
  return Math.hypot(...a.map((value, j) => value - b[j]!));
}

function rowOf(values: Float32Array, row: number): number[] {
  return [...values.subarray(row * DIM, (row + 1) * DIM)];
}

for (const metric of Object.keys(LIKENESS) as RowMetric[]) {
  test(`first, second and distances are those of all centroids sorted by ${metric}`, () => {
    // Numbers of rows and centroids that fill no tile.
    const [n, clusters] = [101, 67];
    const [rows, values] = [made(n, 1), made(clusters, 2)];
    const found = nearestTwo(rows, { values, clusters, dim: DIM }, metric);
    let inertia = 0;
    for (let row = 0; row < n; row += 1) {
      const x = rowOf(rows, row);
      const order = Array.from({ length: clusters }, (_, c) => c).sort(
        (a, b) => LIKENESS[metric](x, rowOf(values, b)) - LIKENESS[metric](x, rowOf(values, a)),
      );
      assert.deepEqual([found.first[row], found.second[row]], order.slice(0, 2));
      const [first, second] = order.slice(0, 2).map((c) => distanceOf(x, rowOf(values, c)));
      assert.ok(Math.abs(found.distances[row]! - first!) < 1e-6);
      assert.ok(Math.abs(found.secondDistances[row]! - second!) < 1e-6);
      inertia += first! ** 2;
    }
    assert.ok(Math.abs(found.inertia - inertia) < 1e-9 * inertia);
  });
}

test('of rows whose cluster is known, the second is the nearest of the others', () => {
  const [n, clusters] = [40, 9];
  const [rows, values] = [made(n, 5), made(clusters, 6)];
  const labels = Int32Array.from({ length: n }, (_, row) => row % clusters);
  const found = besidesOwn(rows, labels, { values, clusters, dim: DIM }, 'distance');
  assert.deepEqual(found.first, labels);
  let inertia = 0;
  for (let row = 0; row < n; row += 1) {
    const distances = Array.from({ length: clusters }, (_, c) =>
      distanceOf(rowOf(rows, row), rowOf(values, c)),
    );
    const own = distances[labels[row]!]!;
    const others = distances.map((distance, c) => (c === labels[row] ? Infinity : distance));
    const least = Math.min(...others);
    assert.equal(found.second[row], others.indexOf(least));
    assert.ok(Math.abs(found.distances[row]! - own) < 1e-6);
    assert.ok(Math.abs(found.secondDistances[row]! - least) < 1e-6);
    inertia += own ** 2;
  }
  assert.ok(Math.abs(found.inertia - inertia) < 1e-9 * inertia);
  const single = { values: values.slice(0, DIM), clusters: 1, dim: DIM };
  const alone = besidesOwn(rows, new Int32Array(n), single, 'distance');
  assert.deepEqual([...alone.second], new Array<number>(n).fill(-1));
});

test('of equal centroids the lower is first, the higher second; a single one has no second', () => {
  const rows = made(3, 3);
  const values = Float32Array.from([...rowOf(rows, 0), ...rowOf(rows, 0), ...rowOf(rows, 0)]);
  const three = nearestTwo(rows, { values, clusters: 3, dim: DIM }, 'distance');
  assert.deepEqual([...three.first, ...three.second], [0, 0, 0, 1, 1, 1]);
  const one = nearestTwo(rows, { values: values.slice(0, DIM), clusters: 1, dim: DIM }, 'distance');
  assert.deepEqual([...one.second], [-1, -1, -1]);
  assert.ok(one.secondDistances.every(Number.isNaN));
  assert.equal(one.distances[0], 0);
});

test('what is no candidate is neither first nor second, and none may be left', () => {
  const [rows, values] = [made(40, 4), made(5, 5)];
  const centroids = { values, clusters: 5, dim: DIM };
  const isCandidate = Uint8Array.of(0, 1, 0, 1, 0);
  const { first, second } = rankClusters(rows, centroids, 'dot', { isCandidate });
  first.forEach((cluster, row) => {
    assert.deepEqual([cluster, second[row]!].sort(), [1, 3]);
  });
  const none = rankClusters(rows, centroids, 'dot', { isCandidate: new Uint8Array(5) });
  assert.ok([...none.first, ...none.second].every((cluster) => cluster === -1));
});

test('rows and centroids of other shapes are refused', () => {
  const centroids = { values: made(2, 6), clusters: 2, dim: DIM };
  assert.throws(() => nearestTwo(new Float32Array(8), centroids, 'dot'), {
    code: 'SHAPE_MISMATCH',
  });
  assert.throws(() => nearestTwo(made(1, 1), { ...centroids, clusters: 3 }, 'dot'), {
    code: 'SHAPE_MISMATCH',
  });
});
