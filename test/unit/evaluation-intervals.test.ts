/** Intervals of accuracies, of their differences, and of the NMI with classes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CLUSTERINGS, classAgreement } from '../../src/evaluation/class-agreement.ts';
import {
  accuracyEstimate,
  differenceEstimate,
  type Hits,
} from '../../src/evaluation/confidence.ts';
import { compareScores } from '../../src/evaluation/gains.ts';
import { nmiVariance } from '../../src/evaluation/nmi-variance.ts';
import { seededRng } from '../../src/math/rng.ts';
import { assertClose } from '../support/made/nn-arrays.ts';

/** Of one split that tests all of `right`. */
function hitsOf(right: readonly number[]): Hits {
  return {
    tested: Int32Array.from(right, () => 1),
    right: Int32Array.from(right),
    bySplit: Float64Array.of(right.reduce((sum, hit) => sum + hit, 0) / right.length),
  };
}

/** So many ones, then zeros. */
function ones(count: number, of: number): number[] {
  return Array.from({ length: of }, (_, i) => (i < count ? 1 : 0));
}

test('of one split the interval is the binomial one, and two images of each kind besides', () => {
  const { value, interval } = accuracyEstimate(hitsOf(ones(300, 400)));
  assert.equal(value, 0.75);
  // 0.75 * 0.25 / 400, and 2 / 404^2.
  assertClose([interval], [1.96 * Math.sqrt(0.1875 / 400 + 2 / 404 ** 2)], 1e-12, 'interval');
});

test('no interval is 0 where all images are right, or two networks agree in all', () => {
  assert.ok(accuracyEstimate(hitsOf(ones(50, 50))).interval > 0.02);
  const half = hitsOf(ones(25, 50));
  const { value, interval } = differenceEstimate(half, half);
  assert.equal(value, 0);
  assert.ok(interval > 0 && interval < 0.06, `${interval}`);
});

test('a difference counts the images on which the networks differ, as McNemar has it', () => {
  // Of 200 images 30 are right by a alone and 10 by b alone.
  const a = hitsOf([...ones(30, 40), ...ones(100, 160)]);
  const b = hitsOf([...ones(30, 40).map((hit) => 1 - hit), ...ones(100, 160)]);
  const { value, interval } = differenceEstimate(a, b);
  assertClose([value], [20 / 200], 1e-12, 'difference');
  const variance = (30 + 10 - 20 ** 2 / 200) / 200 ** 2;
  assertClose([interval], [1.96 * Math.sqrt(variance + 2 / 204 ** 2)], 1e-12, 'interval');
});

test('of several splits an image counts once, and the spread of the splits is added', () => {
  // The same 100 images in both splits, 60 of them right, 40 of these twice: no more is known of
  // them than by a single split, up to those that change.
  const tested = new Int32Array(100).fill(2);
  const right = Int32Array.from({ length: 100 }, (_, i) => (i < 40 ? 2 : i < 80 ? 1 : 0));
  const { value, interval } = accuracyEstimate({
    ...{ tested, right },
    bySplit: Float64Array.of(0.7, 0.5),
  });
  assertClose([value], [0.6], 1e-12, 'mean');
  // Deviations of the sums from 1.2: 40 of 0.8, 40 of -0.2, 20 of -1.2, over 200 tests.
  const images = (40 * 0.64 + 40 * 0.04 + 20 * 1.44) / 200 ** 2;
  // Two splits 0.1 off their mean: variance 0.02, of the mean 0.01.
  const variance = images + 2 / 104 ** 2 + 0.01;
  assertClose([interval], [1.96 * Math.sqrt(variance)], 1e-12, 'interval');
});

test('intervals hold the truth in 95 of 100 draws, for accuracies and differences', () => {
  const rng = seededRng('coverage');
  const [draws, images] = [600, 150];
  let [ofOne, ofDifference] = [0, 0];
  for (let draw = 0; draw < draws; draw += 1) {
    const hard = Array.from({ length: images }, () => rng.float());
    const drawn = (easier: number) =>
      hitsOf(hard.map((own) => (0.6 * own + 0.4 * rng.float() < easier ? 1 : 0)));
    const [a, b] = [drawn(0.5), drawn(0.5)];
    const one = accuracyEstimate(a);
    if (Math.abs(one.value - 0.5) <= one.interval) ofOne += 1;
    const difference = differenceEstimate(a, b);
    if (Math.abs(difference.value) <= difference.interval) ofDifference += 1;
  }
  // Three standard errors of 95 % of 600 draws are 2.7 %.
  assert.ok(Math.abs(ofOne / draws - 0.95) < 0.027, `${ofOne / draws}`);
  assert.ok(Math.abs(ofDifference / draws - 0.95) < 0.027, `${ofDifference / draws}`);
});

interface Case {
  readonly clusters: readonly number[];
  readonly labels: readonly number[];
  readonly variance: number;
}

test("the variance of an NMI is that of scikit-learn's without each image in turn", () => {
  const path = new URL('../oracle/agreement.json', import.meta.url);
  const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { readonly cases: readonly Case[] };
  for (const { clusters, labels, variance } of cases) {
    const found = nmiVariance(Int32Array.from(clusters), Int32Array.from(labels));
    assertClose([found], [variance], 1e-9, 'variance');
  }
  assert.equal(nmiVariance(Int32Array.of(0), Int32Array.of(0)), 0);
});

/** Classes by turns, in directions of their own, far from the origin. */
function rowsOf(n: number, classes: number, noise: number) {
  const rng = seededRng('agreement', noise);
  const dim = classes + 2;
  const features = Float32Array.from({ length: n * dim }, (_, i) => {
    const isOwn = i % dim === Math.floor(i / dim) % classes;
    return 50 + (isOwn ? 1 : 0) + noise * rng.normal();
  });
  return { features, labels: Int32Array.from({ length: n }, (_, i) => i % classes), dim, classes };
}

test('clusters agree with classes that lie apart, and not with those of noise', () => {
  let passes = 0;
  const onPass = (): void => {
    passes += 1;
  };
  const apart = classAgreement(rowsOf(200, 2, 0.01), { seed: 1, onPass });
  assert.equal(passes, CLUSTERINGS);
  assert.equal(apart.value, 1);
  const noise = classAgreement(rowsOf(200, 4, 100), { seed: 1 });
  assert.ok(noise.value < 0.15 && noise.interval > 0.01, `${noise.value}, ${noise.interval}`);
  const none = { features: new Float32Array(0), labels: new Int32Array(0), dim: 4, classes: 3 };
  assert.equal(classAgreement(none, { seed: 1 }).value, 0);
});

test('the networks are compared by both accuracies, and the source of intervals is named', () => {
  const nmi = { value: 0.5, interval: 0.1 };
  const scores = (right: number) => ({
    ...{ knn: hitsOf(ones(right, 100)), linear: hitsOf(ones(right + 5, 100)) },
    ...{ nmi, trainImages: 200, testImages: 100 },
  });
  const compared = compareScores({ trained: scores(60), random: scores(50), pixels: scores(65) });
  assertClose([compared.gains.random.knnTop1.value], [0.1], 1e-12, 'gain over random');
  assertClose([compared.gains.pixels.linearTop1.value], [-0.05], 1e-12, 'gain over pixels');
  assert.equal(compared.intervalsFrom, 'test images');
  assert.equal(compared.knnTop1.pixels.value, 0.65);
});
