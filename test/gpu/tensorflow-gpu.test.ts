/**
 * The engine `tensorflow` on a GPU: that it computes there, rightly, and takes only the memory it
 * needs. Skipped where the driver lists no GPU, or the engine is not set up for one; where it is,
 * an engine that computes on the CPU fails.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { packageRoot } from '../../src/process/package-root.ts';
import { describeModel } from '../../src/nn/architectures.ts';
import { messageOf } from '../../src/errors.ts';
import { modelConfigSchema } from '../../src/nn/config.ts';
import { startEngine } from '../../src/engine/start.ts';
import { listGpus, visibleGpus } from '../../src/engine/gpus.ts';
import { createModel } from '../../src/nn/loaded-model.ts';
import type { SliceGradient } from '../../src/nn/model.ts';
import * as frontEnd from '../../src/engine/plain/front-end.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { kmeansOnEngine } from '../../src/engine/clustering/reference/run-on-engine.ts';
import { FLOAT64_KERNELS } from '../../src/clustering/kernels.ts';
import { initialCentroidIds } from '../../src/clustering/kmeans.ts';
import { seededRng } from '../../src/math/rng.ts';
import { initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { withEngine } from '../support/engines/engines.ts';
import { assertClose, byteImages } from '../support/made/nn-arrays.ts';

const found = listGpus(process.env);
const visible = visibleGpus(process.env, found);
/** Memory in use on the GPU that the engine takes, by all processes, and all of it [MiB]. */
function gpuMemory(): { used: number; total: number } {
  const gpu = `--id=${visible.at(-1) ?? ''}`;
  const query = [gpu, '--query-gpu=memory.used,memory.total', '--format=csv,noheader,nounits'];
  const [used, total] = execFileSync('nvidia-smi', query, { encoding: 'utf8' }).split(',');
  return { used: Number(used), total: Number(total) };
}

/** Of the GPU before this process touches it; null where there is none. */
const before = visible.length === 0 ? null : gpuMemory();

/**
 * Why there is nothing to test here, or false. An engine that is built for GPUs and fails is no
 * reason.
 */
async function reasonToSkip(): Promise<string | false> {
  if (found.length === 0) return 'nvidia-smi lists no GPU on this machine';
  if (visible.length === 0) return 'CUDA_VISIBLE_DEVICES hides all GPUs';
  try {
    const { device, reason } = await startEngine('tensorflow');
    return device === 'CPU' ? reason : false;
  } catch (error) {
    return messageOf(error).includes('is not installed') ? messageOf(error) : false;
  }
}

/** One slice of the demo: 16 images of 64 px, 40 clusters. */
function demoStep(engine: Engine): SliceGradient {
  const spec = describeModel(
    modelConfigSchema.parse({ architecture: 'small-convnet', dropout: 0.2 }),
    64,
    40,
  );
  const model = createModel(spec, engine);
  try {
    model.load(initialParameters(spec.layout, 31), initialStatistics(spec.layout));
    const labels = Int32Array.from({ length: 16 }, (_, image) => (image * 7) % 40);
    return model.lossAndGradient(byteImages(1, 16, 64), labels, [31, 0, 0]);
  } finally {
    model.dispose();
  }
}

const norm = (values: Float32Array): number =>
  Math.sqrt(values.reduce((total, value) => total + value * value, 0));

describe('tensorflow on a GPU', { skip: await reasonToSkip() }, () => {
  test('is on the last GPU that the process may see', async () => {
    const { device, reason } = await startEngine('tensorflow');
    assert.match(device, /^GPU /, reason);
    assert.ok(reason.includes(device));
  });

  test('leaves the memory that it does not need', async () => {
    await startEngine('tensorflow');
    tf.tidy(() => tf.matMul(tf.ones([1024, 1024]), tf.ones([1024, 1024])).dataSync());
    const { used, total } = gpuMemory();
    // Without memory growth the runtime takes over 90 % at once; its context and libraries take
    // about one GiB.
    const taken = used - before!.used;
    assert.ok(taken < total / 2, `${taken} MiB of ${total} are taken by a product of 4 MiB arrays`);
  });

  test('has the convolution and its gradients of plain arithmetic, to the bit on small integers', async () => {
    await startEngine('tensorflow');
    const [side, inner, outer, kernel] = [9, 4, 5, 3] as const;
    const out = side - kernel + 1;
    // Integers below 4, summed to below 2^11: exact also where TF32 cuts factors to 11 bits.
    const image = Int32Array.from({ length: side * side * inner }, (_, i) => (i * 7) % 4);
    const filter = Int32Array.from({ length: kernel ** 2 * inner * outer }, (_, i) => (i * 5) % 3);
    const y = new Float32Array(out * out * outer);
    const byImage = new Float32Array(image.length);
    const byFilter = new Float32Array(filter.length);
    for (let at = 0; at < out * out * kernel ** 2 * inner * outer; at += 1) {
      const o = at % outer;
      const c = Math.floor(at / outer) % inner;
      const tap = Math.floor(at / (outer * inner)) % kernel ** 2;
      const pixel = Math.floor(at / (outer * inner * kernel ** 2));
      const row = Math.floor(pixel / out) + Math.floor(tap / kernel);
      const column = (pixel % out) + (tap % kernel);
      const i = (row * side + column) * inner + c;
      const w = (tap * inner + c) * outer + o;
      y[pixel * outer + o]! += image[i]! * filter[w]!;
      byImage[i]! += filter[w]!;
      byFilter[w]! += image[i]!;
    }
    tf.tidy(() => {
      const x = tf.tensor4d(Array.from(image), [1, side, side, inner], 'float32');
      const w = tf.tensor4d(Array.from(filter), [kernel, kernel, inner, outer], 'float32');
      const convolve = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
        tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, 'valid');
      assert.deepEqual(convolve(x, w).dataSync(), y);
      const [dx, dw] = tf.grads((a, b) => tf.sum(convolve(a, b)))([x, w]);
      assert.deepEqual(dx!.dataSync(), byImage);
      assert.deepEqual(dw!.dataSync(), byFilter);
    });
  });

  test('takes the training step of the demo as the wasm engine does', async () => {
    const gpu = await withEngine('tensorflow', demoStep);
    const wasm = await withEngine('wasm', demoStep);
    assert.ok(gpu.lossSum > 0);
    // Convolutions in TF32, by default on GPUs that have it, have factors of 11 bits.
    const tolerance = 1e-2;
    assert.ok(Math.abs(gpu.lossSum - wasm.lossSum) < tolerance * wasm.lossSum);
    const difference = gpu.gradient.map((value, i) => value - wasm.gradient[i]!);
    const error = norm(difference) / norm(wasm.gradient);
    assert.ok(error < 5 * tolerance, `gradients differ by ${error} of their norm`);
  });

  test('makes the input of the network from bytes, up to rounding', async () => {
    const { operations, tidy } = await startEngine('tensorflow');
    for (const sobel of [true, false]) {
      const images = byteImages(5, 3, 37);
      const got = tidy(() => operations.networkInput(images, 3, 37, sobel).dataSync<'float32'>());
      assertClose(got, frontEnd.networkInput(images, 3, 37, sobel), 2e-6, `sobel ${sobel}`);
    }
  });

  test('gives an image the same feature, to the bit, in any batch', async () => {
    const engine = await startEngine('tensorflow');
    const spec = describeModel(modelConfigSchema.parse({ architecture: 'small-convnet' }), 64, 40);
    const model = createModel(spec, engine);
    model.load(initialParameters(spec.layout, 31), initialStatistics(spec.layout));
    const images = byteImages(6, 70, 64);
    const all = model.features(images, 70);
    const some = model.features(images.subarray(40 * 64 * 64 * 3), 30);
    model.dispose();
    assert.deepEqual(some, all.subarray(40 * spec.featureDim));
  });

  test('labels and sums of k-means are those of float64, bit for bit', async () => {
    const { clustering } = await startEngine('tensorflow');
    const [n, dim, k] = [20_000, 64, 700];
    const rng = seededRng(7, 'rows');
    const rows = Float32Array.from({ length: n * dim }, () => rng.normal());
    const ids = initialCentroidIds(n, k, 3);
    const got = kmeansOnEngine(clustering, rows, n, dim, k, 3, ids);
    const expected = kmeansOnEngine(FLOAT64_KERNELS, rows, n, dim, k, 3, ids);
    assert.deepEqual(got.labels, expected.labels);
    assert.deepEqual(got.centroids, expected.centroids);
  });

  test('multiplies matrices for clustering in float32, though it has TF32', async () => {
    const { products, tidy } = await startEngine('tensorflow');
    const [n, dim] = [64, 3000];
    const rng = seededRng(8, 'factors');
    const values = Float32Array.from({ length: n * dim }, () => 1 + rng.uint32() / 2 ** 32);
    const got = tidy(() => {
      const x = tf.tensor2d(values, [n, dim]);
      return products.multiply(x, x, false, true).dataSync<'float32'>();
    });
    let worst = 0;
    for (let i = 0; i < n; i += 1) {
      for (let j = 0; j < n; j += 1) {
        let exact = 0;
        for (let d = 0; d < dim; d += 1) exact += values[i * dim + d]! * values[j * dim + d]!;
        worst = Math.max(worst, Math.abs(got[i * n + j]! - exact) / exact);
      }
    }
    assert.ok(worst < 3e-6, `off by ${worst}`);
  });

  test('is what doctor finds, with the memory of each GPU', () => {
    const program = join(packageRoot(), 'bin', 'deepcluster.mjs');
    const { status, stdout, stderr } = spawnSync(program, ['doctor', '--json'], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    const { engine, gpus, missing } = JSON.parse(stdout) as {
      engine: { name: string; device: string };
      gpus: { name: string; memoryMib: number }[];
      missing: string[];
    };
    assert.equal(engine.name, 'tensorflow');
    assert.match(engine.device, /^GPU /);
    assert.ok(gpus.length > 0 && gpus.every(({ memoryMib }) => memoryMib > 1000));
    assert.deepEqual(missing, []);
  });
});
