/** Bugs in how the numbers of an exchange are rounded; a unit test catches them. */
import type { Mutant } from './mutant.ts';

const CODING = 'src/ps/codec/vector-coding.ts';
const test = 'test/unit/ps-codec-exchange.test.ts';

export const CODEC_MUTANTS: readonly Mutant[] = [
  {
    name: 'codec: a worker does not round the gradient of a slice',
    test,
    patches: [
      {
        file: 'src/ps/unit-sum.ts',
        find: 'this.#round(gradient);',
        replace: '',
      },
    ],
  },
  {
    name: 'codec: a worker does not round the sum of two',
    test,
    patches: [{ file: 'src/ps/unit-sum.ts', find: 'round(sum);', replace: '' }],
  },
  {
    name: 'codec: a server does not round the sum of two',
    test,
    patches: [{ file: 'src/ps/slice-reducer.ts', find: 'codec?.round(sum);', replace: '' }],
  },
  {
    name: 'codec: biases and batch norms are rounded, too',
    test,
    patches: [{ file: CODING, find: '!isVector(variable) && ', replace: '' }],
  },
  {
    name: 'codec: a part of a variable is rounded or not by its own size',
    test,
    patches: [{ file: CODING, find: 'variable.wholeSize ?? ', replace: '' }],
  },
  {
    name: 'codec: neighbours are one stretch, whose blocks go on from one to the next',
    test,
    patches: [
      {
        file: 'src/ps/optimizer.ts',
        find: 'if (isAlike && !isAdapted && before.codec === null && codec === null) {',
        replace: 'if (isAlike && !isAdapted && before.codec === codec) {',
      },
      {
        file: CODING,
        find: 'if (before?.isCoded === false && !next.isCoded) {',
        replace: 'if (before?.isCoded === next.isCoded) {',
      },
    ],
  },
  {
    name: 'codec: cuts between servers fall within blocks',
    test,
    patches: [
      {
        file: 'src/ps/parameter-plan.ts',
        find: 'ends.map((end) => nearestBlock(layout, end));',
        replace: 'ends;',
      },
    ],
  },
];
