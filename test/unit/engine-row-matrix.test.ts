/** Products with the rows of a matrix that stays on an engine, against those in float64. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs';
import { rowMatricesOn } from '../../src/engine/row-matrix.ts';
import { logisticHits } from '../../src/evaluation/logistic-regression.ts';
import { float64Products } from '../../src/evaluation/products.ts';
import { seededRng } from '../../src/math/rng.ts';
import { onEachEngine } from '../support/engines/on-each-engine.ts';
import { assertClose } from '../support/made/nn-arrays.ts';

onEachEngine('products of wide rows are those in float64 but for rounding', (_, products) => {
  const rng = seededRng('wide rows');
  const [n, width, classes] = [37, 1500, 5];
  const normals = (count: number) => Float32Array.from({ length: count }, () => rng.normal());
  const rows = normals(n * width);
  const weights = Float64Array.from(normals(classes * width));
  const residuals = Float64Array.from(normals(n * classes));
  const expected = float64Products(rows, width);
  const before = tf.memory().numTensors;
  const found = rowMatricesOn({ run: products.run, products })(rows, width);
  const logits = found.logits(weights, classes);
  const gradient = found.gradient(residuals, classes);
  found.end();
  assert.equal(tf.memory().numTensors, before, 'all tensors are given back');
  // Sums of 1500 products in float32.
  assertClose(logits, expected.logits(weights, classes), 1e-5, 'logits');
  assertClose(gradient, expected.gradient(residuals, classes), 1e-5, 'gradient');
});

onEachEngine('a fit by its products names the same classes as one in float64', (_, products) => {
  const rng = seededRng('wide fit');
  const [n, m, dim, classes] = [60, 90, 1100, 3];
  const labels = Int32Array.from({ length: n + m }, (_, i) => i % classes);
  const features = Float32Array.from({ length: (n + m) * dim }, (_, i) => {
    const own = i % dim === labels[Math.floor(i / dim)] ? 20 : 0;
    return own + rng.normal();
  });
  const set = {
    ...{ train: features.subarray(0, n * dim), trainLabels: labels.subarray(0, n) },
    ...{ test: features.subarray(n * dim), testLabels: labels.subarray(n), dim, classes },
  };
  const wide = logisticHits(set, {
    seed: 1,
    products: rowMatricesOn({ run: products.run, products }),
  });
  assert.deepEqual(wide, logisticHits(set, { seed: 1 }));
});
