/**
 * What a model is loaded from may be written over as soon as `load` returns: it lies in memory that
 * a server lends, or that the next version arrives in.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startEngine } from '../../src/engine/start.ts';
import { describeModel } from '../../src/nn/architectures.ts';
import { createModel } from '../../src/nn/loaded-model.ts';
import { OwnSegment, hostName } from '../../src/parameter-plane/segment.ts';
import { initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { testEngines } from '../support/engines/engines.ts';
import { modelConfig } from '../support/made/model-config.ts';
import { byteImages } from '../support/made/nn-arrays.ts';

const SIZE = 32;
const COUNT = 8;
/** Wide enough that engines would take arrays over rather than copy them, if they ever did. */
const spec = describeModel(
  modelConfig({ architecture: 'small-convnet', dropout: 0, width: 32, featureDim: 256 }),
  SIZE,
  64,
);

/** Aligned as an engine could wish for, where there is such memory. */
function lentMemory(length: number): Float32Array {
  return hostName() === '' ? new Float32Array(length) : new OwnSegment(length).values;
}

for (const name of ['wasm', 'tensorflow'] as const) {
  test(`${name}: what a model is loaded from is its own at once`, async (t) => {
    const skip = (await testEngines()).find((engine) => engine.name === name)?.skip ?? false;
    if (skip !== false) {
      t.skip(skip);
      return;
    }
    const model = createModel(spec, await startEngine(name));
    const images = byteImages(3, COUNT, SIZE);
    const labels = Int32Array.from({ length: COUNT }, (_, i) => i);
    const computed = (isWrittenOver: boolean) => {
      const parameters = lentMemory(spec.layout.parameterCount);
      const statistics = lentMemory(spec.layout.statisticCount);
      parameters.set(initialParameters(spec.layout, 5));
      statistics.set(initialStatistics(spec.layout));
      model.load(parameters, statistics);
      if (isWrittenOver) for (const values of [parameters, statistics]) values.fill(0.5);
      const { lossSum, gradient } = model.lossAndGradient(images, labels, ['a']);
      return { lossSum, gradient, features: model.features(images, COUNT) };
    };
    assert.deepEqual(computed(true), computed(false));
    model.dispose();
  });
}
