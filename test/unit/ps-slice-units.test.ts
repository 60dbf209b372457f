/** How a step's slices are divided among workers: against all divisions, tried one by one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRng } from '../../src/math/rng.ts';
import { isNode, nodeWidth, type SliceUnit } from '../../src/ps/slice-tree.ts';
import { requireTiling, unitWidth, unitsOf } from '../../src/ps/slice-units.ts';

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

test('a unit has as many slices as it can without making the step longer', () => {
  for (let slices = 1; slices <= 33; slices += 1) {
    for (let workers = 1; workers <= 12; workers += 1) {
      const widths = Array.from({ length: Math.log2(nodeWidth(slices)) + 1 }, (_, i) => 2 ** i);
      const spans = widths.map((width) => makespan(unitsOf(ones(slices), width), workers));
      const best = widths.findLast((_, i) => spans[i] === Math.min(...spans));
      assert.equal(unitWidth(slices, workers), best, `${slices} slices, ${workers} workers`);
    }
  }
});

test('presets push once a worker and step: four slices by one, two, three, four and eight workers', () => {
  const units = (workers: number): string =>
    unitsOf(ones(4), unitWidth(4, workers))
      .map(({ slices }) => slices)
      .join(' ');
  assert.deepEqual([1, 2, 3, 4, 8].map(units), ['4', '2 2', '2 2', '1 1 1 1', '1 1 1 1']);
  // A last step of three slices, and slices that no two units of one worker would share evenly.
  assert.deepEqual(unitsOf(ones(3), unitWidth(3, 1)), [{ slice: 0, slices: 3 }]);
  assert.equal(unitWidth(8, 3), 1);
});

test('units are nodes that tile the step, each with a sample', () => {
  for (let seed = 0; seed < 400; seed += 1) {
    const rng = seededRng('units', seed);
    const samples = Array.from({ length: 1 + rng.integer(20) }, () => rng.integer(3));
    if (samples.every((count) => count === 0)) continue;
    const { length: stepSlices } = samples;
    const width = 2 ** rng.integer(1 + Math.log2(nodeWidth(stepSlices)));
    const units = unitsOf(samples, width);
    requireTiling(
      seed,
      units.map((unit) => ({ ...unit, stepSlices })),
    );
    for (const unit of units) {
      const own = samples.slice(unit.slice, unit.slice + unit.slices);
      assert.ok(isNode(unit, stepSlices));
      assert.ok(
        own.some((count) => count > 0),
        `seed ${seed}: a unit without a sample`,
      );
      if (samples.every((count) => count > 0)) assert.ok(unit.slices <= width);
    }
  }
});
