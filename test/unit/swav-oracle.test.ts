/** SwAV's codes and loss against NumPy and PyTorch (test/oracle/swav.py), and the laws of codes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { sinkhornKnopp } from '../../src/clustering/sinkhorn.ts';
import { codesOf } from '../../src/clustering/swapped-prediction.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { seededRng } from '../../src/math/rng.ts';
import { PROTOTYPES_WEIGHT, projectionNeck, prototypeLayer } from '../../src/nn/projection-neck.ts';
import { lossOfPass } from '../../src/nn/swapped-loss.ts';
import { trainingPass } from '../../src/nn/training-pass.ts';
import { testOnEngines } from '../support/engines/engines.ts';
import { assertClose } from '../support/made/nn-arrays.ts';

interface LossCase {
  readonly images: number;
  readonly crops: number;
  readonly clusters: number;
  readonly temperature: number;
  readonly epsilon: number;
  readonly iterations: number;
  readonly inputs: number;
  readonly hidden: number;
  readonly dim: number;
  readonly x: readonly number[];
  readonly queue: readonly number[];
  readonly loss: number;
  readonly rows: readonly number[];
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}

interface Oracle {
  readonly codes: readonly {
    readonly clusters: number;
    readonly epsilon: number;
    readonly iterations: number;
    readonly scores: readonly number[];
    readonly codes: readonly number[];
  }[];
  readonly losses: readonly LossCase[];
}

const path = new URL('../oracle/swav.json', import.meta.url);
const oracle = JSON.parse(readFileSync(path, 'utf8')) as Oracle;

test('codes are those of NumPy', () => {
  for (const { clusters, scores, codes, ...options } of oracle.codes) {
    const found = sinkhornKnopp(Float32Array.from(scores), clusters, options);
    assertClose(found, codes, 1e-12);
    // Those of the last rows alone, over the same matrix.
    const last = sinkhornKnopp(Float32Array.from(scores), clusters, options, 2);
    assert.deepEqual(last, found.slice(2 * clusters));
  }
});

function drawnScores(rows: number, clusters: number): Float32Array {
  const rng = seededRng('scores', rows, clusters);
  return Float32Array.from({ length: rows * clusters }, () => 2 * rng.float() - 1);
}

test('each row has the mass 1, and with many iterations each cluster its share of the rows', () => {
  for (const [rows, clusters] of [
    [12, 4],
    [3, 8],
    [7, 7],
  ] as const) {
    for (const iterations of [1, 3, 2000]) {
      const options = { epsilon: 0.5, iterations };
      const codes = sinkhornKnopp(drawnScores(rows, clusters), clusters, options);
      const byRow = new Float64Array(rows);
      const byColumn = new Float64Array(clusters);
      codes.forEach((code, i) => {
        assert.ok(code >= 0);
        byRow[Math.floor(i / clusters)]! += code;
        byColumn[i % clusters]! += code;
      });
      assertClose(byRow, new Array<number>(rows).fill(1), 1e-12);
      if (iterations < 2000) continue;
      assertClose(byColumn, new Array<number>(clusters).fill(rows / clusters), 1e-9);
    }
  }
});

test('a cluster that all rows like equally well changes nothing: columns are scaled first', () => {
  const scores = drawnScores(6, 3);
  const moved = scores.map((score, i) => score + (i % 3 === 1 ? 0.5 : 0));
  const options = { epsilon: 0.05, iterations: 3 };
  // The sums are of float32 scores.
  assertClose(sinkhornKnopp(moved, 3, options), sinkhornKnopp(scores, 3, options), 1e-5);
});

test('the smallest epsilon that is allowed keeps every code finite', () => {
  const scores = Float32Array.of(1, -1, 1, -1, 1, -1, -1, 1);
  const codes = sinkhornKnopp(scores, 2, { epsilon: 0.005, iterations: 1000 });
  assert.ok(codes.every((code) => Number.isFinite(code)));
  assert.throws(() => sinkhornKnopp(scores, 3, { epsilon: 1, iterations: 1 }), {
    code: 'SHAPE_MISMATCH',
  });
});

test('the queue changes the codes, and its rows have none of their own', () => {
  const [clusters, crops] = [3, 2];
  const [own, queue] = [drawnScores(4 * crops, clusters), drawnScores(5 * crops, clusters)];
  const options = { crops, epsilon: 0.1, iterations: 3 };
  const alone = codesOf({ own, queue: new Float32Array(0), clusters }, options);
  const together = codesOf({ own, queue, clusters }, options);
  assert.equal(together.length, own.length);
  assert.notDeepEqual(together, alone);
});

/** A neck on one engine, as the oracle has it. */
function passOf({ operations, run }: Engine, one: LossCase) {
  const { inputs, hidden, dim, clusters, crops } = one;
  const layers = [
    ...projectionNeck({ inFeatures: inputs, hidden, out: dim }),
    prototypeLayer(dim, clusters),
  ];
  const shapes: Readonly<Record<string, number[]>> = {
    'neck.fc0.weight': [inputs, hidden],
    'neck.fc1.weight': [hidden, dim],
    [PROTOTYPES_WEIGHT]: [dim, clusters],
  };
  return run(() =>
    tf.tidy(() => {
      const variables = new Map(
        Object.entries(one.parameters).map(([name, values]) => {
          return [name, tf.tensor([...values], shapes[name] ?? [values.length])] as const;
        }),
      );
      const pass = trainingPass(tf.tensor2d([...one.x], [one.images * crops, inputs]), {
        ...{ layers, keep: layers.length - 2, variables, operations },
        dropoutMask: () => tf.scalar(1),
      });
      const end = { output: pass.output as tf.Tensor2D, features: pass.kept as tf.Tensor2D };
      const prototypes = variables.get(PROTOTYPES_WEIGHT) as tf.Tensor2D;
      const swapped = { ...one, queue: Float32Array.from(one.queue), isFrozen: false };
      const loss = lossOfPass(end, prototypes, swapped);
      const gradients: Record<string, Float32Array> = {};
      pass.backward(loss.gradient, (name, gradient) => {
        gradients[name] = gradient.dataSync<'float32'>().slice();
      });
      return { lossSum: loss.lossSum(), rows: loss.features(), gradients };
    }),
  );
}

await testOnEngines(
  'the loss, the gradient of each parameter and the unit rows are those of autograd',
  (engine) => {
    for (const [i, one] of oracle.losses.entries()) {
      const { lossSum, rows, gradients } = passOf(engine, one);
      assertClose([lossSum], [one.loss], 1e-5, `loss ${i}`);
      assertClose(rows, one.rows, 2e-6, `rows ${i}`);
      assert.deepEqual(Object.keys(gradients).sort(), Object.keys(one.gradients).sort());
      for (const [name, gradient] of Object.entries(gradients)) {
        if (name === 'neck.fc0.bias') {
          // The batch norm behind it takes it out again.
          assert.ok(gradient.every((value) => Math.abs(value) < 1e-6));
          continue;
        }
        // Cosines over a temperature of 0.1, and codes by an epsilon of 0.05: twenty times their
        // rounding.
        assertClose(gradient, one.gradients[name]!, 5e-5, `${name} ${i}`);
      }
    }
  },
);

await testOnEngines('a queue of other rows is refused', (engine) => {
  const [, one] = oracle.losses;
  assert.throws(() => passOf(engine, { ...one!, queue: one!.queue.slice(1) }), {
    code: 'SHAPE_MISMATCH',
  });
});
