import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { ranCli, type Ran } from '../support/runs/cli-run.ts';

const bench = (...args: string[]) => ranCli(['bench', ...args], process.env);

const positive = z.number().positive();
const spread = z.strictObject({
  median: positive,
  min: positive,
  max: positive,
  runs: z.int().positive(),
});

/** The contract of `bench … --json`. */
const reportSchema = z.strictObject({
  machine: z.strictObject({
    cpu: z.string().min(1),
    cores: z.int().positive(),
    memoryBytes: positive,
    gpus: z.array(z.string()),
    platform: z.string(),
    node: z.string(),
  }),
  engine: z.strictObject({
    name: z.enum(['tensorflow', 'wasm']),
    version: z.string().min(1),
    threads: z.int().positive(),
    reason: z.string().min(1),
  }),
  date: z.iso.datetime(),
  rows: z.array(
    z.strictObject({
      name: z.string().min(1),
      unit: z.enum(['images/s', 's']),
      ours: spread,
      peer: spread.extend({ name: z.string().min(1) }).optional(),
      ratio: positive.optional(),
      peerMissing: z.string().min(1).optional(),
      gflops: positive.optional(),
      limit: z.strictObject({ name: z.literal('gemm'), value: positive }).optional(),
      shareOfLimit: positive.optional(),
    }),
  ),
});

/** Of `bench clustering-plane --json`. */
const planeSchema = z.strictObject({
  machine: reportSchema.shape.machine,
  date: z.iso.datetime(),
  size: z.strictObject({
    images: z.int().positive(),
    dim: z.int().positive(),
    k: z.int().positive(),
    shardSize: z.int().positive(),
  }),
  workers: z.int().positive(),
  wholeBytes: positive,
  runs: z.array(
    z.strictObject({
      isFolded: z.boolean(),
      isSlow: z.boolean(),
      results: z.int().positive(),
      resultBytes: positive,
      centroidBytes: positive,
      cpuSeconds: positive,
      seconds: positive,
      peakBytes: positive,
      digest: z.string().min(1),
    }),
  ),
});

const bytes = z.int().positive();

/** The contract of `bench ps --json`. */
const psReportSchema = reportSchema.extend({
  engine: reportSchema.shape.engine.extend({ name: z.literal('none') }),
  rows: z.array(reportSchema.shape.rows.element.extend({ unit: z.enum(['ms', 's']) })),
  ps: z.strictObject({
    parameters: z.int().positive(),
    workers: z.int().positive(),
    servers: z.int().min(0),
    transport: z.enum(['grpc', 'shared']),
    isSecure: z.boolean(),
    codec: z.enum(['float32', 'bfloat16', 'float16', 'int8']),
    steps: z.int().positive(),
    workerBytes: z.strictObject({ vectors: bytes, sockets: spread.nullable() }),
    peakBytes: z.strictObject({
      coordinator: bytes,
      servers: z.array(bytes),
      workers: z.array(bytes),
    }),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    checkedElements: z.int().positive(),
  }),
});

/** The contract of `bench modes --json`. */
const modesSchema = z.strictObject({
  machine: reportSchema.shape.machine,
  date: z.iso.datetime(),
  images: z.int().positive(),
  epochs: z.int().positive(),
  workers: z.int().positive(),
  seed: z.int().min(0),
  runs: z.array(
    z.strictObject({
      mode: z.enum(['sync', 'local']),
      localSteps: z.int().positive(),
      steps: z.int().positive(),
      samples: z.int().positive(),
      pushes: z.int().positive(),
      pulls: z.int().positive(),
      vectorBytes: bytes,
      exchangedBytes: bytes,
      seconds: positive,
      knnTop1: z.number().min(0).max(1).nullable(),
      points: z.array(
        z.strictObject({
          epoch: z.int().min(0),
          loss: positive,
          trainSeconds: positive,
          trainCpuSeconds: z.number().min(0).nullable(),
        }),
      ),
    }),
  ),
});

function reportOf({ code, stdout, stderr }: Ran): z.infer<typeof reportSchema> {
  assert.equal(code, 0, stderr);
  assert.equal(stdout.split('\n').length, 2); // one line and its end
  return reportSchema.parse(JSON.parse(stdout));
}

describe('deepcluster bench', () => {
  test('train measures the chosen networks and prints the report', async () => {
    const flags = ['--quick', '--engine', 'wasm', '--only', 'small', '--json'];
    const { engine, rows } = reportOf(await bench('train', ...flags));
    assert.equal(engine.name, 'wasm');
    const names = rows.map(({ name }) => name);
    assert.deepEqual(names, ['train/small-convnet/step/b4', 'train/small-convnet/forward/b4']);
    for (const row of rows) {
      assert.equal(row.unit, 'images/s');
      assert.equal(row.ours.runs, 1);
      assert.equal(row.limit!.name, 'gemm');
      const share = row.ours.median / row.limit!.value;
      assert.ok(Math.abs(row.shareOfLimit! / share - 1) < 1e-9);
      assert.equal(row.peerMissing, undefined); // nobody asked
    }
  });

  test('kmeans measures k-means and PCA; with --peers each row has one or says why not', async () => {
    const flags = ['--quick', '--engine', 'wasm', '--peers', '--json'];
    const { rows } = reportOf(await bench('kmeans', ...flags));
    assert.deepEqual(
      rows.map(({ name, unit }) => [name, unit]),
      [
        ['kmeans/2000x64/k50', 's'],
        ['pca/500x64-16', 's'],
      ],
    );
    for (const { ours, peer, ratio, peerMissing } of rows) {
      assert.notEqual(peer === undefined, peerMissing === undefined);
      if (peer !== undefined) assert.equal(ratio, peer.median / ours.median);
    }
  });

  test('prints a table without --json, and progress on stderr only', async () => {
    const flags = ['--quick', '--engine', 'wasm', '--only', '^pca'];
    const { code, stdout, stderr } = await bench('kmeans', ...flags);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^machine {4}.*\nengine {5}wasm .*\n\nrow +median/);
    assert.match(stdout, /^pca\/500x64-16 +\S+ +\(.+ \.\. .+\) +s /m);
    assert.match(stderr, /^pca\/500x64-16: run 1 of 1/m);
  });

  test('clustering-plane has one result a worker where sums are folded, else one a data shard', async () => {
    const flags = ['--quick', '--engine', 'wasm', '--images', '4500', '--json'];
    const { code, stdout, stderr } = await bench('clustering-plane', ...flags);
    assert.equal(code, 0, stderr);
    const { runs, size, wholeBytes } = planeSchema.parse(JSON.parse(stdout));
    assert.deepEqual(size, { images: 4500, dim: 32, k: 200, shardSize: 1000 });
    assert.equal(wholeBytes, 5 * 200 * (32 * 8 + 4));
    assert.deepEqual(
      runs.map(({ isFolded, isSlow, results }) => [isFolded, isSlow, results]),
      [
        [false, false, 5],
        [true, false, 2],
        [false, true, 5],
        [true, true, 2],
      ],
    );
    for (const { results, resultBytes, digest } of runs) {
      assert.equal(digest, runs[0]!.digest, 'the same centroids');
      // Of each result all sizes and Σ |x|², and the sums of the clusters that have rows.
      const mostBytes = results * (200 * (32 * 8 + 4) + 8);
      assert.ok(resultBytes > results * 200 * 4 && resultBytes <= mostBytes, `${resultBytes}`);
    }
  });

  test('modes runs sync and local over the same images, and counts what they exchange', async () => {
    const flags = ['--quick', '--epochs', '2', '--local-steps', '3', '--json'];
    const { code, stdout, stderr } = await bench('modes', ...flags);
    assert.equal(code, 0, stderr);
    const { runs, images } = modesSchema.parse(JSON.parse(stdout));
    assert.equal(images, 96);
    // Six steps an epoch, and two rounds of three local steps; each worker pushes once in each.
    assert.deepEqual(
      runs.map(({ mode, localSteps, steps, samples, pushes }) => [
        ...[mode, localSteps, steps, samples, pushes],
      ]),
      [
        ['sync', 1, 12, 192, 24],
        ['local', 3, 4, 192, 8],
      ],
    );
    for (const { pushes, pulls, vectorBytes, exchangedBytes, points } of runs) {
      assert.equal(vectorBytes, runs[0]!.vectorBytes);
      assert.equal(exchangedBytes, (pushes + pulls) * vectorBytes);
      assert.deepEqual(
        points.map(({ epoch }) => epoch),
        [0, 1],
      );
    }
  });

  test('modes refuses numbers of local steps that are none', async () => {
    const { code, stderr } = await bench('modes', '--local-steps', '2,0');
    assert.notEqual(code, 0);
    assert.match(stderr, /Must be positive integers, such as 2,4,8/);
  });

  test('ps measures the exchange, says what it moved, and checks the result', async () => {
    const flags = [
      '--quick',
      '--parameters',
      '20e3',
      '--workers',
      '1',
      '--servers',
      '1',
      '--json',
      '--no-shared-memory',
    ];
    const { code, stdout, stderr } = await bench('ps', ...flags);
    assert.equal(code, 0, stderr);
    const { rows, ps } = psReportSchema.parse(JSON.parse(stdout));
    assert.deepEqual(
      rows.map(({ name, unit }) => [name.replace('ps/20000/w1/s1/grpc/', ''), unit]),
      [
        ...['exchange', 'push', 'commit', 'pull'].map((name) => [name, 'ms']),
        ['cpu-server', 's'],
        ['server-block', 'ms'],
        ['cpu-worker', 's'],
        ['cpu-coordinator', 's'],
      ],
    );
    assert.equal(ps.steps, 2);
    assert.match(stderr, /^ps\/20000\/w1\/s1\/grpc: exchange 2 of 2, \S+ s$/m);
  });

  test('ps prints a table, with the transport and the parameters in its rows', async () => {
    const { code, stdout, stderr } = await bench(
      ...['ps', '--quick', '--parameters', '0.1M', '--workers', '1', '--tls', '--no-shared-memory'],
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^machine .*\nengine {5}none .*\n\nrow +median/);
    assert.match(stdout, /^ps\/0\.1M\/w1\/s0\/grpc\+tls\/exchange +\S+ +\(.+ \.\. .+\) +ms /m);
    assert.match(stdout, /^a worker moves 0\.833 MB of vectors in a step/m);
    assert.match(stdout, /^peak memory: workers .* MB; coordinator with server .* MB$/m);
    assert.match(
      stdout,
      /^result {5}\d+ elements are those of plain arithmetic; .* [0-9a-f]{64}$/m,
    );
  });

  test('ps refuses what is no number of parameters, and medians of too few', async () => {
    const none = await bench('ps', '--parameters', '61G');
    assert.equal(none.code, 2);
    assert.match(none.stderr, /Must be a number of parameters, such as 61M or 61e6/);
    const few = await bench('ps', '--steps', '3');
    assert.equal(few.code, 42);
    assert.match(few.stderr, /bench\.ps\.steps: must be 5 or more, got 3 \(from --steps\)/);
  });

  test('refuses rows that do not exist, and what is no regular expression', async () => {
    const none = await bench('kmeans', '--quick', '--only', 'nothing');
    assert.equal(none.code, 42);
    assert.match(none.stderr, /must match one of kmeans\/2000x64\/k50, pca.*\(from --only\)/);
    const broken = await bench('kmeans', '--only', '[');
    assert.equal(broken.code, 2);
    assert.match(broken.stderr, /Must be a regular expression/);
  });
});
