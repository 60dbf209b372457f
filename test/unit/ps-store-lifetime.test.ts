/** A parameter store over a run: new heads, vectors that were pulled, snapshots and going back to them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialHead } from '../../src/ps/initial-values.ts';
import { ParameterStore, initialState } from '../../src/ps/parameter-store.ts';
import { TINY_BODY as BODY, tinyLayout } from '../support/made/layouts.ts';
import {
  S,
  SEED,
  assertUnchanged,
  newStore,
  pushOf,
  stageAll,
  training,
} from '../support/made/tiny-store.ts';

test('a new head comes once an epoch, and leaves the body and its momentum alone', () => {
  const store = newStore();
  stageAll(store, [pushOf()]);
  store.commit(0, [{ slice: 0, generation: 1 }]);
  const before = store.snapshot();
  assert.deepEqual(store.resetHead(0), { kind: 'applied', version: 1 });
  const parameters = before.parameters.slice();
  parameters.set(initialHead(tinyLayout, SEED, 0), BODY);
  assert.deepEqual(store.snapshot(), { ...before, headEpoch: 0, parameters });
  stageAll(store, [pushOf({ step: 1 })]);
  store.commit(1, [{ slice: 0, generation: 1 }]);
  const trained = store.snapshot();
  assert.deepEqual(store.resetHead(0), { kind: 'duplicate', version: 2 });
  assertUnchanged(store, trained);
});

test('pushes staged before a new head are dropped, and cannot come again', () => {
  const store = newStore();
  stageAll(store, [pushOf({ generation: 5 })]);
  store.resetHead(0);
  const slices = [{ slice: 0, generation: 5 }];
  assert.deepEqual(store.commit(0, slices), { kind: 'missing', slices: [0] });
  assert.deepEqual(store.stage(pushOf({ generation: 5 })), {
    kind: 'fenced',
    currentGeneration: 6,
  });
  assert.deepEqual(store.stage(pushOf({ generation: 6 })), { kind: 'staged' });
});

test('what was pulled stays as it was, and later steps are seen by a later pull only', () => {
  const store = newStore();
  const pulled = store.pull();
  const copy = { parameters: pulled.parameters.slice(), statistics: pulled.statistics.slice() };
  stageAll(store, [pushOf()]);
  store.commit(0, [{ slice: 0, generation: 1 }]);
  store.resetHead(0);
  assert.deepEqual({ parameters: pulled.parameters, statistics: pulled.statistics }, copy);
  assert.equal(pulled.version, 0);
  assert.notDeepEqual(store.pull().parameters, copy.parameters);
});

test('what was released is written in place, and what another reader holds is not', () => {
  const store = newStore();
  const step = (index: number): void => {
    stageAll(store, [pushOf({ step: index })]);
    store.commit(index, [{ slice: 0, generation: 1 }]);
  };
  step(0);
  const released = store.pull();
  released.release();
  step(1);
  const held = store.pull();
  assert.equal(held.parameters, released.parameters);
  const copy = held.parameters.slice();
  store.pull().release();
  step(2);
  assert.deepEqual(held.parameters, copy);
});

test('a store restored from a snapshot goes on with the same bits, from the slices on', () => {
  const store = newStore();
  store.resetHead(0);
  stageAll(store, [pushOf()]);
  store.commit(0, [{ slice: 0, generation: 1 }]);
  stageAll(store, [pushOf({ step: 1 })]);
  const snapshot = store.snapshot();
  const twin = new ParameterStore(tinyLayout, training, SEED, snapshot);
  const slices = [{ slice: 0, generation: 1 }];
  assert.deepEqual(twin.commit(1, slices), { kind: 'missing', slices: [0] });
  stageAll(twin, [pushOf({ step: 1 })]);
  const twinBefore = twin.snapshot();
  assert.deepEqual(store.commit(1, slices), { kind: 'applied', version: 2 });
  assert.deepEqual(twinBefore, snapshot);
  twin.commit(1, slices);
  assert.deepEqual(twin.snapshot(), store.snapshot());
  assert.deepEqual(twin.commit(0, slices), { kind: 'duplicate', version: 2 });
});

test('restore goes back exactly, refuses what does not fit, and writes to nothing it was given', () => {
  const store = newStore();
  const initial = initialState(tinyLayout, SEED);
  stageAll(store, [pushOf()]);
  store.commit(0, [{ slice: 0, generation: 1 }]);
  const later = store.snapshot();
  const damaged = { ...initial, momentum: initial.momentum.with(3, NaN) };
  assert.throws(
    () => {
      store.restore(damaged);
    },
    { code: 'NON_FINITE' },
  );
  assert.throws(
    () => {
      store.restore({ ...initial, statistics: new Float32Array(S - 1) });
    },
    { code: 'SHAPE_MISMATCH' },
  );
  assertUnchanged(store, later);
  store.restore(initial);
  stageAll(store, [pushOf()]);
  store.commit(0, [{ slice: 0, generation: 1 }]);
  assert.deepEqual(store.snapshot(), later);
  assert.deepEqual(initial, initialState(tinyLayout, SEED));
  store.restore(initial);
  assertUnchanged(store, initial);
});

test('snapshots that are released cost no buffer: two take turns, however many there are', () => {
  const store = newStore();
  const seen = new Set<Float32Array>();
  for (let step = 0; step < 6; step += 1) {
    const { state, release } = store.lendSnapshot();
    const before = state.parameters.slice();
    stageAll(store, [pushOf({ step })]);
    store.commit(step, [{ slice: 0, generation: 1 }]);
    assert.deepEqual(state.parameters, before);
    if (step > 0) seen.add(state.parameters);
    release();
  }
  assert.equal(seen.size, 2);
});
