import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabelledFeatures } from '../../src/evaluation/labelled-features.ts';
import { linearProbeTop1, lossAndGradient, smoothness } from '../../src/evaluation/linear-probe.ts';
import { newBatch } from '../../src/evaluation/softmax-rows.ts';
import { fitScaling, scaleRows } from '../../src/evaluation/scaling.ts';
import { seededRng } from '../../src/math/rng.ts';

interface Shape {
  readonly n: number;
  readonly m: number;
  readonly dim: number;
  readonly classes: number;
  readonly noise: number;
}

/** Gaussian classes around random centres. */
function madeSet({ n, m, dim, classes, noise }: Shape): LabelledFeatures {
  const rng = seededRng('probe', n, dim);
  const centres = Float64Array.from({ length: classes * dim }, () => rng.normal());
  const part = (count: number): { labels: Int32Array; features: Float32Array } => {
    const labels = Int32Array.from({ length: count }, (_, i) => i % classes);
    const features = new Float32Array(count * dim).map(
      (_, i) => centres[labels[Math.floor(i / dim)]! * dim + (i % dim)]! + noise * rng.normal(),
    );
    return { labels, features };
  };
  const [train, held] = [part(n), part(m)];
  return {
    train: train.features,
    trainLabels: train.labels,
    test: held.features,
    testLabels: held.labels,
    dim,
    classes,
  };
}

const EASY = madeSet({ n: 150, m: 90, dim: 12, classes: 6, noise: 0.3 });

test('the gradient is that of the loss, by finite differences', () => {
  const [width, classes] = [4, 3];
  const rng = seededRng('gradient');
  // 6 rows: a tile of four and two over.
  const batch = newBatch(6, width, classes);
  batch.count = 6;
  batch.rows.forEach((_, i) => (batch.rows[i] = 2 * rng.normal()));
  batch.labels.set([0, 1, 2, 2, 1, 1]);
  const weights = new Float64Array(classes * width).map(() => rng.normal());
  const gradient = new Float64Array(classes * width);
  const lossAt = (at: number, by: number): number => {
    const moved = weights.slice();
    moved[at]! += by;
    return lossAndGradient(moved, batch, width, classes, new Float64Array(gradient.length));
  };
  lossAndGradient(weights, batch, width, classes, gradient);
  gradient.forEach((slope, i) => {
    const step = 1e-5;
    const difference = (lossAt(i, step) - lossAt(i, -step)) / (2 * step);
    // Central differences err by step^2 and by rounding / step.
    assert.ok(Math.abs(slope - difference) < 1e-8, `weight ${i}: ${slope}, not ${difference}`);
  });
});

test('the loss of given logits is that of the oracle', () => {
  // T10 of the spec: logits as weights, rows that pick them; mean cross-entropy 1.8672975275.
  const logits = [1, 2, 3, 0, 0, 0, 3, -1, 0.5];
  const batch = newBatch(3, 3, 3);
  batch.count = 3;
  batch.rows.set([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  batch.labels.set([2, 0, 1]);
  const weights = Float64Array.from(
    { length: 9 },
    (_, i) => logits[(i % 3) * 3 + Math.floor(i / 3)]!,
  );
  const gradient = new Float64Array(9);
  const loss = lossAndGradient(weights, batch, 3, 3, gradient);
  const squares = logits.reduce((sum, value) => sum + value * value, 0);
  assert.ok(Math.abs(loss - (1.8672975275 + (1e-4 / 2) * squares)) < 1e-9, `${loss}`);
  assert.ok(Math.abs(gradient[0]! - (0.0300101911 + 1e-4 * 1)) < 1e-9);
  assert.ok(Math.abs(gradient[6]! - (-0.1115863481 + 1e-4 * 3)) < 1e-9);
});

test('separable classes are all right, also where scales lie decades apart and means far from zero', () => {
  assert.equal(linearProbeTop1(EASY, { epochs: 30, seed: 31 }), 1);
  const scale = (features: Float32Array): Float32Array =>
    features.map((value, i) => 10 ** ((i % EASY.dim) - 6) * (value + 20));
  const scaled = { ...EASY, train: scale(EASY.train), test: scale(EASY.test) };
  assert.equal(linearProbeTop1(scaled, { epochs: 30, seed: 31 }), 1);
});

test('a dimension that is constant in training is ignored in testing', () => {
  const constant = (features: Float32Array, value: (row: number) => number): Float32Array =>
    features.map((own, i) => (i % EASY.dim === 3 ? value(Math.floor(i / EASY.dim)) : own));
  const train = constant(EASY.train, () => 0.1);
  const score = (own: (row: number) => number): number =>
    linearProbeTop1({ ...EASY, train, test: constant(EASY.test, own) }, { epochs: 20, seed: 1 });
  assert.equal(
    score(() => 0.1),
    score((row) => 1e6 * row),
  );
});

test('features that move together cost the probe little', () => {
  // A shared term of 225 times the noise's variance: after standardising, all dimensions are almost
  // the same.
  const set = madeSet({ n: 360, m: 240, dim: 60, classes: 6, noise: 2 });
  const rng = seededRng('common');
  const blend = (features: Float32Array): Float32Array => {
    let common = 0;
    return features.map((value, i) => {
      if (i % set.dim === 0) common = 30 * rng.normal();
      return value + common;
    });
  };
  const plain = linearProbeTop1(set, { epochs: 100, seed: 31 });
  const blended = linearProbeTop1(
    { ...set, train: blend(set.train), test: blend(set.test) },
    { epochs: 100, seed: 31 },
  );
  assert.ok(plain > 0.9 && blended > plain - 0.05, `${plain}, blended ${blended}`);
});

test('the smoothness is half of the largest eigenvalue and of what drawing a batch adds', () => {
  // Second moments (4 + 0) / 2 and (0 + 1) / 2 on orthogonal axes; mean squared length (4 + 1) / 2;
  // batches of 32 rows.
  const value = smoothness(Float32Array.of(1.2, 1.6, -0.8, 0.6), 2, 2, seededRng('power'));
  assert.ok(Math.abs(value - (2 + 2.5 / 32) / 2) < 1e-6, `${value}`);
});

test('labels that have nothing to do with the features score about chance', () => {
  const rng = seededRng('random labels');
  const set = madeSet({ n: 200, m: 1500, dim: 10, classes: 5, noise: 1 });
  const score = linearProbeTop1(
    {
      ...set,
      trainLabels: set.trainLabels.map(() => rng.integer(5)),
      testLabels: set.testLabels.map(() => rng.integer(5)),
    },
    { epochs: 10, seed: 31 },
  );
  // 5 standard errors of 1,500 independent answers.
  assert.ok(Math.abs(score - 0.2) < 5 * Math.sqrt((0.2 * 0.8) / 1500), `${score}`);
});

test('two overlapping Gaussian classes are told apart about as well as the best rule can', () => {
  // Centres 2 apart along one of 4 dimensions, variance 1: the best rule is right with probability
  // Phi(1) = .8413.
  const rng = seededRng('overlap');
  const part = (count: number): { labels: Int32Array; features: Float32Array } => {
    const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
    const features = Float32Array.from({ length: 4 * count }, (_, i) =>
      i % 4 === 0 ? 2 * labels[i / 4]! + rng.normal() : rng.normal(),
    );
    return { labels, features };
  };
  const [train, held] = [part(2000), part(4000)];
  const score = linearProbeTop1(
    {
      train: train.features,
      trainLabels: train.labels,
      test: held.features,
      testLabels: held.labels,
      dim: 4,
      classes: 2,
    },
    { epochs: 10, seed: 31 },
  );
  // 4 standard errors of 4,000 answers, and a rule fitted to 2,000 rows.
  assert.ok(Math.abs(score - 0.8413) < 4 * Math.sqrt((0.84 * 0.16) / 4000) + 0.005, `${score}`);
});

test('the same seed gives the same score', () => {
  const hard = madeSet({ n: 90, m: 400, dim: 12, classes: 6, noise: 2 });
  const scores = [1, 1, 2, 3, 4].map((seed) => linearProbeTop1(hard, { epochs: 2, seed }));
  assert.equal(scores[0], scores[1]);
  assert.ok(new Set(scores).size > 1, 'the seed decides the order of the rows');
});

test('one image, one class or none at all are defined', () => {
  const one = {
    train: Float32Array.of(1, 2),
    trainLabels: Int32Array.of(0),
    test: Float32Array.of(5, 5),
    testLabels: Int32Array.of(0),
    dim: 2,
    classes: 2,
  };
  assert.equal(linearProbeTop1(one, { epochs: 3, seed: 1 }), 1);
  const none = { ...one, test: new Float32Array(0), testLabels: new Int32Array(0) };
  assert.equal(linearProbeTop1(none, { epochs: 3, seed: 1 }), 0);
  assert.throws(() => linearProbeTop1({ ...one, dim: 3 }, { epochs: 1, seed: 1 }), {
    code: 'SHAPE_MISMATCH',
  });
});

test('scaling gives mean 0 and variance 1, cuts what is far out, and appends a 1', () => {
  const scaling = fitScaling(Float32Array.of(1, 5, 3, 5, 5, 5), 3, 2);
  // Neighbouring float32 numbers are one number and its rounding.
  const rounded = fitScaling(Float32Array.of(3, 3 + 2 ** -22, 3), 3, 1);
  assert.deepEqual([...rounded.inverseDeviations], [0]);
  // Column 0 is 1, 3, 5: mean 3, variance (4 + 0 + 4) / 3; column 1 is constant.
  const deviation = Math.sqrt(8 / 3);
  assert.deepEqual([...scaling.means], [3, 5]);
  const rows = scaleRows(Float32Array.of(1, 5, 3 + 100 * deviation, 9), scaling);
  assert.deepEqual([...rows], [...Float32Array.of(-2 / deviation, 0, 1, 10, 0, 1)]);
});
