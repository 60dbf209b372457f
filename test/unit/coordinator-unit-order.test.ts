/** Orders of units: the draws of each slice, and a hint of what follows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unitOrder } from '../../coordinator/run/slice-order.ts';
import { planOf } from '../../src/algorithms/epoch-plan.ts';
import { trainingConfigSchema } from '../../src/ps/config.ts';

/** Steps of five slices of two draws; image i is drawn i-th, and its cluster is i modulo 3. */
const TRAINING = trainingConfigSchema.parse({ batchSize: 10, sliceSize: 2 });
const IMAGES = 17;
const ids = Int32Array.from({ length: IMAGES }, (_, id) => id);
const PLAN = planOf(
  0,
  ids,
  ids.map((id) => id % 3),
);
const NONE = new Map<number, unknown>();

type Given = Parameters<typeof unitOrder>[3];

function orderOf(
  index: number,
  slice: number,
  slices: number,
  leftOut = NONE,
  facts: Given = null,
) {
  const due = { plan: PLAN, index, step: 40 + index, slice, slices, rateFactor: 1 };
  return unitOrder(due, TRAINING, leftOut, facts);
}

const drawn = (parts: ReturnType<typeof orderOf>['parts']): [number, number[]][] =>
  parts.map(({ slice, samples }) => [slice, [...samples.ids]]);

test('an order has its unit, the draws of each of its slices, and the next step’s first two as a hint', () => {
  const order = orderOf(0, 0, 4);
  const { step, slice, slices, stepSlices, centroidVersion } = order;
  assert.deepEqual([step, slice, slices, stepSlices, centroidVersion], [40, 0, 4, 5, 0]);
  assert.deepEqual(drawn(order.parts), [
    [0, [0, 1]],
    [1, [2, 3]],
    [2, [4, 5]],
    [3, [6, 7]],
  ]);
  assert.deepEqual([...order.parts[2]!.samples.pseudoLabels], [1, 2]);
  assert.deepEqual(drawn(order.upcoming), [
    [0, [10, 11]],
    [1, [12, 13]],
  ]);
});

test('the last step has fewer slices, and nothing follows it', () => {
  assert.deepEqual(drawn(orderOf(0, 4, 1).upcoming), [], 'the next step has no slice 4');
  const last = orderOf(1, 2, 2);
  assert.equal(last.stepSlices, 4);
  assert.deepEqual(drawn(last.parts), [
    [2, [14, 15]],
    [3, [16]],
  ]);
  assert.deepEqual(last.upcoming, []);
});

test('slices whose images are left out are no parts, and weights and labels are those of the slice', () => {
  const leftOut = new Map([2, 3, 4].map((id) => [id, true]));
  const asked: number[][][] = [];
  const facts: NonNullable<Given> = {
    centroidVersion: 7,
    lossWeights: (slices) => {
      asked.push(slices.map((labels) => [...labels]));
      return slices.map((labels, slice) => Float64Array.from(labels, () => slice));
    },
    furtherLabels: (own) => own.map((id) => 100 + id),
  };
  const order = orderOf(0, 0, 4, leftOut, facts);
  assert.equal(order.centroidVersion, 7);
  assert.deepEqual(drawn(order.parts), [
    [0, [0, 1]],
    [2, [5]],
    [3, [6, 7]],
  ]);
  assert.deepEqual(asked, [[[0, 1], [], [2], [0, 1], [2, 0]]], 'of all slices of the step, once');
  assert.deepEqual(
    order.parts.map(({ samples }) => [[...samples.lossWeights], [...samples.furtherLabels]]),
    [
      [
        [0, 0],
        [100, 101],
      ],
      [[2], [105]],
      [
        [3, 3],
        [106, 107],
      ],
    ],
  );
});
