/**
 * Several threads of the wasm engine: the same bits as one, asleep without work, and gone with the
 * process.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { describeModel } from '../../src/nn/architectures.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { startEngine } from '../../src/engine/start.ts';
import { createModel } from '../../src/nn/loaded-model.ts';
import { MAX_PAGES, assembleModule } from '../../src/engine/assembly/assembler.ts';
import { compileKernels, instantiateKernels } from '../../src/engine/wasm/kernels/kernels.ts';
import { withSharedMemory } from '../../src/engine/wasm/threads/shared-module.ts';
import { startTeam } from '../../src/engine/wasm/threads/team.ts';
import { initialParameters, initialStatistics } from '../../src/ps/initial-values.ts';
import { modelConfig } from '../support/made/model-config.ts';
import { centredValues } from '../support/made/nn-arrays.ts';

/** More threads than cores: chunks then finish in every order. */
const THREADS = [1, 3];

after(async () => {
  await startEngine('wasm', { threads: 1 });
});

function seeded<R extends tf.Rank>(seed: number, shape: readonly number[]): tf.Tensor<R> {
  const size = shape.reduce((product, side) => product * side, 1);
  return tf.tensor(centredValues(seed, size), [...shape] as tf.ShapeMap[R]);
}

/** What `compute` gives on each number of threads must be what it gives on one. */
async function assertSameBits(
  compute: (engine: Engine) => readonly ArrayLike<number>[],
): Promise<void> {
  let expected: readonly ArrayLike<number>[] = [];
  for (const threads of THREADS) {
    const engine = await startEngine('wasm', { threads });
    assert.equal(engine.threads, threads);
    const got = compute(engine);
    if (threads === 1) expected = got;
    for (const [i, values] of got.entries()) {
      assert.ok(
        Array.prototype.some.call(values, (value) => value !== 0),
        `result ${i} is zero`,
      );
      assert.deepEqual(values, expected[i], `result ${i}, ${threads} threads`);
    }
  }
}

test('convolutions, products, batch norm and pooling have the same bits on any number of threads', async () => {
  await assertSameBits(({ operations }) =>
    tf
      .tidy(() => {
        const geometry = { stride: 2, padding: 1 };
        const x = seeded<tf.Rank.R4>(1, [3, 23, 23, 12]);
        const filter = seeded<tf.Rank.R4>(2, [3, 3, 12, 20]);
        const y = operations.convolve(x, filter, seeded(3, [20]), geometry, 'relu');
        const dy = seeded<tf.Rank.R4>(4, y.shape);
        const [gamma, beta] = [seeded<tf.Rank.R1>(5, [12]), seeded<tf.Rank.R1>(6, [12])];
        const batch = operations.batchNorm(x, gamma, beta, true);
        const dBatch = operations.batchNormGradient(seeded(7, x.shape), x, gamma, batch, true);
        const pooling = { window: 3, stride: 2, padding: 1 };
        const pooled = operations.maxPool(x, pooling);
        const [few, many] = [seeded(8, [9, 700]), seeded(9, [70, 700])];
        const [matrix, turned] = [seeded(10, [700, 264]), seeded(11, [264, 700])];
        return [
          ...[y, operations.convFilterGradient(x, dy, filter.shape, geometry)],
          operations.convInputGradient(dy, filter, x.shape, geometry),
          ...[batch.y, batch.mean, batch.variance, dBatch.dx, dBatch.dGamma, dBatch.dBeta],
          ...[pooled, operations.maxPoolGradient(seeded(12, pooled.shape), x, pooled, pooling)],
          ...[few, many].flatMap((a) => [tf.matMul(a, matrix), tf.matMul(a, turned, false, true)]),
          tf.matMul(many, seeded(13, [70, 36]), true),
        ];
      })
      .map((tensor) => tensor.dataSync()),
  );
});

test('a convolution that is left to the library has the same bits on any number of threads', async () => {
  await assertSameBits(() => [
    tf.tidy(() => {
      const [x, filter] = [
        seeded<tf.Rank.R4>(1, [1, 9, 9, 2]),
        seeded<tf.Rank.R4>(2, [3, 3, 2, 4]),
      ];
      return tf.conv2d(x, filter, 1, 'valid', 'NHWC', 2).dataSync();
    }),
  ]);
});

for (const taps of [3, 5]) {
  test(`a convolution of ${taps} x ${taps} taps in tiles has the same bits on any number of threads`, async () => {
    await assertSameBits(({ operations }) =>
      tf
        .tidy(() => {
          const geometry = { stride: 1, padding: Math.floor(taps / 2) };
          // More tiles than a block has, and some that stick out.
          const x = seeded<tf.Rank.R4>(1, [5, 33, 31, 32]);
          const filter = seeded<tf.Rank.R4>(2, [taps, taps, 32, 40]);
          const y = operations.convolve(x, filter, seeded(3, [40]), geometry, 'relu');
          const dy = seeded<tf.Rank.R4>(4, y.shape);
          return [
            ...[y, operations.convFilterGradient(x, dy, filter.shape, geometry)],
            operations.convInputGradient(dy, filter, x.shape, geometry),
          ];
        })
        .map((tensor) => tensor.dataSync()),
    );
  });
}

test('a training step and features have the same bits on any number of threads', async () => {
  const config = modelConfig({ architecture: 'small-convnet', width: 8, featureDim: 32 });
  const spec = describeModel(config, 32, 10);
  const images = Uint8Array.from(
    { length: 6 * 32 * 32 * 3 },
    (_, i) => Math.imul(i, 2654435761) >>> 24,
  );
  await assertSameBits((engine) => {
    const model = createModel(spec, engine);
    model.load(initialParameters(spec.layout, 1), initialStatistics(spec.layout));
    const slice = model.lossAndGradient(images, Int32Array.of(1, 2, 3, 4, 5, 6), ['slice']);
    const features = model.features(images, 6);
    model.dispose();
    return [slice.gradient, slice.statistics, [slice.lossSum], features];
  });
});

test('a job with more chunks than a ticket counts is done to the end', async () => {
  const memory = new WebAssembly.Memory({ initial: 4, maximum: MAX_PAGES, shared: true });
  const { module } = compileKernels(true);
  const team = await startTeam(3, instantiateKernels(module, memory), module, memory);
  const [columns, rows] = [3, 5000];
  const values = centredValues(1, rows * columns);
  const [source, target] = [64, 64 + values.byteLength];
  new Float32Array(memory.buffer, source, values.length).set(values);
  team.run('transposeRow', { source, target, rows, columns }, columns);
  const turned = new Float32Array(memory.buffer, target, values.length).slice();
  const offsets = 2 * 64 * 1024;
  new Int32Array(memory.buffer, offsets, rows).set(turned.subarray(0, rows).map((_, i) => 4 * i));
  const column = { source, sourceStep: 4 * columns, rowOffsets: offsets, rows, columns: 1 };
  team.run('narrowRows', { ...column, target, rowsOfChunk: 1 }, rows);
  const first = new Float32Array(memory.buffer, target, rows).slice();
  await team.dispose();
  assert.deepEqual(
    first,
    values.filter((_, i) => i % columns === 0),
  );
  assert.deepEqual(turned.subarray(0, rows), first);
});

test('a failure on any thread is an error of the job, and the team goes on', async () => {
  const memory = new WebAssembly.Memory({ initial: 4, maximum: MAX_PAGES, shared: true });
  const { module } = compileKernels(true);
  const team = await startTeam(3, instantiateKernels(module, memory), module, memory);
  const job = { source: 0, rows: 40, columns: 400 };
  assert.throws(() => {
    team.run('transposeRow', { ...job, target: 2 ** 30 }, 40);
  });
  team.run('transposeRow', { ...job, target: 2 ** 17 }, 40);
  await team.dispose();
});

test('threads sleep without work, and do not keep the process', async () => {
  const program = `
    import * as tf from '@tensorflow/tfjs';
    import { startEngine } from ${JSON.stringify(new URL('../../src/engine/start.ts', import.meta.url).href)};
    const { threads } = await startEngine('wasm', { threads: 3 });
    const [sum] = tf.matMul(tf.ones([64, 64]), tf.ones([64, 64])).dataSync();
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 400));
    const { user, system } = process.cpuUsage(before);
    process.stdout.write(JSON.stringify({ threads, sum, idleMs: (user + system) / 1000 }));
  `;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
  const { threads, sum, idleMs } = JSON.parse(stdout) as Record<string, number>;
  assert.deepEqual([threads, sum], [3, 64]);
  // Two spinning threads would take 800 ms.
  assert.ok(idleMs! < 200, `${idleMs} ms of CPU while idle`);
});

test('a module without a memory of its own cannot be given a shared one', () => {
  assert.throws(() => withSharedMemory(assembleModule([])), /no memory of its own/);
});
