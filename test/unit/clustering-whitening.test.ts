import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addMoments,
  columnSquaresOf,
  momentRounders,
  momentsOf,
  noMoments,
  roundMoments,
  type ShardMoments,
} from '../../src/clustering/moments.ts';
import { applyWhitening, solveWhitening, type Whitening } from '../../src/clustering/whitening.ts';
import { seededRng } from '../../src/math/rng.ts';
import { lcgArray } from '../support/made/lcg.ts';

const N = 64;
const D = 6;

/** The features of oracle T5: 64 x 6, correlated, float32. */
function oracleFeatures(): Float32Array {
  const x = lcgArray(12345, N * D);
  for (let i = 0; i < N; i += 1) {
    x[i * D] = x[i * D]! * 4;
    x[i * D + 1] = x[i * D + 1]! * 2;
    x[i * D + 2] = x[i * D + 2]! + 0.5 * x[i * D]!;
  }
  return Float32Array.from(x);
}

function whiten(
  features: Float32Array,
  n: number,
  dim: number,
  outDim: number,
): { whitening: Whitening; rows: Float32Array } {
  const whitening = solveWhitening(momentsOf(features, n, dim), { outDim, epsilon: 0 });
  return { whitening, rows: applyWhitening(whitening, features, n) };
}

function near(actual: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(actual[i]! - value) <= tolerance, `[${i}]: ${actual[i]} is not ${value}`);
  });
}

test('moments are the sums written out', () => {
  const { count, sum, outer } = momentsOf(Float32Array.of(1, 2, 3, 4, 5, 6), 3, 2);
  assert.equal(count, 3);
  assert.deepEqual([...sum], [1 + 3 + 5, 2 + 4 + 6]);
  assert.deepEqual(
    [...outer],
    [1 * 1 + 3 * 3 + 5 * 5, 1 * 2 + 3 * 4 + 5 * 6, 2 * 2 + 4 * 4 + 6 * 6],
  );
});

test('moments agree with plain sums at sizes that do not fill blocks and tiles', () => {
  for (const [n, dim] of [
    [1, 1],
    [63, 31],
    [65, 33],
    [130, 70],
  ] as const) {
    const rng = seededRng('moments', n);
    const features = Float32Array.from({ length: n * dim }, () => rng.normal());
    const { sum, outer } = momentsOf(features, n, dim);
    let at = 0;
    for (let i = 0; i < dim; i += 1) {
      let total = 0;
      for (let row = 0; row < n; row += 1) total += features[row * dim + i]!;
      assert.ok(Math.abs(sum[i]! - total) < 1e-12 * n, `sum ${i} of ${n} x ${dim}`);
      for (let j = i; j < dim; j += 1) {
        let product = 0;
        for (let row = 0; row < n; row += 1) {
          product += features[row * dim + i]! * features[row * dim + j]!;
        }
        assert.ok(Math.abs(outer[at]! - product) < 1e-12 * n, `product ${i}, ${j}`);
        at += 1;
      }
    }
    assert.equal(outer.length, at);
  }
});

function folded(parts: readonly ShardMoments[], dim: number): ShardMoments {
  const total = noMoments(dim);
  for (const part of parts) addMoments(total, part);
  return total;
}

test('moments of parts add up to the moments of the whole', () => {
  const rng = seededRng('moments');
  const features = Float32Array.from({ length: 100 * 7 }, () => rng.normal());
  const whole = momentsOf(features, 100, 7);
  const merged = folded(
    [
      momentsOf(features.slice(0, 33 * 7), 33, 7),
      momentsOf(features.slice(33 * 7, 34 * 7), 1, 7),
      momentsOf(features.slice(34 * 7), 66, 7),
    ],
    7,
  );
  assert.equal(merged.count, 100);
  // float64 sums of 100 terms of size 1: rounding stays far below 1e-12.
  near(merged.sum, [...whole.sum], 1e-12);
  near(merged.outer, [...whole.outer], 1e-11);
});

test('moments of other dimensions are refused', () => {
  assert.throws(
    () => {
      addMoments(noMoments(3), noMoments(2));
    },
    { code: 'SHAPE_MISMATCH', message: /moments: expected shape \[3, 6\], got \[2, 3\]/ },
  );
});

/** Moments of 40 data shards whose columns have sizes from 1e-3 to 1e3, some shards of much larger rows. */
function unevenShards(dim: number): { parts: Float32Array[]; rows: number; bound: number } {
  const rng = seededRng('uneven shards');
  const parts = Array.from({ length: 40 }, (_, shard) => {
    const scale = shard % 9 === 4 ? 500 : 1;
    return Float32Array.from(
      { length: (1 + ((shard * 7) % 30)) * dim },
      (_value, i) => scale * 10 ** ((i % dim) - 3) * (rng.normal() + 0.5),
    );
  });
  const bounds = parts.map((part) => columnSquaresOf(part, part.length / dim, dim));
  return {
    parts,
    rows: parts.reduce((total, part) => total + part.length / dim, 0),
    bound: bounds.reduce((total, value) => total + value, 0),
  };
}

test('rounded moments add up to the same bits in any order and grouping; as they are they do not', () => {
  const dim = 7;
  const { parts, rows, bound } = unevenShards(dim);
  const rounders = momentRounders(rows, bound);
  for (const isRounded of [true, false]) {
    const leaves = (): ShardMoments[] =>
      parts.map((part) => {
        const own = momentsOf(part, part.length / dim, dim);
        return isRounded ? roundMoments(own, rounders) : own;
      });
    const inOrder = folded(leaves(), dim);
    const rng = seededRng('groupings');
    const isEqual = Array.from({ length: 20 }, () => {
      const scrambled = leaves()
        .map((part) => ({ part, at: rng.float() }))
        .toSorted((a, b) => a.at - b.at)
        .map(({ part }) => part);
      const size = 1 + rng.integer(12);
      const groups: ShardMoments[] = [];
      while (scrambled.length > 0) groups.push(folded(scrambled.splice(0, size), dim));
      const total = folded(groups, dim);
      return [...total.sum, ...total.outer].every((value, i) =>
        Object.is(value, [...inOrder.sum, ...inOrder.outer][i]),
      );
    });
    assert.ok(isRounded ? isEqual.every(Boolean) : !isEqual.every(Boolean), `${isRounded}`);
  }
});

test('rounded moments are within 2^-51 a shard of the largest diagonal entry', () => {
  const dim = 7;
  const { parts, rows, bound } = unevenShards(dim);
  const own = parts.map((part) => momentsOf(part, part.length / dim, dim));
  const exact = folded(own, dim);
  const largest = columnSquaresOf(Float32Array.from(parts.flatMap((part) => [...part])), rows, dim);
  assert.ok(bound >= largest, 'the bound is one');
  const rounders = momentRounders(rows, bound);
  const rounded = folded(
    own.map((part) => roundMoments(part, rounders)),
    dim,
  );
  // The rounding of each shard, and of the float64 sums beside it.
  const shards = 2 * parts.length;
  rounded.outer.forEach((value, i) => {
    assert.ok(Math.abs(value - exact.outer[i]!) <= shards * 2 ** -51 * bound, `outer ${i}`);
  });
  const sumBound = Math.sqrt(rows * bound);
  rounded.sum.forEach((value, i) => {
    assert.ok(Math.abs(value - exact.sum[i]!) <= shards * 2 ** -51 * sumBound, `sum ${i}`);
  });
  assert.deepEqual(momentRounders(5, 0), { sum: 0, outer: 0 }, 'features of zeros stay');
});

test('whitening agrees with faiss on the oracle: mean, eigenvalues, rows up to sign', () => {
  const { whitening, rows } = whiten(oracleFeatures(), N, D, 3);
  near(whitening.mean, [2.0616283, 0.9316074, 1.5933304, 0.454338, 0.5515703, 0.4962623], 1e-6);
  near(whitening.eigenvalues, [88.189086, 22.201221, 6.490965], 1e-5);
  near([...rows.slice(0, 3)].map(Math.abs), [0.57816968, 0.54120631, 0.61058623], 1e-6);
  const dot = (a: number, b: number): number =>
    [0, 1, 2].reduce((total, j) => total + rows[a * 3 + j]! * rows[b * 3 + j]!, 0);
  near([dot(0, 1), dot(0, 2), dot(1, 2)], [-0.59183894, -0.40048339, 0.28195387], 2e-6);
});

test('whitened columns have a sum of squares of 1 before rows are normalised', () => {
  const features = oracleFeatures();
  const { whitening } = whiten(features, N, D, D);
  for (let k = 0; k < whitening.outDim; k += 1) {
    let squares = 0;
    for (let i = 0; i < N; i += 1) {
      let value = 0;
      for (let j = 0; j < D; j += 1) {
        value += whitening.components[k * D + j]! * (features[i * D + j]! - whitening.mean[j]!);
      }
      squares += value * value;
    }
    assert.ok(Math.abs(squares - 1) < 1e-9, `column ${k}: ${squares}`);
  }
});

test('the output dimension is lowered to the dimensions there are', () => {
  const features = Float32Array.from(lcgArray(5, 10 * 16));
  assert.equal(
    whiten(features, 10, 16, 16).whitening.outDim,
    9,
    '10 centred rows span 9 dimensions',
  );
  assert.equal(whiten(features.slice(0, 160), 20, 8, 16).whitening.outDim, 8);
  const twice = Float32Array.from({ length: 40 * 4 }, (_, i) => features[Math.floor(i / 2)]!);
  assert.equal(whiten(twice, 40, 4, 4).whitening.outDim, 2, 'two pairs of equal columns');
});

test('N rows give N - 1 dimensions at most, even where rounding shows more', () => {
  // Three centred rows cannot have this scatter: its third eigenvalue stands for rounding.
  const moments = { count: 3, sum: new Float64Array(3), outer: Float64Array.of(3, 0, 0, 2, 0, 1) };
  const { eigenvalues } = solveWhitening(moments, { outDim: 3, epsilon: 0 });
  assert.deepEqual([...eigenvalues], [3, 2]);
});

test('features of short rank give finite rows of length 1', () => {
  const base = lcgArray(9, 30 * 3);
  const features = Float32Array.from(
    { length: 30 * 8 },
    (_, i) => base[Math.floor(i / 8) * 3 + (i % 3)]!,
  );
  const { rows, whitening } = whiten(features, 30, 8, 8);
  for (let i = 0; i < 30; i += 1) {
    const row = rows.subarray(i * whitening.outDim, (i + 1) * whitening.outDim);
    const length = Math.sqrt(row.reduce((total, value) => total + value * value, 0));
    assert.ok(Math.abs(length - 1) < 1e-6, `row ${i} has length ${length}`);
  }
});

test('a row at the mean stays zero', () => {
  const { whitening } = whiten(oracleFeatures(), N, D, 3);
  const exact: Whitening = { ...whitening, mean: Float64Array.of(1, 2, 3, 4, 5, 6) };
  assert.deepEqual([...applyWhitening(exact, Float32Array.of(1, 2, 3, 4, 5, 6), 1)], [0, 0, 0]);
});

test('constant features are a clear error, however many', () => {
  for (const [n, value] of [
    [50, 0.1],
    [50, 0],
    [2, -7],
    [1, 3],
    [40_000, 0.1],
    [40_000, 1e30],
  ] as const) {
    const features = new Float32Array(n * 4).fill(value);
    assert.throws(() => whiten(features, n, 4, 4), /the same feature for all of them/, `${n}`);
  }
});

test('features that differ in their last digits are not constant', () => {
  // Mean 100, deviation 0.003: 400 spacings of float32 at 100, and 2e-5 of the mean.
  const features = Float32Array.from(lcgArray(3, 4000 * 3), (value) => 100 + 0.01 * value);
  const { whitening, rows } = whiten(features, 4000, 3, 3);
  assert.equal(whitening.outDim, 3);
  assert.ok(rows.every(Number.isFinite));
  // Uniform on [0, 0.01): variance 0.01² / 12 in each direction, to a few deviations of its estimate.
  const variance = 0.01 ** 2 / 12;
  for (const value of whitening.eigenvalues) {
    assert.ok(Math.abs(value / 4000 / variance - 1) < 0.1, `${value}`);
  }
});

test('features that are not finite are named, not whitened', () => {
  const features = oracleFeatures();
  features[7] = NaN;
  assert.throws(() => whiten(features, N, D, 3), { code: 'NON_FINITE' });
});

test('a data shard without a readable image adds nothing', () => {
  const features = oracleFeatures();
  const whole = momentsOf(features, N, D);
  const empty = momentsOf(new Float32Array(0), 0, D);
  assert.deepEqual(folded([empty, whole, empty], D), whole);
});

test('a row is whitened to the same bits in whatever data shard it lies', () => {
  const { whitening, rows } = whiten(oracleFeatures(), N, D, 3);
  const part = applyWhitening(whitening, oracleFeatures().slice(5 * D, 42 * D), 37);
  assert.deepEqual(part, rows.slice(5 * 3, 42 * 3));
});
