/**
 * A network that learns its prototypes: its loss by its own features, its gradient against
 * differences, frozen prototypes, and what is left of a pass.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normaliseRows } from '../../src/clustering/odc/mixing.ts';
import { swappedLoss } from '../../src/clustering/swapped-prediction.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { seededRng } from '../../src/math/rng.ts';
import { describeModel } from '../../src/nn/architectures.ts';
import { createModel } from '../../src/nn/loaded-model.ts';
import { PROTOTYPES_WEIGHT } from '../../src/nn/projection-neck.ts';
import { fromPytorch, toPytorch } from '../../src/nn/pytorch-names.ts';
import { initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { validateLayout } from '../../src/ps/layout.ts';
import { testOnEngines } from '../support/engines/engines.ts';
import { modelConfig } from '../support/made/model-config.ts';
import { assertClose, byteImages } from '../support/made/nn-arrays.ts';

const SIZE = 32;
const [CLUSTERS, DIM, CROPS, QUEUED] = [5, 6, 2, 3];
const IMAGES = 4;
const VIEW = SIZE * SIZE * 3;
const spec = describeModel(
  modelConfig({
    ...{ architecture: 'small-convnet', sobel: false, width: 4 },
    ...{ neck: 'swav', neckHidden: 10, neckDim: DIM },
  }),
  SIZE,
  CLUSTERS,
);
const { layout } = spec;
const PROTOTYPES = layout.variables.find(({ name }) => name === PROTOTYPES_WEIGHT)!;
const SEED = [1, 'dropout', 0, 0];
const images = byteImages(3, IMAGES * CROPS, SIZE);
const SWAPPED = {
  ...{ crops: CROPS, temperature: 0.2, epsilon: 0.05, iterations: 3, isFrozen: false },
  queue: normaliseRows(drawn('queue', QUEUED * CROPS * DIM), DIM),
};

function drawn(name: string, length: number): Float32Array {
  const rng = seededRng(name);
  return Float32Array.from({ length }, () => rng.normal());
}

function loaded(engine: Engine, values = initialParameters(layout, 5)) {
  const model = createModel(spec, engine);
  model.load(values, initialStatistics(layout));
  return model;
}

function pass(engine: Engine, swapped = SWAPPED, values = initialParameters(layout, 5)) {
  const model = loaded(engine, values);
  const result = model.swappedGradient(images, IMAGES, swapped, SEED);
  model.dispose();
  return result;
}

/** [R, K] in float64. @param rows [R, d] unit rows */
function cosinesOf(rows: Float32Array, values: Float32Array): Float32Array {
  const at = (j: number, k: number): number => values[PROTOTYPES.offset + j * CLUSTERS + k]!;
  return Float32Array.from({ length: (rows.length / DIM) * CLUSTERS }, (_, i) => {
    const [row, k] = [Math.floor(i / CLUSTERS), i % CLUSTERS];
    const column = Array.from({ length: DIM }, (__, j) => at(j, k));
    const dot = column.reduce((sum, value, j) => sum + value * rows[row * DIM + j]!, 0);
    return dot / Math.hypot(...column);
  });
}

test('prototypes are parameters of the body, the last ones, and there is no head', () => {
  assert.equal(spec.hasHead, false);
  assert.equal(spec.featureLayer, spec.layers.length - 2);
  assert.equal(spec.featureDim, DIM);
  assert.equal(layout.variables.at(-1), PROTOTYPES);
  assert.deepEqual([PROTOTYPES.shape, PROTOTYPES.group], [[DIM, CLUSTERS], 'body']);
  validateLayout(layout);
  const [values, statistics] = [initialParameters(layout, 5), initialStatistics(layout)];
  const arrays = toPytorch(spec, values, statistics);
  assert.deepEqual(arrays[PROTOTYPES_WEIGHT]!.shape, [CLUSTERS, DIM]);
  assert.deepEqual(fromPytorch(spec, arrays), { parameters: values, statistics });
});

await testOnEngines('the loss is that of the unit features and the queue', (engine) => {
  const values = initialParameters(layout, 5);
  const { lossSum, features } = pass(engine);
  const [own, queue] = [cosinesOf(features, values), cosinesOf(SWAPPED.queue, values)];
  const expected = swappedLoss({ own, queue, clusters: CLUSTERS }, SWAPPED);
  assertClose([lossSum], [expected.lossSum], 1e-5);
  const model = loaded(engine);
  const plain = model.trainingFeatures(images, IMAGES * CROPS, SEED);
  assertClose(features, normaliseRows(plain, DIM), 1e-6);
  // In evaluation, the last layer's output is the cosines.
  const unit = normaliseRows(model.features(images, IMAGES * CROPS), DIM);
  assertClose(model.features(images, IMAGES * CROPS, 'logits'), cosinesOf(unit, values), 1e-5);
  model.dispose();
});

await testOnEngines('the gradient is the slope of the loss, in any direction', (engine) => {
  const values = initialParameters(layout, 5);
  // Codes that are the same whatever the parameters: no gradient goes through them.
  const even = { ...SWAPPED, epsilon: 1e6 };
  const { gradient } = pass(engine, even, values);
  for (const name of ['a', 'b', 'c']) {
    const direction = drawn(name, values.length);
    const step = 2 ** -13;
    const at = (steps: number): number => {
      const moved = values.map((value, i) => value + steps * step * direction[i]!);
      return pass(engine, even, moved).lossSum;
    };
    const slope = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step);
    const expected = gradient.reduce((sum, value, i) => sum + value * direction[i]!, 0);
    const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
    // Some ReLUs and maxima change sides within a step.
    assert.ok(Math.abs(slope - expected) < 0.03 * norm, `${name}: ${slope}, not ${expected}`);
  }
});

await testOnEngines('frozen prototypes have no gradient, and all else is as it was', (engine) => {
  const [free, frozen] = [pass(engine), pass(engine, { ...SWAPPED, isFrozen: true })];
  const { offset } = PROTOTYPES;
  assert.ok(free.gradient.subarray(offset).some((value) => value !== 0));
  assert.ok(frozen.gradient.subarray(offset).every((value) => value === 0));
  assert.deepEqual(frozen.gradient.subarray(0, offset), free.gradient.subarray(0, offset));
  assert.equal(frozen.lossSum, free.lossSum);
});

await testOnEngines('a pass leaves no tensor behind, and the same bits come again', (engine) => {
  const model = loaded(engine);
  const first = model.swappedGradient(images, IMAGES, SWAPPED, SEED);
  const { tensors } = model.memory();
  const again = model.swappedGradient(images, IMAGES, SWAPPED, SEED);
  assert.deepEqual(again, first);
  assert.equal(model.memory().tensors, tensors);
  const images3 = images.subarray(0, 3 * VIEW);
  assert.throws(() => model.swappedGradient(images3, IMAGES, SWAPPED, SEED), {
    code: 'SHAPE_MISMATCH',
  });
  model.dispose();
});
