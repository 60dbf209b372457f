/** Steps of the parameter store are those of the plain loop, in any order of arrival, weighted by samples. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatisticSpec } from '../../src/ps/layout.ts';
import { ParameterStore, initialState } from '../../src/ps/parameter-store.ts';
import { tinyLayout } from '../support/made/layouts.ts';
import {
  P,
  S,
  SEED,
  assertUnchanged,
  flatPush,
  newStore,
  plainStep,
  pushOf,
  stageAll,
  training,
} from '../support/made/tiny-store.ts';

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
  // Sums where the order shows: (1e30 + 1) - 1e30 is 0, (1e30 - 1e30) + 1 is 1.
  const scales = [1e30, 1, -1e30, 3];
  const pushes = scales.map((scale, slice) =>
    flatPush(scale, { slice, stepSlices: 4, statistics: new Float32Array(S).fill(scale) }),
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

test('sums over slices are rounded to float32 at each node of the tree, the mean once more', () => {
  const store = newStore();
  const before = store.pull().parameters[P - 1]!;
  // They come to 2 ** 24 + 3, but the first node, 2 ** 24 + 1, is rounded to even: 2 ** 24.
  const scales = [2 ** 24, 1, 1, 1];
  stageAll(
    store,
    scales.map((scale, slice) => flatPush(scale, { slice, stepSlices: 4, samples: 3 })),
  );
  store.commit(
    0,
    scales.map((_, slice) => ({ slice, generation: 1 })),
  );
  const gradient = Math.fround((2 ** 24 + 2) / 12);
  assert.equal(
    store.pull().parameters[P - 1],
    Math.fround(before - 0.1 * (gradient + 0.01 * before)),
  );
});

test('gradients are divided by samples, not by slices or workers', () => {
  const store = newStore();
  const before = store.pull().parameters[P - 1]!;
  stageAll(store, [
    flatPush(6, { slice: 0, stepSlices: 2, samples: 4 }),
    flatPush(3, { slice: 1, stepSlices: 2, samples: 1 }),
  ]);
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
  stageAll(store, [pushOf({ samples: 4, statistics: Float32Array.of(12, 12, 12, 12) })]);
  store.commit(0, [{ slice: 0, generation: 1 }]);
  const [a, b, c, d] = [0.1 * 3, 0.1 * 3, 0.999 + 0.001 * 3, 0.999 + 0.001 * 3];
  assert.deepEqual(store.snapshot().statistics, Float32Array.of(a, b, c, d));
});

test('running statistics move towards the mean of the slices, weighted by samples', () => {
  const store = newStore();
  // 3 samples with 1, 2, 3, 4 and 1 sample with 5, 6, 7, 8.
  const statistics = [Float32Array.of(3, 6, 9, 12), Float32Array.of(5, 6, 7, 8)] as const;
  stageAll(store, [
    pushOf({ slice: 0, stepSlices: 2, samples: 3, statistics: statistics[0] }),
    pushOf({ slice: 1, stepSlices: 2, samples: 1, statistics: statistics[1] }),
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

test('a slice of which no sample could be read has no weight', () => {
  const store = newStore();
  const unread = { samples: 0, statistics: new Float32Array(S).fill(99) };
  stageAll(store, [
    flatPush(7, { slice: 0, stepSlices: 2, ...unread }),
    pushOf({ slice: 1, stepSlices: 2 }),
  ]);
  store.commit(
    0,
    [0, 1].map((slice) => ({ slice, generation: 1 })),
  );
  const twin = newStore();
  stageAll(twin, [{ ...pushOf({ slice: 1, stepSlices: 2 }), slice: 0, stepSlices: 1 }]);
  twin.commit(0, [{ slice: 0, generation: 1 }]);
  assert.deepEqual(store.snapshot(), twin.snapshot());
});

test('a step without any sample counts and moves no value', () => {
  const store = newStore();
  const before = store.snapshot();
  stageAll(store, [flatPush(0, { samples: 0 })]);
  assert.deepEqual(store.commit(0, [{ slice: 0, generation: 1 }]), { kind: 'applied', version: 1 });
  assert.deepEqual(store.snapshot(), { ...before, version: 1, step: 1 });
});

function permutationsOf(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((first) =>
    permutationsOf(items.filter((item) => item !== first)).map((rest) => [first, ...rest]),
  );
}
