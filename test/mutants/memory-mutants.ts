/** Bugs in the memory that gradients lie in. */
import type { Mutant } from './mutant.ts';

const MEMORY = 'src/parameter-plane/gradient-memory.ts';

/** Servers take a gradient as it is when they read it, whatever was pushed. */
const UNGUARDED = {
  file: 'src/ps/slice-push.ts',
  find: 'return isIntact === undefined || isIntact();',
  replace: 'return true;',
};

export const MEMORY_MUTANTS: readonly Mutant[] = [
  {
    name: 'the next unit on the same parameters is computed where a pushed gradient lies',
    patches: [
      {
        file: MEMORY,
        find: `(use === 'free' || (use !== 'taken' && isBefore(use, moment)));`,
        replace: `use !== 'taken';`,
      },
      UNGUARDED,
    ],
  },
  {
    name: 'a gradient that is lent is free as soon as its push is answered',
    patches: [
      {
        file: MEMORY,
        find: `} else if (slot.use === 'taken') slot.use = 'free';`,
        replace: `} else slot.use = 'free';`,
      },
      UNGUARDED,
    ],
  },
  {
    name: 'the sum of two slices is given back with the second of them',
    patches: [
      {
        file: 'src/ps/unit-sum.ts',
        find: 'arrays.giveBack(right);',
        replace: 'arrays.giveBack(right);\n      arrays.giveBack(left);',
      },
    ],
  },
  {
    name: 'a server that is ready to commit reads lent gradients only when it commits',
    patches: [
      {
        file: 'src/ps/parameter-store.ts',
        find: 'return isLent ? this.#compute(generations, learningRateFactor) : [];',
        replace: 'return isLent ? [] : [];',
      },
    ],
  },
];
