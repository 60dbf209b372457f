import assert from 'node:assert/strict';
import { test } from 'node:test';
import { multiplyTransposed, widenRows } from '../../src/math/matrix.ts';
import { seededRng } from '../../src/math/rng.ts';

function randomRows(rows: number, dim: number, name: string): Float64Array {
  const rng = seededRng(name);
  return Float64Array.from({ length: rows * dim }, () => rng.normal());
}

test('A times B transposed is every row with every row, for any remainder of the blocks', () => {
  const dim = 5;
  for (let aRows = 0; aRows <= 5; aRows += 1) {
    for (let bRows = 0; bRows <= 9; bRows += 1) {
      const a = randomRows(aRows, dim, 'a');
      const b = randomRows(bRows, dim, 'b');
      const out = new Float64Array(aRows * bRows);
      multiplyTransposed(a, aRows, b, bRows, dim, out);
      const naive = Float64Array.from(out, (_, at) => {
        const [i, k] = [Math.floor(at / bRows), at % bRows];
        let sum = 0;
        for (let j = 0; j < dim; j += 1) sum += a[i * dim + j]! * b[k * dim + j]!;
        return sum;
      });
      assert.deepEqual(out, naive, `${aRows} x ${bRows}`);
    }
  }
});

test('two rows give the same bits wherever they lie', () => {
  const dim = 37;
  const a = randomRows(7, dim, 'a');
  const b = randomRows(11, dim, 'b');
  const whole = new Float64Array(77);
  multiplyTransposed(a, 7, b, 11, dim, whole);
  const part = new Float64Array(15);
  multiplyTransposed(a.slice(2 * dim, 5 * dim), 3, b.slice(3 * dim, 8 * dim), 5, dim, part);
  part.forEach((value, at) => {
    const [i, k] = [2 + Math.floor(at / 5), 3 + (at % 5)];
    assert.equal(value, whole[i * 11 + k], `row ${i} with row ${k}`);
  });
});

test('rows are widened from their place', () => {
  const into = new Float64Array(6).fill(-1);
  assert.deepEqual(
    [...widenRows(Float32Array.of(1, 2, 3, 4, 5, 6), 1, 3, 2, into)],
    [3, 4, 5, 6, -1, -1],
  );
});
