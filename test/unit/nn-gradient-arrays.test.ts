/**
 * Gradients come in arrays that are used again: with whatever was in them, also those of variables
 * without a gradient.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type { SwappedPrediction } from '../../src/clustering/swapped-prediction.ts';
import { createStepResults } from '../../src/engine/tensorflow/step-results.ts';
import { COPY_OUT_KERNEL } from '../../src/engine/tfjs/named-kernels.ts';
import { startEngine } from '../../src/engine/start.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { describeModel } from '../../src/nn/architectures.ts';
import { createModel } from '../../src/nn/loaded-model.ts';
import { OwnSegment, hostName } from '../../src/parameter-plane/segment.ts';
import { initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { testEngines } from '../support/engines/engines.ts';
import { modelConfig } from '../support/made/model-config.ts';
import { plainEngine } from '../support/engines/plain-engine.ts';
import { PROTOTYPES_WEIGHT } from '../../src/nn/projection-neck.ts';
import { byteImages } from '../support/made/nn-arrays.ts';

const SIZE = 32;
const IMAGES = 4;
const spec = describeModel(
  modelConfig({
    ...{ architecture: 'small-convnet', sobel: false, width: 4 },
    ...{ neck: 'swav', neckHidden: 16, neckDim: 8 },
  }),
  SIZE,
  6,
);
const { parameterCount } = spec.layout;

const MEMORIES: Readonly<Record<string, () => Float32Array>> = {
  'aligned as an engine could wish for': () =>
    hostName() === '' ? new Float32Array(parameterCount) : new OwnSegment(parameterCount).values,
  'of a process, wherever it lies': () =>
    new Float32Array(new ArrayBuffer(4 * (parameterCount + 3)), 12, parameterCount),
};

const swapped: SwappedPrediction = {
  ...{ crops: 2, epsilon: 0.05, iterations: 3, temperature: 0.1 },
  ...{ queue: new Float32Array(0), isFrozen: true },
};

async function engineOf(name: 'wasm' | 'tensorflow' | 'plain'): Promise<Engine | string> {
  if (name === 'plain') return plainEngine();
  const skip = (await testEngines()).find((engine) => engine.name === name)?.skip ?? false;
  return skip === false ? startEngine(name) : skip;
}

for (const name of ['wasm', 'tensorflow', 'plain'] as const) {
  test(`${name}: a gradient is the same in an array that had other numbers`, async (t) => {
    const engine = await engineOf(name);
    if (typeof engine === 'string') {
      t.skip(engine);
      return;
    }
    const images = byteImages(3, 2 * IMAGES, SIZE);
    const passed = (take: () => Float32Array | null) => {
      const model = createModel(spec, engine, { take, giveBack: () => undefined });
      model.load(initialParameters(spec.layout, 5), initialStatistics(spec.layout));
      const { lossSum, gradient, statistics } = model.swappedGradient(images, IMAGES, swapped, [1]);
      model.dispose();
      return { lossSum, gradient, statistics };
    };
    const expected = passed(() => null);
    for (const [story, makes] of Object.entries(MEMORIES)) {
      const memory = makes().fill(NaN);
      const { gradient, ...rest } = passed(() => memory);
      assert.equal(gradient, memory, `${story}: it lies there`);
      assert.deepEqual({ gradient, ...rest }, expected, story);
    }
    const frozen = spec.layout.variables.find((variable) => variable.name === PROTOTYPES_WEIGHT)!;
    const { offset, size } = frozen;
    assert.ok(expected.gradient.subarray(offset, offset + size).every((value) => value === 0));
  });
}

/** A TensorFlow on a GPU, as far as a processor can be one. */
async function joiningEngine(): Promise<Engine | string> {
  const engine = await engineOf('tensorflow');
  if (typeof engine === 'string') return engine;
  return {
    ...engine,
    createStepResults: (layout, gradients) => createStepResults(layout, true, gradients),
  };
}

for (const hasKernel of [true, false]) {
  const story = hasKernel ? 'with' : 'without';
  test(`joined on the device, ${story} the kernel that copies out, it is the same`, async (t) => {
    const engine = await joiningEngine();
    if (typeof engine === 'string') {
      t.skip(engine);
      return;
    }
    const images = byteImages(3, 2 * IMAGES, SIZE);
    const passed = (take: () => Float32Array | null) => {
      const model = createModel(spec, engine, { take, giveBack: () => undefined });
      model.load(initialParameters(spec.layout, 5), initialStatistics(spec.layout));
      const result = model.swappedGradient(images, IMAGES, swapped, [1]);
      model.dispose();
      return result;
    };
    const expected = passed(() => null);
    const kernel = tf.getKernel(COPY_OUT_KERNEL, 'tensorflow');
    if (!hasKernel) tf.unregisterKernel(COPY_OUT_KERNEL, 'tensorflow');
    t.after(() => {
      if (!hasKernel) tf.registerKernel(kernel);
    });
    for (const makes of Object.values(MEMORIES)) {
      const memory = makes().fill(NaN);
      const result = passed(() => memory);
      assert.equal(result.gradient, memory);
      assert.deepEqual(result, expected);
    }
  });
}
