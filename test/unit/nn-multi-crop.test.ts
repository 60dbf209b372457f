/**
 * Multi-crop: views of two sizes against PyTorch's autograd (test/oracle/deepcluster_v2.py), and what
 * small crops do to statistics and features.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Engine } from '../../src/engine/engine.ts';
import { describeModel } from '../../src/nn/architectures.ts';
import { createModel } from '../../src/nn/loaded-model.ts';
import type { SmallViews } from '../../src/nn/model.ts';
import { isVector } from '../../src/ps/layout.ts';
import { initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { testOnEngines } from '../support/engines/engines.ts';
import { modelConfig } from '../support/made/model-config.ts';
import { assertClose } from '../support/made/nn-arrays.ts';

interface MultiCropCase {
  readonly images: number;
  readonly crops: number;
  readonly smallCrops: number;
  readonly size: number;
  readonly smallSize: number;
  readonly heads: number;
  readonly clusters: number;
  readonly dim: number;
  readonly temperature: number;
  readonly momentum: number;
  readonly prototypes: readonly number[];
  readonly targets: readonly number[];
  readonly loss: number;
  /** Of the large crops. */
  readonly rows: readonly number[];
  readonly gradient: readonly number[];
  /** Running statistics after both batches. */
  readonly running: readonly number[];
}

const path = new URL('../oracle/deepcluster_v2.json', import.meta.url);
const { multiCrop: one } = JSON.parse(readFileSync(path, 'utf8')) as { multiCrop: MultiCropCase };
const spec = describeModel(
  modelConfig({
    ...{ architecture: 'small-convnet', sobel: false, width: 4 },
    ...{ neck: 'projection', neckHidden: 10, neckDim: one.dim },
  }),
  one.size,
  one.clusters,
);
const { layout } = spec;
const SEED = [1, 'dropout', 0, 0];
const [images, smallImages] = [pixels(one.crops, one.size), pixels(one.smallCrops, one.smallSize)];
const targets = Int32Array.from(one.targets);
const prototypes = {
  values: Float32Array.from(one.prototypes),
  ...{ heads: one.heads, clusters: one.clusters, crops: one.crops, temperature: one.temperature },
};
const SMALL: SmallViews = {
  ...{ images: smallImages, crops: one.smallCrops, size: one.smallSize },
  batchNormMomentum: one.momentum,
};

function pixels(crops: number, side: number): Uint8Array {
  const value = (i: number): number => (i * 7919 + Math.floor(i / 97) * 104_729 + side) % 251;
  return Uint8Array.from({ length: one.images * crops * side * side * 3 }, (_, i) => value(i));
}

/** As the oracle's script fills the network. */
function parameters(): Float32Array {
  const values = new Float32Array(layout.parameterCount);
  layout.variables.forEach(({ name, shape, offset, size, ...rest }, salt) => {
    const scale = Math.sqrt(2 / (size / shape.at(-1)!));
    for (let i = 0; i < size; i += 1) {
      const drawn = Math.fround(Math.sin(salt + 0.7 * i * i + 1.3 * i));
      values[offset + i] = isVector({ shape, ...rest })
        ? 0.2 * drawn + (name.endsWith('weight') ? 1 : 0)
        : scale * drawn;
    }
  });
  return values;
}

function pass(engine: Engine, small: SmallViews | undefined, running = initialStatistics(layout)) {
  const model = createModel(spec, engine);
  model.load(parameters(), running);
  try {
    return model.prototypeGradient(images, targets, prototypes, SEED, small);
  } finally {
    model.dispose();
  }
}

/** Running statistics after a step, as the parameter server has them. */
function updated(running: Float32Array, statistics: Float32Array, momentum: number): Float32Array {
  return running.map((value, i) => (1 - momentum) * value + momentum * statistics[i]!);
}

await testOnEngines(
  'loss, gradient, rows and running statistics are those of autograd',
  (engine) => {
    const { lossSum, gradient, features, statistics } = pass(engine, SMALL);
    assertClose([lossSum], [one.loss], 1e-6, 'loss');
    assertClose(features, one.rows, 2e-5, 'rows');
    const norm = Math.hypot(...one.gradient);
    const error = Math.hypot(...gradient.map((value, i) => value - one.gradient[i]!));
    // In float32 a few ReLUs and maxima fall on the other side.
    assert.ok(error < 1e-4 * norm, `${error} of ${norm}`);
    const running = updated(initialStatistics(layout), statistics, one.momentum);
    assertClose(running, one.running, 1e-5, 'running statistics');
  },
);

await testOnEngines('small crops leave no row, and move none', (engine) => {
  const [both, large] = [pass(engine, SMALL), pass(engine, undefined)];
  assert.deepEqual(both.features, large.features);
  assert.notDeepEqual(both.gradient, large.gradient);
});

await testOnEngines(
  'statistics are of the version that was loaded: one update by them is two',
  (engine) => {
    const running = initialStatistics(layout).map((value, i) => value + 0.5 + (i % 5));
    const [both, large] = [pass(engine, SMALL, running), pass(engine, undefined, running)];
    const model = createModel({ ...spec, imageSize: one.smallSize }, engine);
    model.load(parameters(), running);
    const own = { ...prototypes, crops: one.smallCrops };
    const small = model.prototypeGradient(smallImages, targets, own, [...SEED, 'small']);
    model.dispose();
    const first = updated(running, large.statistics, one.momentum);
    const expected = updated(first, small.statistics, one.momentum);
    assertClose(updated(running, both.statistics, one.momentum), expected, 1e-5);
    // Each view's loss counts once among four, where those of one size count once among two.
    assertClose([2 * both.lossSum], [large.lossSum + small.lossSum], 1e-6);
  },
);

await testOnEngines('a pass leaves no tensor behind, and the same bits come again', (engine) => {
  const model = createModel(spec, engine);
  model.load(parameters(), initialStatistics(layout));
  const first = model.prototypeGradient(images, targets, prototypes, SEED, SMALL);
  const { tensors } = model.memory();
  assert.deepEqual(model.prototypeGradient(images, targets, prototypes, SEED, SMALL), first);
  assert.equal(model.memory().tensors, tensors);
  model.dispose();
});

await testOnEngines('small crops of another number or size than they say are refused', (engine) => {
  for (const small of [
    { ...SMALL, crops: 3 },
    { ...SMALL, size: 31 },
  ]) {
    assert.throws(() => pass(engine, small), { code: 'SHAPE_MISMATCH' });
  }
});

await testOnEngines('residual networks take them: gradients of both sizes add up', (engine) => {
  const [size, smallSize] = [32, 16];
  const residual = describeModel(
    modelConfig({
      ...{ architecture: 'small-resnet', sobel: false, width: 4 },
      ...{ neck: 'projection', neckHidden: 10, neckDim: one.dim },
    }),
    size,
    one.clusters,
  );
  const values = initialParameters(residual.layout, 3);
  const gradientAt = (side: number, views: Uint8Array, small?: SmallViews): Float32Array => {
    const model = createModel({ ...residual, imageSize: side }, engine);
    model.load(values, initialStatistics(residual.layout));
    const { gradient } = model.prototypeGradient(views, targets, prototypes, SEED, small);
    model.dispose();
    return gradient;
  };
  const [large, small] = [pixels(one.crops, size), pixels(one.crops, smallSize)];
  const views = { images: small, crops: one.crops, size: smallSize, batchNormMomentum: 0.1 };
  const both = gradientAt(size, large, views);
  const [first, second] = [gradientAt(size, large), gradientAt(smallSize, small)];
  const expected = first.map((value, i) => (value + second[i]!) / 2);
  assertClose(both, expected, 1e-5);
});
