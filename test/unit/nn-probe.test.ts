/**
 * Probes of a network's layers: where they lie, how maps are pooled, and the linear classifier on
 * an engine.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linearProbeTop1 } from '../../src/evaluation/linear-probe.ts';
import { describeModel, type ModelSpec } from '../../src/nn/architectures.ts';
import { createModel } from '../../src/nn/loaded-model.ts';
import {
  averagePool,
  poolingFor,
  probePointsOf,
  usualProbePoints,
  type ProbePoint,
} from '../../src/nn/probe-points.ts';
import { probeTrainerOn } from '../../src/nn/probe-trainer.ts';
import { initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { testOnEngines } from '../support/engines/engines.ts';
import { modelConfig } from '../support/made/model-config.ts';
import { assertClose, byteImages, centredValues } from '../support/made/nn-arrays.ts';
import { blobs, evaluationOracle } from '../support/oracles/evaluation.ts';

function specOf(architecture: ModelSpec['architecture'], size: number): ModelSpec {
  const neck = architecture === 'resnet50' ? 'odc' : 'none';
  return describeModel(modelConfig({ architecture, neck, width: 4 }), size, 3);
}

test("AlexNet's maps are pooled by the windows and paddings of the reference", () => {
  const points = probePointsOf(specOf('alexnet-bn', 224));
  // Spec of DeepCluster, section 10.1.
  assert.deepEqual(
    points.map(({ name, map, pooling, dim }) => [
      ...[name, map.side, map.channels],
      ...[pooling.window, pooling.padding, pooling.side, dim],
    ]),
    [
      ['conv1', 55, 96, 6, 3, 10, 9600],
      ['conv2', 27, 256, 4, 0, 6, 9216],
      ['conv3', 13, 384, 3, 1, 5, 9600],
      ['conv4', 13, 384, 3, 1, 5, 9600],
      ['conv5', 13, 256, 2, 0, 6, 9216],
    ],
  );
});

test('of many convolutions those before a pooling are probed, of a residual network its stages', () => {
  const names = (points: readonly ProbePoint[]): string[] => points.map(({ name }) => name);
  const vgg = specOf('vgg16-bn', 64);
  assert.equal(probePointsOf(vgg).length, 13);
  assert.deepEqual(names(usualProbePoints(vgg)), ['conv2', 'conv4', 'conv7', 'conv10', 'conv13']);
  const resnet = probePointsOf(specOf('resnet50', 64));
  assert.deepEqual(names(resnet), ['conv1', 'stage1', 'stage2', 'stage3', 'stage4']);
  assert.deepEqual(
    resnet.map(({ map }) => [map.side, map.channels]),
    [
      [32, 64],
      [16, 256],
      [8, 512],
      [4, 1024],
      [2, 2048],
    ],
  );
  const small = specOf('small-convnet', 64);
  assert.deepEqual(names(usualProbePoints(small)), ['conv1', 'conv2', 'conv3', 'conv4']);
});

test('whatever the map, what a pooling leaves has less than 10,000 numbers and misses no pixel but at the edge', () => {
  for (let side = 1; side < 120; side += 1) {
    for (const channels of [3, 64, 500, 2048, 20_000]) {
      const { window, padding, side: to } = poolingFor({ side, channels });
      assert.ok(to === 1 || to ** 2 * channels <= 10_000, `${side} x ${side} x ${channels}`);
      assert.equal(Math.floor((side + 2 * padding) / window), to);
      assert.ok(padding <= window / 2);
    }
  }
});

test('a pooled number is the mean of its window, zeros around the map included', () => {
  const [count, side, channels] = [2, 5, 3];
  const pooling = { window: 3, padding: 1, side: 2 };
  const map = { side, channels };
  const point = { name: 'made', layer: 0, map, pooling, dim: 12 };
  const maps = centredValues(3, count * side * side * channels);
  const expected: number[] = [];
  for (let image = 0; image < count; image += 1) {
    for (const top of [-1, 2]) {
      for (const left of [-1, 2]) {
        for (let c = 0; c < channels; c += 1) {
          let sum = 0;
          for (let y = top; y < top + 3; y += 1) {
            for (let x = left; x < left + 3; x += 1) {
              const isInside = y >= 0 && x >= 0 && y < side && x < side;
              sum += isInside ? maps[((image * side + y) * side + x) * channels + c]! : 0;
            }
          }
          expected.push(sum / 9);
        }
      }
    }
  }
  assertClose(averagePool(maps, count, point), expected, 1e-6, 'pooled');
  assert.throws(() => averagePool(maps, 3, point), { code: 'SHAPE_MISMATCH' });
});

await testOnEngines('the output of a layer is what the next one makes its own of', (engine) => {
  const spec = specOf('small-convnet', 32);
  const model = createModel(spec, engine);
  model.load(initialParameters(spec.layout, 1), initialStatistics(spec.layout));
  const images = byteImages(4, 3, 32);
  const of = (layer: number): Float32Array => model.features(images, 3, { layer });
  const [normed, active, pooled] = [of(1), of(2), of(3)];
  assert.ok(normed.some((value) => value < 0));
  assertClose(
    active,
    normed.map((value) => Math.max(0, value)),
    1e-6,
    'ReLU',
  );
  // 16 x 16 maps of 4 channels, pooled by two.
  const greatest = pooled.map((_, i) => {
    const [image, rest] = [Math.floor(i / 256), i % 256];
    const [y, x, c] = [Math.floor(rest / 32), Math.floor(rest / 4) % 8, rest % 4];
    const at = (dy: number, dx: number): number =>
      active[((image * 16 + 2 * y + dy) * 16 + 2 * x + dx) * 4 + c]!;
    return Math.max(at(0, 0), at(0, 1), at(1, 0), at(1, 1));
  });
  assert.deepEqual(pooled, greatest);
  assert.deepEqual(of(spec.representationLayer), model.features(images, 3, 'representation'));
  model.dispose();
});

await testOnEngines('a probe on the engine is as accurate as logistic regression', (engine) => {
  for (const { test: held, logistic, ...made } of evaluationOracle().classified) {
    const { count, dim, c: classes } = made;
    const { rows, classes: labels } = blobs(21, { ...made, count: count + held });
    const set = {
      ...{ train: rows.subarray(0, count * dim), trainLabels: labels.subarray(0, count) },
      ...{ test: rows.subarray(count * dim), testLabels: labels.subarray(count) },
      ...{ dim, classes },
    };
    const before = engine.memory().tensors;
    const probe = linearProbeTop1(set, { epochs: 100, seed: 31, trainer: probeTrainerOn(engine) });
    const what = `${probe}, scikit-learn ${logistic}`;
    assert.ok(Math.abs(probe - logistic) <= 0.005, what);
    assert.equal(engine.memory().tensors, before);
  }
});
