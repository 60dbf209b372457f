import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepPlain, stepWithMomentum } from '../../src/ps/sgd.ts';

const rule = { learningRate: 0.05, momentum: 0.9, weightDecay: 1e-5 };

/** Two float32 roundings below 1, each at most half of 2^-24. */
const TWO_ROUNDINGS = 2 ** -24;

test('two steps of the body are those of the specification (T9)', () => {
  const w = Float32Array.of(1);
  const v = Float32Array.of(0);
  stepWithMomentum(w, v, Float32Array.of(0.5), rule);
  assert.equal(v[0], Math.fround(0.5 + 1e-5 * 1));
  assert.equal(w[0], Math.fround(1 - 0.05 * Math.fround(0.5 + 1e-5 * 1)));
  assert.ok(Math.abs(w[0] - 0.9749995) <= TWO_ROUNDINGS);
  stepWithMomentum(w, v, Float32Array.of(0.25), rule);
  // What the first step rounded is carried on into the second.
  assert.ok(Math.abs(w[0] - 0.93999856250025) <= 2 * TWO_ROUNDINGS);
});

test('two steps of the head are those of the specification, without momentum (T9)', () => {
  const w = Float32Array.of(1);
  stepPlain(w, Float32Array.of(0.5), rule);
  assert.equal(w[0], Math.fround(1 - 0.05 * (0.5 + 1e-5 * 1)));
  stepPlain(w, Float32Array.of(0.25), rule);
  assert.ok(Math.abs(w[0] - 0.96249901250025) <= TWO_ROUNDINGS);
});

test('a step touches the range it is given and nothing beside it', () => {
  const w = Float32Array.of(1, 1, 1, 1);
  const v = Float32Array.of(0, 0, 0, 0);
  const g = Float32Array.of(2, 4);
  stepWithMomentum(w.subarray(1, 3), v.subarray(1, 3), g, { ...rule, weightDecay: 0 });
  assert.deepEqual(v, Float32Array.of(0, 2, 4, 0));
  assert.deepEqual(w, Float32Array.of(1, 1 - 0.05 * 2, 1 - 0.05 * 4, 1));
  assert.deepEqual(g, Float32Array.of(2, 4));
});
