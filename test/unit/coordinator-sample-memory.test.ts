import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryKeeper } from '../../server/memory-keeper.ts';
import { ParameterShard } from '../../server/parameter-shard.ts';
import { consecutiveSamples, type SliceRows } from '../../src/clustering/odc/sample-memory.ts';
import { trainingConfigSchema } from '../../src/ps/config.ts';
import { planParameterShard } from '../../src/ps/parameter-plan.ts';
import { ParameterStore, initialState } from '../../src/ps/parameter-store.ts';
import type { SlicePush } from '../../src/ps/slice-push.ts';
import { tinyLayout } from '../support/made/layouts.ts';

const FORM = { ...consecutiveSamples(0, 4), dim: 2, classes: 2 };
const LABELS = [0, 1, -1, 1];

/** A shard whose samples 0, 1 and 3 have the rows (1, 0); sample 2 could not be read. */
function sealedShard(): ParameterShard {
  const training = trainingConfigSchema.parse({ batchSize: 4, sliceSize: 2 });
  const store = new ParameterStore(tinyLayout, training, 1, initialState(tinyLayout, 1));
  const shard = new ParameterShard(planParameterShard(tinyLayout, 1, 0), store, null);
  assert.equal(shard.beginMemory(FORM), 'applied');
  assert.equal(shard.beginMemory(FORM), 'duplicate');
  const rows = Float32Array.of(1, 0, 1, 0, 1, 0);
  shard.requireMemory().fill(0, 1, { ids: Int32Array.of(0, 1, 3), rows });
  assert.equal(shard.sealMemory(0, Int32Array.from(LABELS)), 'applied');
  return shard;
}

function pushOf(slice: number, generation: number, { step = 0, stepSlices = 1 } = {}): SlicePush {
  return {
    ...{ step, slice, slices: 1, stepSlices, generation, basedOn: step, samples: 1 },
    gradient: new Float32Array(tinyLayout.parameterCount).fill(0.5),
    statistics: new Float32Array(tinyLayout.statisticCount).fill(1),
  };
}

function rowsOf(slice: number, id: number, row: readonly [number, number], label = 0): SliceRows {
  return {
    slice,
    ids: Int32Array.of(id),
    rows: Float32Array.from(row),
    pseudoLabels: Int32Array.of(label),
  };
}

function contentOf(shard: ParameterShard) {
  const { rows, pseudoLabels } = shard.requireMemory().memory.snapshot();
  return {
    rows: [...rows],
    labels: [...pseudoLabels],
    values: shard.store.pull().parameters.slice(),
  };
}

describe('the parameter server of an ODC run', () => {
  test('applies gradient and rows together with the commit, and neither before it', () => {
    const shard = sealedShard();
    const before = contentOf(shard);
    const both = { stepSlices: 2 };
    assert.equal(shard.stage(pushOf(0, 1, both), rowsOf(0, 0, [0, 1])).kind, 'staged');
    assert.equal(shard.stage(pushOf(1, 1, both), rowsOf(1, 3, [0, -1])).kind, 'staged');
    assert.deepEqual(contentOf(shard), before);
    const slices = [0, 1].map((slice) => ({ slice, generation: 1 }));
    assert.equal(shard.commit(0, slices).kind, 'applied');
    const { rows, labels, values } = contentOf(shard);
    assert.deepEqual(rows, [0, 1, 1, 0, 0, 0, 0, -1]);
    assert.deepEqual(labels, [0, 1, -1, 0]);
    assert.notDeepEqual(values, before.values);
  });

  test('takes a repeated push and a repeated commit for what they are', () => {
    const shard = sealedShard();
    const slices = [{ slice: 0, generation: 1 }];
    shard.stage(pushOf(0, 1), rowsOf(0, 0, [0, 1]));
    // The answer was lost and the worker sends again, other rows even: the first ones stand.
    assert.equal(shard.stage(pushOf(0, 1), rowsOf(0, 0, [-1, 0])).kind, 'duplicate');
    shard.commit(0, slices);
    const after = contentOf(shard);
    assert.deepEqual(after.rows.slice(0, 2), [0, 1]);
    const change = shard.requireMemory().changeOf(0);
    assert.equal(shard.stage(pushOf(0, 1), rowsOf(0, 0, [-1, 0])).kind, 'duplicate');
    assert.equal(shard.commit(0, slices).kind, 'duplicate');
    assert.deepEqual(contentOf(shard), after);
    assert.equal(shard.requireMemory().changeOf(0), change, 'told again as it was');
  });

  test('a slice that was leased twice is committed with the rows of the generation that the commit names', () => {
    const shard = sealedShard();
    shard.stage(pushOf(0, 1), rowsOf(0, 0, [0, 1]));
    assert.equal(shard.stage(pushOf(0, 2), rowsOf(0, 1, [0, -1])).kind, 'staged');
    assert.equal(shard.stage(pushOf(0, 1), rowsOf(0, 0, [0, 1])).kind, 'duplicate');
    assert.equal(shard.commit(0, [{ slice: 0, generation: 3 }]).kind, 'missing');
    assert.equal(shard.requireMemory().memory.step, 0, 'a refused commit leaves the memory alone');
    shard.commit(0, [{ slice: 0, generation: 2 }]);
    assert.deepEqual(contentOf(shard).rows, [1, 0, 0, -1, 0, 0, 1, 0]);
  });

  test('refuses what would make a commit fail in its middle', () => {
    const shard = sealedShard();
    const before = contentOf(shard);
    assert.throws(() => shard.stage(pushOf(0, 1), rowsOf(0, 2, [0, 1])), /a sample with a cluster/);
    assert.throws(
      () => shard.stage(pushOf(0, 1), rowsOf(0, 0, [NaN, 1])),
      /memory row of sample 0/,
    );
    assert.throws(() => shard.stage(pushOf(0, 1), rowsOf(0, 0, [0, 1], 2)), /pseudo-label/);
    assert.throws(() => shard.stage(pushOf(0, 1), null), /expected memory rows, got none/);
    assert.equal(shard.commit(0, [{ slice: 0, generation: 1 }]).kind, 'missing');
    assert.deepEqual(contentOf(shard), before);
  });

  test('gives rows of the step that is next, and of no other', () => {
    const memory = sealedShard().requireMemory();
    assert.deepEqual([...memory.rowsAt(0, Int32Array.of(3, 0))], [1, 0, 1, 0]);
    assert.throws(() => memory.rowsAt(1, Int32Array.of(0)), { code: 'GENERATION_FENCED' });
  });
});

describe('a sample memory before its first step', () => {
  const rows = Float32Array.of(1, 0);
  const ids = Int32Array.of(1);

  test('takes the rows of the newest lease on a data shard, and none once it is sealed', () => {
    const memory = new MemoryKeeper(FORM);
    assert.equal(memory.fill(0, 2, { ids, rows }), 'applied');
    assert.equal(memory.fill(0, 2, { ids, rows }), 'duplicate');
    assert.equal(memory.fill(0, 1, { ids, rows: Float32Array.of(0, 1) }), 'fenced');
    assert.equal(memory.fill(0, 3, { ids, rows: Float32Array.of(0, -1) }), 'applied');
    assert.equal(memory.seal(0, Int32Array.of(-1, 0, -1, -1)), 'applied');
    assert.equal(memory.seal(0, Int32Array.of(-1, 1, -1, -1)), 'duplicate');
    assert.equal(memory.fill(0, 3, { ids, rows }), 'duplicate');
    assert.equal(memory.fill(0, 4, { ids, rows }), 'fenced');
    assert.deepEqual([...memory.memory.rowsOf(ids)], [0, -1]);
    assert.deepEqual([...memory.clusterSums()], [0, -1, 0, 0]);
  });

  test('is not sealed with a pseudo-label for a sample without a row', () => {
    const memory = new MemoryKeeper(FORM);
    memory.fill(0, 1, { ids, rows });
    assert.throws(
      () => memory.seal(0, Int32Array.of(0, 0, -1, -1)),
      /sample 0 of the sample memory/,
    );
    assert.throws(() => memory.memory, { code: 'UNAVAILABLE' });
  });

  test('refuses rows of samples that lie elsewhere, and a form that no vector of the wire holds', () => {
    const memory = new MemoryKeeper(FORM);
    assert.throws(() => memory.fill(0, 1, { ids: Int32Array.of(4), rows }), /one of 4 samples/);
    assert.throws(
      () => new MemoryKeeper({ ...FORM, count: 2 ** 22, dim: 256 }),
      /parameter servers/,
    );
  });
});
