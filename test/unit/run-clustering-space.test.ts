/** The cluster of a row by the engine's kernels is the one that a ranking of all centroids finds, at the same distance. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runConfigSchema } from '../../src/config/schema.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { startEngine } from '../../src/engine/start.ts';
import { seededRng } from '../../src/math/rng.ts';
import { clustersOfRows, nearestOfRows } from '../../src/run/clustering-space.ts';

const [M, K, D] = [200, 500, 24];
let engine: Engine;
before(async () => {
  engine = await startEngine('wasm', { threads: 1 });
});
after(() => engine.close());

function madeRows(name: string, count: number): Float32Array {
  const rng = seededRng(name);
  return Float32Array.from({ length: count * D }, () => 2 * rng.float() - 1);
}

const rows = madeRows('rows', M);
const values = madeRows('centroids', K);
values.copyWithin(400 * D, 7 * D, 8 * D); // two that are the same: the lower index counts
rows.set(values.subarray(7 * D, 8 * D), 3 * D);
const centroids = { values, count: K, dim: D };

test('by the distance: the same clusters and distances, to the bit, without the second', () => {
  const run = { config: runConfigSchema().parse({}) };
  const ranked = clustersOfRows(run, rows, centroids);
  const found = nearestOfRows(run, engine, rows, centroids);
  assert.deepEqual(found.first, ranked.first);
  assert.equal(found.first[3], 7);
  assert.deepEqual(found.distances, ranked.distances);
  assert.equal(found.inertia, ranked.inertia);
  assert.ok(found.second.every((cluster) => cluster === -1));
  assert.ok(found.secondDistances.every(Number.isNaN));
});

test("by ODC's measure: all that the ranking has", () => {
  const run = {
    config: runConfigSchema().parse({ algorithm: 'odc', model: { neck: 'odc' } }),
  };
  assert.deepEqual(
    nearestOfRows(run, engine, rows, centroids),
    clustersOfRows(run, rows, centroids),
  );
});
