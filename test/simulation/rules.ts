/** The rules that hold of the coordinator's state after every event. */
import type { CoordinatorState } from '../../coordinator/control/state.ts';

/** Tells of each rule that is broken. */
export function requireRules(state: CoordinatorState, violate: (rule: string) => void): void {
  const { leases, tasks, members, holdings, open, ledger } = state;
  const held = new Set<string>();
  for (const { task: first, further, generation, workerId, incarnation } of leases.values()) {
    if (members.get(workerId)?.incarnation !== incarnation) {
      violate(`${incarnation} holds ${first} and is no member`);
    }
    for (const key of [first, ...further]) {
      const task = tasks.get(key);
      if (held.has(`${key} ${generation}`))
        violate(`generation ${generation} of ${key} is held twice`);
      held.add(`${key} ${generation}`).add(key);
      if (task?.status !== 'leased') violate(`${key} is held, and is ${task?.status ?? 'gone'}`);
      if (generation > (task?.generation ?? 0)) violate(`${key} is held under a future generation`);
    }
  }
  let unfinished = 0;
  for (const [key, { status }] of tasks) {
    if (status !== 'done') unfinished += 1;
    if ((status === 'leased') !== held.has(key)) violate(`${key} is ${status} without a lease`);
  }
  if (open !== unfinished) violate(`${open} tasks are open by count, ${unfinished} by status`);
  for (const [shard, { workerId }] of holdings) {
    if (!members.has(workerId)) violate(`the features of data shard ${shard} are with no member`);
  }
  if (ledger.committed + ledger.skipped > ledger.length)
    violate('the ledger has more draws than the plan');
}
