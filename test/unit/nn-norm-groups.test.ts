/**
 * Batch norm within groups of a slice. The oracle is the same network on each group by itself: only
 * batch norm makes images depend on one another.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type { Engine } from '../../src/engine/engine.ts';

import { normaliseRows } from '../../src/clustering/odc/mixing.ts';
import { seededRng } from '../../src/math/rng.ts';
import { describeModel } from '../../src/nn/architectures.ts';
import { createModel } from '../../src/nn/loaded-model.ts';
import { groupSizes } from '../../src/nn/norm-groups.ts';
import type { SliceGradient } from '../../src/nn/model.ts';
import { FRESH_GRADIENTS } from '../../src/ps/gradient-arrays.ts';
import { initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { plainEngine } from '../support/engines/plain-engine.ts';
import { testOnEngines } from '../support/engines/engines.ts';
import { modelConfig } from '../support/made/model-config.ts';
import { assertClose, byteImages } from '../support/made/nn-arrays.ts';

const SIZE = 32;
const IMAGE = SIZE * SIZE * 3;
const LEAST = 3;
/** 7 images in groups of at least 3. */
const SIZES = [4, 3];
const IMAGES = 7;
const SEED = [3, 'dropout'] as const;

/** Chains, residual blocks, and vectors under a batch norm. */
const NETWORKS = ['small-convnet', 'small-resnet'];

function specOf(architecture: string, neck: 'none' | 'projection') {
  const config = { architecture, sobel: false, dropout: 0, width: 4, featureDim: 8 };
  const projection = { neck, neckHidden: 12, neckDim: 6 };
  return describeModel(
    modelConfig({ ...config, ...(neck === 'none' ? {} : projection) } as never),
    SIZE,
    3,
  );
}

type Spec = ReturnType<typeof specOf>;

function modelOf(spec: Spec, engine: Engine, normGroup: number | null) {
  const model = createModel(spec, engine, FRESH_GRADIENTS, normGroup);
  model.load(initialParameters(spec.layout, 5), initialStatistics(spec.layout));
  return model;
}

/** What groups come to, each passed by itself; statistics weighted by images. */
function together(parts: readonly (SliceGradient & { images: number })[]): SliceGradient {
  const all = parts.reduce((sum, { images }) => sum + images, 0);
  const sumOf = (name: 'gradient' | 'statistics', weightOf: (images: number) => number) =>
    parts[0]![name].map((_, i) =>
      parts.reduce((sum, part) => sum + weightOf(part.images) * part[name][i]!, 0),
    );
  return {
    lossSum: parts.reduce((sum, { lossSum }) => sum + lossSum, 0),
    gradient: sumOf('gradient', () => 1),
    statistics: sumOf('statistics', (images) => images / all),
  };
}

function assertSame(got: SliceGradient, expected: SliceGradient): void {
  assertClose([got.lossSum], [expected.lossSum], 1e-5);
  assertClose(got.gradient, expected.gradient, 2e-4);
  assertClose(got.statistics, expected.statistics, 1e-4);
}

test('a batch has as many groups as have the least number of images, as even as can be', () => {
  assert.deepEqual(groupSizes(8, null), [8]);
  assert.deepEqual(groupSizes(8, 3), [4, 4]);
  assert.deepEqual(groupSizes(8, 4), [4, 4]);
  assert.deepEqual(groupSizes(11, 3), [4, 4, 3]);
  assert.deepEqual(groupSizes(5, 2), [3, 2]);
  assert.deepEqual(groupSizes(2, 3), [2]);
  assert.deepEqual(groupSizes(64, 64), [64]);
  for (let images = 1; images < 40; images += 1) {
    for (let least = 2; least <= images; least += 1) {
      const sizes = groupSizes(images, least);
      assert.equal(
        sizes.reduce((a, b) => a + b, 0),
        images,
      );
      assert.ok(Math.min(...sizes) >= least && Math.max(...sizes) - Math.min(...sizes) <= 1);
    }
  }
});

for (const architecture of NETWORKS) {
  await testOnEngines(`groups are as slices of their own: ${architecture}`, (engine) => {
    checkLabels(engine, architecture);
  });
}

test('groups are as slices of their own: small-convnet, plain', () => {
  checkLabels(plainEngine(), 'small-convnet');
});

function checkLabels(engine: Engine, architecture: string): void {
  const spec = specOf(architecture, 'none');
  const images = byteImages(1, IMAGES, SIZE);
  const labels = Int32Array.from({ length: IMAGES }, (_, i) => i % 3);
  const weights = Float32Array.from({ length: IMAGES }, (_, i) => 0.5 + i / 8);
  const grouped = modelOf(spec, engine, LEAST);
  const before = tf.memory().numTensors;
  const got = grouped.lossAndGradient(images, labels, SEED, { weights });
  assert.equal(tf.memory().numTensors, before, 'nothing is left on the engine');
  grouped.dispose();
  const plain = modelOf(spec, engine, null);
  let begin = 0;
  const parts = SIZES.map((size) => {
    const [from, to] = [begin, begin + size];
    begin = to;
    const own = { weights: weights.subarray(from, to) };
    const pixels = images.subarray(from * IMAGE, to * IMAGE);
    return { images: size, ...plain.lossAndGradient(pixels, labels.subarray(from, to), SEED, own) };
  });
  const whole = plain.lossAndGradient(images, labels, SEED, { weights });
  plain.dispose();
  assertSame(got, together(parts));
  assert.notDeepEqual(got.gradient, whole.gradient, 'groups are another network than the slice');
}

await testOnEngines('all crops of an image are in one group, the neck included', (engine) => {
  const spec = specOf('small-convnet', 'projection');
  const crops = 2;
  const [heads, clusters] = [2, 5];
  const rng = seededRng('prototypes');
  const values = Float32Array.from({ length: heads * clusters * 6 }, () => rng.normal());
  const prototypes = {
    values: normaliseRows(values, 6),
    ...{ heads, clusters, crops, temperature: 0.5 },
  };
  const views = byteImages(2, IMAGES * crops, SIZE);
  const targets = Int32Array.from({ length: IMAGES * heads }, (_, i) => i % clusters);
  const grouped = modelOf(spec, engine, LEAST);
  const got = grouped.prototypeGradient(views, targets, prototypes, SEED);
  grouped.dispose();
  const plain = modelOf(spec, engine, null);
  const parts = [
    [0, 4],
    [4, 7],
  ].map(([from, to]) => ({
    images: to! - from!,
    ...plain.prototypeGradient(
      views.subarray(from! * crops * IMAGE, to! * crops * IMAGE),
      targets.subarray(from! * heads, to! * heads),
      prototypes,
      SEED,
    ),
  }));
  plain.dispose();
  assertSame(got, together(parts));
});
