/**
 * DeepCluster-v2's loss, clustering and blur against PyTorch, NumPy and SciPy
 * (test/oracle/deepcluster_v2.py).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { FLOAT64_KERNELS } from '../../src/clustering/kernels.ts';
import { noSums } from '../../src/clustering/cluster-sums.ts';
import { unitRowsRounder } from '../../src/clustering/exact-sums.ts';
import { nextCentroids } from '../../src/clustering/kmeans-reducer.ts';
import { normaliseRows } from '../../src/clustering/odc/mixing.ts';
import { blurView, gaussianWeights } from '../../src/data/pixels/blur.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { gatherRows } from '../../src/math/matrix.ts';
import { prototypeLoss } from '../../src/nn/prototype-loss.ts';
import { testOnEngines } from '../support/engines/engines.ts';
import { assertClose } from '../support/made/nn-arrays.ts';

interface LossCase {
  readonly crops: number;
  readonly heads: number;
  readonly clusters: number;
  readonly dim: number;
  readonly temperature: number;
  readonly features: readonly number[];
  readonly prototypes: readonly number[];
  /** [images, heads] */
  readonly targets: readonly number[];
  readonly loss: number;
  readonly rows: readonly number[];
  readonly gradient: readonly number[];
}

interface Oracle {
  readonly losses: readonly LossCase[];
  readonly clustering: {
    readonly rows: readonly number[];
    readonly dim: number;
    readonly start: readonly number[];
    readonly iterations: number;
    readonly centroids: readonly number[];
    readonly labels: readonly number[];
  };
  readonly blurs: readonly {
    readonly side: number;
    readonly deviation: number;
    readonly image: readonly number[];
    readonly blurred: readonly number[];
  }[];
}

const path = new URL('../oracle/deepcluster_v2.json', import.meta.url);
const oracle = JSON.parse(readFileSync(path, 'utf8')) as Oracle;

function lossOf({ operations, run }: Engine, one: LossCase, scaled = 1) {
  const { crops, heads, clusters, dim, temperature } = one;
  const views = one.features.length / dim;
  const targets = Int32Array.from({ length: views * heads }, (_, i) => {
    const image = Math.floor(i / heads / crops);
    return one.targets[image * heads + (i % heads)]!;
  });
  return run(() =>
    tf.tidy(() => {
      const features = tf.tensor2d(
        one.features.map((value) => scaled * value),
        [views, dim],
      );
      const values = Float32Array.from(one.prototypes);
      const prototypes = { values, heads, clusters, temperature };
      const loss = prototypeLoss(features, targets, prototypes, 1 / crops, operations);
      return {
        lossSum: loss.lossSum(),
        rows: loss.rows.dataSync<'float32'>().slice(),
        gradient: loss.gradient.dataSync<'float32'>().slice(),
      };
    }),
  );
}

await testOnEngines('the loss, its gradient and the unit rows are those of autograd', (engine) => {
  for (const [i, one] of oracle.losses.entries()) {
    const { lossSum, rows, gradient } = lossOf(engine, one);
    assertClose([lossSum], [one.loss], 1e-6, `loss ${i}`);
    assertClose(rows, one.rows, 1e-6, `rows ${i}`);
    // The softmax of cosines over a temperature of 0.1 has ten times their rounding.
    assertClose(gradient, one.gradient, 5e-6, `gradient ${i}`);
  }
});

await testOnEngines(
  'the length of a feature enters no loss, and shrinks its gradient',
  (engine) => {
    const [one] = oracle.losses;
    const [plain, long] = [lossOf(engine, one!), lossOf(engine, one!, 4)];
    assertClose([long.lossSum], [plain.lossSum], 1e-6);
    assertClose(
      long.gradient.map((value) => 4 * value),
      plain.gradient,
      1e-5,
    );
    // What is left of the gradient stands upright on the row.
    const { dim } = one!;
    for (let row = 0; row * dim < plain.rows.length; row += 1) {
      const at = (values: Float32Array): Float32Array =>
        values.subarray(row * dim, (row + 1) * dim);
      const along = at(plain.rows).reduce((sum, z, j) => sum + z * at(plain.gradient)[j]!, 0);
      assert.ok(Math.abs(along) < 1e-5, `row ${row}: ${along}`);
    }
  },
);

await testOnEngines('a target that is no prototype is refused', (engine) => {
  const [one] = oracle.losses;
  const targets = one!.targets.with(0, one!.clusters);
  assert.throws(() => lossOf(engine, { ...one!, targets }), { code: 'PROTOCOL_VIOLATION' });
});

test('spherical k-means: Lloyd steps whose centroids are made unit rows are those of dot products', () => {
  const { dim, start, iterations, ...expected } = oracle.clustering;
  const features = Float32Array.from(expected.rows);
  const count = features.length / dim;
  const rows = FLOAT64_KERNELS.rowsToCluster(features, count, dim);
  let centroids = gatherRows(features, Int32Array.from(start), dim);
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    const total = noSums(start.length, dim, unitRowsRounder(count));
    rows.sum(centroids, total);
    const next = nextCentroids(total, centroids);
    assert.deepEqual(next.refilled, []);
    centroids = Float32Array.from(normaliseRows(next.centroids, dim));
  }
  assertClose(centroids, expected.centroids, 1e-6);
  assert.deepEqual([...rows.assign(centroids, start.length).labels], expected.labels);
});

test('a blurred view is that of SciPy, to the level', () => {
  for (const { side, deviation, image, blurred } of oracle.blurs) {
    const view = Uint8Array.from(image);
    blurView(view, side, deviation);
    view.forEach((level, i) => {
      const error = Math.abs(level - blurred[i]!);
      assert.ok(error <= 0.5 + 1e-4, `${deviation} px, element ${i}: ${level}, not ${blurred[i]}`);
    });
  }
});

test('weights of a blur sum to 1, and one of a tenth of a pixel is none', () => {
  for (const deviation of [0.05, 0.2, 1, 3.7]) {
    const weights = gaussianWeights(deviation);
    assert.ok(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) - 1) < 1e-12);
    assert.equal(weights.length, 2 * Math.floor(3 * deviation + 0.5) + 1);
  }
  const view = Uint8Array.from({ length: 48 }, (_, i) => (37 * i) % 256);
  const before = view.slice();
  blurView(view, 4, 0.1);
  assert.deepEqual(view, before);
});
