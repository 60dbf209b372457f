/** When the state machine gives a run up: failures of orders, and results that are lost time after time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunFailure } from '../../coordinator/control/failure-policy.ts';
import {
  initialState,
  type Action,
  type CoordinatorState,
  type Event,
  type Lease,
} from '../../coordinator/control/state.ts';
import { transition } from '../../coordinator/control/transition.ts';
import type { ErrorCode } from '../../src/errors.ts';

const SETTINGS = {
  ...{ minWorkers: 1, maxWorkers: 64, backupFactor: 0, ordersInFlight: 1, leasePrefix: 't-' },
  ...{ leaseTtlMs: 100, heartbeatTimeoutMs: 100 },
};

/** A run that trains, and what became of its events so far. */
class Play {
  state: CoordinatorState = initialState(SETTINGS);
  actions: readonly Action[] = [];

  constructor(workers: readonly string[], slices: readonly number[]) {
    for (const workerId of workers) {
      this.event({ type: 'workerJoined', workerId, incarnation: workerId, holdings: [] });
    }
    const work = slices.map((slice) => ({ kind: 'trainSlice', step: 7, slice }));
    this.event({ type: 'phaseEntered', phase: 'train', epoch: 0, parameterVersion: 7, work });
  }

  event(event: Event): void {
    ({ state: this.state, actions: this.actions } = transition(this.state, event, 0));
  }

  answer(lease: Lease, failure: { code: ErrorCode; message: string } | null = null): void {
    const { id: leaseId, generation, incarnation } = lease;
    this.event({ type: 'resultArrived', leaseId, generation, incarnation, failure });
  }

  /** Fails the first lease that is held. */
  fail(code: ErrorCode, message = 'it went wrong'): void {
    this.answer(this.leases[0]!, { code, message });
  }

  get leases(): Lease[] {
    return [...this.state.leases.values()];
  }

  get failure(): RunFailure | null {
    const failed = this.actions.find((action) => action.type === 'failRun');
    return failed?.failure ?? null;
  }
}

test('a failure that another worker would meet as well ends the run at once', () => {
  const lasting: ErrorCode[] = [
    ...(['CONFIG_INVALID', 'SHAPE_MISMATCH'] as const),
    ...(['PROTOCOL_VIOLATION', 'DATA_UNREADABLE'] as const),
  ];
  for (const code of lasting) {
    const play = new Play(['a', 'b'], [0, 1, 2]);
    play.fail(code, 'no good');
    assert.deepEqual(play.failure, { code, message: 'no good' });
    assert.ok(!play.actions.some(({ type }) => type === 'sendOrder'), 'nothing more is given out');
    play.event({ type: 'tick' });
    assert.ok(!play.actions.some(({ type }) => type === 'sendOrder'), 'nor later');
  }
});

test('numbers that are not finite end the run when a second worker has them for the same task', () => {
  const play = new Play(['a', 'b'], [0, 1]);
  const [first, second] = play.leases;
  play.answer(first!, { code: 'NON_FINITE', message: 'loss of slice 0 is NaN' });
  assert.equal(play.failure, null);
  play.answer(second!, { code: 'NON_FINITE', message: 'loss of slice 1 is NaN' });
  assert.equal(play.failure, null, 'once for each of two tasks');
  const again = play.leases.find(({ task }) => task === first!.task)!;
  play.answer(again, { code: 'NON_FINITE', message: 'loss of slice 0 is NaN' });
  assert.deepEqual(play.failure, {
    code: 'NON_FINITE',
    message: `loss of slice 0 is NaN (2 times: of a and ${again.workerId})`,
  });
});

test('other failures end the run when twenty have come in a row, whoever had them', () => {
  for (const [code, ended] of [
    ['UNAVAILABLE', { code: 'UNAVAILABLE', prefix: 'workers: ' }],
    ['LEASE_LOST', { code: 'INTERNAL', prefix: '' }],
  ] as const) {
    const play = new Play(['a'], [0, 1]);
    for (let i = 0; i < 19; i += 1) play.fail(code);
    assert.equal(play.failure, null);
    play.answer(play.leases[0]!);
    for (let i = 0; i < 19; i += 1) play.fail(code);
    assert.equal(play.failure, null, 'a result in between begins the count anew');
    play.fail(code);
    const message = `${ended.prefix}20 orders failed in a row, the last: a: it went wrong`;
    assert.deepEqual(play.failure, { code: ended.code, message });
  }
});

test('results that are lost are computed again above every generation, and four times at the most', () => {
  const play = new Play(['a'], [0, 1]);
  const taken: number[] = [];
  for (let computed = 1; computed <= 5; computed += 1) {
    while (play.state.open > 0) {
      const [lease] = play.leases;
      assert.ok(taken.every((generation) => generation < lease!.generation || computed === 1));
      play.answer(lease!);
      taken.push(lease!.generation);
    }
    assert.ok(play.actions.some(({ type }) => type === 'phaseDone'));
    assert.equal(play.failure, null);
    play.event({ type: 'resultsLost', tasks: ['trainSlice/7/1'] });
  }
  assert.equal(taken.length, 2 + 4);
  assert.deepEqual(play.failure, {
    code: 'PROTOCOL_VIOLATION',
    message:
      'trainSlice/7/1: reported as pushed 5 times, but a parameter server does not have them',
  });
});

test('work that may have been delivered before gets generations above all that were given', () => {
  const play = new Play(['a'], [0]);
  play.fail('LEASE_LOST');
  play.fail('LEASE_LOST');
  const [third] = play.leases;
  assert.equal(third?.generation, 3);
  const again = { epoch: 0, parameterVersion: 7, work: [third.work], phase: 'train' };
  play.event({ type: 'phaseEntered', ...again, isRepeated: true });
  assert.equal(play.leases[0]?.generation, 4);
});

test('a push that had come before is counted with the result that tells of it, once', () => {
  const play = new Play(['a'], [0]);
  const { id: leaseId, generation, incarnation } = play.leases[0]!;
  const result = { leaseId, generation, incarnation, repeatedPush: true };
  play.event({ type: 'resultArrived', ...result });
  assert.equal(play.state.ledger.duplicates, 1);
});

test('actions come in their order: records, the answer, the end of the phase, orders', () => {
  const play = new Play(['a', 'b'], [0, 1, 2]);
  play.fail('LEASE_LOST');
  assert.deepEqual(
    play.actions.map(({ type }) => type),
    ['record', 'answerResult', 'sendOrder'],
  );
  while (play.state.open > 1) play.answer(play.leases[0]!);
  play.answer(play.leases[0]!);
  assert.deepEqual(
    play.actions.map(({ type }) => type),
    ['answerResult', 'phaseDone'],
  );
});
