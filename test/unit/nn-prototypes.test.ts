/**
 * A network that is trained against prototypes: its gradient against differences, its crops, and
 * what training mode is.
 */
import assert from 'node:assert/strict';
import { normaliseRows } from '../../src/clustering/odc/mixing.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { seededRng } from '../../src/math/rng.ts';
import { describeModel } from '../../src/nn/architectures.ts';
import { createModel } from '../../src/nn/loaded-model.ts';
import { initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { testOnEngines } from '../support/engines/engines.ts';
import { modelConfig } from '../support/made/model-config.ts';
import { assertClose, byteImages } from '../support/made/nn-arrays.ts';

const SIZE = 32;
const [HEADS, CLUSTERS, DIM, CROPS] = [2, 5, 6, 2];
const IMAGES = 4;
const VIEW = SIZE * SIZE * 3;
const spec = describeModel(
  modelConfig({
    ...{ architecture: 'small-convnet', sobel: false, width: 4 },
    ...{ neck: 'projection', neckHidden: 10, neckDim: DIM },
  }),
  SIZE,
  CLUSTERS,
);
const SEED = [1, 'dropout', 0, 0];
const images = byteImages(3, IMAGES * CROPS, SIZE);
const targets = Int32Array.of(0, 1, 4, 2, 3, 3, 1, 0);
const PROTOTYPES = {
  values: normaliseRows(drawn('prototypes', HEADS * CLUSTERS * DIM), DIM),
  ...{ heads: HEADS, clusters: CLUSTERS, crops: CROPS, temperature: 0.5 },
};

function drawn(name: string, length: number): Float32Array {
  const rng = seededRng(name);
  return Float32Array.from({ length }, () => rng.normal());
}

function loaded(engine: Engine, values = initialParameters(spec.layout, 5)) {
  const model = createModel(spec, engine);
  model.load(values, initialStatistics(spec.layout));
  return model;
}

function pass(engine: Engine, values?: Float32Array, pixels = images, own = targets) {
  const model = loaded(engine, values);
  const result = model.prototypeGradient(pixels, own, PROTOTYPES, SEED);
  model.dispose();
  return result;
}

await testOnEngines('the network has no head, and its last layer is the feature', (engine) => {
  assert.equal(spec.hasHead, false);
  assert.equal(spec.featureLayer, spec.layers.length - 1);
  assert.equal(spec.featureDim, DIM);
  assert.equal(spec.representationDim, 16);
  assert.ok(spec.layout.variables.every(({ group }) => group === 'body'));
  const model = loaded(engine);
  assert.equal(model.features(images.subarray(0, 5 * VIEW), 5).length, 5 * DIM);
  model.dispose();
});

await testOnEngines('the gradient is the slope of the loss, in any direction', (engine) => {
  const values = initialParameters(spec.layout, 5);
  const { gradient } = pass(engine, values);
  for (const name of ['a', 'b', 'c']) {
    const direction = drawn(name, values.length);
    const step = 2 ** -13;
    const at = (steps: number): number =>
      pass(
        engine,
        values.map((value, i) => value + steps * step * direction[i]!),
      ).lossSum;
    const slope = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step);
    const expected = gradient.reduce((sum, value, i) => sum + value * direction[i]!, 0);
    const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
    // Some ReLUs and maxima change sides within a step.
    assert.ok(Math.abs(slope - expected) < 0.03 * norm, `${name}: ${slope}, not ${expected}`);
  }
});

await testOnEngines(
  "an image's loss is the mean over its crops, which share its targets",
  (engine) => {
    const whole = pass(engine);
    // The same views as images of one crop each, with the targets of their image: batch norm sees
    // the same batch.
    const model = loaded(engine);
    const own = Int32Array.from({ length: IMAGES * CROPS * HEADS }, (_, i) => {
      const image = Math.floor(i / HEADS / CROPS);
      return targets[image * HEADS + (i % HEADS)]!;
    });
    const single = model.prototypeGradient(images, own, { ...PROTOTYPES, crops: 1 }, SEED);
    model.dispose();
    assertClose([CROPS * whole.lossSum], [single.lossSum], 1e-6);
    assertClose(
      whole.gradient.map((value) => CROPS * value),
      single.gradient,
      1e-5,
    );
    assert.deepEqual(whole.features, single.features);
    assert.deepEqual(whole.statistics, single.statistics);
  },
);

await testOnEngines('its unit features are those of training mode', (engine) => {
  const { features } = pass(engine);
  const model = loaded(engine);
  const plain = model.trainingFeatures(images, IMAGES * CROPS, SEED);
  assertClose(features, normaliseRows(plain, DIM), 1e-6);
  // Other images beside them move them, and so training mode is not that of evaluation.
  const fewer = model.trainingFeatures(images.subarray(0, 4 * VIEW), 4, SEED);
  assert.notDeepEqual(fewer, plain.subarray(0, 4 * DIM));
  assert.notDeepEqual(model.features(images, IMAGES * CROPS), plain);
  model.dispose();
});

await testOnEngines('a pass leaves no tensor behind, and the same bits come again', (engine) => {
  const model = loaded(engine);
  const first = model.prototypeGradient(images, targets, PROTOTYPES, SEED);
  const { tensors } = model.memory();
  model.trainingFeatures(images, IMAGES * CROPS, SEED);
  const again = model.prototypeGradient(images, targets, PROTOTYPES, SEED);
  assert.deepEqual(again, first);
  assert.equal(model.memory().tensors, tensors);
  model.dispose();
});

await testOnEngines('images and targets of unlike numbers are refused', (engine) => {
  assert.throws(() => pass(engine, undefined, images.subarray(0, 3 * VIEW)), {
    code: 'SHAPE_MISMATCH',
  });
});
