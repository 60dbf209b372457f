import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { rowOf, spreadOf, type Measured } from '../../bench/rows.ts';

const RATE: Measured = {
  name: 'train/some/step/b10',
  quantity: { unit: 'images/s', images: 10, flops: 4e9 },
  seconds: [2, 1, 4],
  peer: { name: 'peer', seconds: [4, 8, 2] },
  gemmGflops: 8,
};
const TIME: Measured = {
  ...RATE,
  name: 'kmeans/1x1/k1',
  quantity: { unit: 's', images: 1, flops: 4e9 },
};

describe('a row', () => {
  test('of a rate counts images a second, and twice the rate is a ratio of 2', () => {
    const row = rowOf(RATE);
    assert.deepEqual(row.ours, { median: 10 / 2, min: 10 / 4, max: 10 / 1, runs: 3 });
    assert.deepEqual(row.peer, { name: 'peer', median: 10 / 4, min: 10 / 8, max: 10 / 2, runs: 3 });
    assert.equal(row.ratio, 10 / 2 / (10 / 4));
  });

  test('of a time counts seconds, and half the time is a ratio of 2, too', () => {
    const row = rowOf(TIME);
    assert.deepEqual(row.ours, { median: 2, min: 1, max: 4, runs: 3 });
    assert.equal(row.ratio, 4 / 2);
  });

  test('says what share of the limit it reaches, in its own unit', () => {
    // 4 G operations in 2 s are 2 GFLOPS of 8; at 8 GFLOPS they would take half a second.
    for (const [measured, limit] of [
      [RATE, 10 / 0.5],
      [TIME, 0.5],
    ] as const) {
      const row = rowOf(measured);
      assert.equal(row.gflops, 4 / 2);
      assert.deepEqual(row.limit, { name: 'gemm', value: limit });
      assert.equal(row.shareOfLimit, 2 / 8);
    }
  });

  test('leaves out what is not known', () => {
    const { quantity } = TIME;
    const bare = rowOf({ ...TIME, quantity: { ...quantity, flops: null }, peer: null });
    assert.deepEqual(Object.keys(bare), ['name', 'unit', 'ours']);
    const alone = rowOf({ ...TIME, peer: { missing: 'no Python' }, gemmGflops: null });
    assert.deepEqual(Object.keys(alone), ['name', 'unit', 'ours', 'peerMissing', 'gflops']);
    assert.equal(alone.peerMissing, 'no Python');
  });
});

test('the median of an even number of runs lies between the middle two', () => {
  assert.deepEqual(spreadOf([4, 1, 3, 2]), { median: (2 + 3) / 2, min: 1, max: 4, runs: 4 });
});
