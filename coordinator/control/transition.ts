/**
 * The coordinator's decisions as one pure state machine: membership, leases with generations, who
 * holds which features, phases, steps, the ledger. Nothing here knows of clocks, networks or
 * arrays: `transition(state, event, nowMs)` answers with the next state, the actions its shell must
 * take, and the reason for a person.
 *
 * A phase is a set of tasks. Each task is leased to one worker at a time, a straggler's slice to a
 * second one; a lease that expires, or whose worker is lost, goes back and is given out under the
 * next generation, so that a late result of the earlier holder is fenced. A task on a data shard
 * goes to the worker that holds the shard's features; where none does, the features are made again
 * first (recomputation from lineage: same parameters, same images, same numbers).
 */
import { WORK_KINDS, type WorkKinds } from '../../src/work/kinds.ts';
import { commitDraws, openEpoch, positionOf } from '../../src/run/ledger.ts';
import { Draft } from './draft.ts';
import { giveOutWork } from './give-out.ts';
import { beat, dismissDrained, drain, expire, join, lose } from './members.ts';
import { enterPhase, loseResults, moveWork } from './phases.ts';
import { release, takeResult } from './results.ts';
import type { Action, CoordinatorState, Event, Transition } from './state.ts';

/** Decides. Pure: the given state is not changed. */
export function transition(
  state: CoordinatorState,
  event: Event,
  nowMs: number,
  kinds: WorkKinds = WORK_KINDS,
): Transition {
  const draft = new Draft(state, nowMs, kinds);
  const reason = decide(draft, event);
  dismissDrained(draft);
  giveOutWork(draft);
  return { state: draft.next, actions: inOrder(draft.actions), reason };
}

/** The order in which actions are carried out; why it is this one stands at `Action`. */
const ORDER: Readonly<Record<Action['type'], number>> = {
  record: 0,
  dropWorker: 1,
  dismissWorker: 2,
  answerResult: 3,
  failRun: 4,
  phaseDone: 5,
  sendOrder: 6,
};

function inOrder(actions: readonly Action[]): Action[] {
  return actions.toSorted((a, b) => ORDER[a.type] - ORDER[b.type]);
}

function decide(draft: Draft, event: Event): string {
  const { next } = draft;
  switch (event.type) {
    case 'workerJoined':
      return join(draft, event);
    case 'workerLost':
      return lose(draft, event.workerId, event.incarnation, event.reason);
    case 'heartbeat':
      return beat(draft, event);
    case 'resultArrived':
      return takeResult(draft, event);
    case 'drainAsked':
      return drain(draft, event.workerId);
    case 'tasksReleased':
      return release(draft, event.tasks);
    case 'phaseEntered':
      return enterPhase(draft, event);
    case 'workMoved':
      return moveWork(draft, event);
    case 'resultsLost':
      return loseResults(draft, event.tasks);
    case 'ledgerRestored': {
      next.ledger = event.ledger;
      const { epoch, length } = event.ledger;
      return `the ledger of epoch ${epoch} stands at ${positionOf(event.ledger)} of ${length} draws`;
    }
    case 'epochOpened':
      next.ledger = openEpoch(next.ledger, event.epoch, event.draws);
      return `epoch ${event.epoch} trains on ${event.draws} draws`;
    case 'stepCommitted': {
      const { begin, end, skipped } = event;
      next.ledger = commitDraws(next.ledger, begin, end, skipped);
      return `draws ${begin} to ${end} took effect, but for ${skipped} of them`;
    }
    case 'tick':
      return expire(draft);
  }
}
