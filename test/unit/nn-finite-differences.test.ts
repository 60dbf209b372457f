/**
 * The written-out gradients of the network's operations against differences of the operations themselves, over shapes,
 * strides and paddings that a seed draws, on each engine. Operations are weighted into one number by a random dy; along a
 * random direction d that number has the slope <gradient, d>. A gradient that is wrong by e is off there by |e| times the
 * deviation of d's elements, on average: tolerances are shares of the gradient's norm times that deviation.
 */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs';
import { seededRng, shuffleInPlace, type Rng } from '../../src/math/rng.ts';
import { trainingPass } from '../../src/nn/training-pass.ts';
import { testOnEngines } from '../support/engines/engines.ts';

const TRIALS = 16;
const DIRECTIONS = 3;

type Shape4 = [number, number, number, number];

/** Values on a grid of 2^-8 in [-0.5, 0.5): with the steps below, points of a difference are exact in float32. */
function drawn(rng: Rng, length: number): Float32Array {
  return Float32Array.from({ length }, () => (rng.integer(256) - 128) / 256);
}

const DEVIATION = 1 / Math.sqrt(12);

/** A drawn whole number in low .. high. */
const between = (rng: Rng, low: number, high: number) => low + rng.integer(high - low + 1);

const productOf = (shape: readonly number[]) => shape.reduce((n, side) => n * side, 1);

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

/** What `work` returns, in place of its tensor. */
const valuesOf = (work: () => tf.Tensor) => tf.tidy(() => work().dataSync<'float32'>().slice());

interface Slopes {
  readonly what: string;
  /** The number whose gradient is examined. */
  readonly value: (at: Float32Array) => number;
  readonly at: Float32Array;
  readonly gradient: Float32Array;
  /** Of the differences; a power of two. */
  readonly step: number;
  readonly tolerance: number;
}

/** Differences over four points, whose error is of the fourth order in the step; none for what is linear. */
function assertSlopes(rng: Rng, { what, value, at, gradient, step, tolerance }: Slopes): void {
  assert.equal(gradient.length, at.length, `${what}: length`);
  const scale = Math.sqrt(dot(gradient, gradient)) * DEVIATION;
  assert.ok(scale > 0, `${what}: all zero`);
  for (let n = 0; n < DIRECTIONS; n += 1) {
    const direction = drawn(rng, at.length);
    const moved = (steps: number) => value(at.map((v, i) => v + steps * step * direction[i]!));
    const slope = (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * step);
    const error = Math.abs(slope - dot(gradient, direction)) / scale;
    // Written so that NaN fails.
    assert.ok(error <= tolerance, `${what}: slope ${slope}, off by ${error} of the norm`);
  }
}

/** Sums of float32 products, weighted into one. */
const LINEAR = { step: 1, tolerance: 2e-5 };

interface Convolution {
  readonly title: string;
  readonly x: Shape4;
  readonly filter: Shape4;
  readonly output: Shape4;
  readonly geometry: { readonly stride: number; readonly padding: number };
}

function drawConvolution(rng: Rng): Convolution {
  const kernel = [1, 2, 3, 3, 5, 7, 11][rng.integer(7)]!;
  const stride = between(rng, 1, 4);
  const padding = rng.integer(Math.floor(kernel / 2) + 1);
  const [batch, inputs, outputs] = [between(rng, 1, 3), between(rng, 1, 9), between(rng, 1, 18)];
  const sides = [0, 1].map(() => Math.max(1, kernel - 2 * padding) + rng.integer(12));
  const [h, w] = sides as [number, number];
  const side = (length: number) => Math.floor((length + 2 * padding - kernel) / stride) + 1;
  return {
    title: `${batch} x ${h} x ${w} x ${inputs}, ${kernel}^2 / ${stride}, padding ${padding}, to ${outputs}`,
    x: [batch, h, w, inputs],
    filter: [kernel, kernel, inputs, outputs],
    output: [batch, side(h), side(w), outputs],
    geometry: { stride, padding },
  };
}

await testOnEngines('convolutions: gradients of filter and input', ({ operations }) => {
  const rng = seededRng('finite differences', 'convolution');
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const { title, x, filter, output, geometry } = drawConvolution(rng);
    const [xs, filters, dys] = [x, filter, output].map((s) => drawn(rng, productOf(s))) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const bias = drawn(rng, output[3]);
    const tensors = (xValues: Float32Array, filterValues: Float32Array) =>
      [tf.tensor4d(xValues, x), tf.tensor4d(filterValues, filter)] as const;
    const weighted = (xValues: Float32Array, filterValues: Float32Array) => {
      const y = valuesOf(() => {
        const [input, weights] = tensors(xValues, filterValues);
        const result = operations.convolve(input, weights, tf.tensor1d(bias), geometry);
        assert.deepEqual(result.shape, output, title);
        return result;
      });
      return dot(y, dys);
    };
    const dFilter = valuesOf(() => {
      const [input] = tensors(xs, filters);
      return operations.convFilterGradient(input, tf.tensor4d(dys, output), filter, geometry);
    });
    const dx = valuesOf(() => {
      const [, weights] = tensors(xs, filters);
      return operations.convInputGradient(tf.tensor4d(dys, output), weights, x, geometry);
    });
    const ofFilter = {
      at: filters,
      gradient: dFilter,
      value: (at: Float32Array) => weighted(xs, at),
    };
    assertSlopes(rng, { what: `filter of ${title}`, ...ofFilter, ...LINEAR });
    const ofInput = { at: xs, gradient: dx, value: (at: Float32Array) => weighted(at, filters) };
    assertSlopes(rng, { what: `input of ${title}`, ...ofInput, ...LINEAR });
  }
});

await testOnEngines('max poolings: gradient of the input', ({ operations }) => {
  const rng = seededRng('finite differences', 'max pooling');
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const window = between(rng, 1, 4);
    const padding = rng.integer(Math.floor(window / 2) + 1);
    const geometry = { window, stride: between(rng, 1, 3), padding };
    const [batch, channels] = [between(rng, 1, 3), between(rng, 1, 9)];
    const shape: Shape4 = [batch, window + rng.integer(9), window + rng.integer(9), channels];
    const xs = wholeNumbers(rng, productOf(shape));
    const pooled = (at: Float32Array) => operations.maxPool(tf.tensor4d(at, shape), geometry);
    const dys = drawn(rng, valuesOf(() => pooled(xs)).length);
    const gradient = valuesOf(() => {
      const output = pooled(xs);
      const input = tf.tensor4d(xs, shape);
      return operations.maxPoolGradient(tf.tensor4d(dys, output.shape), input, output, geometry);
    });
    const value = (at: Float32Array) =>
      dot(
        valuesOf(() => pooled(at)),
        dys,
      );
    const what = `${shape.join(' x ')}, ${JSON.stringify(geometry)}`;
    assertSlopes(rng, { what, value, at: xs, gradient, step: 0.25, tolerance: 1e-6 });
  }
});

/** Each once, around zero and in any order: half of a step of 0.25 moves none past another, so that maxima stay. */
function wholeNumbers(rng: Rng, length: number): Float32Array {
  const numbers = Int32Array.from({ length }, (_, i) => i - Math.floor(length / 2));
  shuffleInPlace(numbers, rng);
  return Float32Array.from(numbers);
}

await testOnEngines('means over maps: gradient of the input', ({ operations }) => {
  const rng = seededRng('finite differences', 'global average');
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const shape = [1, 1, 1, 1].map(() => between(rng, 1, 9)) as Shape4;
    const [at, dys] = [drawn(rng, productOf(shape)), drawn(rng, shape[0] * shape[3])];
    const dy = () => tf.tensor2d(dys, [shape[0], shape[3]]);
    const gradient = valuesOf(() => operations.globalAveragePoolGradient(dy(), shape));
    const mean = (x: Float32Array) => operations.globalAveragePool(tf.tensor4d(x, shape));
    const value = (x: Float32Array) =>
      dot(
        valuesOf(() => mean(x)),
        dys,
      );
    assertSlopes(rng, { what: shape.join(' x '), value, at, gradient, ...LINEAR });
  }
});

/** Values on both sides of a gap around zero, so that a ReLU behind a normalisation has clear calls. */
function drawnApart(rng: Rng, length: number): Float32Array {
  return drawn(rng, length).map((value) => (value < 0 ? value - 0.5 : value + 0.5));
}

for (const rectify of [false, true]) {
  const title = rectify ? 'batch norms with ReLU' : 'batch norms';
  await testOnEngines(`${title}: gradients of input, scale and shift`, ({ operations }) => {
    const rng = seededRng('finite differences', 'batch norm', String(rectify));
    for (let trial = 0; trial < TRIALS;) {
      const channels = between(rng, 1, 19);
      const shape: Shape4 = [between(rng, 1, 4), between(rng, 2, 7), between(rng, 2, 7), channels];
      const xs = drawnApart(rng, productOf(shape));
      const gamma = drawn(rng, channels).map((value) => 1 + value);
      const beta = drawn(rng, channels).map((value) => value / 4);
      const dys = drawn(rng, xs.length);
      const run = (x: Float32Array, g: Float32Array, b: Float32Array, isRectified = rectify) =>
        operations.batchNorm(tf.tensor4d(x, shape), tf.tensor1d(g), tf.tensor1d(b), isRectified);
      // A ReLU's corner within reach of a step would be a slope of neither side.
      const isClear = valuesOf(() => run(xs, gamma, beta, false).y).every((y) => Math.abs(y) > 0.1);
      if (rectify && !isClear) continue;
      trial += 1;
      const gradients = ['dx', 'dGamma', 'dBeta'] as const;
      const [dx, dGamma, dBeta] = gradients.map((pick) =>
        valuesOf(() => {
          const batch = run(xs, gamma, beta);
          const [dy, x] = [tf.tensor4d(dys, shape), tf.tensor4d(xs, shape)];
          return operations.batchNormGradient(dy, x, tf.tensor1d(gamma), batch, rectify)[pick];
        }),
      ) as [Float32Array, Float32Array, Float32Array];
      const weighted = (x: Float32Array, g: Float32Array, b: Float32Array) =>
        dot(
          valuesOf(() => run(x, g, b).y),
          dys,
        );
      const what = (name: string) => `${name} of ${shape.join(' x ')}`;
      const limits = { step: 2 ** -5, tolerance: 2e-4 };
      const ofX = { at: xs, gradient: dx, value: (at: Float32Array) => weighted(at, gamma, beta) };
      assertSlopes(rng, { what: what('x'), ...ofX, ...limits });
      const ofGamma = {
        at: gamma,
        gradient: dGamma,
        value: (at: Float32Array) => weighted(xs, at, beta),
      };
      assertSlopes(rng, { what: what('scale'), ...ofGamma, ...limits });
      const ofBeta = {
        at: beta,
        gradient: dBeta,
        value: (at: Float32Array) => weighted(xs, gamma, at),
      };
      assertSlopes(rng, { what: what('shift'), ...ofBeta, ...limits });
    }
  });
}

await testOnEngines('ReLUs: gradient of the input', ({ operations }) => {
  const rng = seededRng('finite differences', 'ReLU');
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const shape = [between(rng, 2, 6), between(rng, 2, 40)] as const;
    const at = drawnApart(rng, productOf(shape));
    const dys = drawn(rng, at.length);
    const rectified = (x: Float32Array) => tf.relu(tf.tensor2d(x, [...shape]));
    const gradient = valuesOf(() =>
      operations.reluGradient(tf.tensor2d(dys, [...shape]), rectified(at)),
    );
    const value = (x: Float32Array) =>
      dot(
        valuesOf(() => rectified(x)),
        dys,
      );
    const what = shape.join(' x ');
    assertSlopes(rng, { what, value, at, gradient, step: 0.25, tolerance: 1e-6 });
  }
});

await testOnEngines('fully connected layers: gradient of the input', ({ operations }) => {
  const rng = seededRng('finite differences', 'dense');
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const [batch, inputs, outputs] = [between(rng, 1, 9), between(rng, 1, 70), between(rng, 1, 40)];
    const [at, dys] = [drawn(rng, batch * inputs), drawn(rng, batch * outputs)];
    const weights = drawn(rng, inputs * outputs);
    const weight = () => tf.tensor2d(weights, [inputs, outputs]);
    const product = (x: Float32Array) => tf.matMul(tf.tensor2d(x, [batch, inputs]), weight());
    const gradient = valuesOf(() =>
      operations.denseInputGradient(tf.tensor2d(dys, [batch, outputs]), weight()),
    );
    const value = (x: Float32Array) =>
      dot(
        valuesOf(() => product(x)),
        dys,
      );
    const what = `${batch} x ${inputs} to ${outputs}`;
    assertSlopes(rng, { what, value, at, gradient, ...LINEAR });
  }
});

await testOnEngines(
  'a pass of two fully connected layers around a dropout: every variable',
  ({ operations }) => {
    const rng = seededRng('finite differences', 'dropout');
    for (let trial = 0; trial < TRIALS; trial += 1) {
      const [batch, inputs, hidden, outputs] = [3, 1, 1, 1].map((low) => between(rng, low, 20)) as [
        number,
        number,
        number,
        number,
      ];
      const shapes = new Map([
        ['a.weight', [inputs, hidden]],
        ['a.bias', [hidden]],
        ['b.weight', [hidden, outputs]],
        ['b.bias', [outputs]],
      ]);
      const values = new Map([...shapes].map(([name, s]) => [name, drawn(rng, productOf(s))]));
      const [xs, dys] = [drawn(rng, batch * inputs), drawn(rng, batch * outputs)];
      const mask = Float32Array.from({ length: batch * hidden }, () =>
        rng.integer(4) === 0 ? 0 : 4 / 3,
      );
      mask[0] = 4 / 3; // at least one is kept
      const dense = { kind: 'dense', group: 'body', initialStd: 0 } as const;
      const pass = (replaced: ReadonlyMap<string, Float32Array>) =>
        trainingPass(tf.tensor2d(xs, [batch, inputs]), {
          layers: [
            { ...dense, name: 'a', inFeatures: inputs, outFeatures: hidden },
            { kind: 'dropout', name: 'drop', probability: 0.25 },
            { ...dense, name: 'b', inFeatures: hidden, outFeatures: outputs },
          ],
          variables: new Map(
            [...shapes].map(([name, shape]) => [
              name,
              tf.tensor(replaced.get(name) ?? values.get(name)!, shape),
            ]),
          ),
          operations,
          dropoutMask: (_name, _probability, shape) => tf.tensor(mask, [...shape]),
        });
      const gradients = new Map<string, Float32Array>();
      tf.tidy(() => {
        pass(new Map()).backward(tf.tensor2d(dys, [batch, outputs]), (name, gradient) => {
          gradients.set(name, gradient.dataSync<'float32'>().slice());
        });
      });
      for (const [name, at] of values) {
        const value = (v: Float32Array) =>
          dot(
            valuesOf(() => pass(new Map([[name, v]])).output),
            dys,
          );
        const what = `${name} of ${batch} x ${inputs}, ${hidden}, ${outputs}`;
        assertSlopes(rng, { what, value, at, gradient: gradients.get(name)!, ...LINEAR });
      }
    }
  },
);

await testOnEngines('softmax cross-entropy: gradient of the logits', ({ operations }) => {
  const rng = seededRng('finite differences', 'softmax loss');
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const [batch, classes] = [between(rng, 1, 6), between(rng, 2, 40)];
    const labels = Int32Array.from({ length: batch }, () => rng.integer(classes));
    const at = drawn(rng, batch * classes).map((value) => value * 8);
    const weights =
      trial % 2 === 0 ? null : Float32Array.from({ length: batch }, () => rng.float());
    const loss = (logits: Float32Array) =>
      operations.softmaxCrossEntropy(tf.tensor2d(logits, [batch, classes]), labels, weights);
    const gradient = valuesOf(() => loss(at).gradient);
    const value = (logits: Float32Array) => {
      let sum = NaN;
      tf.tidy(() => {
        sum = loss(logits).lossSum();
      });
      return sum;
    };
    const what = `${batch} x ${classes} logits`;
    // Losses in float32, of up to 10, over the step.
    assertSlopes(rng, { what, value, at, gradient, step: 2 ** -2, tolerance: 5e-4 });
  }
});
