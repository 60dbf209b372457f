/** Bugs of work that one order does for several data shards. */
import type { Mutant } from './mutant.ts';

export const FOLDED_WORK: readonly Mutant[] = [
  {
    name: "a group's sums are counted, and those of all but its first data shard once more",
    patches: [
      {
        file: 'coordinator/control/results.ts',
        find: 'for (const task of tasksOf(lease)) complete(draft, task);',
        replace: `complete(draft, lease.task);
    for (const task of lease.further) draft.reopen(task);`,
      },
    ],
  },
  {
    name: 'of the group of a lost worker only the first data shard is computed again',
    patches: [
      {
        file: 'coordinator/control/draft.ts',
        find: 'for (const key of tasksOf(lease)) this.reopen(key);',
        replace: `this.reopen(lease.task);
    for (const key of lease.further) {
      this.next.tasks.set(key, { ...this.next.tasks.get(key)!, status: 'done' });
      this.next.open -= 1;
    }`,
      },
    ],
  },
];
