/** Bugs of steps that overlap, modes `ssp` and `async`. */
import type { Mutant } from './mutant.ts';

const STORE = 'src/ps/parameter-store.ts';
const UNIT_TEST = 'test/unit/ps-stale-steps.test.ts';

export const OVERLAP_MUTANTS: readonly Mutant[] = [
  {
    name: 'overlap: staleness is bounded one too high',
    patches: [
      {
        file: 'coordinator/run/train-overlapping.ts',
        find: 'while (this.#open.length <= ahead &&',
        replace: 'while (this.#open.length <= ahead + 1 &&',
      },
      {
        file: STORE,
        find: 'this.#staleness = stalenessBound(training);',
        replace: 'this.#staleness = stalenessBound(training) + 1;',
      },
    ],
  },
  {
    name: 'overlap: a gradient is written over before its step is applied',
    test: 'test/unit/parameter-plane-gradient-memory.test.ts',
    patches: [
      {
        file: 'src/parameter-plane/gradient-memory.ts',
        find: 'slot.use = { ...moment, version: step };',
        replace: 'slot.use = moment;',
      },
    ],
  },
  {
    name: 'overlap: what an expired lease pushed is applied',
    test: UNIT_TEST,
    patches: [
      {
        file: 'src/ps/step-stage.ts',
        find: 'return this.#staged.get(slice)?.get(generation);',
        replace:
          'return [...(this.#staged.get(slice) ?? [])].find(([own]) => own <= generation)?.[1];',
      },
    ],
  },
  {
    name: 'overlap: a step is applied twice when its commit is repeated',
    test: UNIT_TEST,
    patches: [
      {
        file: STORE,
        find: 'if (step < this.#step) return this.#repeatedCommit(step, generations);',
        replace: `if (step < this.#step) {
      const { parameters } = this.snapshot();
      parameters[0] = parameters[0]! + 1;
      return this.#repeatedCommit(step, generations);
    }`,
      },
    ],
  },
];
