/**
 * A slice that the wasm heap cannot hold: an error that says which one it can, and a heap that
 * stays sound.
 */
import assert from 'node:assert/strict';
import { afterEach, before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { TrainerError } from '../../src/errors.ts';
import { describeModel } from '../../src/nn/architectures.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { startEngine } from '../../src/engine/start.ts';
import { createModel } from '../../src/nn/loaded-model.ts';
import { fittingImages, limitHeap, watchHeap } from '../../src/engine/wasm/heap.ts';
import { initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { modelConfig } from '../support/made/model-config.ts';

const SIZE = 96;
const spec = describeModel(
  modelConfig({ architecture: 'small-convnet', sobel: false, width: 8, featureDim: 16 }),
  SIZE,
  5,
);

let engine: Engine;

before(async () => {
  engine = await startEngine('wasm', { threads: 1 });
});

afterEach(() => {
  limitHeap();
});

function trainableModel() {
  const model = createModel(spec, engine);
  model.load(initialParameters(spec.layout, 1), initialStatistics(spec.layout));
  const step = (images: number) =>
    model.lossAndGradient(
      new Uint8Array(images * SIZE * SIZE * 3).fill(9),
      new Int32Array(images),
      ['slice'],
    );
  return { model, step };
}

function meter() {
  return watchHeap(tf.backend() as unknown as BackendWasm);
}

test('a slice that is too large is an error that names one that fits', () => {
  const { model, step } = trainableModel();
  const [sizes, { numTensors }] = [[1, 2, 40], tf.memory()];
  const peaks = sizes.map((images) => {
    meter().resetPeak();
    step(images);
    return meter().peakBytes;
  });
  const { bytesInUse } = meter();
  limitHeap(peaks[2]! - 1);
  let fits = 0;
  assert.throws(
    () => step(40),
    (error: unknown) => {
      assert.ok(error instanceof TrainerError);
      assert.equal(error.code, 'CONFIG_INVALID');
      const pattern = /a training slice of 40 images needs .* GiB .* take at most (\d+) /;
      fits = Number(pattern.exec(error.message)?.[1]);
      return true;
    },
  );
  // Not far below, since a tenth is kept back and what does not grow with the images is small
  // beside the limit.
  assert.ok(fits >= 30 && fits < 40, `${fits}`);
  assert.equal(meter().bytesInUse, bytesInUse, 'what failed has left nothing');
  assert.ok(Number.isFinite(step(fits).lossSum));
  assert.equal(tf.memory().numTensors, numTensors);
  model.dispose();
});

test('an allocation that fails is an error at once, and nothing is written', () => {
  limitHeap(meter().bytesInUse + 1024);
  const first = tf.tensor([1, 2, 3]);
  assert.throws(() => tf.zeros([1000]), { code: 'CONFIG_INVALID', message: /array of 0 MiB/ });
  assert.deepEqual([...first.dataSync()], [1, 2, 3]);
  first.dispose();
});

test('the images that fit follow from two peaks', () => {
  limitHeap(1000);
  // 20 for the parameters and 40 an image: 22 images need 900.
  const { fits, neededBytes } = fittingImages([1, 60], [2, 100], 30);
  assert.deepEqual([fits, neededBytes], [22, 20 + 30 * 40]);
  assert.equal(fittingImages([1, 60], [2, 100], 22).fits, 21, 'so many did not fit');
});

test('memory in use returns to where it was, step after step', () => {
  const { model, step } = trainableModel();
  const pages = () =>
    (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.length;
  step(6);
  const [inUse, size] = [meter().bytesInUse, pages()];
  for (let i = 0; i < 20; i += 1) step(6);
  assert.deepEqual([meter().bytesInUse, pages()], [inUse, size]);
  model.dispose();
});
