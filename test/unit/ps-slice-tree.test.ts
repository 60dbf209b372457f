/**
 * The tree by which a step's slices are added up: its definition against a naive loop, and the law
 * that units of any form, added up wherever, give the same bits.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRng, type Rng } from '../../src/math/rng.ts';
import { SliceReducer, type ReducibleUnit } from '../../src/ps/slice-reducer.ts';
import { TreeSum, isNode, nodeWidth, type SliceUnit } from '../../src/ps/slice-tree.ts';
import { UnitSum, type SliceGradients } from '../../src/ps/unit-sum.ts';
import { plainMeans, treeSum } from '../support/oracles/plain-tree.ts';

/** More than a block of the reducer, so that there is a second one. */
const P = 8192 + 5;
const S = 3;

/** Numbers of many magnitudes and both signs: hardly any sum of them is exact. */
function drawn(rng: Rng, length: number): Float32Array {
  return Float32Array.from({ length }, () => rng.normal() * 10 ** rng.integer(6));
}

/** Slices of a step; some have no sample. */
function slicesOf(seed: number, count: number): SliceGradients[] {
  const rng = seededRng('slices', seed);
  return Array.from({ length: count }, () => ({
    samples: rng.integer(4),
    gradient: drawn(rng, P),
    statistics: drawn(rng, S),
  }));
}

/** Any nodes that together have all slices once. */
function tilingOf(rng: Rng, stepSlices: number): SliceUnit[] {
  const divide = (slice: number, room: number): SliceUnit[] => {
    if (slice >= stepSlices) return [];
    const unit = { slice, slices: Math.min(room, stepSlices - slice) };
    if (room === 1 || rng.integer(3) === 0) return [unit];
    return [...divide(slice, room / 2), ...divide(slice + room / 2, room / 2)];
  };
  return divide(0, nodeWidth(stepSlices));
}

/** What a worker pushes of each unit that has a sample. */
function pushed(slices: readonly SliceGradients[], units: readonly SliceUnit[]): ReducibleUnit[] {
  return units.flatMap(({ slice: first, slices: count }) => {
    const sum = new UnitSum();
    const own = [...slices.entries()].slice(first, first + count);
    const some = own.filter(([, { samples }]) => samples > 0);
    for (const [slice, { samples, gradient, statistics }] of some) {
      sum.add(slice, { samples, gradient: gradient.slice(), statistics });
    }
    return some.length === 0 ? [] : [{ slice: first, ...sum.finish() }];
  });
}

/** Mean gradient, and statistics that are the mean alone. */
function reduced(units: readonly ReducibleUnit[]): unknown {
  const reducer = new SliceReducer(units);
  const gradient = new Float32Array(P);
  for (const [begin, end] of [
    [0, 8192],
    [8192, P],
  ] as const) {
    gradient.set(reducer.meanGradient(begin, end), begin);
  }
  const zeros = new Float32Array(S);
  return { gradient, statistics: reducer.mixStatistics(zeros, new Float64Array(S).fill(1)) };
}

test('of four numbers each node is rounded once, by hand', () => {
  const tree = new TreeSum<number>((left, right) => Math.fround(left + right));
  // 2 ** 24 + 1 is rounded to even; 1 + 1 is exact. From left to right nothing would be added.
  for (const [slice, value] of [2 ** 24, 1, 1, 1].entries()) tree.push(slice, value);
  assert.equal(tree.finish(), 2 ** 24 + 2);
  assert.equal(tree.finish(), null, 'none is left');
});

test('which slices belong together is that of the definition, for any that are left out', () => {
  const sumOf = (left: string, right: string): string => `(${left}+${right})`;
  for (const [slices, expected] of [
    [[0, 1, 2, 3, 4], '(((0+1)+(2+3))+4)'],
    [[1, 2], '(1+2)'],
    [[0, 2, 3], '(0+(2+3))'],
    [[0, 1, 3, 6, 7], '(((0+1)+3)+(6+7))'],
    [[3, 4, 5], '(3+(4+5))'],
    [[5], '5'],
  ] as const) {
    const tree = new TreeSum(sumOf);
    for (const slice of slices) tree.push(slice, `${slice}`);
    assert.equal(tree.finish(), expected);
  }
});

test('of n slices it holds log2(n) + 1 values at the most', () => {
  let held = 0;
  let most = 0;
  const tree = new TreeSum<null>(() => {
    held -= 1;
    return null;
  });
  for (let slice = 0; slice < 64; slice += 1) {
    held += 1;
    most = Math.max(most, held);
    tree.push(slice, null);
  }
  assert.equal(most, Math.log2(64) + 1);
  assert.equal(held, 1);
});

test('a reduced step is the definition’s, for any number of slices and any without samples', () => {
  for (let count = 1; count <= 17; count += 1) {
    const slices = slicesOf(count, count);
    if (slices.every(({ samples }) => samples === 0)) continue;
    const leaves = Array.from({ length: count }, (_, slice) => ({ slice, slices: 1 }));
    const { gradient, statistics } = plainMeans(slices);
    assert.deepEqual(
      reduced(pushed(slices, leaves)),
      { gradient, statistics: Float32Array.from(statistics) },
      `${count} slices`,
    );
  }
});

test('units of any form, added up by whoever holds them, give the same bits', () => {
  let widest = 0;
  for (let seed = 0; seed < 60; seed += 1) {
    const rng = seededRng('tiling', seed);
    const count = 1 + rng.integer(20);
    const slices = slicesOf(seed, count);
    if (slices.every(({ samples }) => samples === 0)) continue;
    const { gradient, statistics } = plainMeans(slices);
    const expected = { gradient, statistics: Float32Array.from(statistics) };
    const units = tilingOf(rng, count);
    assert.ok(units.every((unit) => isNode(unit, count)));
    widest = Math.max(widest, ...units.map((unit) => unit.slices));
    assert.deepEqual(reduced(pushed(slices, units)), expected, `seed ${seed}`);
  }
  assert.ok(widest >= 8, `units of ${widest} slices at the most`);
});

test('what is no node of the tree gives other bits', () => {
  // Numbers there are 8 apart: (1e8 + 3) + (3 - 1e8) is 0, and (1e8 + (3 + 3)) - 1e8 is 8.
  const values = [1e8, 3, 3, -1e8].map((value) => Float32Array.of(value));
  const unaligned = new TreeSum<Float32Array>((left, right) => treeSum([left, right]));
  unaligned.push(0, values[0]!);
  unaligned.push(1, treeSum([values[1]!, values[2]!]));
  unaligned.push(3, values[3]!);
  assert.equal(treeSum(values)[0], 0);
  assert.equal(unaligned.finish()![0], 8);
});

test('nodes begin at multiples of their width, and are cut short by the end of the step alone', () => {
  const nodes = (stepSlices: number): string[] => {
    const all = Array.from({ length: 7 }, (_, slice) =>
      Array.from({ length: 8 }, (_unused, slices) => ({ slice, slices })),
    ).flat();
    return all
      .filter((unit) => isNode(unit, stepSlices))
      .map(({ slice, slices }) => `${slice}+${slices}`);
  };
  assert.deepEqual(nodes(1), ['0+1']);
  assert.deepEqual(nodes(3), ['0+1', '0+2', '0+3', '1+1', '2+1']);
  assert.deepEqual(nodes(6), [
    ...['0+1', '0+2', '0+4', '0+6', '1+1', '2+1', '2+2', '3+1', '4+1', '4+2', '5+1'],
  ]);
});
