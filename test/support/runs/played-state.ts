/** A coordinator's state played by hand: events one after the other, and what the last one led to. */
import type { Action, CoordinatorState, Event, Lease } from '../../../coordinator/control/state.ts';
import { transition } from '../../../coordinator/control/transition.ts';

export const SETTINGS = {
  minWorkers: 1,
  maxWorkers: 64,
  backupFactor: 3,
  leaseTtlMs: 100,
  heartbeatTimeoutMs: 50,
  ordersInFlight: 2,
  leasePrefix: 't-',
};

/** Applies events in turn and gathers the actions of the last one. */
export function play(
  start: CoordinatorState,
  events: readonly Event[],
  nowMs = 0,
): { state: CoordinatorState; actions: readonly Action[] } {
  let state = start;
  let actions: readonly Action[] = [];
  for (const event of events) ({ state, actions } = transition(state, event, nowMs));
  return { state, actions };
}

export function join(workerId: string, incarnation = `${workerId}-1`): Event {
  return { type: 'workerJoined', workerId, incarnation, holdings: [] };
}

export function extract(...shards: number[]): Event {
  return {
    type: 'phaseEntered',
    phase: 'extract',
    epoch: 0,
    parameterVersion: 0,
    work: shards.map((shard) => ({ kind: 'extract', shard })),
  };
}

export function answer(lease: Lease): Event {
  const { id: leaseId, generation, incarnation } = lease;
  return { type: 'resultArrived', leaseId, generation, incarnation };
}

export function ordersOf(actions: readonly Action[]): Lease[] {
  return actions.flatMap((action) => (action.type === 'sendOrder' ? [action.lease] : []));
}
