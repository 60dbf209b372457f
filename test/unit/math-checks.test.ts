import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstNonFinite, requireLength } from '../../src/math/checks.ts';

test('a vector of another length is refused with both lengths, one of the length expected is not', () => {
  requireLength('momentum', new Float32Array(3), 3);
  assert.throws(() => requireLength('momentum', new Float32Array(2), 3), {
    code: 'SHAPE_MISMATCH',
    message: 'momentum: expected shape [3], got [2]',
  });
});

test('the first value that is not finite is found, in either width', () => {
  assert.equal(firstNonFinite(Float32Array.of(1, -0, 3)), -1);
  assert.equal(firstNonFinite(new Float32Array(0)), -1);
  assert.equal(firstNonFinite(Float32Array.of(1, NaN, Infinity)), 1);
  assert.equal(firstNonFinite(Float32Array.of(-Infinity, NaN)), 0);
  assert.equal(firstNonFinite(Float32Array.of(1e39)), 0, 'beyond float32');
  assert.equal(firstNonFinite(Float64Array.of(1e39, 2, Infinity)), 2);
});
