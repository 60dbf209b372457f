/** Linear probes with few labels. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabelledFeatures } from '../../src/evaluation/labelled-features.ts';
import { linearProbeTop1 } from '../../src/evaluation/linear-probe.ts';
import { lowShotTop1 } from '../../src/evaluation/low-shot.ts';
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
