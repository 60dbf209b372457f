/** Workers that find no slice in a step: the run says how many, and what gives each of them one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trainingConfigSchema } from '../../src/ps/config.ts';
import { idleWorkersRemark } from '../../src/ps/idle-workers.ts';
import { unitsOf } from '../../src/ps/slice-units.ts';
import { settingsIn } from '../support/runs/launched-run.ts';

const SIZES = {
  ...trainingConfigSchema.parse({}),
  ...({ mode: 'sync', localSteps: 4, batchSize: 256, sliceSize: 64 } as const),
};

test('as many workers as slices, or fewer, have work', () => {
  for (const workers of [1, 2, 3, 4]) assert.equal(idleWorkersRemark(SIZES, workers), null);
});

test('more are told how many of them wait, and the size of slices that it names has one for each', () => {
  for (const workers of [5, 6, 7, 8, 12, 32]) {
    const remark = idleWorkersRemark(SIZES, workers) ?? '';
    assert.match(
      remark,
      new RegExp(`^${workers} workers, 4 slices a step: ${workers - 4} of them`),
    );
    const sliceSize = settingsIn(remark)['training.sliceSize']!;
    assert.equal(idleWorkersRemark({ ...SIZES, sliceSize }, workers), null);
  }
});

test('slices of a handful of images are not advised', () => {
  const remark = idleWorkersRemark(SIZES, 64) ?? '';
  assert.deepEqual(settingsIn(remark), {});
  assert.match(remark, /batches of more images have work for more$/);
});

test('in mode local a slice has several batches, and a round as many slices as a step', () => {
  assert.equal(idleWorkersRemark({ ...SIZES, mode: 'local' }, 4), null);
  assert.match(idleWorkersRemark({ ...SIZES, mode: 'local' }, 6) ?? '', /^6 workers, 4 slices/);
});

test('where steps overlap, all that are under way have work', () => {
  const ssp = { ...SIZES, mode: 'ssp', staleness: 2 } as const;
  assert.equal(idleWorkersRemark(ssp, 12), null);
  const remark = idleWorkersRemark(ssp, 16) ?? '';
  assert.match(remark, /^16 workers, 4 slices a step, 3 steps at a time: 4 of them wait/);
  const sliceSize = settingsIn(remark)['training.sliceSize']!;
  assert.equal(idleWorkersRemark({ ...ssp, sliceSize }, 16), null);
  assert.equal(idleWorkersRemark({ ...SIZES, mode: 'async' }, 64), null);
});

test('1, 2, 4 … 512 workers push once a step each, up to the number of slices', () => {
  for (let slices = 1; slices <= 512; slices *= 2) {
    const samples = new Array<number>(slices).fill(32);
    for (let workers = 1; workers <= slices; workers *= 2) {
      assert.equal(unitsOf(samples, workers).length, workers, `${workers} of ${slices}`);
    }
  }
});
