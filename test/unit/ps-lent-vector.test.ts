import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LentVector } from '../../src/ps/lent-vector.ts';

/** Writes one value throughout, as an owner would. */
function write(vector: LentVector, value: number): Float32Array {
  const { to } = vector.beginWrite();
  to.fill(value);
  vector.endWrite();
  return to;
}

test('the values it was made of are never written', () => {
  const given = Float32Array.of(1, 2);
  const vector = new LentVector(given);
  assert.notEqual(write(vector, 9), given);
  assert.deepEqual(given, Float32Array.of(1, 2));
});

test('what nobody holds is written in place', () => {
  const vector = new LentVector(new Float32Array(2));
  const own = write(vector, 1);
  vector.lend().giveBack();
  const { from, to } = vector.beginWrite();
  assert.equal(from, own);
  assert.equal(to, own);
});

test('what somebody holds never changes, and a write begins from it', () => {
  const vector = new LentVector(new Float32Array(2));
  write(vector, 1);
  const { values } = vector.lend();
  const { from, to } = vector.beginWrite();
  assert.equal(from, values);
  assert.notEqual(to, values);
  for (const value of [2, 3, 4]) write(vector, value);
  assert.deepEqual(values, Float32Array.of(1, 1));
  assert.deepEqual(vector.lend().values, Float32Array.of(4, 4));
});

test('a buffer is used again once every reader has given it back, and not before', () => {
  const vector = new LentVector(new Float32Array(2));
  const first = write(vector, 1);
  const readers = [vector.lend(), vector.lend()] as const;
  write(vector, 2);
  vector.lend();
  readers[0].giveBack();
  readers[0].giveBack();
  const second = write(vector, 3);
  assert.notEqual(second, first);
  vector.lend();
  readers[1].giveBack();
  assert.equal(write(vector, 4), first);
  vector.lend();
  assert.notEqual(write(vector, 5), first);
});

test('a write that is undone leaves the values as they were, and the buffer to the next one', () => {
  const vector = new LentVector(new Float32Array(2));
  write(vector, 1);
  const before = vector.lend();
  before.giveBack();
  const { from, to } = vector.beginWrite(true);
  assert.equal(from, before.values);
  assert.notEqual(to, from);
  to.fill(9);
  vector.undo();
  assert.deepEqual(vector.lend().values, Float32Array.of(1, 1));
  assert.equal(vector.beginWrite(true).to, to);
  vector.endWrite();
  assert.throws(() => {
    vector.undo();
  }, /no write that can be undone/);
});
