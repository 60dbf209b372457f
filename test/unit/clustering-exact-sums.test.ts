/** Sums of unit rows that depend neither on order nor on grouping. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addPacked,
  inertiaOf,
  noSums,
  packSums,
  type ClusterSums,
} from '../../src/clustering/cluster-sums.ts';
import {
  inertiaRounder,
  requireUnitRows,
  rounderFor,
  unitRowsRounder,
} from '../../src/clustering/exact-sums.ts';
import { FLOAT64_KERNELS } from '../../src/clustering/kernels.ts';
import { normaliseRows } from '../../src/clustering/odc/mixing.ts';
import { gatherRows } from '../../src/math/matrix.ts';
import { seededRng, type Rng } from '../../src/math/rng.ts';

const [N, DIM, K] = [3000, 24, 7];
/** 1.5 * 2^(52 - e) with e = 32. */
const FINEST = 1.5 * 2 ** 20;

/** Rows with a few large elements, so that sizes differ widely. */
function madeRows(): Float32Array {
  const rng = seededRng('exact sums');
  const values = Float32Array.from({ length: N * DIM }, () => rng.normal() ** 3);
  return normaliseRows(values, DIM);
}

function shuffled(count: number, rng: Rng): Int32Array {
  const keys = Float64Array.from({ length: count }, () => rng.float());
  return Int32Array.from({ length: count }, (_, i) => i).toSorted((a, b) => keys[a]! - keys[b]!);
}

function summed(rows: Float32Array, centroids: Float32Array, rounder: number): ClusterSums {
  const total = noSums(K, DIM, rounder);
  FLOAT64_KERNELS.rowsToCluster(rows, rows.length / DIM, DIM).sum(centroids, total);
  return total;
}

/** Rows in another order, cut into parts that are added up in pairs, in another order again. */
function inGroups(
  rows: Float32Array,
  centroids: Float32Array,
  rounder: number,
  rng: Rng,
): ClusterSums {
  const order = shuffled(N, rng);
  const parts: ClusterSums[] = [];
  for (let begin = 0; begin < N;) {
    const end = Math.min(N, begin + 1 + rng.integer(700));
    parts.push(summed(gatherRows(rows, order.subarray(begin, end), DIM), centroids, rounder));
    begin = end;
  }
  while (parts.length > 1) {
    const [part] = parts.splice(rng.integer(parts.length), 1);
    addPacked(parts[rng.integer(parts.length)]!, packSums(part!));
  }
  return parts[0]!;
}

test('sums of rounded rows have the same bits in any order and grouping; plain sums have not', () => {
  const rows = madeRows();
  const centroids = rows.slice(0, K * DIM);
  const rng = seededRng('groupings');
  for (const rounder of [unitRowsRounder(N), unitRowsRounder(2 ** 27)]) {
    const inOrder = summed(rows, centroids, rounder);
    for (let grouping = 0; grouping < 10; grouping += 1) {
      assert.deepEqual(inGroups(rows, centroids, rounder, rng), inOrder);
    }
  }
  const inOrder = summed(rows, centroids, 0);
  const plain = Array.from({ length: 10 }, () => inGroups(rows, centroids, 0, rng));
  assert.ok(
    plain.some(({ sums }) => sums.some((value, i) => value !== inOrder.sums[i])),
    'the groupings above are ones that matter',
  );
  assert.ok(plain.every(({ counts }) => String(counts) === String(inOrder.counts)));
});

test('a rounded sum is off by no more than half a step of each row', () => {
  const rows = madeRows();
  const centroids = rows.slice(0, K * DIM);
  const exact = summed(rows, centroids, unitRowsRounder(N));
  const plain = summed(rows, centroids, 0);
  assert.deepEqual(exact.counts, plain.counts);
  exact.sums.forEach((value, i) => {
    const members = exact.counts[Math.floor(i / DIM)]!;
    // The plain sum in float64 rounds far below.
    assert.ok(Math.abs(value - plain.sums[i]!) <= members * 2 ** -33 + 1e-12, `sum ${i}`);
    assert.equal(value, Math.round(value * 2 ** 32) / 2 ** 32, `sum ${i} is on the grid`);
  });
  assert.ok(Math.abs(exact.squares - plain.squares) <= N * 2 ** -33 + 1e-12);
  const { inertia } = FLOAT64_KERNELS.rowsToCluster(rows, N, DIM).assign(centroids, K);
  const bound = 3 * N * DIM * 2 ** -33 + 1e-9 * inertia;
  assert.ok(Math.abs(inertiaOf(exact, centroids) - inertia) <= bound);
});

test('the step is 2^-32 up to 2^21 rows, and halves the rows that are left below 2^53', () => {
  for (const rows of [1, 1_281_167, 2_097_000]) assert.equal(unitRowsRounder(rows), FINEST);
  assert.equal(unitRowsRounder(2 ** 21 + 1), 2 * FINEST);
  assert.equal(unitRowsRounder(100_000_000), 2 ** 6 * FINEST);
  for (const rows of [1, 3000, 2_097_000, 2 ** 21 + 1, 2 ** 27, 10 ** 9]) {
    // Of the rounder's definition: 2^e.
    const steps = 2 ** 52 / (unitRowsRounder(rows) / 1.5);
    // As many rows as there may be, each as long as it may be.
    assert.ok(rows * (1 + 2 ** -16) ** 2 * steps <= 2 ** 53, `${rows} rows`);
  }
});

test('the largest sum that there may be is exact, in whatever order', () => {
  const rounder = rounderFor(1000);
  const values = [999.1, 0.3, -7e-13, 0.1, 0.2, 1e-9].map((value) => value + rounder - rounder);
  const forth = values.reduce((sum, value) => sum + value, 0);
  assert.equal(
    forth,
    values.toReversed().reduce((sum, value) => sum + value, 0),
  );
  // Steps are of at most 2^-50 of the bound.
  assert.ok(Math.abs(forth - 999.700000001) < 6 * 2 ** -50 * 1000);
  assert.equal(rounderFor(0), 0);
  assert.equal(rounderFor(Infinity), 0);
  assert.equal(rounderFor(NaN), 0);
});

test('inertias of data shards add up to the same bits in any order', () => {
  const rng = seededRng('inertias');
  const rounder = inertiaRounder(2000);
  const parts = Array.from({ length: 40 }, () => 50 * 4 * rng.float());
  const total = (order: Iterable<number>): number =>
    [...order].reduce((sum, i) => sum + (parts[i]! + rounder - rounder), 0);
  const inOrder = total(parts.keys());
  for (let trial = 0; trial < 20; trial += 1) {
    assert.equal(total(shuffled(40, rng)), inOrder);
  }
});

test('rows that are longer than 1 are refused where sums are to be exact, and only there', () => {
  const rows = Float32Array.of(0.6, 0.8, 1, 1);
  const total = noSums(1, 2, unitRowsRounder(2));
  const prepared = FLOAT64_KERNELS.rowsToCluster(rows, 2, 2);
  assert.throws(
    () => {
      prepared.sum(Float32Array.of(1, 0), total);
    },
    {
      code: 'PROTOCOL_VIOLATION',
      message: /rows of k-means: length: expected at most 1, got 1.41/,
    },
  );
  assert.doesNotThrow(() => {
    prepared.sum(Float32Array.of(1, 0), noSums(1, 2, 0));
    requireUnitRows(1 + 2 ** -20, FINEST);
  });
});

test('sums travel without the clusters that have no members', () => {
  const total = noSums(4, 2, 0);
  total.sums.set([0, 0, 1, 2, 0, 0, 3, 4]);
  total.counts.set([0, 2, 0, 1]);
  const packed = packSums({ ...total, squares: 9 });
  assert.deepEqual(packed.rows, Float64Array.of(1, 2, 3, 4));
  const into = noSums(4, 2, 0);
  into.sums.fill(10);
  into.counts.fill(1);
  addPacked(into, packed);
  assert.deepEqual(into.sums, Float64Array.of(10, 10, 11, 12, 10, 10, 13, 14));
  assert.deepEqual(into.counts, Uint32Array.of(1, 3, 1, 2));
  assert.equal(into.squares, 9);
});
