/** Workers that are let go: who may be, and when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeDrain } from '../../coordinator/control/members.ts';
import { initialState } from '../../coordinator/control/state.ts';
import { SETTINGS, answer, extract, join, ordersOf, play } from '../support/runs/played-state.ts';

test('a worker that is let go finishes its leases and gets no others; then it is told to end', () => {
  const start = play(initialState(SETTINGS), [join('a'), join('b'), extract(0, 1, 2, 3, 4)]);
  const held = [...start.state.leases.values()].filter(({ workerId }) => workerId === 'a');
  assert.equal(held.length, SETTINGS.ordersInFlight);
  const asked = play(start.state, [{ type: 'drainAsked', workerId: 'a' }]);
  assert.deepEqual(
    asked.actions.map(({ type }) => type),
    ['record'],
  );
  const first = play(asked.state, [answer(held[0]!)]);
  assert.deepEqual(ordersOf(first.actions), []);
  const last = play(first.state, [answer(held[1]!)]);
  const dismissed = last.actions.find(({ type }) => type === 'dismissWorker');
  assert.deepEqual(dismissed, { type: 'dismissWorker', workerId: 'a', incarnation: 'a-1' });
  assert.deepEqual([...last.state.members.keys()], ['b']);
  assert.equal(last.state.ledger.returned, 0);
  // The features that it held are made again where they are needed.
  assert.deepEqual([...last.state.holdings.values()], []);
});

test('a worker without leases is let go at once, and the one that stood by takes its place', () => {
  const state = initialState({ ...SETTINGS, maxWorkers: 1 });
  const { state: both } = play(state, [join('a'), join('b')]);
  const { state: left, actions } = play(both, [{ type: 'drainAsked', workerId: 'a' }]);
  assert.ok(actions.some(({ type }) => type === 'dismissWorker'));
  assert.deepEqual(
    ordersOf(play(left, [extract(0)]).actions).map(({ workerId }) => workerId),
    ['b'],
  );
});

test('nobody is let go whom the least number of workers needs, or who is not there', () => {
  const { state } = play(initialState({ ...SETTINGS, minWorkers: 2 }), [
    join('a'),
    join('b'),
    join('c'),
    extract(0, 1, 2, 3, 4, 5, 6),
  ]);
  assert.equal(judgeDrain(state, 'nobody'), 'unknown');
  assert.equal(judgeDrain(state, 'a'), 'drained');
  const { state: two } = play(state, [{ type: 'drainAsked', workerId: 'a' }]);
  assert.equal(judgeDrain(two, 'a'), 'drained'); // again, which changes nothing
  assert.equal(judgeDrain(two, 'b'), 'tooFew');
  const { state: still, actions } = play(two, [{ type: 'drainAsked', workerId: 'b' }]);
  assert.deepEqual(actions, []);
  assert.equal(still.members.get('b')?.isDraining, false);
});

test('a worker that is to leave and connects again still is to leave; a new process of its name is not', () => {
  const begun = play(initialState(SETTINGS), [join('a'), join('b'), extract(0, 1, 2, 3)]);
  const { state } = play(begun.state, [{ type: 'drainAsked', workerId: 'a' }]);
  const again = play(state, [join('a')]);
  assert.ok(again.actions.some(({ type }) => type === 'dismissWorker'));
  assert.equal(play(state, [join('a', 'a-2')]).state.members.get('a')?.isDraining, false);
});
