/**
 * This project's kernels in the addon against plain loops over shapes that a seed draws, and whole
 * training steps with them against the same steps with the runtime's operations, which a GPU or
 * another addon takes.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { packageRoot } from '../../src/process/package-root.ts';
import { seededRng, type Rng } from '../../src/math/rng.ts';
import { describeModel } from '../../src/nn/architectures.ts';
import { modelConfigSchema } from '../../src/nn/config.ts';
import { startEngine } from '../../src/engine/start.ts';
import * as frontEnd from '../../src/engine/plain/front-end.ts';
import { hostArray } from '../../src/engine/tensorflow/host-array.ts';
import { createModel } from '../../src/nn/loaded-model.ts';
import { BATCH_NORM_EPSILON } from '../../src/engine/operations.ts';
import { operationsOn } from '../../src/engine/tfjs/operations.ts';
import { chooseKernels } from '../../src/engine/tensorflow/register.ts';
import { hasOwnKernels, runtimeOf } from '../../src/engine/tensorflow/runtime.ts';
import { initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { testEngines } from '../support/engines/engines.ts';
import { assertClose, byteImages } from '../support/made/nn-arrays.ts';

const { engine, ...found } = (await testEngines()).find(({ name }) => name === 'tensorflow')!;
const skip =
  engine === null
    ? found.skip
    : engine.device !== 'CPU'
      ? `${engine.device} computes: the kernels are for CPUs`
      : engine.hasOwnKernels
        ? false
        : 'its addon lacks them: npx deepcluster setup';

const {
  addInto,
  batchNorm,
  batchNormGradient,
  convolve,
  dropoutMask,
  maxPool,
  maxPoolGradient,
  networkInput,
} = operationsOn('tensorflow');

const TRIALS = 40;

beforeEach(async () => {
  if (skip === false) await startEngine('tensorflow', {});
});
after(() => {
  if (skip === false) chooseKernels('own');
});

const between = (rng: Rng, low: number, high: number) => low + rng.integer(high - low + 1);

/** Few different values: many are equal. */
const coarse = (rng: Rng, length: number) =>
  Float32Array.from({ length }, () => (rng.integer(5) - 2) / 2);

const normal = (rng: Rng, length: number) => Float32Array.from({ length }, () => rng.normal());

const valuesOf = (work: () => tf.Tensor) => tf.tidy(() => work().dataSync<'float32'>().slice());

test('each gradient goes to the first of the largest in its window', { skip }, () => {
  const rng = seededRng(11, 'pool');
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const [window, stride] = [between(rng, 1, 4), between(rng, 1, 3)];
    const padding = rng.integer(Math.floor(window / 2) + 1);
    const [b, c] = [between(rng, 1, 3), between(rng, 1, 40)];
    const [h, w] = [between(rng, window, 9), between(rng, window, 9)];
    const geometry = { window, stride, padding };
    const values = coarse(rng, b * h * w * c);
    const got = tf.tidy(() => {
      const x = tf.tensor4d(values, [b, h, w, c]);
      const y = maxPool(x, geometry);
      const g = normal(rng, y.size);
      const dx = maxPoolGradient(tf.tensor4d(g, y.shape), x, y, geometry);
      return { g, out: y.shape, dx: dx.dataSync<'float32'>().slice() };
    });
    const expected = new Float32Array(values.length);
    const [, oh, ow] = got.out;
    for (let o = 0; o < got.g.length; o += 1) {
      const [channel, pixel] = [o % c, Math.floor(o / c)];
      const [ox, oy] = [pixel % ow, Math.floor(pixel / ow) % oh];
      const image = Math.floor(pixel / (ow * oh));
      let place = -1;
      for (let i = oy * stride - padding; i < oy * stride - padding + window; i += 1) {
        for (let j = ox * stride - padding; j < ox * stride - padding + window; j += 1) {
          if (i < 0 || i >= h || j < 0 || j >= w) continue;
          const at = ((image * h + i) * w + j) * c + channel;
          if (place < 0 || values[at]! > values[place]!) place = at;
        }
      }
      expected[place] = expected[place]! + got.g[o]!;
    }
    assert.deepEqual(got.dx, expected, JSON.stringify({ b, h, w, c, ...geometry }));
  }
});

test('the input of the network is that of the plain loops, to the bit', { skip }, () => {
  const rng = seededRng(11, 'input');
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const [count, size, sobel] = [between(rng, 1, 4), between(rng, 1, 40), trial % 2 === 0];
    const images = byteImages(trial, count, size);
    const got = valuesOf(() => networkInput(images, count, size, sobel));
    assert.deepEqual(got, frontEnd.networkInput(images, count, size, sobel), `${count} x ${size}`);
  }
});

test('a GPU makes the input of the network, too, up to rounding', { skip }, () => {
  const rng = seededRng(11, 'input');
  const before = tf.memory().numTensors;
  chooseKernels('gpu-own');
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const [count, size, sobel] = [between(rng, 1, 4), between(rng, 1, 40), trial % 2 === 0];
    const images = byteImages(trial, count, size);
    const got = valuesOf(() => networkInput(images, count, size, sobel));
    const expected = frontEnd.networkInput(images, count, size, sobel);
    assertClose(got, expected, 2e-6, `${count} x ${size}`);
  }
  chooseKernels('own');
  assert.equal(tf.memory().numTensors, before);
});

interface Norm {
  readonly x: Float32Array;
  readonly dy: Float32Array;
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly rectify: boolean;
}

/**
 * Batch norm and its gradient in float64, channel by channel; the ReLU is open where `y` is above
 * zero.
 */
function plainBatchNorm({ x, dy, gamma, beta, rectify }: Norm, passed: Float32Array) {
  const [channels, n] = [gamma.length, x.length / gamma.length];
  const [y, dx] = [new Float64Array(x.length), new Float64Array(x.length)];
  const ofChannel = () => new Float64Array(channels);
  const [mean, variance, dGamma, dBeta] = [ofChannel(), ofChannel(), ofChannel(), ofChannel()];
  for (let c = 0; c < channels; c += 1) {
    const at = Array.from({ length: n }, (_, row) => row * channels + c);
    const sum = (term: (i: number) => number) => at.reduce((total, i) => total + term(i), 0);
    mean[c] = sum((i) => x[i]!) / n;
    variance[c] = sum((i) => (x[i]! - mean[c]!) ** 2) / n;
    const inverse = 1 / Math.sqrt(variance[c]! + BATCH_NORM_EPSILON);
    const hat = (i: number) => (x[i]! - mean[c]!) * inverse;
    const g = (i: number) => (rectify && passed[i]! <= 0 ? 0 : dy[i]!);
    dBeta[c] = sum(g);
    dGamma[c] = sum((i) => g(i) * hat(i));
    for (const i of at) {
      const value = gamma[c]! * hat(i) + beta[c]!;
      y[i] = rectify ? Math.max(0, value) : value;
      dx[i] = gamma[c]! * inverse * (g(i) - dBeta[c]! / n - (hat(i) * dGamma[c]!) / n);
    }
  }
  return { y, mean, variance: variance.map((value) => (value * n) / (n - 1)), dx, dGamma, dBeta };
}

test('batch norm, its ReLU and their gradient are those of float64', { skip }, () => {
  const rng = seededRng(11, 'norm');
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const [b, side, c] = [between(rng, 1, 5), between(rng, 1, 14), between(rng, 1, 70)];
    const shape: [number, number, number, number] = [b, side, side, c];
    const size = b * side * side * c;
    if (b * side * side < 8) continue; // of a few rows the gradient is the difference of equal numbers
    const far = 3 * rng.normal(); // a mean that is not near zero
    const norm: Norm = {
      x: normal(rng, size).map((v) => v + far),
      ...{ dy: normal(rng, size), gamma: normal(rng, c), beta: normal(rng, c) },
      rectify: trial % 2 === 0,
    };
    const got = tf.tidy(() => {
      const [x, dy] = [tf.tensor4d(norm.x, shape), tf.tensor4d(norm.dy, shape)];
      const [gamma, beta] = [tf.tensor1d(norm.gamma), tf.tensor1d(norm.beta)];
      const batch = batchNorm(x, gamma, beta, norm.rectify);
      const { y, mean, variance } = batch;
      const all = { y, mean, variance, ...batchNormGradient(dy, x, gamma, batch, norm.rectify) };
      return Object.fromEntries(
        Object.entries(all).map(([name, tensor]) => [name, tensor.dataSync<'float32'>().slice()]),
      );
    });
    const expected = plainBatchNorm(norm, got['y']!);
    for (const [name, values] of Object.entries(expected)) {
      // Float32 steps on numbers of size 1 and a mean of some size, against the largest.
      assertClose(got[name]!, values, 1e-5, `${name} of ${JSON.stringify(shape)}`);
    }
  }
});

test('a convolution has its bias and ReLU added once', { skip }, () => {
  const rng = seededRng(11, 'bias');
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const [b, side, c] = [between(rng, 1, 3), between(rng, 1, 30), between(rng, 1, 40)];
    const activation = trial % 2 === 0 ? 'relu' : 'linear';
    const [x, bias] = [normal(rng, b * side * side), normal(rng, c)];
    const filter = normal(rng, c);
    const got = valuesOf(() =>
      convolve(
        tf.tensor4d(x, [b, side, side, 1]),
        tf.tensor4d(filter, [1, 1, 1, c]),
        tf.tensor1d(bias),
        { stride: 1, padding: 0 },
        activation,
      ),
    );
    const expected = got.map((_, i) => {
      const sum = Math.fround(x[Math.floor(i / c)]! * filter[i % c]!) + bias[i % c]!;
      return activation === 'relu' ? Math.max(0, sum) : sum;
    });
    assertClose(got, expected, 1e-6, activation);
  }
});

test('a sum in place is the sum, rectified if asked', { skip }, () => {
  const rng = seededRng(11, 'sum');
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const rectify = trial % 2 === 0;
    const size = between(rng, 1, 40_000);
    const [a, b] = [normal(rng, size), normal(rng, size)];
    const got = valuesOf(() => addInto(tf.tensor1d(a.slice()), tf.tensor1d(b), rectify));
    const expected = a.map((value, i) => (rectify ? Math.max(0, value + b[i]!) : value + b[i]!));
    assert.deepEqual(got, expected);
  }
});

test('a dropout mask is the one that the plain loop draws', { skip }, () => {
  for (const [i, probability] of [0.1, 0.2, 0.5, 0.999].entries()) {
    const shape = [3 + i, 1 + 100 * i];
    const masks = (['own', 'runtime'] as const).map((set) => {
      chooseKernels(set);
      return valuesOf(() => dropoutMask(['slice', i], probability, shape));
    });
    assert.deepEqual(masks[0], masks[1]);
  }
  chooseKernels('own');
});

test('the engine writes into an array of the program, each part to its place', { skip }, () => {
  const rng = seededRng(11, 'host array');
  const before = tf.memory().numTensors;
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const sizes = Array.from({ length: between(rng, 1, 6) }, () => between(rng, 1, 1_000_000));
    const length = sizes.reduce((sum, size) => sum + size, 0);
    const { values, write, release } = hostArray(length);
    assert.equal(values.length, length);
    let offset = 0;
    for (const [i, size] of sizes.entries()) {
      const part = tf.fill([size], trial + i);
      write(part, offset);
      part.dispose();
      offset += size;
    }
    // Past the end there is nothing to write to.
    const part = tf.zeros([1]);
    assert.throws(() => {
      write(part, length);
    }, /does not fit/);
    part.dispose();
    release();
    offset = 0;
    for (const [i, size] of sizes.entries()) {
      assert.ok(values.subarray(offset, offset + size).every((v) => v === trial + i));
      offset += size;
    }
  }
  assert.equal(tf.memory().numTensors, before);
});

test("a step is the same with this project's kernels, the runtime's and a GPU's", { skip }, () => {
  for (const [architecture, ...frontEnds] of [
    ['small-convnet', true, false],
    ['resnet50', false],
  ] as const) {
    for (const sobel of frontEnds) {
      const spec = describeModel(modelConfigSchema.parse({ architecture, sobel }), 64, 7);
      const images = byteImages(3, 6, 64);
      const labels = Int32Array.from({ length: 6 }, (_, i) => i);
      const parameters = initialParameters(spec.layout, 5);
      const [own, ...others] = (['own', 'runtime', 'gpu-own', 'gpu-runtime'] as const).map(
        (set) => {
          chooseKernels(set);
          const model = createModel(spec, engine!);
          model.load(parameters, initialStatistics(spec.layout));
          const step = model.lossAndGradient(images, labels, [1]);
          const features = model.features(images, 6);
          model.dispose();
          return { ...step, features };
        },
      ) as [Outcome, ...Outcome[]];
      for (const other of others) {
        // Float32 rounding, which some fifty layers of normalisation make larger.
        assertClose([own.lossSum], [other.lossSum], 1e-4, 'loss');
        assertClose(own.statistics, other.statistics, 1e-4, 'statistics');
        assertClose(own.features, other.features, 1e-4, 'features');
        // Of a random ResNet on few pixels even two runs' gradients part by per cents: it has ReLUs
        // on the edge.
        if (architecture === 'resnet50') continue;
        const gap = own.gradient.map((value, i) => value - other.gradient[i]!);
        assert.ok(
          normOf(gap) <= 1e-5 * normOf(other.gradient),
          `${architecture}: gradients differ by ${normOf(gap) / normOf(other.gradient)}`,
        );
      }
    }
  }
});

interface Outcome {
  readonly lossSum: number;
  readonly gradient: Float32Array;
  readonly statistics: Float32Array;
  readonly features: Float32Array;
}

const normOf = (values: Float32Array) => Math.hypot(...chunkNorms(values));

/** Norms of pieces: a function takes no million arguments. */
function chunkNorms(values: Float32Array): number[] {
  const norms: number[] = [];
  for (let begin = 0; begin < values.length; begin += 4096) {
    norms.push(Math.hypot(...values.subarray(begin, begin + 4096)));
  }
  return norms;
}

test('batch norm is the same bits on any number of threads', { skip }, () => {
  const engineFile = pathToFileURL(join(packageRoot(), 'src/engine/start.ts')).href;
  const program = `
    import { createHash } from 'node:crypto';
    import * as tf from '@tensorflow/tfjs';
    const { startEngine } = await import('${engineFile}');
    const engine = await startEngine('tensorflow', { threads: Number(process.env.THREADS) });
    const { batchNorm, batchNormGradient } = engine.operations;
    const values = Float32Array.from({ length: 3 * 50 * 50 * 40 }, (_, i) => Math.sin(i * i) + (i % 40));
    const x = tf.tensor4d(values, [3, 50, 50, 40]);
    const [gamma, beta] = [tf.ones([40]), tf.zeros([40])];
    const batch = batchNorm(x, gamma, beta, true);
    const gradients = batchNormGradient(tf.sin(x), x, gamma, batch, true);
    const hash = createHash('sha256');
    for (const tensor of [batch.y, batch.mean, batch.variance, ...Object.values(gradients)]) {
      hash.update(new Uint8Array(tensor.dataSync().buffer));
    }
    console.log(hash.digest('hex'));
  `;
  const hashes = ['1', '2', '5'].map((threads) => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', program],
      { encoding: 'utf8', cwd: packageRoot(), env: { ...process.env, THREADS: threads } },
    );
    assert.equal(status, 0, stderr);
    return stdout;
  });
  assert.match(hashes[0]!, /^[0-9a-f]{64}$/m);
  assert.deepEqual(hashes, Array(3).fill(hashes[0]));
});

test('an addon without the kernels, or with those of another revision, is known', { skip }, () => {
  const runtime = runtimeOf(tf.backend());
  assert.ok(hasOwnKernels(runtime));
  const { type } = runtime;
  const another = { ...type, int: (name: string) => type.int(name, -1) };
  assert.equal(hasOwnKernels({ ...runtime, type: another }), false);
  const many = (name: string) => runtime.many(`${name}OfNobody`, [], 0);
  assert.equal(hasOwnKernels({ type, many }), false);
});
