/** Bugs in what units of slices come to: their sums, their bounds, and what goes with them. */
import type { Mutant } from './mutant.ts';

const TRAIN = 'coordinator/run/train-epoch.ts';
const TREE = 'src/ps/slice-tree.ts';
const UNITS = 'src/ps/slice-units.ts';

export const UNIT_MUTANTS: readonly Mutant[] = [
  {
    name: 'slices are added up from left to right, whatever the tree',
    patches: [
      {
        file: TREE,
        find: 'if (left === undefined || right === undefined || next < endOfNode(left, right)) return;',
        replace: 'if (left === undefined || right === undefined) return;',
      },
    ],
  },
  {
    name: 'slices are added up that are no node of the tree',
    patches: [
      {
        file: TREE,
        find: 'return isInStep && slice % width === 0 && (slices === width || end === stepSlices);',
        replace: 'return isInStep;',
      },
      {
        file: UNITS,
        find: 'return units;',
        replace: `return stepSlices < 3
    ? units
    : [{ slice: 0, slices: 1 }, { slice: 1, slices: stepSlices - 1 }];`,
      },
    ],
  },
  {
    name: 'a unit counts together with one of its slices',
    patches: [
      {
        file: UNITS,
        find: 'return units;',
        replace: `const { slice, slices } = units[0] ?? { slice: 0, slices: 1 };
  return slices === 1 ? units : [...units, { slice: slice + 1, slices: 1 }];`,
      },
      {
        file: UNITS,
        find: 'if (!isNext || !isNode(unit, stepSlices)) throw notTiled(step, stepSlices, units);',
        replace: '',
      },
      {
        file: UNITS,
        find: 'if (next !== stepSlices) throw notTiled(step, stepSlices, units);',
        replace: '',
      },
    ],
  },
  {
    name: 'a step is committed without its last unit',
    patches: [
      {
        file: TRAIN,
        find: 'await deps.parameters.commit(step, inOrder, factor, signal);',
        replace: `await deps.parameters.commit(
      step,
      inOrder.length > 1 ? inOrder.slice(0, -1) : inOrder,
      factor,
      signal,
    );`,
      },
    ],
  },
  {
    name: 'losses are added up by unit',
    patches: [
      {
        file: TRAIN,
        find: '.flatMap(({ lossSums }) => lossSums)',
        replace: '.map(({ lossSums }) => lossSums.reduce((total, ofSlice) => total + ofSlice, 0))',
      },
    ],
  },
  {
    name: 'of an image that slices of a unit share, the first row stands',
    patches: [
      {
        file: 'src/work/train-slice.ts',
        find: 'const [first] = moved;',
        replace: `moved = moved.toReversed();
  const [first] = moved;`,
      },
    ],
  },
  {
    name: 'dropout follows the unit in place of the slice',
    patches: [
      {
        file: 'src/work/slice/part.ts',
        find: 'passSlice({ step, slice, batch, samples, pixels, small }, targets, tools),',
        replace: `passSlice(
      { step, slice: unit.batches[0]!.name.slice, batch, samples, pixels, small },
      ...[targets, tools],
    ),`,
      },
    ],
  },
];
