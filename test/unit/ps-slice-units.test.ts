/** How a step's slices are divided among workers: never later than one by one, and in few units. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRng } from '../../src/math/rng.ts';
import { isNode, nodeWidth, type SliceUnit } from '../../src/ps/slice-tree.ts';
import { requireTiling, unitsOf } from '../../src/ps/slice-units.ts';

/** Slices of the busiest worker where each who is free takes the next unit. */
function makespan(units: readonly SliceUnit[], workers: number): number {
  const busy = new Array<number>(workers).fill(0);
  for (const { slices } of units) {
    const free = busy.indexOf(Math.min(...busy));
    busy[free] = busy[free]! + slices;
  }
  return Math.max(...busy);
}

const ones = (slices: number): number[] => new Array<number>(slices).fill(1);

function widths(slices: number, workers: number): string {
  return unitsOf(ones(slices), workers)
    .map((unit) => unit.slices)
    .join(' ');
}

/** Units that all have the same width, if not for the step's end. */
function evenUnits(slices: number, width: number): SliceUnit[] {
  return Array.from({ length: Math.ceil(slices / width) }, (_, i) => ({
    slice: i * width,
    slices: Math.min(width, slices - i * width),
  }));
}

test('no step takes longer than slices one by one, and none has more units than any even division that takes no longer', () => {
  for (let slices = 1; slices <= 40; slices += 1) {
    for (let workers = 1; workers <= 12; workers += 1) {
      const what = `${slices} slices, ${workers} workers`;
      const units = unitsOf(ones(slices), workers);
      assert.equal(makespan(units, workers), Math.ceil(slices / workers), what);
      for (let width = 1; width <= nodeWidth(slices); width *= 2) {
        const even = evenUnits(slices, width);
        if (makespan(even, workers) > Math.ceil(slices / workers)) continue;
        assert.ok(units.length <= even.length, `${what}: ${even.length} of ${width} would do`);
      }
    }
  }
});

test('a worker has one unit a step where slices are as many for each and nodes allow it', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 8].map((workers) => widths(4, workers)),
    ['4', '2 2', '2 2', '1 1 1 1', '1 1 1 1'],
  );
  assert.deepEqual(
    [1, 2, 3, 4, 5, 8].map((workers) => widths(8, workers)),
    ['8', '4 4', '2 2 2 1 1', '2 2 2 2', '2 2 2 2', '1 1 1 1 1 1 1 1'],
  );
  // The last step of an epoch has fewer slices, which are no power of two.
  assert.deepEqual(
    [1, 2, 3].map((workers) => widths(6, workers)),
    ['6', '2 2 1 1', '2 2 2'],
  );
  // One unit of 64 slices is one push; 22 slices for each of three come in eight.
  assert.equal(widths(64, 1), '64');
  assert.equal(widths(64, 3), '16 16 16 4 4 4 2 2');
});

test('units are nodes that tile the step, each with a sample', () => {
  for (let seed = 0; seed < 400; seed += 1) {
    const rng = seededRng('units', seed);
    const samples = Array.from({ length: 1 + rng.integer(20) }, () => rng.integer(3));
    const units = unitsOf(samples, 1 + rng.integer(9));
    if (samples.every((count) => count === 0)) {
      assert.deepEqual(units, []);
      continue;
    }
    const { length: stepSlices } = samples;
    const inOrder = units.toSorted((a, b) => a.slice - b.slice);
    requireTiling(
      seed,
      inOrder.map((unit) => ({ ...unit, stepSlices })),
    );
    for (const unit of units) {
      const own = samples.slice(unit.slice, unit.slice + unit.slices);
      assert.ok(isNode(unit, stepSlices));
      assert.ok(
        own.some((count) => count > 0),
        `seed ${seed}: a unit without a sample`,
      );
    }
  }
});

test('slices without a sample are no work', () => {
  // Two slices with samples for two workers, whose halves are both there.
  assert.deepEqual(unitsOf([0, 5, 0, 5], 2), [
    { slice: 0, slices: 2 },
    { slice: 2, slices: 2 },
  ]);
  // Nobody else could have the second half.
  assert.deepEqual(unitsOf([5, 5, 0, 0], 2), [{ slice: 0, slices: 4 }]);
});
