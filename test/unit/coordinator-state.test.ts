import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  initialState,
  type Action,
  type CoordinatorState,
  type Event,
  type Lease,
} from '../../coordinator/control/state.ts';
import { transition } from '../../coordinator/control/transition.ts';
import { SETTINGS, answer, extract, join, ordersOf, play } from '../support/runs/played-state.ts';

test('work is shared: two shards go to two workers', () => {
  const { actions } = play(initialState(SETTINGS), [join('a'), join('b'), extract(0, 1)]);
  assert.deepEqual(
    ordersOf(actions)
      .map(({ workerId }) => workerId)
      .sort(),
    ['a', 'b'],
  );
});

test('nothing is given out below the least number of workers', () => {
  const state = initialState({ ...SETTINGS, minWorkers: 2 });
  const alone = play(state, [join('a'), extract(0)]);
  assert.deepEqual(ordersOf(alone.actions), []);
  assert.equal(ordersOf(play(alone.state, [join('b')]).actions).length, 1);
});

test('the work of a lost worker goes to another under the next generation, and its late result is fenced', () => {
  const first = play(initialState(SETTINGS), [join('a'), extract(0)]);
  const [lease] = ordersOf(first.actions);
  const lost = play(first.state, [
    { type: 'workerLost', workerId: 'a', incarnation: 'a-1', reason: 'killed' },
    join('b'),
  ]);
  const [again] = ordersOf(lost.actions);
  assert.equal(again?.workerId, 'b');
  assert.equal(again.generation, lease!.generation + 1);
  assert.equal(lost.state.ledger.returned, 1);
  const late = play(lost.state, [answer(lease!)]);
  assert.ok(
    late.actions.some((action) => action.type === 'answerResult' && action.verdict === 'fenced'),
  );
  assert.equal(late.state.fenced, 1);
  assert.equal(late.state.open, 1, 'the task is still to be done');
});

test('a result in the name of another process or of another generation is fenced', () => {
  const { state, actions } = play(initialState(SETTINGS), [join('a'), extract(0)]);
  const [lease] = ordersOf(actions);
  for (const forged of [
    { ...lease!, incarnation: 'a-0' },
    { ...lease!, generation: lease!.generation - 1 },
  ]) {
    const after = play(state, [answer(forged)]).state;
    assert.equal(after.fenced, 1);
    assert.equal(after.open, 1);
  }
});

test('a result that comes twice counts once', () => {
  const first = play(initialState(SETTINGS), [join('a'), extract(0, 1)]);
  const [lease] = ordersOf(first.actions);
  const { state, actions } = play(first.state, [answer(lease!), answer(lease!)]);
  assert.ok(
    actions.some((action) => action.type === 'answerResult' && action.verdict === 'duplicate'),
  );
  assert.equal(state.ledger.duplicates, 1);
  assert.equal(state.open, 1);
});

test('features that died with their worker are made again before the step that needs them', () => {
  const extracted = play(initialState(SETTINGS), [join('a'), extract(0)]);
  const [lease] = ordersOf(extracted.actions);
  const lost = play(extracted.state, [
    answer(lease!),
    { type: 'workerLost', workerId: 'a', incarnation: 'a-1', reason: 'killed' },
    join('b'),
  ]);
  const kmeans: Event = {
    type: 'phaseEntered',
    phase: 'kmeans',
    epoch: 0,
    parameterVersion: 0,
    work: [{ kind: 'kmeansStep', shard: 0, iteration: 4 }],
  };
  const kinds: string[] = [];
  let { state, actions } = play(lost.state, [kmeans]);
  while (ordersOf(actions).length > 0) {
    const [order] = ordersOf(actions);
    kinds.push(order!.work.kind);
    ({ state, actions } = play(state, [answer(order!)]));
  }
  assert.deepEqual(kinds, ['extract', 'project', 'kmeansStep']);
  assert.equal(state.open, 0);
});

test('a lease without progress goes back; with progress it stays', () => {
  const { state } = play(initialState(SETTINGS), [join('a'), extract(0)]);
  const beat = (progress: number, nowMs: number, from: CoordinatorState): CoordinatorState =>
    transition(from, { type: 'heartbeat', workerId: 'a', incarnation: 'a-1', progress }, nowMs)
      .state;
  let moving = state;
  let stuck = state;
  for (let nowMs = 40; nowMs <= 200; nowMs += 40) {
    moving = transition(beat(nowMs, nowMs, moving), { type: 'tick' }, nowMs).state;
    stuck = transition(beat(0, nowMs, stuck), { type: 'tick' }, nowMs).state;
  }
  assert.equal(moving.leases.size, 1);
  assert.equal(stuck.leases.size, 0, 'alive but stuck: no lease, and no new one');
  assert.equal(stuck.ledger.returned, 1);
  assert.ok(stuck.members.get('a')?.isStuck);
  assert.equal(beat(1, 210, stuck).leases.size, 1, 'it moves again and gets work');
});

test('the data shards of a worker that is stuck go to another, features and all', () => {
  const first = play(initialState(SETTINGS), [join('a'), extract(0)]);
  const moments: Event = {
    type: 'phaseEntered',
    phase: 'moments',
    epoch: 0,
    parameterVersion: 0,
    work: [{ kind: 'moments', shard: 0 }],
  };
  const { state } = play(first.state, [answer(ordersOf(first.actions)[0]!), moments, join('b')]);
  let stuck = state;
  let orders: Lease[] = [];
  for (let nowMs = 40; nowMs <= 120; nowMs += 40) {
    for (const workerId of ['a', 'b']) {
      const incarnation = `${workerId}-1`;
      const beat: Event = { type: 'heartbeat', workerId, incarnation, progress: 0 };
      stuck = transition(stuck, beat, nowMs).state;
    }
    const ticked = transition(stuck, { type: 'tick' }, nowMs);
    stuck = ticked.state;
    orders = [...orders, ...ordersOf(ticked.actions)];
  }
  assert.deepEqual(
    orders.map(({ workerId, work }) => [workerId, work.kind]),
    [['b', 'extract']],
  );
});

test('features that their holder turns out not to have are made again', () => {
  const first = play(initialState(SETTINGS), [join('a'), extract(0)]);
  const moments: Event = {
    type: 'phaseEntered',
    phase: 'moments',
    epoch: 0,
    parameterVersion: 0,
    work: [{ kind: 'moments', shard: 0 }],
  };
  const asked = play(first.state, [answer(ordersOf(first.actions)[0]!), moments]);
  const failure = { code: 'LEASE_LOST', message: 'they are not held here' };
  const failed = { ...answer(ordersOf(asked.actions)[0]!), failure } as Event;
  const { actions } = play(asked.state, [failed]);
  assert.deepEqual(ordersOf(actions)[0]?.work, { kind: 'extract', shard: 0 });
});

test('a silent worker is lost after the time-out', () => {
  const { state } = play(initialState(SETTINGS), [join('a')]);
  assert.equal(transition(state, { type: 'tick' }, 50).state.members.size, 1);
  assert.equal(transition(state, { type: 'tick' }, 51).state.members.size, 0);
});

test('a new process of a worker fences out the earlier one', () => {
  const first = play(initialState(SETTINGS), [join('a', 'old'), extract(0)]);
  const [lease] = ordersOf(first.actions);
  const second = play(first.state, [join('a', 'new')]);
  assert.ok(
    second.actions.some((action) => action.type === 'dropWorker' && action.incarnation === 'old'),
  );
  assert.equal(ordersOf(second.actions)[0]?.incarnation, 'new');
  const late = play(second.state, [answer(lease!)]);
  assert.equal(late.state.fenced, 1);
});

test('the ledger takes draws in order, each once, and an epoch only when it is complete', () => {
  const { state } = play(initialState(SETTINGS), [
    { type: 'epochOpened', epoch: 0, draws: 10 },
    { type: 'stepCommitted', begin: 0, end: 6, skipped: 0 },
  ]);
  const refused: Event[] = [
    { type: 'stepCommitted', begin: 0, end: 6, skipped: 0 },
    { type: 'stepCommitted', begin: 7, end: 10, skipped: 0 },
    { type: 'stepCommitted', begin: 6, end: 11, skipped: 0 },
    { type: 'epochOpened', epoch: 1, draws: 10 },
  ];
  for (const event of refused) assert.throws(() => play(state, [event]), /ledger of epoch 0/);
  const complete = play(state, [
    { type: 'stepCommitted', begin: 6, end: 10, skipped: 0 },
    { type: 'epochOpened', epoch: 1, draws: 10 },
  ]);
  assert.equal(complete.state.ledger.committedTotal, 10);
});

test('skipped draws are counted beside the committed ones: every draw is one or the other, once', () => {
  const { state } = play(initialState(SETTINGS), [
    { type: 'epochOpened', epoch: 0, draws: 10 },
    { type: 'stepCommitted', begin: 0, end: 6, skipped: 2 },
  ]);
  assert.equal(state.ledger.committed, 6 - 2);
  assert.equal(state.ledger.skipped, 2);
  const refused: Event[] = [
    { type: 'stepCommitted', begin: 4, end: 8, skipped: 0 },
    { type: 'stepCommitted', begin: 6, end: 10, skipped: 5 },
    { type: 'stepCommitted', begin: 6, end: 10, skipped: -1 },
    { type: 'epochOpened', epoch: 1, draws: 10 },
  ];
  for (const event of refused) assert.throws(() => play(state, [event]), /ledger of epoch 0/);
  const next = play(state, [
    { type: 'stepCommitted', begin: 6, end: 10, skipped: 4 },
    { type: 'epochOpened', epoch: 1, draws: 3 },
    { type: 'stepCommitted', begin: 0, end: 3, skipped: 1 },
  ]);
  const { committed, skipped, committedTotal, skippedTotal } = next.state.ledger;
  assert.deepEqual([committed, skipped], [2, 1]);
  assert.deepEqual([committedTotal, skippedTotal], [4 + 0 + 2, 2 + 4 + 1]);
});

/** An answer that says that images could not be read. */
function unread(lease: Lease): Event {
  const failure = { code: 'DATA_UNREADABLE', message: 'an image cannot be read' };
  return { ...answer(lease), failure, waitsForImages: true } as Event;
}

test('work whose images cannot be read waits until it is released, and then goes to another worker first', () => {
  const first = play(initialState(SETTINGS), [join('a'), join('b'), train(0)]);
  const [lease] = ordersOf(first.actions);
  const waiting = play(first.state, [unread(lease!)]);
  assert.deepEqual(ordersOf(waiting.actions), []);
  const verdict = waiting.actions.find((action) => action.type === 'answerResult');
  assert.equal(verdict?.verdict, 'fenced', 'features that were made so are of no use');
  assert.deepEqual(ordersOf(play(waiting.state, [{ type: 'tick' }]).actions), []);
  const key = lease!.task;
  const again = play(waiting.state, [{ type: 'tasksReleased', tasks: [key] }]);
  const [second] = ordersOf(again.actions);
  assert.equal(second?.generation, 2);
  assert.equal(second.workerId, lease!.workerId === 'a' ? 'b' : 'a');
  const third = play(again.state, [unread(second), { type: 'tasksReleased', tasks: [key] }]);
  assert.equal(ordersOf(third.actions).length, 1, 'none of the two could: any may try');
});

function train(...slices: number[]): Event {
  return {
    type: 'phaseEntered',
    phase: 'train',
    epoch: 0,
    parameterVersion: 0,
    work: slices.map((slice) => ({ kind: 'trainSlice', step: 0, slice })),
  };
}

/** Two workers with a slice each, a usual time of 100 ms, and worker b done: what a tick at `nowMs` gives out. */
function withStraggler(settings = STRAGGLERS): { state: CoordinatorState; late: Lease } {
  const { state, actions } = play(initialState(settings), [join('a'), join('b'), train(0, 1)]);
  const [late, early] = ordersOf(actions);
  assert.deepEqual([late!.workerId, early!.workerId], ['a', 'b']);
  return { state: transition(state, answer(early!), 100).state, late: late! };
}

const STRAGGLERS = { ...SETTINGS, leaseTtlMs: 10_000, heartbeatTimeoutMs: 10_000 };

test('a slice that is late goes to an idle worker as well; the first result counts and the other is fenced', () => {
  const { state, late } = withStraggler();
  assert.equal(ordersOf(transition(state, { type: 'tick' }, 299).actions).length, 0);
  const backed = transition(state, { type: 'tick' }, 300);
  const [backup] = ordersOf(backed.actions);
  assert.deepEqual([backup?.workerId, backup?.task], ['b', late.task]);
  assert.equal(backup!.generation, late.generation + 1);
  assert.equal(ordersOf(transition(backed.state, { type: 'tick' }, 900).actions).length, 0);
  for (const [winner, loser] of [
    [backup!, late],
    [late, backup!],
  ] as const) {
    const done = play(backed.state, [answer(winner)], 400);
    assert.equal(done.state.open, 0);
    assert.equal(done.state.leases.size, 0);
    assert.ok(done.state.members.get(loser.workerId)?.isStuck, 'it gets nothing until it moves');
    const after = play(done.state, [answer(loser)], 500).state;
    assert.equal(after.fenced, 1);
    assert.equal(after.open, 0);
  }
});

test('a unit of several slices may take as long as they do', () => {
  const units: Event = {
    ...(train() as Extract<Event, { type: 'phaseEntered' }>),
    work: [
      { kind: 'trainSlice', step: 0, slice: 0, slices: 4 },
      { kind: 'trainSlice', step: 0, slice: 4, slices: 2 },
    ],
  };
  const { state, actions } = play(initialState(STRAGGLERS), [join('a'), join('b'), units]);
  const [wide, early] = ordersOf(actions);
  // 100 ms for each of two slices: those of the other unit are late after 3 times 400.
  const { state: since } = transition(state, answer(early!), 200);
  assert.equal(since.sliceMs, 100);
  assert.equal(ordersOf(transition(since, { type: 'tick' }, 1199).actions).length, 0);
  const [backup] = ordersOf(transition(since, { type: 'tick' }, 1200).actions);
  assert.deepEqual([backup?.workerId, backup?.task], ['b', wide!.task]);
  assert.deepEqual(backup?.work, wide!.work, 'whole');
});

test('a slice whose images one of two holders cannot read does not wait: the other may have them', () => {
  const { state, late } = withStraggler();
  const backed = transition(state, { type: 'tick' }, 300);
  const [backup] = ordersOf(backed.actions);
  const blind = play(backed.state, [unread(backup!)], 310);
  assert.deepEqual([...blind.state.leases.keys()], [late.id]);
  assert.equal(blind.state.tasks.get(late.task)?.status, 'leased');
  assert.equal(play(blind.state, [answer(late)], 320).state.open, 0);
  assert.equal(
    play(blind.state, [unread(late)], 320).state.tasks.get(late.task)?.status,
    'waiting',
  );
});

test('of a slice with two holders, the loss of one leaves it with the other', () => {
  const { state, late } = withStraggler();
  const backed = transition(state, { type: 'tick' }, 300);
  const [backup] = ordersOf(backed.actions);
  const lost = play(
    backed.state,
    [{ type: 'workerLost', workerId: 'a', incarnation: 'a-1', reason: 'killed' }],
    310,
  );
  assert.equal(ordersOf(lost.actions).length, 0, 'b has it already');
  assert.deepEqual([...lost.state.leases.keys()], [backup!.id]);
  assert.equal(play(lost.state, [answer(late)], 320).state.fenced, 1);
  assert.equal(play(lost.state, [answer(backup!)], 330).state.open, 0);
});

test('no slice is given twice where the factor is 0', () => {
  const { state } = withStraggler({ ...STRAGGLERS, backupFactor: 0 });
  assert.equal(ordersOf(transition(state, { type: 'tick' }, 9_000).actions).length, 0);
});

test('workers beyond the most stand by, and take the place of one that leaves', () => {
  const settings = { ...SETTINGS, maxWorkers: 1 };
  const { state, actions } = play(initialState(settings), [join('a'), join('b'), extract(0, 1, 2)]);
  assert.deepEqual(
    ordersOf(actions).map(({ workerId }) => workerId),
    ['a', 'a'],
  );
  const left = play(state, [
    { type: 'workerLost', workerId: 'a', incarnation: 'a-1', reason: 'killed' },
  ]);
  assert.deepEqual(
    ordersOf(left.actions).map(({ workerId }) => workerId),
    ['b', 'b'],
  );
  const back = play(left.state, [join('a', 'a-2')]);
  assert.equal(ordersOf(back.actions).length, 0, 'now a stands by');
});

test('below the least number of workers the run pauses, says so once, and goes on', () => {
  const settings = { ...SETTINGS, minWorkers: 2 };
  const names = (actions: readonly Action[]): string[] =>
    actions.flatMap((action) => (action.type === 'record' ? [action.event] : []));
  const begun = play(initialState(settings), [join('a'), join('b'), train(0, 1, 2, 3, 4)]);
  assert.equal(begun.state.isPaused, false);
  const lost = play(begun.state, [
    { type: 'workerLost', workerId: 'b', incarnation: 'b-1', reason: 'killed' },
  ]);
  assert.deepEqual(names(lost.actions), ['worker.lost', 'run.paused']);
  assert.equal(lost.state.isPaused, true);
  assert.deepEqual(names(play(lost.state, [{ type: 'tick' }]).actions), []);
  const back = play(lost.state, [join('b', 'b-2')]);
  assert.deepEqual(names(back.actions), ['worker.joined', 'run.continued']);
  assert.ok(ordersOf(back.actions).length > 0);
});

test('features that a worker brings along are taken for those of their own clustering alone', () => {
  const extracted = (clusterings: number): CoordinatorState => {
    let state = play(initialState(SETTINGS), [join('a')]).state;
    for (let i = 0; i < clusterings; i += 1) {
      const entered = play(state, [extract(0)]);
      const [lease] = ordersOf(entered.actions);
      ({ state } = play(entered.state, [{ ...answer(lease!), samples: 7 } as Event]));
    }
    return play(state, [
      { type: 'workerLost', workerId: 'a', incarnation: 'a-1', reason: 'its connection broke' },
    ]).state;
  };
  const offered = { shard: 0, epoch: 0, parameterVersion: 0, rows: 7, stage: 'projected' } as const;
  const back = (clustering: number): Event => ({
    ...{ type: 'workerJoined', workerId: 'a', incarnation: 'a-1' },
    holdings: [{ ...offered, clustering }],
  });
  // Two clusterings of one epoch and one version, as of a memory in parts.
  const state = extracted(2);
  assert.equal(play(state, [back(1)]).state.holdings.size, 0);
  assert.deepEqual([...play(state, [back(2)]).state.holdings.keys()], [0]);
});
