/** Work that is folded: one order for the data shards that a worker holds, and one result. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  initialState,
  type Action,
  type Event,
  type Lease,
} from '../../coordinator/control/state.ts';
import type { CoordinatorState } from '../../coordinator/control/state.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { SETTINGS, answer, extract, join, ordersOf, play } from '../support/runs/played-state.ts';

interface Played {
  readonly state: CoordinatorState;
  readonly actions: readonly Action[];
}

function phase(kind: string, shards: number): Event {
  return {
    ...{ type: 'phaseEntered', phase: kind, epoch: 0, parameterVersion: 0 },
    work: Array.from({ length: shards }, (_, shard) => ({ kind, shard, iteration: 0 })),
  };
}

/** Answers every order until none is left. */
function playOut({ state, actions }: Played): CoordinatorState {
  const orders = ordersOf(actions);
  let reached = state;
  for (let order = orders.shift(); order !== undefined; order = orders.shift()) {
    const next = play(reached, [answer(order)]);
    orders.push(...ordersOf(next.actions));
    reached = next.state;
  }
  return reached;
}

/** All shards are projected, by these workers in turn. */
function projected(shards: number, workers: readonly string[]): CoordinatorState {
  const start = play(
    initialState(SETTINGS),
    workers.map((worker) => join(worker)),
  ).state;
  const all = Array.from({ length: shards }, (_, shard) => shard);
  const extracted = playOut(play(start, [extract(...all)]));
  return playOut(play(extracted, [phase('project', shards)]));
}

function lost(workerId: string): Event {
  return { type: 'workerLost', workerId, incarnation: `${workerId}-1`, reason: 'killed' };
}

function failed(lease: Lease, code: ErrorCode): Event {
  return { ...answer(lease), failure: { code, message: 'not done' } } as Event;
}

function keysOf({ task, further }: Lease): string[] {
  return [task, ...further];
}

function verdictsOf(actions: readonly Action[]): string[] {
  return actions.flatMap((action) => (action.type === 'answerResult' ? [action.verdict] : []));
}

test('a worker has one order for all data shards that it holds, and one result ends the phase', () => {
  const { state, actions } = play(projected(12, ['a']), [phase('kmeansStep', 12)]);
  const [lease, ...others] = ordersOf(actions);
  assert.deepEqual(others, []);
  assert.deepEqual(keysOf(lease!), [...state.tasks.keys()]);
  const done = play(state, [answer(lease!)]);
  assert.equal(done.state.open, 0);
  assert.equal(done.actions.filter(({ type }) => type === 'phaseDone').length, 1);
  const again = play(done.state, [answer(lease!)]);
  assert.deepEqual(verdictsOf(again.actions), ['duplicate']);
});

test('each worker has those of its own shards, and other work has an order for each', () => {
  const held = projected(9, ['a', 'b', 'c']);
  const orders = ordersOf(play(held, [phase('kmeansStep', 9)]).actions);
  assert.deepEqual(orders.map(({ workerId }) => workerId).toSorted(), ['a', 'b', 'c']);
  for (const lease of orders) {
    for (const key of keysOf(lease)) {
      const shard = Number(key.split('/')[1]);
      assert.equal(held.holdings.get(shard)?.workerId, lease.workerId);
    }
  }
  assert.equal(orders.flatMap(keysOf).length, 9);
  assert.equal(ordersOf(play(held, [phase('assign', 9)]).actions).length, 9);
});

test('what a lost worker had comes back shard by shard, and its late result is fenced', () => {
  const started = play(projected(6, ['a', 'b']), [phase('kmeansStep', 6)]);
  const orders = ordersOf(started.actions);
  const ofA = orders.find(({ workerId }) => workerId === 'a')!;
  const ofB = orders.find(({ workerId }) => workerId === 'b')!;
  const without = play(started.state, [lost('a')]);
  for (const { work, further } of ordersOf(without.actions)) {
    assert.deepEqual([work.kind, further], ['extract', []]);
  }
  const late = play(without.state, [answer(ofA)]);
  assert.deepEqual(verdictsOf(late.actions), ['fenced']);
  assert.equal(late.state.open, 6);
  const done = play(late.state, [answer(ofB)]);
  assert.equal(done.state.open, keysOf(ofA).length);
  const rest = playOut({
    state: done.state,
    actions: [...without.actions, ...late.actions, ...done.actions],
  });
  assert.equal(rest.open, 0);
  for (const key of keysOf(ofA)) {
    const { generation, answered } = rest.tasks.get(key)!;
    assert.ok(generation > ofA.generation, key);
    assert.ok(!answered.includes(ofA.id), key);
  }
});

test('a group that fails keeps its features, and is given out one by one', () => {
  const started = play(projected(5, ['a']), [phase('moments', 5)]);
  const [group] = ordersOf(started.actions);
  const apart = play(started.state, [failed(group!, 'LEASE_LOST')]);
  assert.deepEqual(verdictsOf(apart.actions), ['failed']);
  const singles = ordersOf(apart.actions);
  assert.deepEqual(
    singles.map(keysOf),
    keysOf(group!).map((key) => [key]),
  );
  assert.equal(apart.state.holdings.size, 5);
  const [first, second] = singles;
  const again = play(apart.state, [failed(second!, 'LEASE_LOST')]);
  assert.deepEqual([...again.state.holdings.keys()], [0, 2, 3, 4], 'that one is made again');
  const done = playOut({
    state: again.state,
    actions: [...singles.slice(2), first!].map((lease) => ({ type: 'sendOrder', lease })),
  });
  assert.equal(done.open, 0);
  assert.equal(done.holdings.size, 5);
});

test('the next phase makes groups again', () => {
  const started = play(projected(3, ['a']), [phase('moments', 3)]);
  const apart = play(started.state, [failed(ordersOf(started.actions)[0]!, 'UNAVAILABLE')]);
  const { actions } = play(playOut(apart), [phase('kmeansStep', 3)]);
  assert.deepEqual(
    ordersOf(actions).map(({ further }) => further.length),
    [2],
  );
});

test('a group without progress goes back as a whole', () => {
  const { state, actions } = play(projected(4, ['a']), [phase('kmeansStep', 4)]);
  const [group] = ordersOf(actions);
  const beat: Event = { type: 'heartbeat', workerId: 'a', incarnation: 'a-1', progress: 0 };
  let reached = state;
  for (let nowMs = 40; nowMs <= 120; nowMs += 40) {
    reached = play(reached, [beat, { type: 'tick' }], nowMs).state;
  }
  assert.equal(reached.leases.size, 0);
  assert.deepEqual(
    [...reached.tasks.values()].map(({ status }) => status),
    ['todo', 'todo', 'todo', 'todo'],
  );
  assert.equal(reached.ledger.returned, 1);
  assert.deepEqual(verdictsOf(play(reached, [answer(group!)], 130).actions), ['fenced']);
});

test('shards whose features are not ready yet are left out of the group', () => {
  const held = projected(4, ['a']);
  const holdings = new Map(held.holdings).set(1, { workerId: 'a', stage: 'extracted' as const });
  const { state, actions } = play({ ...held, holdings }, [phase('kmeansStep', 4)]);
  const orders = ordersOf(actions);
  assert.deepEqual(
    orders.map(({ work }) => work.kind),
    ['kmeansStep', 'project'],
  );
  assert.deepEqual(keysOf(orders[0]!), ['kmeansStep/0', 'kmeansStep/2', 'kmeansStep/3']);
  assert.equal(playOut({ state, actions }).open, 0);
});

test('generations of a group lie above those of every earlier lease on its tasks', () => {
  const started = play(projected(3, ['a']), [phase('kmeansStep', 3)]);
  const tasks = new Map(started.state.tasks);
  tasks.set('kmeansStep/2', { ...tasks.get('kmeansStep/2')!, generation: 7 });
  const [group] = ordersOf(started.actions);
  const again = play({ ...started.state, tasks }, [failed(group!, 'UNAVAILABLE')]);
  const next = ordersOf(again.actions).find(({ task }) => task === 'kmeansStep/2')!;
  assert.equal(next.generation, 8);
});
