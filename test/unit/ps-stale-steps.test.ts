/**
 * Steps that overlap: for a given schedule of pulls and arrivals the store does what a plain loop of
 * SGD with stale gradients does, bit for bit; staleness is bounded; what an expired lease pushes
 * changes nothing.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stalenessBound, stepSizes, trainingConfigSchema } from '../../src/ps/config.ts';
import { ParameterStore, initialState } from '../../src/ps/parameter-store.ts';
import type { StoreState } from '../../src/ps/store-types.ts';
import type { SlicePush } from '../../src/ps/slice-push.ts';
import { tinyLayout } from '../support/made/layouts.ts';
import {
  P,
  SEED,
  assertUnchanged,
  newStore,
  plainStep,
  pushOf,
  training,
} from '../support/made/tiny-store.ts';

const staleStore = (staleness: number): ParameterStore =>
  new ParameterStore(
    tinyLayout,
    { ...training, mode: 'ssp', staleness },
    SEED,
    initialState(tinyLayout, SEED),
  );

/** A gradient that depends on the parameters that it is computed on. */
const pushOn = ({ version, parameters }: StoreState, changes: Partial<SlicePush>): SlicePush => ({
  ...pushOf(changes),
  basedOn: version,
  gradient: Float32Array.from({ length: P }, (_, i) => parameters[i]! + Math.sin(i + version)),
});

/** By step: after how many commits it is pulled. At most two before its own. */
const PULLED_AFTER = [0, 0, 0, 1, 4, 3, 6, 5];
/** In which order pushes arrive; each before its commit. */
const ARRIVALS = [2, 1, 0, 3, 5, 4, 7, 6];

/** All steps, by the store: each is pushed when it is its turn and its parameters are there. */
function runOfStore(store: ParameterStore): StoreState[] {
  const states = [store.snapshot()];
  const waiting = [...ARRIVALS];
  while (states.length <= PULLED_AFTER.length) {
    const step = states.length - 1;
    for (const arriving of [...waiting]) {
      const based = states[PULLED_AFTER[arriving]!];
      if (based === undefined || arriving > step + 2) continue;
      const push = pushOn(based, { step: arriving });
      assert.deepEqual(store.stage(push), { kind: 'staged' });
      assert.deepEqual(store.stage(push), { kind: 'duplicate' }, 'its answer was lost');
      waiting.splice(waiting.indexOf(arriving), 1);
    }
    const version = step + 1;
    const slices = [{ slice: 0, generation: 1 }];
    assert.deepEqual(store.commit(step, slices), { kind: 'applied', version });
    assert.deepEqual(store.commit(step, slices), { kind: 'duplicate', version });
    states.push(store.snapshot());
  }
  return states;
}

test('steps on stale gradients are the plain loop of the same schedule, bit for bit', () => {
  const states = runOfStore(staleStore(2));
  const plain = [initialState(tinyLayout, SEED)];
  for (const [step, pulled] of PULLED_AFTER.entries()) {
    plain.push(plainStep(plain[step]!, pushOn(plain[pulled]!, { step })));
  }
  assert.deepEqual(states, plain);
});

test('with staleness 0 a store is that of mode sync', () => {
  const [sync, ssp] = [newStore(), staleStore(0)];
  for (let step = 0; step < 4; step += 1) {
    for (const store of [sync, ssp]) {
      const ahead = { kind: 'stale', version: step };
      assert.deepEqual(store.stage(pushOf({ step: step + 1, basedOn: step })), ahead);
      assert.equal(store.stage(pushOn(store.snapshot(), { step })).kind, 'staged');
      store.commit(step, [{ slice: 0, generation: 1 }]);
    }
  }
  assert.deepEqual(ssp.snapshot(), sync.snapshot());
  assert.deepEqual([ssp.serves(3), sync.serves(3)], [false, false]);
});

test('a gradient further behind than the bound, or of parameters to come, is refused', () => {
  const store = staleStore(1);
  for (let step = 0; step < 3; step += 1) {
    store.stage(pushOf({ step, basedOn: step }));
    store.commit(step, [{ slice: 0, generation: 1 }]);
  }
  const kindOf = (step: number, basedOn: number): string =>
    store.stage(pushOf({ step, basedOn })).kind;
  assert.equal(kindOf(3, 1), 'stale', 'it would be two versions behind');
  assert.equal(kindOf(3, 2), 'staged');
  assert.equal(kindOf(4, 2), 'stale', 'it will be two versions behind');
  assert.equal(kindOf(4, 4), 'stale', 'there is no version 4');
  assert.equal(kindOf(4, 3), 'staged');
  assert.equal(kindOf(5, 3), 'stale', 'no such step is given out yet');
  assert.deepEqual([store.serves(2), store.serves(3), store.serves(4)], [true, true, false]);
});

test('what an expired lease pushed changes nothing, early or late', () => {
  const [store, undisturbed] = [staleStore(2), staleStore(2)];
  const expired = pushOf({ step: 1, basedOn: 0, gradient: new Float32Array(P).fill(7) });
  assert.deepEqual(store.stage(expired), { kind: 'staged' });
  for (const own of [store, undisturbed]) {
    for (const step of [0, 1]) {
      const generation = 1 + step;
      assert.equal(own.stage(pushOf({ step, basedOn: 0, generation })).kind, 'staged');
      own.commit(step, [{ slice: 0, generation }]);
    }
  }
  assert.deepEqual(store.snapshot(), undisturbed.snapshot());
  assert.deepEqual(store.stage(expired), { kind: 'stale', version: 2 });
  assertUnchanged(store, undisturbed.snapshot());
});

test('a new head drops and fences what is staged of every step', () => {
  const store = staleStore(2);
  for (const step of [0, 2]) store.stage(pushOf({ step, basedOn: 0 }));
  store.resetHead(0);
  assert.deepEqual(store.missing(0, [{ slice: 0, generation: 1 }]), [0]);
  const fenced = { kind: 'fenced', currentGeneration: 2 };
  assert.deepEqual(store.stage(pushOf({ step: 2, basedOn: 0 })), fenced);
  assert.equal(store.stage(pushOf({ step: 2, basedOn: 0, generation: 2 })).kind, 'staged');
});

test('arrays that were lent go back with their own step alone', () => {
  const store = staleStore(2);
  const released: number[] = [];
  for (const step of [0, 1]) {
    store.stage(pushOf({ step, basedOn: 0, release: () => released.push(step) }));
  }
  store.commit(0, [{ slice: 0, generation: 1 }]);
  assert.deepEqual(released, [0]);
  store.commit(1, [{ slice: 0, generation: 1 }]);
  assert.deepEqual(released, [0, 1]);
});

test('mode async has a slice a step, and a bound above what workers hold', () => {
  const config = trainingConfigSchema.parse({ mode: 'async', batchSize: 12, sliceSize: 4 });
  assert.deepEqual(stepSizes(config), { step: 4, slice: 4 });
  assert.equal(stalenessBound(config), 64);
  assert.equal(stalenessBound({ ...config, mode: 'local' }), 0);
});
