import assert from 'node:assert/strict';
import { test } from 'node:test';
import { learningRateFactor } from '../../src/ps/schedule.ts';

test('the factor is 1 before the first entry, and that of the latest entry from its epoch on', () => {
  const schedule = [
    { epoch: 2, factor: 0.4 },
    { epoch: 3, factor: 0.1 },
    { epoch: 6, factor: 2 },
  ];
  const factors = Array.from({ length: 8 }, (_, epoch) => learningRateFactor(schedule, epoch));
  assert.deepEqual(factors, [1, 1, 0.4, 0.1, 0.1, 0.1, 2, 2]);
});

test('an empty schedule is a constant, an entry at epoch 0 holds from the beginning', () => {
  assert.equal(learningRateFactor([], 0), 1);
  assert.equal(learningRateFactor([], 499), 1);
  assert.equal(learningRateFactor([{ epoch: 0, factor: 0.5 }], 0), 0.5);
});

test("the reference's step: 440 epochs, of which the last 40 at 0.4 of 0.06", () => {
  const schedule = [{ epoch: 400, factor: 0.4 }];
  const rates = Array.from(
    { length: 440 },
    (_, epoch) => 0.06 * learningRateFactor(schedule, epoch),
  );
  assert.equal(rates.filter((rate) => rate === 0.06).length, 400);
  assert.equal(rates[399], 0.06);
  for (const rate of rates.slice(400)) assert.ok(Math.abs(rate - 0.024) < 1e-15);
});
