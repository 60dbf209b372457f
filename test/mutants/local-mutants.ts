/** Bugs of mode `local`: of a slice's local steps, and of the mean over moves. */
import type { Mutant } from './mutant.ts';

const REPLICA = 'src/ps/local-replica.ts';

export const LOCAL_MUTANTS: readonly Mutant[] = [
  {
    name: 'momentum of local steps goes on from an earlier slice',
    patches: [{ file: REPLICA, find: 'this.#momentum.fill(0);', replace: '' }],
  },
  {
    name: 'moves are not weighted by samples',
    patches: [
      {
        file: REPLICA,
        find: 'into[i] = samples * (start[i]! - end[i]!);',
        replace: 'into[i] = 3 * (start[i]! - end[i]!);',
      },
    ],
  },
  {
    name: 'a slice begins where the one before it ended',
    patches: [
      {
        file: 'worker/loaded-network.ts',
        find: `this.#loaded = null;
    this.model.load(parameters, statistics);`,
        replace: 'this.model.load(parameters, statistics);',
      },
    ],
  },
  {
    name: 'all batches of a slice have the same dropout',
    patches: [
      {
        file: 'src/work/slice/pass.ts',
        find: 'return batch === 0 ? ofSlice',
        replace: 'return batch >= 0 ? ofSlice',
      },
    ],
  },
];
