/** The schedule of learning rates against values by hand, and the laws of its curve. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { learningRateFactor, type ScheduleStep } from '../../src/ps/schedule.ts';

/** At the first of an epoch's ten steps. */
function factorOf(schedule: readonly ScheduleStep[], epoch: number): number {
  const training = { schedule: [...schedule], warmupEpochs: 0, cosineTo: null };
  return learningRateFactor(training, { epoch, index: 0, steps: 10, epochs: 500 });
}

test('the factor is 1 before the first entry, and that of the latest entry from its epoch on', () => {
  const schedule = [
    { epoch: 2, factor: 0.4 },
    { epoch: 3, factor: 0.1 },
    { epoch: 6, factor: 2 },
  ];
  const factors = Array.from({ length: 8 }, (_, epoch) => factorOf(schedule, epoch));
  assert.deepEqual(factors, [1, 1, 0.4, 0.1, 0.1, 0.1, 2, 2]);
});

test('an empty schedule is a constant, an entry at epoch 0 holds from the beginning', () => {
  assert.equal(factorOf([], 0), 1);
  assert.equal(factorOf([], 499), 1);
  assert.equal(factorOf([{ epoch: 0, factor: 0.5 }], 0), 0.5);
});

test("the reference's step: 440 epochs, of which the last 40 at 0.4 of 0.06", () => {
  const schedule = [{ epoch: 400, factor: 0.4 }];
  const rates = Array.from({ length: 440 }, (_, epoch) => 0.06 * factorOf(schedule, epoch));
  assert.equal(rates.filter((rate) => rate === 0.06).length, 400);
  assert.equal(rates[399], 0.06);
  for (const rate of rates.slice(400)) assert.ok(Math.abs(rate - 0.024) < 1e-15);
});

/** Of every step of six epochs of four steps. */
function curveOf(warmupEpochs: number, cosineTo: number | null): number[] {
  const training = { schedule: [], warmupEpochs, cosineTo };
  const places = Array.from({ length: 24 }, (_, at) => ({
    ...{ epoch: Math.floor(at / 4), index: at % 4, steps: 4, epochs: 6 },
  }));
  return places.map((place) => learningRateFactor(training, place));
}

function assertNear(factors: readonly number[], expected: readonly number[]): void {
  assert.equal(factors.length, expected.length);
  factors.forEach((factor, i) => {
    assert.ok(Math.abs(factor - expected[i]!) < 1e-12, `${i}: ${factor}, not ${expected[i]}`);
  });
}

test('a warm-up rises in equal parts to the whole rate at its last step', () => {
  assertNear(curveOf(1, null).slice(0, 6), [1 / 4, 2 / 4, 3 / 4, 1, 1, 1]);
  assertNear(curveOf(1.5, null).slice(0, 7), [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 1]);
});

test('half a cosine falls from the whole rate to its end, by values of hand', () => {
  // Twenty steps after a warm-up of four: cos of multiples of 9 degrees.
  const factors = curveOf(1, 0.1).slice(4);
  const degrees = factors.map((_, i) => 9 * i);
  assertNear(
    factors,
    degrees.map((degree) => 0.1 + 0.45 * (1 + Math.cos((degree * Math.PI) / 180))),
  );
  assert.equal(factors[0], 1);
  assertNear([factors[10]!], [0.55]);
});

test('the curve never rises after the warm-up, never reaches 0, and multiplies the entries', () => {
  const factors = curveOf(2, 0.001);
  for (let i = 8; i < factors.length; i += 1) assert.ok(factors[i]! <= factors[i - 1]!);
  assert.ok(Math.min(...factors) > 0);
  const training = { schedule: [{ epoch: 0, factor: 0.5 }], warmupEpochs: 2, cosineTo: 0.001 };
  const place = { epoch: 3, index: 1, steps: 4, epochs: 6 };
  assert.equal(learningRateFactor(training, place), 0.5 * factors[13]!);
});

test('a run that was extended has not ended: the curve is that of its epochs now', () => {
  const training = { schedule: [], warmupEpochs: 0, cosineTo: 0.1 };
  const at = (epochs: number): number =>
    learningRateFactor(training, { epoch: 3, index: 0, steps: 4, epochs });
  assert.ok(at(12) > at(6));
});
