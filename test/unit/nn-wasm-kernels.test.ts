/** The kernels given to the wasm backend, against the library's plain JavaScript backend or the definition. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../src/engine/start.ts';
import { operationsOn } from '../../src/engine/tfjs/operations.ts';
import { assertClose, centredValues } from '../support/made/nn-arrays.ts';
import { filterGradient } from '../support/oracles/filter-gradient.ts';

type Shape4 = [number, number, number, number];

/** Sums of up to some thousand products of float32 in two different orders. */
const FLOAT32_SUMS = 1e-5;

before(async () => {
  tf.env().set('IS_TEST', true); // no banner of the JavaScript backend
  await startEngine('wasm', {});
});

/** The kernel's result on a backend. */
async function onBackend(backend: 'cpu' | 'wasm', run: () => tf.Tensor): Promise<Float32Array> {
  await tf.setBackend(backend);
  assert.equal(tf.getBackend(), backend);
  const output = tf.tidy(run);
  const values = output.dataSync<'float32'>().slice();
  output.dispose();
  return values;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1);

function seeded(seed: number, shape: readonly number[]): tf.Tensor {
  return tf.tensor(centredValues(seed, sizeOf(shape)), [...shape]);
}

function runKernel(
  name: string,
  inputs: Record<string, tf.Tensor>,
  attributes: Record<string, unknown>,
): tf.Tensor {
  return tf.engine().runKernel<tf.Tensor>(name, inputs, attributes as tf.NamedAttrMap);
}

const explicit = (top: number, bottom: number, left: number, right: number) =>
  [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ] as tf.backend_util.ExplicitPadding;

const CONVOLUTIONS: readonly {
  readonly x: Shape4;
  readonly kernel: number;
  readonly stride: number;
  readonly pad: 'same' | 'valid' | tf.backend_util.ExplicitPadding;
  readonly out: number;
}[] = [
  { x: [2, 6, 5, 3], kernel: 1, stride: 1, pad: 'valid', out: 7 },
  { x: [2, 7, 7, 4], kernel: 1, stride: 2, pad: 'same', out: 5 },
  { x: [3, 8, 8, 5], kernel: 3, stride: 1, pad: 'same', out: 6 },
  { x: [1, 9, 7, 9], kernel: 3, stride: 1, pad: explicit(1, 1, 1, 1), out: 17 },
  { x: [2, 10, 9, 3], kernel: 3, stride: 2, pad: 'valid', out: 4 },
  { x: [7, 4, 4, 16], kernel: 3, stride: 1, pad: explicit(1, 1, 1, 1), out: 8 },
  { x: [2, 9, 9, 3], kernel: 3, stride: 1, pad: explicit(3, 0, 2, 4), out: 4 },
  { x: [2, 12, 12, 2], kernel: 5, stride: 2, pad: explicit(2, 2, 2, 2), out: 8 },
  { x: [2, 12, 11, 2], kernel: 5, stride: 2, pad: 'same', out: 3 },
  { x: [1, 14, 14, 3], kernel: 7, stride: 2, pad: 'same', out: 4 },
  { x: [1, 15, 15, 2], kernel: 7, stride: 4, pad: 'valid', out: 3 },
  { x: [2, 30, 30, 2], kernel: 11, stride: 4, pad: explicit(2, 2, 2, 2), out: 9 },
  // Those of ResNet-50, and a sum over more windows than a block has, with more columns.
  { x: [1, 18, 18, 3], kernel: 7, stride: 2, pad: explicit(3, 3, 3, 3), out: 8 },
  { x: [2, 8, 8, 6], kernel: 3, stride: 2, pad: explicit(1, 1, 1, 1), out: 8 },
  { x: [2, 8, 8, 16], kernel: 1, stride: 2, pad: explicit(0, 0, 0, 0), out: 24 },
  { x: [2, 17, 17, 8], kernel: 1, stride: 1, pad: explicit(0, 0, 0, 0), out: 264 },
  // In tiles: whole ones, cut ones, a single one, uneven margins, and in several blocks.
  { x: [2, 8, 12, 32], kernel: 3, stride: 1, pad: 'same', out: 40 },
  { x: [3, 13, 11, 40], kernel: 3, stride: 1, pad: 'same', out: 32 },
  { x: [1, 3, 3, 32], kernel: 3, stride: 1, pad: 'valid', out: 32 },
  { x: [2, 9, 10, 32], kernel: 3, stride: 1, pad: explicit(2, 0, 1, 2), out: 32 },
  { x: [1, 70, 61, 32], kernel: 3, stride: 1, pad: 'same', out: 32 },
  { x: [2, 8, 10, 32], kernel: 5, stride: 1, pad: 'same', out: 40 },
  { x: [2, 9, 13, 40], kernel: 5, stride: 1, pad: 'valid', out: 32 },
  { x: [1, 7, 6, 32], kernel: 5, stride: 1, pad: explicit(4, 1, 0, 3), out: 32 },
  { x: [1, 45, 43, 32], kernel: 5, stride: 1, pad: explicit(2, 2, 2, 2), out: 32 },
];

for (const { x, kernel, stride, pad, out } of CONVOLUTIONS) {
  const padding = typeof pad === 'string' ? pad : 'explicit';
  const name = `kernel ${kernel}, stride ${stride}, ${padding} padding, ${x.join(' x ')} to ${out}`;
  const filterShape: Shape4 = [kernel, kernel, x[3], out];
  const attributes = { strides: stride, pad, dataFormat: 'NHWC', dimRoundingMode: 'floor' };
  const info = tf.backend_util.computeConv2DInfo(x, filterShape, stride, 1, pad, 'floor');
  const dyShape = info.outShape;
  const { top, left } = info.padInfo;
  const geometry = { shape: x, outShape: dyShape, kernel, stride, top, left };

  test(`a convolution, and one with bias and ReLU: ${name}`, async () => {
    const [input, filter] = [() => seeded(1, x), () => seeded(3, filterShape)] as [
      () => tf.Tensor4D,
      () => tf.Tensor4D,
    ];
    // The library takes a rounding mode with numbers only.
    const rounding = typeof pad === 'string' ? undefined : 'floor';
    const plain = () => tf.conv2d(input(), filter(), stride, pad, 'NHWC', 1, rounding);
    assertClose(await onBackend('wasm', plain), await onBackend('cpu', plain), FLOAT32_SUMS);
    const fused = () =>
      tf.fused.conv2d({
        x: input(),
        filter: filter(),
        strides: stride,
        pad,
        ...(rounding === undefined ? {} : { dimRoundingMode: rounding }),
        bias: seeded(4, [out]),
        activation: 'relu',
      });
    assertClose(await onBackend('wasm', fused), await onBackend('cpu', fused), FLOAT32_SUMS);
  });

  test(`the gradient of a convolution's filter: ${name}`, async () => {
    const run = () => {
      const inputs = { x: seeded(1, x), dy: seeded(2, dyShape) };
      return runKernel(tf.Conv2DBackpropFilter, inputs, { ...attributes, filterShape });
    };
    const [input, dy] = [centredValues(1, sizeOf(x)), centredValues(2, sizeOf(dyShape))];
    const expected = filterGradient({ x: input, dy, ...geometry });
    assertClose(await onBackend('wasm', run), expected, FLOAT32_SUMS);
  });

  test(`the gradient of a convolution's input: ${name}`, async () => {
    const run = () => {
      const inputs = { dy: seeded(2, dyShape), filter: seeded(3, filterShape) };
      return runKernel(tf.Conv2DBackpropInput, inputs, { ...attributes, inputShape: x });
    };
    assertClose(await onBackend('wasm', run), await onBackend('cpu', run), FLOAT32_SUMS);
  });
}

for (const [window, stride, side, channels] of [
  [2, 2, 6, 3],
  [2, 2, 5, 8],
  [3, 2, 9, 5],
  [3, 1, 5, 2],
] as const) {
  for (const level of ['any sign', 'below zero', 'all equal'] as const) {
    test(`the gradient of max pooling ${window}/${stride} over ${side} px, ${level}`, async () => {
      const shape: Shape4 = [2, side, side, channels];
      const x = centredValues(4, 2 * side * side * channels).map((value) =>
        level === 'any sign' ? value : level === 'below zero' ? value - 1 : 0,
      );
      const outSide = Math.floor((side - window) / stride) + 1;
      const dy = centredValues(5, 2 * outSide * outSide * channels);
      const got = await onBackend('wasm', () => {
        const input = tf.tensor<tf.Rank.R4>(x, shape);
        const output = tf.maxPool(input, window, stride, 'valid');
        const inputs = { dy: tf.tensor(dy, output.shape), input, output };
        return runKernel(tf.MaxPoolGrad, inputs, {
          filterSize: window,
          strides: stride,
          pad: 'valid',
        });
      });
      assertClose(got, pooledGradient(x, shape, dy, window, stride), 1e-6);
    });
  }
}

/** By definition: the first of the largest elements of each window, row by row, receives the gradient. */
function pooledGradient(
  x: Float32Array,
  [b, h, w, c]: Shape4,
  dy: Float32Array,
  window: number,
  stride: number,
): Float64Array {
  const dx = new Float64Array(x.length);
  let out = 0;
  for (let n = 0; n < b; n += 1)
    for (let oy = 0; oy + window <= h; oy += stride)
      for (let ox = 0; ox + window <= w; ox += stride)
        for (let k = 0; k < c; k += 1, out += 1) {
          let best = -1;
          for (let y = oy; y < oy + window; y += 1)
            for (let z = ox; z < ox + window; z += 1) {
              const at = ((n * h + y) * w + z) * c + k;
              if (best < 0 || x[at]! > x[best]!) best = at;
            }
          dx[best]! += dy[out]!;
        }
  return dx;
}

test('a convolution that the kernels do not do is left to the backend', async () => {
  const [x, filter] = [() => seeded(1, [1, 9, 9, 2]), () => seeded(3, [3, 3, 2, 4])] as [
    () => tf.Tensor4D,
    () => tf.Tensor4D,
  ];
  const dilated = () => tf.conv2d(x(), filter(), 1, 'valid', 'NHWC', 2);
  assertClose(await onBackend('wasm', dilated), await onBackend('cpu', dilated), FLOAT32_SUMS);
  const activated = () =>
    tf.fused.conv2d({ x: x(), filter: filter(), strides: 1, pad: 'same', activation: 'relu6' });
  assertClose(await onBackend('wasm', activated), await onBackend('cpu', activated), FLOAT32_SUMS);
});

test('products with transposed matrices are those of the definition', async () => {
  for (const [m, k, n] of [
    [3, 5, 7],
    [37, 70, 33],
    [1, 40, 9],
    [9, 130, 16],
    // More than one block of panels.
    [2, 4200, 24],
  ] as const) {
    for (const [turnA, turnB] of [
      [true, false],
      [false, true],
      [true, true],
      [false, false],
    ] as const) {
      const run = () =>
        tf.matMul(
          seeded(6, turnA ? [k, m] : [m, k]),
          seeded(7, turnB ? [n, k] : [k, n]),
          turnA,
          turnB,
        );
      const got = await onBackend('wasm', run);
      const [a, b] = [centredValues(6, m * k), centredValues(7, k * n)];
      const expected = Float64Array.from({ length: m * n }, (_, i) => {
        const [row, column] = [Math.floor(i / n), i % n];
        let sum = 0;
        for (let j = 0; j < k; j += 1) {
          sum +=
            a[turnA ? j * m + row : row * k + j]! * b[turnB ? column * k + j : j * n + column]!;
        }
        return sum;
      });
      assertClose(got, expected, FLOAT32_SUMS, `${m} x ${k} x ${n}`);
    }
  }
});

test('products of batches of matrices are left to the backend', async () => {
  const run = () => tf.matMul(seeded(6, [2, 4, 3]), seeded(7, [2, 4, 5]), true, false);
  assertClose(await onBackend('wasm', run), await onBackend('cpu', run), FLOAT32_SUMS);
});

test('a row of a product has the same bits whatever rows are beside it', async () => {
  await tf.setBackend('wasm');
  // Products of few rows go another way than those of many, and long sums are done in parts.
  const [rows, inner, columns] = [90, 300, 100];
  for (const turnB of [false, true]) {
    tf.tidy(() => {
      const b = seeded(7, turnB ? [columns, inner] : [inner, columns]);
      const a = seeded(6, [rows, inner]);
      const all = tf.matMul(a, b, false, turnB).dataSync();
      for (const [first, count] of [
        [0, 1],
        [7, 11],
        [20, 64],
        [10, 65],
      ] as const) {
        const some = tf.matMul(tf.slice(a, [first, 0], [count, inner]), b, false, turnB);
        const expected = all.slice(first * columns, (first + count) * columns);
        assert.deepEqual(some.dataSync(), expected, `${count} rows, ${turnB}`);
      }
    });
  }
});

for (const taps of [3, 5]) {
  test(`an image has the same bits whatever images are beside it: ${taps} x ${taps} taps in tiles`, async () => {
    await tf.setBackend('wasm');
    tf.tidy(() => {
      // In several blocks of tiles, which end within images.
      const images: Shape4 = [30, 16, 14, 32];
      const x = seeded(31, images) as tf.Tensor4D;
      const filter = seeded(32, [taps, taps, 32, 32]) as tf.Tensor4D;
      const all = tf.conv2d(x, filter, 1, 'same').dataSync();
      for (const [first, count] of [
        [0, 1],
        [21, 7],
      ] as const) {
        const some = tf.slice4d(x, [first, 0, 0, 0], [count, ...images.slice(1)] as Shape4);
        const size = 16 * 14 * 32;
        const expected = all.slice(first * size, (first + count) * size);
        assert.deepEqual(
          tf.conv2d(some, filter, 1, 'same').dataSync(),
          expected,
          `${count} images`,
        );
      }
    });
  });
}

test('batch norm over more rows than a block, and channels in and beyond groups of four', async () => {
  const shape: Shape4 = [2, 17, 19, 11];
  const run = (pick: 'y' | 'mean' | 'variance' | 'dx' | 'dGamma' | 'dBeta') => () => {
    const { batchNorm, batchNormGradient } = operationsOn(tf.getBackend());
    // Means far from zero beside the deviations: what a sum of squares in float32 would lose.
    const x: tf.Tensor4D = tf.add(seeded(8, shape), 40);
    const gamma = seeded(10, [11]) as tf.Tensor1D;
    const batch = batchNorm(x, gamma, seeded(11, [11]) as tf.Tensor1D, true);
    if (pick === 'y' || pick === 'mean' || pick === 'variance') return batch[pick];
    return batchNormGradient(seeded(9, shape) as tf.Tensor4D, x, gamma, batch, true)[pick];
  };
  for (const pick of ['mean', 'variance', 'y', 'dx', 'dGamma', 'dBeta'] as const) {
    // x lies at 40 in float32, which has 4e-6 there: that, over deviations of 0.3, reaches the results of both backends.
    assertClose(await onBackend('wasm', run(pick)), await onBackend('cpu', run(pick)), 2e-4, pick);
  }
});

const N = 2 * 3 * 3;
const C = 5;

/** Batch norm with ReLU in float64, from the definition. */
function plainBatchNorm(x: Float64Array, gamma: Float32Array, beta: Float32Array): Float64Array {
  const y = new Float64Array(x.length);
  for (let c = 0; c < C; c += 1) {
    const column = Array.from({ length: N }, (_, i) => x[i * C + c]!);
    const mean = column.reduce((sum, v) => sum + v, 0) / N;
    const variance = column.reduce((sum, v) => sum + (v - mean) ** 2, 0) / N;
    column.forEach((value, i) => {
      const normal = (value - mean) / Math.sqrt(variance + 1e-5);
      y[i * C + c] = Math.max(0, normal * gamma[c]! + beta[c]!);
    });
  }
  return y;
}

for (const backend of ['wasm', 'cpu'] as const) {
  test(`batch norm with ReLU and its gradients on ${backend} are those of the definition`, async () => {
    await tf.setBackend(backend);
    const { batchNorm, batchNormGradient } = operationsOn(backend);
    const [x, dy] = [centredValues(8, N * C), centredValues(9, N * C)];
    const gamma = centredValues(10, C).map((value) => value + 1);
    const beta = centredValues(11, C);
    const got = tf
      .tidy(() => {
        const input = tf.tensor<tf.Rank.R4>(x, [2, 3, 3, C]);
        const batch = batchNorm(input, tf.tensor1d(gamma), tf.tensor1d(beta), true);
        const gradients = batchNormGradient(
          tf.tensor(dy, [2, 3, 3, C]),
          input,
          tf.tensor1d(gamma),
          batch,
          true,
        );
        return [batch.y, gradients.dx, gradients.dGamma, gradients.dBeta];
      })
      .map((tensor) => tensor.dataSync<'float32'>());
    const wide = Float64Array.from(x);
    assertClose(got[0]!, plainBatchNorm(wide, gamma, beta), FLOAT32_SUMS, 'y');
    // Central differences in float64 with this step are right to about 1e-9.
    const step = 1e-5;
    const loss = (x64: Float64Array, g: Float32Array, b: Float32Array): number =>
      plainBatchNorm(x64, g, b).reduce((sum, y, i) => sum + y * dy[i]!, 0);
    const slope = (at: (delta: number) => number): number => (at(step) - at(-step)) / (2 * step);
    const moved = <T extends Float32Array | Float64Array>(values: T, i: number, delta: number): T =>
      values.map((value, j) => (i === j ? value + delta : value)) as T;
    const dx = wide.map((_, i) => slope((delta) => loss(moved(wide, i, delta), gamma, beta)));
    assertClose(got[1]!, dx, FLOAT32_SUMS, 'dx');
    const wideStep = 2 ** -12; // exact in float32; y is linear in gamma and beta away from the ReLU's corner
    const wideSlope = (at: (delta: number) => number): number =>
      (at(wideStep) - at(-wideStep)) / (2 * wideStep);
    const dGamma = gamma.map((_, c) => wideSlope((d) => loss(wide, moved(gamma, c, d), beta)));
    const dBeta = beta.map((_, c) => wideSlope((d) => loss(wide, gamma, moved(beta, c, d))));
    assertClose(got[2]!, dGamma, 1e-3, 'dGamma');
    assertClose(got[3]!, dBeta, 1e-3, 'dBeta');
  });
}

test('kernels free what they take', async () => {
  await tf.setBackend('wasm');
  const run = () => {
    const [x, filter] = [seeded(1, [2, 8, 8, 4]), seeded(3, [3, 3, 4, 4])];
    const attributes = { strides: 2, pad: 'same', dataFormat: 'NHWC', dimRoundingMode: 'floor' };
    const inputs = { dy: seeded(2, [2, 4, 4, 4]), filter };
    runKernel(tf.Conv2DBackpropInput, inputs, { ...attributes, inputShape: x.shape });
    const gradient = { x, dy: inputs.dy };
    runKernel(tf.Conv2DBackpropFilter, gradient, { ...attributes, filterShape: filter.shape });
    tf.matMul(seeded(6, [5, 3]), seeded(7, [5, 4]), true, false);
    assert.equal(x.dataSync()[0], centredValues(1, 1)[0], 'the inputs are still there');
  };
  const { backend } = tf.engine();
  const held = () => [tf.memory().numTensors, backend.numDataIds()];
  tf.tidy(run);
  const first = held();
  tf.tidy(run);
  assert.deepEqual(held(), first);
});
