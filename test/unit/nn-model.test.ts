/**
 * The network as the worker uses it: determinism, independence of the batch, gradients, memory,
 * refused input.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { describeModel } from '../../src/nn/architectures.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { startEngine } from '../../src/engine/start.ts';
import { createModel } from '../../src/nn/loaded-model.ts';
import { initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { modelConfig } from '../support/made/model-config.ts';
import { assertClose, byteImages, centredValues, lcgValues } from '../support/made/nn-arrays.ts';
import { plainEngine } from '../support/engines/plain-engine.ts';

const SIZE = 32;
const CLASSES = 3;
const DIM = 8;
const spec = describeModel(
  modelConfig({
    architecture: 'small-convnet',
    sobel: true,
    dropout: 0.5,
    width: 4,
    featureDim: DIM,
  }),
  SIZE,
  CLASSES,
);
const IMAGE = SIZE * SIZE * 3;

let engine: Engine;

before(async () => {
  engine = await startEngine('wasm');
});

/**
 * Parameters whose fully connected layers are large enough for gradients to be well above rounding.
 */
function parameters(): Float32Array {
  const values = initialParameters(spec.layout, 5);
  for (const { name, offset, size } of spec.layout.variables) {
    if (!/classifier|top_layer/.test(name)) continue;
    for (let i = offset; i < offset + size; i += 1) values[i] = values[i]! * 20 + 0.01;
  }
  return values;
}

/** Running statistics unlike a new network's. */
function statistics(): Float32Array {
  const values = initialStatistics(spec.layout);
  const noise = lcgValues(6, values.length);
  return values.map((value, i) => value + 0.3 * noise[i]!);
}

function loadedModel(on: Engine = engine) {
  const model = createModel(spec, on);
  model.load(parameters(), statistics());
  return model;
}

test('the features of an image are the same bits in any batch', () => {
  const model = loadedModel();
  const images = byteImages(1, 40, SIZE);
  const all = model.features(images, 40);
  assert.equal(all.length, 40 * DIM);
  for (const i of [0, 7, 31, 32, 39]) {
    const alone = model.features(images.slice(i * IMAGE, (i + 1) * IMAGE), 1);
    assert.deepEqual(alone, all.slice(i * DIM, (i + 1) * DIM), `image ${i}`);
  }
  const moved = model.features(images.slice(3 * IMAGE), 37);
  assert.deepEqual(moved, all.slice(3 * DIM));
  model.dispose();
});

test('features are signed: they are taken before the ReLU', () => {
  const model = loadedModel();
  const features = model.features(byteImages(1, 8, SIZE), 8);
  assert.ok(features.some((value) => value < 0));
  assert.ok(new Set(features).size > DIM, 'features differ between images');
  model.dispose();
});

test('a step repeated has the same bits, and another seed has other dropout masks', () => {
  const model = loadedModel();
  const images = byteImages(2, 6, SIZE);
  const labels = Int32Array.of(0, 1, 2, 0, 1, 2);
  const first = model.lossAndGradient(images, labels, [1, 'dropout', 3, 0]);
  model.features(images, 6);
  assert.deepEqual(model.lossAndGradient(images, labels, [1, 'dropout', 3, 0]), first);
  const other = model.lossAndGradient(images, labels, [1, 'dropout', 4, 0]);
  assert.notEqual(other.lossSum, first.lossSum);
  assert.deepEqual(other.statistics, first.statistics, 'dropout comes after the convolutions');
  model.dispose();
});

test('wasm and the plain JavaScript backend agree on features, loss, gradient and statistics', () => {
  const images = byteImages(2, 5, SIZE);
  const labels = Int32Array.of(0, 1, 2, 2, 1);
  const results = [];
  for (const [backend, on] of [
    ['wasm', engine],
    ['cpu', plainEngine()],
  ] as const) {
    const model = loadedModel(on);
    assert.equal(tf.getBackend(), backend);
    const features = model.features(images, 5);
    results.push({ features, ...model.lossAndGradient(images, labels, [7]) });
    model.dispose();
  }
  const [wasm, cpu] = results as [(typeof results)[0], (typeof results)[0]];
  // Float32 sums of some hundred terms through five layers.
  const tolerance = 2e-5;
  assertClose([wasm.lossSum], [cpu.lossSum], tolerance, 'loss');
  assertClose(wasm.features, cpu.features, tolerance, 'features');
  assertClose(wasm.statistics, cpu.statistics, tolerance, 'statistics');
  for (const { name, offset, size } of spec.layout.variables) {
    const of = ({ gradient }: typeof wasm) => gradient.subarray(offset, offset + size);
    if (of(cpu).every((value) => value === 0)) assert.match(name, /features\.\d+\.bias/);
    assertClose(of(wasm), of(cpu), tolerance, name);
  }
});

test('the gradient is the slope of the loss along itself, for each variable', () => {
  const model = createModel(spec, engine);
  const images = byteImages(2, 6, SIZE);
  const labels = Int32Array.of(0, 1, 2, 0, 1, 2);
  const origin = parameters();
  const lossAt = (values: Float32Array) => {
    model.load(values, statistics());
    return model.lossAndGradient(images, labels, [7]);
  };
  const { gradient } = lossAt(origin);
  for (const { name, offset, size } of spec.layout.variables) {
    const part = gradient.subarray(offset, offset + size);
    const norm = Math.hypot(...part);
    // Small enough to cross few corners of ReLU and pooling, large enough to stand out of float32
    // losses.
    const step = 2e-4;
    const moved = (sign: number) =>
      origin.map((value, i) =>
        i < offset || i >= offset + size
          ? value
          : value + (norm === 0 ? 1 : part[i - offset]! / norm) * sign * step,
      );
    const slope = (lossAt(moved(1)).lossSum - lossAt(moved(-1)).lossSum) / (2 * step);
    // Measured: corners 0.0023 of the slope, float32 0.0009. A bias before a batch norm has no
    // slope at all.
    assert.ok(Math.abs(slope - norm) <= 0.004 * norm + 2e-3, `${name}: ${slope}, not ${norm}`);
  }
  model.dispose();
});

test('statistics are the mean and the unbiased variance of the slice', () => {
  const model = loadedModel();
  const images = byteImages(2, 3, SIZE);
  const { statistics: slice } = model.lossAndGradient(images, Int32Array.of(0, 1, 2), [7]);
  // Doubling the slice leaves mean and biased variance; n / (n - 1) becomes 2n / (2n - 1).
  const twice = new Uint8Array(2 * images.length);
  twice.set(images);
  twice.set(images, images.length);
  const doubled = model.lossAndGradient(twice, Int32Array.of(0, 1, 2, 0, 1, 2), [7]).statistics;
  for (const { name, offset, size } of spec.layout.statistics) {
    const layer = Number(/features\.(\d+)/.exec(name)![1]);
    const side = SIZE / 2 ** (1 + Math.floor(layer / 4));
    const n = 3 * side * side;
    const factor = name.endsWith('var') ? (n / (n - 1)) * ((2 * n - 1) / (2 * n)) : 1;
    const expected = doubled.subarray(offset, offset + size).map((value) => value * factor);
    assertClose(slice.subarray(offset, offset + size), expected, 1e-5, name);
  }
  model.dispose();
});

test('a slice of one image whose last map is one or few elements stays finite', () => {
  const model = loadedModel();
  const { gradient, statistics: slice } = model.lossAndGradient(
    byteImages(2, 1, SIZE),
    Int32Array.of(1),
    [7],
  );
  assert.ok(gradient.every(Number.isFinite));
  assert.ok(slice.every(Number.isFinite));
  model.dispose();
});

test('without dropout the seed changes nothing', () => {
  const still = describeModel(
    modelConfig({
      architecture: 'small-convnet',
      sobel: false,
      dropout: 0,
      width: 4,
      featureDim: DIM,
    }),
    SIZE,
    CLASSES,
  );
  const model = createModel(still, engine);
  model.load(initialParameters(still.layout, 5), initialStatistics(still.layout));
  const step = (seed: number) =>
    model.lossAndGradient(byteImages(2, 3, SIZE), Int32Array.of(0, 1, 2), [seed]);
  assert.deepEqual(step(1), step(2));
  model.dispose();
});

test('memory does not grow with steps, and dispose frees all', () => {
  const empty = tf.memory().numTensors;
  const buffers = () => tf.findBackend('wasm').numDataIds();
  const emptyBuffers = buffers();
  const model = createModel(spec, engine);
  const step = (seed: number) => {
    model.load(parameters(), statistics());
    model.features(byteImages(1, 3, SIZE), 3);
    model.lossAndGradient(byteImages(1, 3, SIZE), Int32Array.of(0, 1, 2), [seed]);
    return { ...model.memory(), buffers: buffers() };
  };
  const first = step(1);
  assert.ok(first.tensors > empty);
  assert.deepEqual(step(2), first);
  assert.deepEqual(step(3), first);
  model.dispose();
  assert.deepEqual([tf.memory().numTensors, buffers()], [empty, emptyBuffers]);
});

test('arrays of another size and unknown pseudo-labels are refused', () => {
  const model = loadedModel();
  const short = centredValues(1, spec.layout.parameterCount - 1);
  assert.throws(() => model.load(short, statistics()), { code: 'SHAPE_MISMATCH' });
  assert.throws(() => model.features(new Uint8Array(10), 1), { code: 'SHAPE_MISMATCH' });
  const images = byteImages(1, 1, SIZE);
  assert.throws(() => model.lossAndGradient(images, Int32Array.of(CLASSES), [1]), {
    code: 'PROTOCOL_VIOLATION',
  });
  const before = tf.memory().numTensors;
  assert.throws(() => model.lossAndGradient(images, Int32Array.of(-1), [1]));
  assert.equal(tf.memory().numTensors, before, 'a refused step leaves no tensors');
  model.dispose();
});

test('a loaded version does not follow the arrays it came from', () => {
  const values = parameters();
  const model = createModel(spec, engine);
  model.load(values, statistics());
  const images = byteImages(1, 2, SIZE);
  const expected = model.features(images, 2);
  values.fill(0);
  assert.deepEqual(model.features(images, 2), expected);
  model.dispose();
});

test('weights scale each image: twos double loss and gradient, a zero takes an image out of the loss', () => {
  const model = loadedModel();
  const images = byteImages(2, 4, SIZE);
  const labels = Int32Array.of(0, 1, 2, 0);
  const seed = [1, 'dropout', 3, 0];
  const plain = model.lossAndGradient(images, labels, seed);
  const doubled = model.lossAndGradient(images, labels, seed, {
    weights: new Float32Array(4).fill(2),
  });
  assertClose([doubled.lossSum], [2 * plain.lossSum], 1e-12);
  assertClose(
    doubled.gradient,
    plain.gradient.map((value) => 2 * value),
    1e-5,
    'gradient',
  );
  const parts = [0, 1, 2, 3].map((i) => {
    const weights = new Float32Array(4);
    weights[i] = 1;
    return model.lossAndGradient(images, labels, seed, { weights }).lossSum;
  });
  assertClose([parts.reduce((sum, part) => sum + part, 0)], [plain.lossSum], 1e-12);
  assert.throws(
    () => model.lossAndGradient(images, labels, seed, { weights: new Float32Array(3) }),
    { code: 'SHAPE_MISMATCH' },
  );
  model.dispose();
});

test("with ODC's neck the pass gives its own features, and the representation is what the neck is fed", () => {
  const odc = describeModel(
    modelConfig({
      ...{ architecture: 'small-convnet', neck: 'odc', sobel: false, dropout: 0 },
      ...{ width: 4, neckHidden: 12, neckDim: 6 },
    }),
    SIZE,
    CLASSES,
  );
  const model = createModel(odc, engine);
  model.load(initialParameters(odc.layout, 5), initialStatistics(odc.layout));
  const images = byteImages(3, 6, SIZE);
  const { features, gradient } = model.lossGradientAndFeatures(
    images,
    Int32Array.of(0, 1, 2, 0, 1, 2),
    [1],
  );
  assert.equal(features.length, 6 * 6);
  assert.ok(
    features.every((value) => value >= 0),
    'behind a ReLU',
  );
  assert.ok(features.some((value) => value > 0));
  // What the head is fed is the feature: its weight gradient is features transposed times (p - y),
  // over all six images.
  const plain = model.lossAndGradient(images, Int32Array.of(0, 1, 2, 0, 1, 2), [1]);
  assert.deepEqual(gradient, plain.gradient, 'asking for features changes nothing');
  assert.equal(model.features(images, 6).length, 6 * 6);
  assert.equal(odc.representationName, 'pooled (16)');
  assert.equal(model.features(images, 6, 'representation').length, 6 * 16);
  const both = model.outputs(images, 6);
  assert.deepEqual(both.feature, model.features(images, 6));
  assert.deepEqual(both.representation, model.features(images, 6, 'representation'));
  model.dispose();
});
