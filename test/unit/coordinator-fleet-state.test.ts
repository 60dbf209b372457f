import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  initialFleet,
  missingParts,
  type FleetAction,
  type FleetEvent,
  type FleetState,
  type ServerIdentity,
} from '../../coordinator/fleet/fleet-state.ts';
import { fleetTransition } from '../../coordinator/fleet/fleet-transition.ts';
import { claimPlace, remember } from '../../coordinator/fleet/superseded.ts';

const TIMEOUT_MS = 100;
const AWAIT: FleetEvent = { type: 'serversAwaited' };

interface Played {
  readonly state: FleetState;
  /** Of the last event. */
  readonly actions: readonly FleetAction[];
  readonly types: readonly string[];
}

/** Applies events in turn. */
function play(start: FleetState, events: readonly FleetEvent[], nowMs = 0): Played {
  let state = start;
  let actions: readonly FleetAction[] = [];
  for (const event of events) ({ state, actions } = fleetTransition(state, event, nowMs));
  return { state, actions, types: actions.map(({ type }) => type) };
}

function fleet(parts: number): FleetState {
  return initialFleet({ parts, timeoutMs: TIMEOUT_MS });
}

function server(part: number, incarnation = `s${part}`): ServerIdentity {
  return { part, incarnation, pid: 1, address: `127.0.0.1:${1000 + part}` };
}

function join(part: number, incarnation?: string): FleetEvent {
  return { type: 'serverJoined', server: server(part, incarnation) };
}

/** A term of two servers. */
function term(): FleetState {
  return play(fleet(2), [join(0), join(1), AWAIT]).state;
}

test('a term begins once every part has its server, with the servers in the order of their parts', () => {
  const waiting = play(fleet(3), [join(2), AWAIT]);
  assert.deepEqual(waiting.actions, [{ type: 'noteAwaited', parts: [0, 1] }]);
  const still = play(waiting.state, [join(1)]);
  assert.deepEqual(still.types, ['noteStarted']);
  const begun = play(still.state, [join(0)], 5);
  assert.deepEqual(begun.types, ['noteStarted', 'beginTerm']);
  const [, begin] = begun.actions;
  assert.ok(begin?.type === 'beginTerm');
  assert.deepEqual(
    begin.servers.map(({ part, seenMs }) => [part, seenMs]),
    [
      [0, 5],
      [1, 0],
      [2, 0],
    ],
  );
});

test('servers that are there when a term is to begin are taken at once, and none is begun that nobody asked for', () => {
  const { state, types } = play(fleet(1), [join(0)]);
  assert.deepEqual(types, ['noteStarted']);
  assert.deepEqual(play(state, [AWAIT]).types, ['beginTerm']);
});

test('a part that the run does not have is refused', () => {
  const { state, actions } = play(fleet(2), [join(2)]);
  assert.deepEqual(actions, [{ type: 'refuse', server: server(2), because: 'noSuchPart' }]);
  assert.deepEqual(missingParts(state), [0, 1]);
});

test('a new process of a part ends the term; the earlier one is refused from then on, and does not count by its beats', () => {
  const replaced = play(term(), [join(1, 'new')]);
  assert.deepEqual(replaced.types, ['noteLost', 'endTerm', 'noteStarted']);
  const old = server(1);
  const again = play(replaced.state, [{ type: 'serverJoined', server: old }]);
  assert.deepEqual(again.actions, [{ type: 'refuse', server: old, because: 'superseded' }]);
  const left = play(again.state, [
    { type: 'serverGone', server: server(1, 'new'), reason: 'its connection broke' },
    { type: 'serverBeat', server: old },
  ]);
  assert.deepEqual(missingParts(left.state), [1]);
});

test('the same process may say hello again: nothing is lost by it', () => {
  assert.deepEqual(play(term(), [join(1)]).types, []);
});

test('a server is lost when it has been silent for longer than it may, and the term with it', () => {
  const beaten = play(term(), [{ type: 'serverBeat', server: server(0) }], 60).state;
  assert.deepEqual(play(beaten, [{ type: 'tick' }], TIMEOUT_MS).types, []);
  const { state, actions } = play(beaten, [{ type: 'tick' }], TIMEOUT_MS + 1);
  assert.deepEqual(
    actions.map((action) => [action.type, 'server' in action ? action.server.part : null]),
    [
      ['noteLost', 1],
      ['endTerm', 1],
    ],
  );
  assert.deepEqual(missingParts(state), [1]);
});

test('two servers that fall silent together end one term, once', () => {
  const { types } = play(term(), [{ type: 'tick' }], TIMEOUT_MS + 1);
  assert.deepEqual(types, ['noteLost', 'endTerm', 'noteLost']);
});

test('a server that was held lost, and lives, is one again and completes the fleet', () => {
  const silent = play(term(), [{ type: 'tick' }], TIMEOUT_MS + 1).state;
  const waiting = play(silent, [AWAIT, { type: 'serverBeat', server: server(0) }], 200);
  assert.deepEqual(waiting.types, ['noteStarted']);
  const { types } = play(waiting.state, [{ type: 'serverBeat', server: server(1) }], 210);
  assert.deepEqual(types, ['noteStarted', 'beginTerm']);
});

test('a server whose session ends is lost; that an earlier one ends is of no interest', () => {
  const old = play(term(), [
    { type: 'serverGone', server: server(1, 'older'), reason: 'it ended' },
  ]);
  assert.deepEqual(old.types, []);
  const gone = play(term(), [{ type: 'serverGone', server: server(1), reason: 'it ended' }]);
  assert.deepEqual(gone.types, ['noteLost', 'endTerm']);
});

test('servers that leave while a term is awaited end none', () => {
  const waiting = play(fleet(2), [join(0), AWAIT]).state;
  const { types } = play(waiting, [{ type: 'serverGone', server: server(0), reason: 'it ended' }]);
  assert.deepEqual(types, ['noteLost']);
});

test('a server that was asked to end goes at once until steps begin, and waits for a checkpoint then', () => {
  const wish: FleetEvent = { type: 'leaveWished', server: server(0) };
  assert.deepEqual(play(term(), [wish]).types, ['noteLeaving', 'letGo']);
  const ahead = play(term(), [{ type: 'stepsBegun' }]).state;
  assert.deepEqual(play(ahead, [wish]).types, ['noteLeaving', 'askRun']);
  const over = play(ahead, [{ type: 'serverGone', server: server(1), reason: 'it ended' }]).state;
  assert.deepEqual(play(over, [wish]).types, ['noteLeaving', 'letGo'], 'the term is over');
  const stranger: FleetEvent = { type: 'leaveWished', server: server(0, 'older') };
  assert.deepEqual(play(ahead, [stranger]).types, ['letGo'], 'it holds nothing of the run');
});

test('a term that has lost a server before its steps begin stays over', () => {
  const lost = play(term(), [{ type: 'serverGone', server: server(1), reason: 'it ended' }]).state;
  assert.equal(play(lost, [{ type: 'stepsBegun' }]).state.term, 'none');
});

test('a decision leaves the state that it was given as it is', () => {
  const state = term();
  const before = JSON.stringify([[...state.servers], [...state.superseded], state.term]);
  play(state, [join(1, 'new'), { type: 'tick' }, AWAIT, { type: 'stepsBegun' }], 1_000);
  assert.equal(JSON.stringify([[...state.servers], [...state.superseded], state.term]), before);
});

test('of the replaced processes the newest thousand are remembered', () => {
  let superseded: ReadonlySet<string> = new Set();
  for (let i = 0; i < 1_001; i += 1) superseded = remember(superseded, `p${i}`);
  assert.equal(superseded.size, 1_000);
  assert.equal(claimPlace(superseded, null, 'p0'), 'free');
  assert.equal(claimPlace(superseded, null, 'p1'), 'refused');
  assert.equal(claimPlace(superseded, 'other', 'new'), 'taken');
  assert.equal(claimPlace(superseded, 'new', 'new'), 'own');
});
