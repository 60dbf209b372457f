/** Workers that find no slice in a step: the run says how many, and what gives each of them one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runConfigSchema } from '../../src/config/schema.ts';
import { trainingConfigSchema, type TrainingConfig } from '../../src/ps/config.ts';
import { idleWorkersRemark } from '../../src/ps/idle-workers.ts';
import { unitsOf } from '../../src/ps/slice-units.ts';
import { settingsIn } from '../support/runs/launched-run.ts';

const SIZES = {
  ...trainingConfigSchema.parse({}),
  ...({ mode: 'sync', localSteps: 4, batchSize: 256, sliceSize: 64 } as const),
};

/** The settings that the remark names, as a run takes them. */
function followed(training: TrainingConfig, remark: string): TrainingConfig {
  const named = Object.entries(settingsIn(remark)).map(([key, value]) => [
    key.replace('training.', ''),
    value,
  ]);
  const settings = { ...training, ...(Object.fromEntries(named) as Partial<TrainingConfig>) };
  return runConfigSchema().parse({ training: settings }).training;
}

test('as many workers as slices have work, or fewer', () => {
  for (const workers of [1, 2, 3, 4]) assert.equal(idleWorkersRemark(SIZES, workers), null);
});

test('more are told how many of them wait, and the size of slices that is named has some for each', () => {
  for (const workers of [5, 6, 7, 8, 12, 32]) {
    const remark = idleWorkersRemark(SIZES, workers) ?? '';
    assert.match(
      remark,
      new RegExp(`^${workers} workers, 4 slices a step: ${workers - 4} of them`),
    );
    assert.equal(idleWorkersRemark(followed(SIZES, remark), workers), null, remark);
  }
});

test('a group of batch norm that would not lie within such a slice is named, too', () => {
  const grouped = { ...SIZES, normGroup: 64 };
  const remark = idleWorkersRemark(grouped, 8) ?? '';
  assert.deepEqual(settingsIn(remark), { 'training.sliceSize': 32, 'training.normGroup': 32 });
  assert.equal(idleWorkersRemark(followed(grouped, remark), 8), null);
  const small = idleWorkersRemark({ ...SIZES, normGroup: 16 }, 8) ?? '';
  assert.deepEqual(settingsIn(small), { 'training.sliceSize': 32 });
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
