import assert from 'node:assert/strict';
import { test } from 'node:test';
import { minimise, type Objective } from '../../src/math/lbfgs.ts';

const OPTIONS = { maxEvaluations: 500, gradientTolerance: 1e-10 };

function near(actual: Float64Array, expected: readonly number[], tolerance: number): void {
  expected.forEach((value, i) => {
    assert.ok(Math.abs(actual[i]! - value) <= tolerance, `[${i}]: ${actual[i]} is not ${value}`);
  });
}

/** Σ scale_i (x_i - i)² / 2, condition 10^4. */
const bowl: Objective = (x, gradient) => {
  let value = 0;
  x.forEach((xi, i) => {
    const scale = 10 ** (i % 5);
    value += (scale * (xi - i) ** 2) / 2;
    gradient[i] = scale * (xi - i);
  });
  return value;
};

test('an ill-conditioned bowl is followed to its bottom', () => {
  near(minimise(bowl, new Float64Array(5), OPTIONS), [0, 1, 2, 3, 4], 1e-8);
});

test("Rosenbrock's valley is followed to (1, 1)", () => {
  const rosenbrock: Objective = (x, gradient) => {
    const [a, b] = [1 - x[0]!, x[1]! - x[0]! ** 2];
    gradient[0] = -2 * a - 400 * x[0]! * b;
    gradient[1] = 200 * b;
    return a * a + 100 * b * b;
  };
  near(minimise(rosenbrock, Float64Array.of(-1.2, 1), OPTIONS), [1, 1], 1e-8);
});

test('no more evaluations are made than allowed, and none of them is wasted on a worse place', () => {
  for (let allowed = 1; allowed < 12; allowed += 1) {
    const values: number[] = [];
    const counted: Objective = (x, gradient) => {
      const value = bowl(x, gradient);
      values.push(value);
      return value;
    };
    const options = { maxEvaluations: allowed, gradientTolerance: 0 };
    const found = minimise(counted, new Float64Array(5), options);
    assert.ok(values.length <= allowed, `${values.length} of ${allowed}`);
    assert.equal(bowl(found, new Float64Array(5)), Math.min(...values));
  }
});

test('a start at the minimum stays, and is not changed in place', () => {
  const start = Float64Array.of(0, 1, 2);
  assert.deepEqual(minimise(bowl, start, OPTIONS), Float64Array.of(0, 1, 2));
  minimise(bowl, new Float64Array(3), OPTIONS);
  const elsewhere = Float64Array.of(5, 5, 5);
  minimise(bowl, elsewhere, OPTIONS);
  assert.deepEqual(elsewhere, Float64Array.of(5, 5, 5));
});
