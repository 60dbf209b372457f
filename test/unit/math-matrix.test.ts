import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  copyRow,
  gather,
  gatherRows,
  multiplyTransposed,
  scatterRows,
  widenRows,
} from '../../src/math/matrix.ts';
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

/** Row `at` of `from` to row `place` of `into`, number by number. */
function copyPlainly(
  from: Float32Array,
  at: number,
  into: Float32Array,
  place: number,
  dim: number,
): void {
  for (let j = 0; j < dim; j += 1) into[place * dim + j] = from[at * dim + j]!;
}

const PLACES: readonly (readonly number[])[] = [[], [0], [4, 0, 2], [3, 3, 1, 3], [0, 1, 2, 3, 4]];

test('gathered rows are those of the plain loop, in any order and as often as asked for', () => {
  for (const dim of [0, 1, 7]) {
    const from = Float32Array.from(randomRows(5, dim, 'from'));
    for (const places of PLACES) {
      const naive = new Float32Array(places.length * dim);
      places.forEach((place, i) => copyPlainly(from, place, naive, i, dim));
      assert.deepEqual(gatherRows(from, places, dim), naive, `${places.join()} of ${dim}`);
      assert.deepEqual(gatherRows(from, Int32Array.from(places), dim), naive);
    }
  }
});

test('scattered rows lie as the plain loop puts them; rows that are not named stay', () => {
  for (const dim of [0, 1, 7]) {
    for (const places of PLACES) {
      const rows = Float32Array.from(randomRows(places.length, dim, 'rows'));
      const into = Float32Array.from(randomRows(5, dim, 'into'));
      const naive = into.slice();
      places.forEach((place, i) => copyPlainly(rows, i, naive, place, dim));
      scatterRows(rows, places, dim, into);
      assert.deepEqual(into, naive, `${places.join()} of ${dim}`);
    }
  }
});

test('one row is copied from place to place, in either width, and nothing beside it', () => {
  const wide = Float64Array.of(1, 2, 3, 4);
  copyRow(wide, 0, wide, 1, 2);
  assert.deepEqual(wide, Float64Array.of(1, 2, 1, 2));
  const narrow = new Float32Array(6);
  copyRow(Float32Array.of(1, 2, 3, 4), 1, narrow, 1, 2);
  assert.deepEqual(narrow, Float32Array.of(0, 0, 3, 4, 0, 0));
});

test('gathered values are those at the places', () => {
  assert.deepEqual(gather(Int32Array.of(5, 6, 7), Int32Array.of(2, 0, 2)), Int32Array.of(7, 5, 7));
});
