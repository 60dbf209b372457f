import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trainingConfigSchema } from '../../src/ps/config.ts';
import { initialHead } from '../../src/ps/initial-values.ts';
import { ParameterStore, initialState, type StoreState } from '../../src/ps/parameter-store.ts';
import type { SlicePush } from '../../src/ps/slice-push.ts';
import type { StatisticSpec } from '../../src/ps/layout.ts';
import { TINY_BODY as BODY, tinyLayout } from '../support/made/layouts.ts';

const P = tinyLayout.parameterCount;
const S = tinyLayout.statisticCount;
const SEED = 31;
const training = trainingConfigSchema.parse({
  batchSize: 16,
  sliceSize: 4,
  learningRate: 0.05,
  headLearningRate: 0.1,
  weightDecay: 0.01,
});

const newStore = (): ParameterStore =>
  new ParameterStore(tinyLayout, training, SEED, initialState(tinyLayout, SEED));

/** A push for the first step, with numbers that differ between elements, slices and steps. */
function pushOf(changes: Partial<SlicePush> = {}): SlicePush {
  const { step = 0, slice = 0 } = changes;
  return {
    step,
    slice,
    generation: 1,
    basedOn: step,
    samples: 4,
    gradient: Float32Array.from({ length: P }, (_, i) => Math.sin(1 + i + 100 * slice + 7 * step)),
    statistics: Float32Array.from({ length: S }, (_, i) => 0.5 + i + slice),
    ...changes,
  };
}

/** A push whose gradient (statistic) has one value throughout. */
const flatPush = (gradient: number, changes: Partial<SlicePush> = {}): SlicePush =>
  pushOf({ gradient: new Float32Array(P).fill(gradient), ...changes });

function stageAll(store: ParameterStore, pushes: readonly SlicePush[]): void {
  for (const push of pushes) assert.deepEqual(store.stage(push), { kind: 'staged' });
}

function assertUnchanged(store: ParameterStore, before: StoreState): void {
  assert.deepEqual(store.snapshot(), before);
}

/** The optimizer as one would write it for a single process and one slice, rounding where the store says it does. */
function plainStep(state: StoreState, push: SlicePush, factor = 1): StoreState {
  const parameters = state.parameters.slice();
  const momentum = state.momentum.slice();
  const statistics = state.statistics.slice();
  for (let i = 0; i < P; i += 1) {
    const g = Math.fround(push.gradient[i]! / push.samples);
    const decayed = g + training.weightDecay * parameters[i]!;
    if (i < BODY) {
      momentum[i] = training.momentum * momentum[i]! + decayed;
      parameters[i] = parameters[i]! - factor * training.learningRate * momentum[i]!;
    } else {
      parameters[i] = parameters[i]! - factor * training.headLearningRate * decayed;
    }
  }
  for (let i = 0; i < S; i += 1) {
    statistics[i] = (1 - 0.1) * statistics[i]! + 0.1 * push.statistics[i]!;
  }
  const { version, step, headEpoch } = state;
  return { version: version + 1, step: step + 1, headEpoch, parameters, statistics, momentum };
}

test('one slice a step is the plain loop, bit for bit', () => {
  const store = newStore();
  let expected = initialState(tinyLayout, SEED);
  for (let step = 0; step < 5; step += 1) {
    const push = pushOf({ step, samples: 3 });
    stageAll(store, [push]);
    const outcome = store.commit(step, [{ slice: 0, generation: 1 }]);
    assert.deepEqual(outcome, { kind: 'applied', version: step + 1 });
    expected = plainStep(expected, push);
    assert.deepEqual(store.snapshot(), expected);
  }
});

test('a factor scales the learning rates of body and head in its step alone', () => {
  const store = newStore();
  let expected = initialState(tinyLayout, SEED);
  for (const [step, factor] of [1, 0.4, 0.3, 1].entries()) {
    const push = pushOf({ step, samples: 3 });
    stageAll(store, [push]);
    store.commit(step, [{ slice: 0, generation: 1 }], factor);
    expected = plainStep(expected, push, factor);
    assert.deepEqual(store.snapshot(), expected);
  }
});

test('a repeated commit changes nothing, whatever its factor; a step without learning is refused', () => {
  const store = newStore();
  stageAll(store, [pushOf()]);
  const slices = [{ slice: 0, generation: 1 }];
  for (const bad of [0, -1, NaN, Infinity]) {
    assert.throws(() => store.commit(0, slices, bad), { code: 'PROTOCOL_VIOLATION' });
  }
  assert.deepEqual(store.commit(0, slices, 0.4), { kind: 'applied', version: 1 });
  const before = store.snapshot();
  assert.deepEqual(store.commit(0, slices, 0.4), { kind: 'duplicate', version: 1 });
  assert.deepEqual(store.commit(0, slices, 1), { kind: 'duplicate', version: 1 });
  assertUnchanged(store, before);
});

test('any order of arrival, and of the commit list, gives the same bits', () => {
  // Sums in float64 where the order shows: (1e30 + 1) - 1e30 is 0, (1e30 - 1e30) + 1 is 1.
  const scales = [1e30, 1, -1e30, 3];
  const pushes = scales.map((scale, slice) =>
    flatPush(scale, { slice, statistics: new Float32Array(S).fill(scale) }),
  );
  const results = permutationsOf([0, 1, 2, 3]).map((order) => {
    const store = newStore();
    stageAll(
      store,
      order.map((slice) => pushes[slice]!),
    );
    store.commit(
      0,
      order.map((slice) => ({ slice, generation: 1 })),
    );
    return store.snapshot();
  });
  assert.equal(results.length, 24);
  for (const result of results) assert.deepEqual(result, results[0]);
});

test('gradients are divided by samples, not by slices or workers', () => {
  const store = newStore();
  const before = store.pull().parameters[P - 1]!;
  stageAll(store, [flatPush(6, { slice: 0, samples: 4 }), flatPush(3, { slice: 1, samples: 1 })]);
  store.commit(
    0,
    [0, 1].map((slice) => ({ slice, generation: 1 })),
  );
  const gradient = Math.fround((6 + 3) / (4 + 1));
  assert.equal(
    store.pull().parameters[P - 1],
    Math.fround(before - 0.1 * (gradient + 0.01 * before)),
  );
});

test('a statistic with a momentum of its own moves by that one', () => {
  const [mean, variance] = tinyLayout.statistics as [StatisticSpec, StatisticSpec];
  const layout = { ...tinyLayout, statistics: [mean, { ...variance, momentum: 0.001 }] };
  const store = new ParameterStore(layout, training, SEED, initialState(layout, SEED));
  stageAll(store, [pushOf({ statistics: Float32Array.of(3, 3, 3, 3) })]);
  store.commit(0, [{ slice: 0, generation: 1 }]);
  const [a, b, c, d] = [0.1 * 3, 0.1 * 3, 0.999 + 0.001 * 3, 0.999 + 0.001 * 3];
  assert.deepEqual(store.snapshot().statistics, Float32Array.of(a, b, c, d));
});

test('running statistics move towards the mean of the slices, weighted by samples', () => {
  const store = newStore();
  const statistics = [Float32Array.of(1, 2, 3, 4), Float32Array.of(5, 6, 7, 8)] as const;
  stageAll(store, [
    pushOf({ slice: 0, samples: 3, statistics: statistics[0] }),
    pushOf({ slice: 1, samples: 1, statistics: statistics[1] }),
  ]);
  store.commit(
    0,
    [0, 1].map((slice) => ({ slice, generation: 1 })),
  );
  assert.deepEqual(
    store.pull().statistics,
    Float32Array.of(
      0.9 * 0 + 0.1 * ((3 * 1 + 1 * 5) / 4),
      0.9 * 0 + 0.1 * ((3 * 2 + 1 * 6) / 4),
      0.9 * 1 + 0.1 * ((3 * 3 + 1 * 7) / 4),
      0.9 * 1 + 0.1 * ((3 * 4 + 1 * 8) / 4),
    ),
  );
});

test('a repeated push is a duplicate, before its commit and after', () => {
  const store = newStore();
  stageAll(store, [pushOf()]);
  assert.deepEqual(store.stage(pushOf({ gradient: new Float32Array(P) })), { kind: 'duplicate' });
  store.commit(0, [{ slice: 0, generation: 1 }]);
  const before = store.snapshot();
  assert.deepEqual(store.stage(pushOf()), { kind: 'duplicate' });
  assertUnchanged(store, before);
  const twin = newStore();
  stageAll(twin, [pushOf()]);
  twin.commit(0, [{ slice: 0, generation: 1 }]);
  assert.deepEqual(before, twin.snapshot());
});

test('generations of a slice wait side by side, and exactly the one that the commit names counts', () => {
  for (const [generation, scale] of [
    [1, 1],
    [3, 2],
  ] as const) {
    const store = newStore();
    stageAll(store, [flatPush(1, { generation: 1 }), flatPush(2, { generation: 3 })]);
    assert.deepEqual(store.stage(flatPush(1, { generation: 1 })), { kind: 'duplicate' });
    const unknown = [{ slice: 0, generation: 2 }];
    assert.deepEqual(store.commit(0, unknown), { kind: 'missing', slices: [0] });
    assert.deepEqual(store.missing(0, unknown), [0]);
    assert.deepEqual(store.missing(0, [{ slice: 0, generation }]), []);
    store.commit(0, [{ slice: 0, generation }]);
    const twin = newStore();
    stageAll(twin, [flatPush(scale)]);
    twin.commit(0, [{ slice: 0, generation: 1 }]);
    assert.deepEqual(store.snapshot(), twin.snapshot());
  }
});

test('of many generations of a slice the newest four wait', () => {
  const store = newStore();
  stageAll(
    store,
    [1, 2, 3, 4, 5].map((generation) => flatPush(1, { generation })),
  );
  assert.deepEqual(store.missing(0, [{ slice: 0, generation: 1 }]), [0]);
  assert.deepEqual(store.missing(0, [{ slice: 0, generation: 2 }]), []);
});

test('generations are those of a step: a new step begins without a fence', () => {
  const store = newStore();
  stageAll(store, [pushOf({ generation: 3 })]);
  store.commit(0, [{ slice: 0, generation: 3 }]);
  assert.deepEqual(store.stage(pushOf({ step: 1, generation: 1 })), { kind: 'staged' });
});

test('a push of another step or computed on other parameters is stale', () => {
  const store = newStore();
  stageAll(store, [pushOf()]);
  store.commit(0, [{ slice: 0, generation: 1 }]);
  const stale = { kind: 'stale', version: 1 };
  assert.deepEqual(store.stage(pushOf({ step: 0, slice: 1 })), stale);
  assert.deepEqual(store.stage(pushOf({ step: 0, generation: 2 })), stale);
  assert.deepEqual(store.stage(pushOf({ step: 2, basedOn: 1 })), stale);
  assert.deepEqual(store.stage(pushOf({ step: 1, basedOn: 0 })), stale);
  assert.deepEqual(store.stage(pushOf({ step: 1, basedOn: 1 })), { kind: 'staged' });
});

test('a commit with slices that are not staged names them and applies nothing', () => {
  const store = newStore();
  const before = store.snapshot();
  stageAll(store, [pushOf({ slice: 1 })]);
  const slices = [2, 1, 0].map((slice) => ({ slice, generation: 1 }));
  assert.deepEqual(store.commit(0, slices), { kind: 'missing', slices: [0, 2] });
  assertUnchanged(store, before);
  stageAll(store, [pushOf({ slice: 0 }), pushOf({ slice: 2 })]);
  assert.deepEqual(store.commit(0, slices), { kind: 'applied', version: 1 });
});

test('a commit applies exactly the slices it names', () => {
  const store = newStore();
  stageAll(store, [pushOf({ slice: 0 }), pushOf({ slice: 3 })]);
  store.commit(0, [{ slice: 0, generation: 1 }]);
  const twin = newStore();
  stageAll(twin, [pushOf({ slice: 0 })]);
  twin.commit(0, [{ slice: 0, generation: 1 }]);
  assert.deepEqual(store.snapshot(), twin.snapshot());
  const slices = [{ slice: 3, generation: 1 }];
  assert.deepEqual(store.commit(1, slices), { kind: 'missing', slices: [3] });
});

test('a repeated commit changes nothing, and one with other slices is refused', () => {
  const store = newStore();
  stageAll(store, [pushOf({ slice: 0 }), pushOf({ slice: 1 })]);
  const slices = [0, 1].map((slice) => ({ slice, generation: 1 }));
  store.commit(0, slices);
  const before = store.snapshot();
  assert.deepEqual(store.commit(0, slices.toReversed()), { kind: 'duplicate', version: 1 });
  assert.throws(() => store.commit(0, [{ slice: 0, generation: 1 }]), {
    code: 'PROTOCOL_VIOLATION',
  });
  assertUnchanged(store, before);
});

test('a commit of a later step, of no slice or of one slice twice is refused', () => {
  const store = newStore();
  stageAll(store, [pushOf()]);
  const once = { slice: 0, generation: 1 };
  const violation = { code: 'PROTOCOL_VIOLATION' };
  assert.throws(() => store.commit(1, [once]), violation);
  assert.throws(() => store.commit(0, []), violation);
  assert.throws(() => store.commit(0, [once, once]), violation);
  assert.deepEqual(store.commit(0, [once]), { kind: 'applied', version: 1 });
});

for (const bad of [NaN, Infinity, -Infinity]) {
  test(`a gradient or statistic of ${bad} is refused, and nothing has changed`, () => {
    const store = newStore();
    stageAll(store, [pushOf({ generation: 1 })]);
    const gradient = pushOf().gradient.with(BODY - 1, bad);
    const statistics = pushOf().statistics.with(S - 1, bad);
    assert.throws(() => store.stage(pushOf({ generation: 2, gradient })), {
      code: 'NON_FINITE',
      message: /gradient of step 0, slice 0, at fc\.bias\[9004\]/,
    });
    assert.throws(() => store.stage(pushOf({ generation: 2, statistics })), { code: 'NON_FINITE' });
    assert.deepEqual(store.commit(0, [{ slice: 0, generation: 1 }]), {
      kind: 'applied',
      version: 1,
    });
  });
}

test('a push of another shape, or outside of the step, is refused', () => {
  const store = newStore();
  const before = store.snapshot();
  const mismatch = { code: 'SHAPE_MISMATCH' };
  assert.throws(() => store.stage(pushOf({ gradient: new Float32Array(P - 1) })), mismatch);
  assert.throws(() => store.stage(pushOf({ statistics: new Float32Array(S + 1) })), mismatch);
  // 16 samples in slices of 4: slices 0 to 3, of at most 4 samples.
  for (const changes of [{ slice: 4 }, { slice: -1 }, { samples: 5 }, { generation: 0.5 }]) {
    assert.throws(() => store.stage(pushOf(changes)), { code: 'PROTOCOL_VIOLATION' });
  }
  assertUnchanged(store, before);
});

test('a slice of which no sample could be read has no weight', () => {
  const store = newStore();
  const empty = flatPush(0, { slice: 0, samples: 0, statistics: new Float32Array(S).fill(99) });
  stageAll(store, [empty, pushOf({ slice: 1 })]);
  store.commit(
    0,
    [0, 1].map((slice) => ({ slice, generation: 1 })),
  );
  const twin = newStore();
  stageAll(twin, [pushOf({ slice: 1 })]);
  twin.commit(0, [{ slice: 1, generation: 1 }]);
  assert.deepEqual(store.snapshot(), twin.snapshot());
});

test('a step without any sample counts and moves no value', () => {
  const store = newStore();
  const before = store.snapshot();
  stageAll(store, [flatPush(0, { samples: 0 })]);
  assert.deepEqual(store.commit(0, [{ slice: 0, generation: 1 }]), { kind: 'applied', version: 1 });
  assert.deepEqual(store.snapshot(), { ...before, version: 1, step: 1 });
});

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
  stageAll(store, [pushOf({ step: 1, slice: 1 })]);
  const snapshot = store.snapshot();
  const twin = new ParameterStore(tinyLayout, training, SEED, snapshot);
  const slices = [{ slice: 1, generation: 1 }];
  assert.deepEqual(twin.commit(1, slices), { kind: 'missing', slices: [1] });
  stageAll(twin, [pushOf({ step: 1, slice: 1 })]);
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

function permutationsOf(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((first) =>
    permutationsOf(items.filter((item) => item !== first)).map((rest) => [first, ...rest]),
  );
}
