import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VectorPool } from '../../src/ps/vector-pool.ts';
import { VectorAssembler, chunkVector } from '../../src/rpc/chunks.ts';

test('what was given back is taken again, by its length, once', () => {
  const pool = new VectorPool();
  const values = new Float32Array(3);
  assert.equal(pool.take(3), null);
  pool.giveBack(values);
  pool.giveBack(values);
  assert.equal(pool.take(2), null);
  assert.equal(pool.take(3), values);
  assert.equal(pool.take(3), null);
});

test('a pool keeps a few of a length, however many come back, and none that are empty', () => {
  const pool = new VectorPool();
  for (let i = 0; i < 50; i += 1) pool.giveBack(new Float32Array(5));
  pool.giveBack(new Float32Array(0));
  let kept = 0;
  while (pool.take(5) !== null) kept += 1;
  assert.equal(kept, 4);
  assert.equal(pool.take(0), null);
});

test('a vector arrives in memory that is spare, whatever was in it', () => {
  const pool = new VectorPool();
  const spare = new Float32Array(300_000).fill(NaN);
  pool.giveBack(spare);
  const sent = Float32Array.from({ length: spare.length }, (_, i) => i);
  const arrived = (): Float32Array => {
    const assembler = new VectorAssembler('vector', sent.length, pool);
    for (const chunk of chunkVector(sent)) assembler.add(chunk);
    return assembler.finish();
  };
  const first = arrived();
  assert.equal(first.buffer, spare.buffer);
  assert.deepEqual(first, sent);
  // None is spare now.
  assert.notEqual(arrived().buffer, spare.buffer);
});
