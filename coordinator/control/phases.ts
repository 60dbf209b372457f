/** Phases: sets of tasks that are given out together, and what of them must be done again. Pure. */
import type { Draft } from './draft.ts';
import { judgeLoss } from './failure-policy.ts';
import type { Work } from '../../src/work/kind.ts';
import type { Event, Task } from './state.ts';

export function enterPhase(draft: Draft, event: Extract<Event, { type: 'phaseEntered' }>): string {
  const { next } = draft;
  const { phase, epoch, parameterVersion, isRepeated = false } = event;
  const isNewClustering = event.work.some((work) => draft.kindOf(work).makes === 'extracted');
  if (isNewClustering) {
    next.shardRows = new Map();
    next.clustering += 1;
  }
  if (isNewClustering || parameterVersion !== next.parameterVersion) next.holdings.clear();
  Object.assign(next, { phase, epoch, parameterVersion, recomputations: 0 });
  next.leases.clear();
  next.earlierTasks = next.tasks;
  next.tasks = new Map();
  const generation = isRepeated ? next.highestGeneration : 0;
  for (const work of event.work) next.tasks.set(draft.keyOf(work), newTask(work, generation));
  next.open = next.tasks.size;
  return `epoch ${epoch}: ${phase} with ${next.open} tasks`;
}

/** What the phase had of this work stays as it is, with its leases. */
export function moveWork(draft: Draft, event: Extract<Event, { type: 'workMoved' }>): string {
  const { next } = draft;
  const before = next.tasks;
  next.holdings.clear();
  Object.assign(next, { parameterVersion: event.parameterVersion, recomputations: 0 });
  next.tasks = new Map();
  for (const work of event.work) {
    const key = draft.keyOf(work);
    next.tasks.set(key, before.get(key) ?? newTask(work, next.highestGeneration));
  }
  const gone = [...before].filter(([key]) => !next.tasks.has(key));
  if (gone.length > 0) next.earlierTasks = new Map(gone);
  for (const { id, task } of next.leases.values()) {
    if (!next.tasks.has(task)) next.leases.delete(id);
  }
  next.open = [...next.tasks.values()].filter(({ status }) => status !== 'done').length;
  return `version ${event.parameterVersion}: ${next.open} tasks`;
}

function newTask(work: Work, generation: number): Task {
  return {
    ...{ work, status: 'todo', generation },
    ...{ answered: [], unreadBy: [], nonFiniteBy: [], isAlone: false },
  };
}

/**
 * Results that were taken are of no use any more: computed again under generations of their own, up
 * to a limit.
 */
export function loseResults(draft: Draft, keys: readonly string[]): string {
  const { next } = draft;
  next.recomputations += 1;
  const ended = judgeLoss(keys, next.recomputations);
  if (ended !== null) {
    draft.failRun(ended);
    return ended.message;
  }
  for (const key of keys) {
    const task = next.tasks.get(key);
    if (task?.status !== 'done') continue;
    next.tasks.set(key, { ...task, status: 'todo', generation: next.highestGeneration });
    next.open += 1;
  }
  return `${keys.length} results are lost and computed again`;
}
