/**
 * The coordinator's decisions as one pure state machine: membership, leases with generations, who holds which features,
 * phases, steps, the ledger. Nothing here knows of clocks, networks or arrays: `transition(state, event, nowMs)` answers
 * with the next state, the actions its shell must take, and the reason for a person.
 *
 * A phase is a set of tasks. Each task is leased to one worker at a time, a straggler's slice to a second one; a lease that
 * expires, or whose worker is lost, goes back and is given out under the next generation, so that a late result of the
 * earlier holder is fenced. A task on a data shard goes to the worker that holds the shard's features; where none does, the
 * features are made again first (recomputation from lineage: same parameters, same images, same numbers).
 */
import { Draft } from './draft.ts';
import type { CoordinatorState, Event, Transition } from './state.ts';

/** Decides. Pure: the given state is not changed. */
export function transition(state: CoordinatorState, event: Event, nowMs: number): Transition {
  const draft = new Draft(state, nowMs);
  const reason = decide(draft, event);
  draft.giveOutWork();
  return { state: draft.finish(), actions: draft.actions, reason };
}

function decide(draft: Draft, event: Event): string {
  switch (event.type) {
    case 'workerJoined':
      return draft.join(event);
    case 'workerLost':
      return draft.lose(event.workerId, event.incarnation, event.reason);
    case 'heartbeat':
      return draft.beat(event.workerId, event.incarnation, event.progress);
    case 'resultArrived':
      return draft.takeResult(event);
    case 'tasksReleased':
      return draft.release(event.tasks);
    case 'phaseEntered':
      return draft.enterPhase(event);
    case 'ledgerRestored':
      return draft.restoreLedger(event.ledger);
    case 'epochOpened':
      return draft.openEpoch(event.epoch, event.draws);
    case 'stepCommitted':
      return draft.commitDraws(event.begin, event.end, event.skipped);
    case 'pushDuplicated':
      return draft.countDuplicate();
    case 'tick':
      return draft.expire();
  }
}
