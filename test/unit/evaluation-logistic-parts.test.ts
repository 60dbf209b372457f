/** Parts of the fit of logistic regression: its products with rows, and its preconditioner. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitLogistic } from '../../src/evaluation/logistic/fit.ts';
import {
  leadingDirections,
  preconditionerOf,
} from '../../src/evaluation/logistic/preconditioner.ts';
import { float64Products } from '../../src/evaluation/products.ts';
import { multiplyTransposed } from '../../src/math/matrix.ts';
import { seededRng } from '../../src/math/rng.ts';
import { assertClose } from '../support/made/nn-arrays.ts';

/** Rows whose columns vary by 1, 1/2, 1/3, ...; the last column is 1. */
function rowsOf(n: number, width: number): Float32Array {
  const rng = seededRng('logistic rows', n, width);
  return Float32Array.from({ length: n * width }, (_, i) => {
    const column = i % width;
    return column === width - 1 ? 1 : rng.normal() / (column + 1);
  });
}

test('products are those of a naive loop, whatever is left over of tiles and blocks', () => {
  for (const [n, width, classes] of [
    [1, 2, 1],
    [37, 5, 7],
    [130, 700, 3],
  ] as const) {
    const rows = rowsOf(n, width);
    const rng = seededRng('factors', n);
    const weights = Float64Array.from({ length: classes * width }, () => rng.normal());
    const residuals = Float64Array.from({ length: n * classes }, () => rng.normal());
    const logits = new Float64Array(n * classes);
    const gradient = new Float64Array(classes * width);
    for (let i = 0; i < n; i += 1) {
      for (let c = 0; c < classes; c += 1) {
        for (let j = 0; j < width; j += 1) {
          const value = rows[i * width + j]!;
          logits[i * classes + c]! += value * weights[c * width + j]!;
          gradient[c * width + j]! += value * residuals[i * classes + c]!;
        }
      }
    }
    const products = float64Products(rows, width);
    assertClose(products.logits(weights, classes), logits, 1e-12, `logits of ${n} x ${width}`);
    assertClose(products.gradient(residuals, classes), gradient, 1e-12, `gradient of ${n}`);
  }
});

test('few columns: the directions are all there are, and their variances add up to the whole', () => {
  const [n, width] = [400, 7];
  const rows = rowsOf(n, width);
  const { count, vectors, variances } = leadingDirections(float64Products(rows, width), n, width);
  assert.equal(count, width - 1);
  let spread = 0;
  rows.forEach((value, i) => {
    if (i % width !== width - 1) spread += (value * value) / n;
  });
  const sum = variances.reduce((total, variance) => total + variance, 0);
  assertClose([sum], [spread], 1e-9, 'sum of the variances');
  const gram = new Float64Array(count * count);
  multiplyTransposed(vectors, count, vectors, count, width, gram);
  const identity = gram.map((_, i) => (i % (count + 1) === 0 ? 1 : 0));
  assertClose(gram, identity, 1e-9, 'products of the directions');
});

test('along a direction the preconditioner divides by half its variance and the penalty', () => {
  const [n, width, penalty] = [400, 7, 0.01];
  const leading = leadingDirections(float64Products(rowsOf(n, width), width), n, width);
  const precondition = preconditionerOf(leading, width, penalty);
  for (let r = 0; r < leading.count; r += 1) {
    const direction = leading.vectors.slice(r * width, (r + 1) * width);
    const expected = direction.map((value) => value / (leading.variances[r]! / 2 + penalty));
    assertClose(precondition(direction), expected, 1e-9, `direction ${r}`);
  }
});

test('any directions lead to the same weights: they move how soon, not where to', () => {
  const [n, width, classes] = [60, 41, 3];
  const set = { rows: rowsOf(n, width), labels: Int32Array.from({ length: n }, (_, i) => i % 3) };
  const rows = { ...set, width, classes };
  const none = { count: 1, vectors: new Float64Array(width), variances: Float64Array.of(1) };
  const options = { standstill: 1e-8 };
  const plain = fitLogistic(rows, 0.1, { ...options, directions: none });
  assertClose(fitLogistic(rows, 0.1, options), plain, 1e-5, 'weights');
});
