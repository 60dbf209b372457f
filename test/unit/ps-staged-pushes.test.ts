/** Pushes that wait for their commit: repeated, fenced, stale or refused, and a commit of exactly those it names. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SlicePush } from '../../src/ps/slice-push.ts';
import { TINY_BODY as BODY } from '../support/made/layouts.ts';
import {
  P,
  S,
  assertUnchanged,
  flatPush,
  newStore,
  pushOf,
  stageAll,
} from '../support/made/tiny-store.ts';

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
  assert.deepEqual(store.stage(pushOf({ step: 0, slice: 1, stepSlices: 2 })), stale);
  assert.deepEqual(store.stage(pushOf({ step: 0, generation: 2 })), stale);
  assert.deepEqual(store.stage(pushOf({ step: 2, basedOn: 1 })), stale);
  assert.deepEqual(store.stage(pushOf({ step: 1, basedOn: 0 })), stale);
  assert.deepEqual(store.stage(pushOf({ step: 1, basedOn: 1 })), { kind: 'staged' });
});

/** Of a step of so many slices, each by itself. */
const sliceOf = (slice: number, stepSlices: number): SlicePush => pushOf({ slice, stepSlices });

test('a commit with slices that are not staged names them and applies nothing', () => {
  const store = newStore();
  const before = store.snapshot();
  stageAll(store, [sliceOf(1, 3)]);
  const slices = [2, 1, 0].map((slice) => ({ slice, generation: 1 }));
  assert.deepEqual(store.commit(0, slices), { kind: 'missing', slices: [0, 2] });
  assertUnchanged(store, before);
  stageAll(store, [sliceOf(0, 3), sliceOf(2, 3)]);
  assert.deepEqual(store.commit(0, slices), { kind: 'applied', version: 1 });
});

test('a commit applies exactly the units it names, and drops the others', () => {
  const store = newStore();
  const whole = pushOf({ slices: 2, stepSlices: 2 });
  stageAll(store, [{ ...whole, generation: 2 }, sliceOf(0, 2), sliceOf(1, 2)]);
  store.commit(0, [{ slice: 0, generation: 2 }]);
  const twin = newStore();
  stageAll(twin, [whole]);
  twin.commit(0, [{ slice: 0, generation: 1 }]);
  assert.deepEqual(store.snapshot(), twin.snapshot());
  const slices = [{ slice: 1, generation: 1 }];
  assert.deepEqual(store.commit(1, slices), { kind: 'missing', slices: [1] });
});

test('a repeated commit changes nothing, and one with other slices is refused', () => {
  const store = newStore();
  stageAll(store, [sliceOf(0, 2), sliceOf(1, 2)]);
  const slices = [0, 1].map((slice) => ({ slice, generation: 1 }));
  store.commit(0, slices);
  const before = store.snapshot();
  assert.deepEqual(store.commit(0, slices.toReversed()), { kind: 'duplicate', version: 1 });
  assert.throws(() => store.commit(0, [{ slice: 0, generation: 1 }]), {
    code: 'PROTOCOL_VIOLATION',
  });
  assertUnchanged(store, before);
});

const REFUSED: readonly (readonly [string, readonly Partial<SlicePush>[], string])[] = [
  [
    'that lacks the last slice',
    [{ slice: 0, slices: 2, stepSlices: 3 }],
    'each of its 3 slices in one of them, got slices 0 to 1',
  ],
  [
    'that lacks a slice in between',
    [
      { slice: 0, stepSlices: 4 },
      { slice: 2, slices: 2, stepSlices: 4 },
    ],
    'each of its 4 slices in one of them, got slices 0; 2 to 3',
  ],
  [
    'of a unit and one of its slices',
    [
      { slice: 0, slices: 2, stepSlices: 2 },
      { slice: 1, stepSlices: 2 },
    ],
    'each of its 2 slices in one of them, got slices 0 to 1; 1',
  ],
  [
    'of units of steps of other lengths',
    [
      { slice: 0, stepSlices: 2 },
      { slice: 1, stepSlices: 3 },
    ],
    'each of its 2 slices in one of them, got slices 0; 1 of 3',
  ],
];

for (const [what, units, message] of REFUSED) {
  test(`a commit ${what} is refused, before it is asked for and by itself, and changes nothing`, () => {
    const store = newStore();
    const before = store.snapshot();
    stageAll(store, units.map(pushOf));
    const slices = units.map(({ slice = 0 }) => ({ slice, generation: 1 }));
    const refused = {
      code: 'PROTOCOL_VIOLATION',
      message: `units of step 0: expected ${message}; run the same release on every process`,
    };
    assert.throws(() => store.missing(0, slices), refused);
    assert.throws(() => store.commit(0, slices), refused);
    assertUnchanged(store, before);
  });
}

test('a push that is no node of the tree is refused', () => {
  const store = newStore();
  const before = store.snapshot();
  const units: Partial<SlicePush>[] = [
    { slice: 1, slices: 2, stepSlices: 4 },
    { slice: 0, slices: 3, stepSlices: 4 },
    { slice: 2, slices: 3, stepSlices: 4 },
    { slice: 0, slices: 0, stepSlices: 4 },
    { slice: 0, slices: 4, stepSlices: 3 },
  ];
  for (const unit of units) {
    assert.throws(() => store.stage(pushOf(unit)), {
      code: 'PROTOCOL_VIOLATION',
      message: /expected a node of the tree over its [34] slices, got none/,
    });
  }
  // The last unit of a step may have fewer slices than its node has room for.
  stageAll(store, [pushOf({ slice: 0, slices: 3, stepSlices: 3 })]);
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
  for (const changes of [
    { slice: 4, stepSlices: 4 },
    { slice: 4, stepSlices: 5 },
    { slice: -1 },
    { samples: 5 },
    { samples: 9, slices: 2, stepSlices: 2 },
    { generation: 0.5 },
  ]) {
    assert.throws(() => store.stage(pushOf(changes)), { code: 'PROTOCOL_VIOLATION' });
  }
  assertUnchanged(store, before);
});

test('a lent gradient that is written to late changes nothing: its slice counts as never pushed', () => {
  // The owner writes after the push, or while the step is computed.
  for (const asked of [1, 2]) {
    const store = newStore();
    let questions = -1;
    // Intact when it is staged.
    const isIntact = (): boolean => {
      questions += 1;
      return questions < asked;
    };
    stageAll(store, [sliceOf(0, 2), pushOf({ slice: 1, stepSlices: 2, isIntact })]);
    const before = store.snapshot();
    const slices = [
      { slice: 0, generation: 1 },
      { slice: 1, generation: 1 },
    ];
    assert.deepEqual(store.commit(0, slices), { kind: 'missing', slices: [1] });
    assertUnchanged(store, before);
    assert.deepEqual(store.missing(0, slices), [1]);
    stageAll(store, [sliceOf(1, 2)]);
    assert.deepEqual(store.commit(0, slices), { kind: 'applied', version: 1 });
    const twin = newStore();
    stageAll(twin, [sliceOf(0, 2), sliceOf(1, 2)]);
    twin.commit(0, slices);
    assert.deepEqual(store.snapshot(), twin.snapshot());
  }
});

test('a lent gradient that is another one by now is refused', () => {
  const store = newStore();
  const before = store.snapshot();
  assert.throws(
    () => store.stage(pushOf({ isIntact: () => false })),
    /gradient of step 0, slice 0: expected shared memory as it was when it was pushed/,
  );
  assertUnchanged(store, before);
});

/** Slice 1 of two, in memory that its owner lends and may write to. */
function lentSlice(): { push: SlicePush; overwrite: () => void } {
  const { gradient, ...rest } = pushOf({ slice: 1, stepSlices: 2 });
  const lent = gradient.slice();
  let isIntact = true;
  const overwrite = (): void => {
    lent.fill(99);
    isIntact = false;
  };
  return { push: { ...rest, gradient: lent, isIntact: () => isIntact }, overwrite };
}

const BOTH = [0, 1].map((slice) => ({ slice, generation: 1 }));

function committedTwin(factor: number): ReturnType<typeof newStore> {
  const twin = newStore();
  stageAll(twin, [sliceOf(0, 2), sliceOf(1, 2)]);
  twin.commit(0, BOTH, factor);
  return twin;
}

test('what is prepared takes effect whatever is written to a lent gradient before the commit', () => {
  const store = newStore();
  const { push, overwrite } = lentSlice();
  stageAll(store, [sliceOf(0, 2), push]);
  const before = store.snapshot();
  assert.deepEqual(store.prepare(0, BOTH, 0.5), []);
  overwrite();
  assertUnchanged(store, before);
  assert.deepEqual(store.pull().parameters, before.parameters);
  assert.deepEqual(store.missing(0, BOTH), []);
  assert.deepEqual(store.prepare(0, BOTH, 0.5), [], 'asked again after a lost answer');
  assert.deepEqual(store.commit(0, BOTH, 0.5), { kind: 'applied', version: 1 });
  assert.deepEqual(store.snapshot(), committedTwin(0.5).snapshot());
  assert.deepEqual(store.prepare(0, BOTH, 0.5), [], 'asked late');
});

test('what was prepared gives way to other units, another rate, a new head and a restore', () => {
  const others = [
    { slice: 0, generation: 1 },
    { slice: 1, generation: 2 },
  ];
  const twin = committedTwin(1);
  for (const giveWay of ['units', 'rate', 'head', 'restore'] as const) {
    const store = newStore();
    const before = store.snapshot();
    const { push, overwrite } = lentSlice();
    stageAll(store, [sliceOf(0, 2), push]);
    assert.deepEqual(store.prepare(0, BOTH, giveWay === 'rate' ? 0.5 : 1), []);
    if (giveWay === 'head') store.resetHead(0);
    if (giveWay === 'restore') store.restore(before);
    if (giveWay === 'rate') {
      assert.deepEqual(store.commit(0, BOTH, 1), { kind: 'applied', version: 1 });
      assert.deepEqual(store.snapshot(), twin.snapshot());
      continue;
    }
    overwrite();
    if (giveWay === 'units') {
      stageAll(store, [{ ...sliceOf(1, 2), generation: 2 }]);
      assert.deepEqual(store.commit(0, others), { kind: 'applied', version: 1 });
      assert.deepEqual(store.snapshot(), twin.snapshot());
      continue;
    }
    assert.deepEqual(store.commit(0, BOTH), { kind: 'missing', slices: [0, 1] });
    const { headEpoch, parameters, ...same } = store.snapshot();
    assert.deepEqual(
      { ...same, headEpoch: -1, parameters: parameters.subarray(0, BODY) },
      {
        ...before,
        parameters: before.parameters.subarray(0, BODY),
      },
    );
    assert.equal(headEpoch, giveWay === 'head' ? 0 : -1);
  }
});
