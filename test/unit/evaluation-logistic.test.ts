/**
 * Logistic regression against scikit-learn's (test/oracle/logistic.py), and laws of its penalty.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { LOGISTIC_PASSES, logisticTop1 } from '../../src/evaluation/logistic-regression.ts';
import { fitLogistic } from '../../src/evaluation/logistic/fit.ts';
import { fitScaling, scaleRows } from '../../src/evaluation/scaling.ts';
import { seededRng } from '../../src/math/rng.ts';
import { assertClose } from '../support/made/nn-arrays.ts';

interface Case {
  readonly train: number;
  readonly test: number;
  readonly dim: number;
  readonly classes: number;
  /** [train + test, dim] */
  readonly features: readonly number[];
  readonly labels: readonly number[];
  readonly fits: readonly {
    readonly inversePenalty: number;
    /** [classes, dim + 1] */
    readonly weights: readonly number[];
    readonly accuracy: number;
  }[];
}

const path = new URL('../oracle/logistic.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { readonly cases: readonly Case[] };

function rowsOf({ train, dim, classes, features, labels }: Case) {
  const all = Float32Array.from(features);
  const scaling = fitScaling(all.subarray(0, train * dim), train, dim);
  const part = (begin: number, end?: number) => ({
    rows: scaleRows(all.subarray(begin * dim, end === undefined ? undefined : end * dim), scaling),
    labels: Int32Array.from(labels.slice(begin, end)),
    ...{ width: dim + 1, classes },
  });
  return { learning: part(0, train), held: part(train) };
}

/** @returns the weights with biases of mean 0 */
function centredBias(weights: ArrayLike<number>, width: number): number[] {
  const all = Array.from(weights);
  const biases = all.filter((_, i) => i % width === width - 1);
  const mean = biases.reduce((sum, bias) => sum + bias, 0) / biases.length;
  return all.map((weight, i) => (i % width === width - 1 ? weight - mean : weight));
}

/** Logits of a row are the same but for a number that all classes have. */
function predictions(
  weights: ArrayLike<number>,
  rows: Float32Array,
  width: number,
  classes: number,
) {
  return Array.from({ length: rows.length / width }, (_, row) => {
    const logits = Array.from({ length: classes }, (__, c) => {
      let sum = 0;
      for (let j = 0; j < width; j += 1) sum += weights[c * width + j]! * rows[row * width + j]!;
      return sum;
    });
    return logits.indexOf(Math.max(...logits));
  });
}

for (const [i, one] of cases.entries()) {
  const { dim, classes } = one;
  test(`case ${i}: ${one.train} rows of ${dim} columns have scikit-learn's weights and classes`, () => {
    const { learning, held } = rowsOf(one);
    for (const { inversePenalty, weights, accuracy } of one.fits) {
      const found = fitLogistic(learning, inversePenalty, { standstill: 1e-7 });
      // All classes may share a bias: it enters no loss and no penalty.
      const [own, expected] = [centredBias(found, dim + 1), centredBias(weights, dim + 1)];
      assertClose(own, expected, 1e-4, `weights of C ${inversePenalty}`);
      const ours = predictions(found, held.rows, dim + 1, classes);
      const right = ours.filter((label, row) => label === held.labels[row]).length / one.test;
      assert.ok(Math.abs(right - accuracy) <= 0.005, `C ${inversePenalty}: ${right}, ${accuracy}`);
    }
  });
}

test('a fit that begins where another one ended comes to the same weights', () => {
  const { learning } = rowsOf(cases[0]!);
  const cold = fitLogistic(learning, 1e-2);
  const warm = fitLogistic(learning, 1e-2, { start: fitLogistic(learning, 1e-4) });
  cold.forEach((weight, i) => {
    assert.ok(Math.abs(weight - warm[i]!) < 1e-3, `${i}: ${weight}, ${warm[i]}`);
  });
});

/** Two classes that one number tells apart, among so many that say nothing. */
function noisySet(rows: number, noise: number, seed: number) {
  const rng = seededRng('logistic', seed);
  const dim = noise + 1;
  const labels = Int32Array.from({ length: 2 * rows }, (_, i) => i % 2);
  const features = Float32Array.from({ length: 2 * rows * dim }, (_, i) => {
    const own = i % dim === 0 ? 4 * labels[Math.floor(i / dim)]! - 2 : 0;
    return own + rng.normal();
  });
  return {
    ...{ train: features.subarray(0, rows * dim), trainLabels: labels.subarray(0, rows) },
    ...{ test: features.subarray(rows * dim), testLabels: labels.subarray(rows) },
    ...{ dim, classes: 2 },
  };
}

test('the penalty is chosen where there is noise: the classes are told apart as well as may be', () => {
  const top1 = logisticTop1(noisySet(200, 30, 1), { seed: 1 });
  // Between the signal alone, 0.977, and the difference of the means, about 0.92.
  assert.ok(top1 > 0.88, `${top1}`);
});

test('each call has its passes, also where classes are too small to choose by', () => {
  for (const rows of [200, 8]) {
    let passes = 0;
    const onPass = (): void => {
      passes += 1;
    };
    assert.ok(logisticTop1(noisySet(rows, 2, 2), { seed: 1, onPass }) > 0.5);
    assert.equal(passes, LOGISTIC_PASSES);
  }
});

test('the same set and seed give the same figure; an empty side gives 0', () => {
  const set = noisySet(60, 20, 3);
  assert.equal(logisticTop1(set, { seed: 4 }), logisticTop1(set, { seed: 4 }));
  const empty = { ...set, test: new Float32Array(0), testLabels: new Int32Array(0) };
  assert.equal(logisticTop1(empty, { seed: 4 }), 0);
});
