/** Linear probes with few labels. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabelledFeatures } from '../../src/evaluation/labelled-features.ts';
import { linearProbeTop1 } from '../../src/evaluation/linear-probe.ts';
import { drawPerClass, lowShotTop1, perClassTop1 } from '../../src/evaluation/low-shot.ts';
import { blobs } from '../support/oracles/evaluation.ts';

const CLASSES = 4;
const DIM = 8;
const TRAIN = 200;

function setOf(noise: number): LabelledFeatures {
  const { rows, classes } = blobs(31, { count: 600, dim: DIM, c: CLASSES, noise });
  return {
    ...{ train: rows.subarray(0, TRAIN * DIM), trainLabels: classes.subarray(0, TRAIN) },
    ...{ test: rows.subarray(TRAIN * DIM), testLabels: classes.subarray(TRAIN) },
    ...{ dim: DIM, classes: CLASSES },
  };
}

const OPTIONS = { draws: 3, epochs: 50, seed: 31 };

test('a tenth of the labels is a tenth of every class, a thousandth one of each', () => {
  assert.equal(lowShotTop1(setOf(0.1), { ...OPTIONS, fraction: 0.1 }).labels, 20);
  assert.equal(lowShotTop1(setOf(0.1), { ...OPTIONS, fraction: 0.001 }).labels, CLASSES);
});

test('a label of each class is enough where classes lie far apart', () => {
  assert.equal(lowShotTop1(setOf(0.01), { ...OPTIONS, fraction: 0.001 }).top1, 1);
});

test('fewer labels are worth less than all, and the figure is the mean of draws by seeds of their own', () => {
  const set = setOf(1.5);
  const of = (draws: number, seed: number): number =>
    lowShotTop1(set, { ...OPTIONS, fraction: 0.05, draws, seed }).top1;
  assert.ok(of(3, 31) < linearProbeTop1(set, { epochs: 50, seed: 31 }));
  const mean = (of(1, 31) + of(1, 32) + of(1, 33)) / 3;
  assert.ok(Math.abs(of(3, 31) - mean) < 1e-12);
  assert.notEqual(of(1, 31), of(1, 32));
});

test('so many rows of each class are drawn, whatever their shares, the same by the same seed', () => {
  const labels = Int32Array.from([0, 1, 1, 3, 1, 0, 1, 3, 1, 1, 3, 0, 1]);
  for (const perClass of [1, 2, 3]) {
    for (let seed = 0; seed < 20; seed += 1) {
      const drawn = drawPerClass(labels, perClass, seed);
      const classes = [...drawn].map((row) => labels[row]!).sort();
      assert.deepEqual(
        classes,
        [0, 1, 3].flatMap((c) => Array<number>(perClass).fill(c)),
      );
      assert.deepEqual(
        [...drawn],
        [...new Set(drawn)].sort((a, b) => a - b),
      );
      assert.deepEqual(drawPerClass(labels, perClass, seed), drawn);
    }
  }
  // Every row of the class in the middle comes to its turn.
  const seen = new Set(
    Array.from({ length: 100 }, (_, seed) => [...drawPerClass(labels, 1, seed)]).flat(),
  );
  assert.equal(seen.size, labels.length);
});

/**
 * Class 0 lies at 0. Class 1 lies at 1, but for some rows to learn from at -1, behind class 0:
 * who learns by one of these takes what is at 1 for class 0.
 */
const TWO_SIDED: LabelledFeatures = {
  train: Float32Array.from([0, 0, 0, 0, 1, 1, -1, -1]),
  trainLabels: Int32Array.from([0, 0, 0, 0, 1, 1, 1, 1]),
  test: Float32Array.from([0, 0, 0, 1]),
  testLabels: Int32Array.from([0, 0, 0, 1]),
  ...{ dim: 1, classes: 2 },
};

test('the figure of one image of each class is the mean over the draws, with its spread', () => {
  const [draws, seed] = [7, 3];
  const rights = Array.from({ length: draws }, (_, draw) => {
    const [, second] = drawPerClass(TWO_SIDED.trainLabels, 1, seed + draw);
    return TWO_SIDED.train[second!] === 1;
  }).filter(Boolean).length;
  assert.ok(0 < rights && rights < draws, 'both kinds of draws must occur');
  const found = perClassTop1(TWO_SIDED, { perClass: 1, draws, seed });
  // All four test rows, or the three of class 0.
  const mean = (rights * 1 + (draws - rights) * 0.75) / draws;
  const squares = rights * (1 - mean) ** 2 + (draws - rights) * (0.75 - mean) ** 2;
  assert.equal(found.labels, 2);
  assert.ok(Math.abs(found.mean - mean) < 1e-12, `${found.mean}, not ${mean}`);
  assert.ok(Math.abs(found.spread - Math.sqrt(squares / (draws - 1))) < 1e-12);
  const single = perClassTop1(TWO_SIDED, { perClass: 1, draws: 1, seed });
  assert.equal(single.spread, 0);
});
