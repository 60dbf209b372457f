/** The search for neighbours and duplicates, against naive loops over all pairs. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Engine } from '../../src/engine/engine.ts';
import { startEngine } from '../../src/engine/start.ts';
import { seededRng } from '../../src/math/rng.ts';
import { cosineDistance, nearestRows } from '../../src/neighbours/cosine.ts';
import { duplicateGroups } from '../../src/neighbours/duplicates.ts';
import type { FeatureRows } from '../../src/neighbours/feature-rows.ts';
import { csvFields, csvText } from '../../src/tables/csv.ts';

let engine: Engine;
before(async () => {
  engine = await startEngine('wasm', { threads: 1 });
});
after(() => engine.close());

function rowsOf(values: Float32Array, dim: number): FeatureRows {
  const read = (begin: number, end: number): Float32Array => values.slice(begin * dim, end * dim);
  return { rows: values.length / dim, dim, read };
}

/** Some directions, and rows scattered about them, so that there are pairs at all distances. */
function scattered(seed: number, rows: number, dim: number): Float32Array {
  const rng = seededRng('scattered', seed);
  const signed = (): number => 2 * rng.float() - 1;
  const directions = Array.from({ length: 300 }, () => Array.from({ length: dim }, signed));
  const values = new Float32Array(rows * dim);
  for (let i = 0; i < rows; i += 1) {
    const direction = directions[Math.floor(rng.float() * directions.length)]!;
    const spread = 0.3 * rng.float();
    const length = 0.1 + 5 * rng.float();
    direction.forEach((x, j) => {
      values[i * dim + j] = length * (x + spread * signed());
    });
  }
  return values;
}

/** As the textbook has it, of two lists. */
function naiveDistance(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, value, j) => sum + value * y[j]!, 0);
  return 1 - dot(a, b) / (Math.hypot(...a) * Math.hypot(...b));
}

test('the distance of two rows is one less their cosine', () => {
  const a = Float32Array.of(9, 9, 3, 4);
  const b = Float32Array.of(4, 3);
  assert.ok(Math.abs(cosineDistance(a, 1, b, 0, 2) - (1 - 24 / 25)) < 1e-15);
  assert.equal(cosineDistance(a, 1, a, 1, 2), 0);
  assert.equal(cosineDistance(Float32Array.of(0, 0), 0, b, 0, 2), 1, 'no direction');
  assert.ok(Math.abs(cosineDistance(Float32Array.of(-4, -3), 0, b, 0, 2) - 2) < 1e-15);
});

test('the nearest rows are those of a full sort, in any number of blocks', () => {
  const dim = 4096; // blocks of 512 rows
  const rows = 1100;
  const values = scattered(1, rows, dim);
  values.copyWithin(900 * dim, 40 * dim, 41 * dim); // equally near: the first comes first
  const query = values.slice(40 * dim, 41 * dim);
  const all = Array.from({ length: rows }, (_, row) => ({
    row,
    distance: cosineDistance(query, 0, values, row, dim),
  })).sort((a, b) => a.distance - b.distance || a.row - b.row);
  const found = nearestRows(query, rowsOf(values, dim), 20);
  assert.deepEqual(found, all.slice(0, 20));
  assert.deepEqual(
    found.slice(0, 2).map(({ row }) => row),
    [40, 900],
  );
  assert.equal(nearestRows(query, rowsOf(values, dim), 5000).length, rows);
});

test('groups of duplicates are the connected components of all pairs within the threshold', async () => {
  const [rows, dim] = [1500, 24]; // two blocks
  const values = scattered(2, rows, dim);
  const lists = Array.from({ length: rows }, (_, i) => [
    ...values.subarray(i * dim, (i + 1) * dim),
  ]);
  const near: { a: number; b: number; distance: number }[] = [];
  for (let a = 0; a < rows; a += 1) {
    for (let b = a + 1; b < rows; b += 1) {
      const distance = naiveDistance(lists[a]!, lists[b]!);
      if (distance < 0.05) near.push({ a, b, distance });
    }
  }
  // Thresholds that lie within float32's error of a pair: what the products leave open is settled.
  const close = near[Math.floor(near.length / 2)]!.distance;
  for (const threshold of [0.001, 0.02, close + 1e-12, close - 1e-12]) {
    const component = Array.from({ length: rows }, (_, i) => i);
    const pairs = near.filter(({ distance }) => distance <= threshold);
    for (let isMoving = true; isMoving;) {
      isMoving = false;
      for (const { a, b } of pairs) {
        const least = Math.min(component[a]!, component[b]!);
        if (component[a] !== least || component[b] !== least) isMoving = true;
        component[a] = component[b] = least;
      }
    }
    const expected = new Map<number, number[]>();
    component.forEach((first, row) => expected.set(first, [...(expected.get(first) ?? []), row]));
    const groups = [...expected.values()]
      .filter((group) => group.length > 1)
      .sort((a, b) => b.length - a.length || a[0]! - b[0]!);
    const found = await duplicateGroups(rowsOf(values, dim), engine, { threshold });
    assert.deepEqual(
      found.map((group) => [...group.rows]),
      groups,
      `at ${threshold}`,
    );
    for (const { rows: members, distances, nearest } of found) {
      members.forEach((row, i) => {
        const least = pairs
          .filter(({ a, b }) => a === row || b === row)
          .reduce((best, { distance }) => Math.min(best, distance), Infinity);
        assert.ok(Math.abs(distances[i]! - least) < 1e-6);
        assert.ok(members.includes(nearest[i]!));
      });
    }
  }
});

test('rows of zeros are like nothing, and a stop ends the comparison', async () => {
  const rows = rowsOf(Float32Array.of(0, 0, 0, 0, 1, 2, 2, 4), 2);
  const [group, ...others] = await duplicateGroups(rows, engine, { threshold: 0.01 });
  assert.deepEqual(group!.rows, [2, 3]);
  assert.deepEqual(others, []);
  const signal = AbortSignal.abort(new Error('stopped'));
  await assert.rejects(duplicateGroups(rows, engine, { threshold: 0.01, signal }), /stopped/);
});

test('fields of a table are read as they were written', () => {
  const texts = ['a.jpg', 'b "c", d.jpg', '', '"', ',,', 'e'];
  assert.deepEqual(csvFields(texts.map(csvText).join(',')), texts);
  assert.deepEqual(csvFields(''), ['']);
});
