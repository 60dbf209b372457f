import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  initialTerm,
  termTransition,
  type TermAction,
  type TermEvent,
  type TermState,
} from '../../coordinator/term-state.ts';
import { tickCounts, tickInterval } from '../../coordinator/ticker.ts';

/** Applies events in turn and gathers the actions of the last one. */
function play(
  start: TermState,
  ...events: readonly TermEvent[]
): { state: TermState; actions: readonly TermAction[] } {
  let state = start;
  let actions: readonly TermAction[] = [];
  for (const event of events) ({ state, actions } = termTransition(state, event));
  return { state, actions };
}

const READY: TermEvent = { type: 'serversReady' };
const LOST: TermEvent = { type: 'termFailed', isServerLost: true, isStopped: false };

function failed(facts: Partial<Extract<TermEvent, { type: 'runFailed' }>>): TermEvent {
  return {
    ...{ type: 'runFailed', isStopped: false, isServerLost: false },
    ...{ isFolderHeld: true, needsPerson: false, ...facts },
  };
}

test('a new run begins from nothing, and each later term from the newest checkpoint', () => {
  const first = play(initialTerm(false), READY);
  assert.deepEqual(first.actions, [{ type: 'beginTerm', resumes: false }]);
  const second = play(first.state, LOST, READY);
  assert.deepEqual(second.actions, [{ type: 'beginTerm', resumes: true }]);
});

test('a resumed run begins from the newest checkpoint', () => {
  const { actions } = play(initialTerm(true), READY);
  assert.deepEqual(actions, [{ type: 'beginTerm', resumes: true }]);
});

test('a lost server leads to another term, unless the run was asked to end', () => {
  const { state } = play(initialTerm(false), READY);
  assert.deepEqual(play(state, LOST).actions, [{ type: 'awaitServers' }]);
  assert.equal(play(state, LOST).state.stage, 'waiting');
  const stopped = play(state, { type: 'termFailed', isServerLost: true, isStopped: true });
  assert.deepEqual([stopped.actions, stopped.state.stage], [[], 'over']);
  const other = play(state, { type: 'termFailed', isServerLost: false, isStopped: false });
  assert.deepEqual([other.actions, other.state.stage], [[], 'over']);
});

test('a run that is asked to end, or that a person must help, keeps what it has learnt', () => {
  const { state } = play(initialTerm(false), READY);
  const takes = (facts: Parameters<typeof failed>[0]): boolean =>
    play(state, failed(facts)).actions.some(({ type }) => type === 'takeCheckpoint');
  assert.ok(takes({ isStopped: true }));
  assert.ok(takes({ needsPerson: true }));
  assert.ok(!takes({}), 'the same failure would be met again');
  assert.ok(!takes({ isStopped: true, isServerLost: true }), 'a part is gone');
  assert.ok(!takes({ isStopped: true, isFolderHeld: false }), 'another process writes there now');
});

test('all are told of the end of a run, a person first where one is needed, and nobody when it goes on elsewhere', () => {
  const { state } = play(initialTerm(false), READY);
  const tell = (event: TermEvent): string[] => play(state, event).actions.map(({ type }) => type);
  assert.deepEqual(tell({ type: 'runFinished' }), ['tellAll']);
  const ended = { type: 'runEnded', isFolderLost: false, needsPerson: false } as const;
  assert.deepEqual(tell(ended), ['tellAll']);
  assert.deepEqual(tell({ ...ended, needsPerson: true }), ['tellPerson', 'tellAll']);
  assert.deepEqual(tell({ ...ended, isFolderLost: true, needsPerson: true }), []);
});

test('ticks are often enough for leases and heartbeats, and those after a pause of the process do not count', () => {
  const times = { leaseTtlMs: 400, heartbeatTimeoutMs: 800 };
  assert.equal(tickInterval(times), 400 / 4);
  assert.equal(tickInterval({ leaseTtlMs: 60_000, heartbeatTimeoutMs: 60_000 }), 500);
  assert.ok(tickCounts(199, times));
  assert.ok(!tickCounts(Math.max(2 * 100, 800 / 4), times));
});
