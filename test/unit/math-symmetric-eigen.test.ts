import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRng } from '../../src/math/rng.ts';
import { symmetricEigen } from '../../src/math/symmetric-eigen.ts';

/** Largest |A v - lambda v| and largest deviation from orthonormality. */
function residuals(
  matrix: Float64Array,
  n: number,
): { residual: number; skew: number; values: Float64Array } {
  const { values, vectors } = symmetricEigen(matrix, n);
  let residual = 0;
  let skew = 0;
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j < n; j += 1) {
      let product = 0;
      let dot = 0;
      for (let k = 0; k < n; k += 1) {
        product += matrix[j * n + k]! * vectors[i * n + k]!;
        dot += vectors[i * n + k]! * vectors[j * n + k]!;
      }
      residual = Math.max(residual, Math.abs(product - values[i]! * vectors[i * n + j]!));
      skew = Math.max(skew, Math.abs(dot - (i === j ? 1 : 0)));
    }
  }
  return { residual, skew, values };
}

/** XᵀX of `rows` random rows: rank min(rows, n). */
function gram(n: number, rows: number): Float64Array {
  const rng = seededRng('gram', n, rows);
  const x = Float64Array.from({ length: rows * n }, () => rng.normal());
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j < n; j += 1) {
      for (let k = 0; k < rows; k += 1) matrix[i * n + j]! += x[k * n + i]! * x[k * n + j]!;
    }
  }
  return matrix;
}

test('a known matrix has its known eigenvalues', () => {
  // [[2, 1], [1, 2]]: 3 with (1, 1), 1 with (1, -1).
  const { values, vectors } = symmetricEigen(Float64Array.of(2, 1, 1, 2), 2);
  assert.deepEqual(
    [...values].map((value) => Math.round(value * 1e12) / 1e12),
    [3, 1],
  );
  assert.ok(Math.abs(Math.abs(vectors[0]!) - Math.SQRT1_2) < 1e-15);
  assert.ok(Math.abs(vectors[0]! - vectors[1]!) < 1e-15);
});

test('diagonal, zero and one-sided matrices', () => {
  assert.deepEqual(
    [...symmetricEigen(Float64Array.of(2, 0, 0, 0, 3, 0, 0, 0, 1), 3).values],
    [3, 2, 1],
  );
  assert.deepEqual([...symmetricEigen(new Float64Array(16), 4).values], [0, 0, 0, 0]);
  assert.deepEqual([...symmetricEigen(Float64Array.of(7), 1).values], [7]);
});

test('A v = lambda v with orthonormal v, of full and of short rank', () => {
  for (const [n, rows] of [
    [2, 5],
    [5, 5],
    [33, 60],
    [40, 7],
    [96, 200],
  ] as const) {
    const { residual, skew, values } = residuals(gram(n, rows), n);
    // Backward stable: n units of rounding of the largest eigenvalue.
    assert.ok(residual <= n * Number.EPSILON * 10 * values[0]!, `n ${n}: residual ${residual}`);
    assert.ok(skew <= n * Number.EPSILON * 10, `n ${n}: skew ${skew}`);
    assert.ok(
      values.every((value, i) => i === 0 || value <= values[i - 1]!),
      'descending',
    );
    const rank = values.filter((value) => value > 1e-10 * values[0]!).length;
    assert.equal(rank, Math.min(n, rows));
  }
});

test('the scale of a matrix does not matter, down to where squares underflow', () => {
  const matrix = gram(12, 4);
  const { values } = symmetricEigen(matrix, 12);
  for (const scale of [1e-200, 1e200]) {
    const scaled = symmetricEigen(
      matrix.map((value) => value * scale),
      12,
    );
    scaled.values.forEach((value, i) => {
      assert.ok(Math.abs(value / scale - values[i]!) < 1e-12 * values[0]!, `${scale}: ${value}`);
    });
    assert.ok(scaled.vectors.every(Number.isFinite));
  }
});

test('equal eigenvalues have orthonormal vectors all the same', () => {
  // I + 1 1ᵀ: n + 1 once, and 1 for everything orthogonal to (1, ..., 1).
  const n = 9;
  const matrix = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 2 : 1));
  const { residual, skew, values } = residuals(matrix, n);
  assert.ok(residual < 1e-13 && skew < 1e-13, `${residual} ${skew}`);
  values.forEach((value, i) => {
    assert.ok(Math.abs(value - (i === 0 ? n + 1 : 1)) < 1e-13);
  });
});

test('the trace of each power is that of the eigenvalues', () => {
  const n = 20;
  const matrix = gram(n, 30);
  const { values } = symmetricEigen(matrix, n);
  let trace = 0;
  let squares = 0;
  matrix.forEach((value, at) => {
    if (at % (n + 1) === 0) trace += value;
    squares += value * value;
  });
  const sum = (power: number): number => values.reduce((total, value) => total + value ** power, 0);
  assert.ok(Math.abs(sum(1) - trace) < 1e-12 * trace);
  assert.ok(Math.abs(sum(2) - squares) < 1e-12 * squares);
});

test('a matrix that is not finite is an error, not an endless loop', () => {
  for (const value of [NaN, Infinity]) {
    assert.throws(() => symmetricEigen(Float64Array.of(1, value, value, 1), 2), {
      code: 'NON_FINITE',
    });
  }
});
