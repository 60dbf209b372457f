/** Which engine starts, what it says, and what it leaves alone. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { packageRoot } from '../../src/process/package-root.ts';
import type { EngineName } from '../../src/engine/registry.ts';
import { startEngine } from '../../src/engine/start.ts';
import { setRuntimeEnvironment } from '../../src/engine/tensorflow/addon.ts';
import { testEngines, testOnEngines } from '../support/engines/engines.ts';

const [tensorflow] = await testEngines();
const skip = tensorflow!.skip;

await testOnEngines('an engine starts, is the backend, and computes', async ({ name }) => {
  const listeners = () =>
    (['uncaughtException', 'unhandledRejection'] as const).map((e) => process.listenerCount(e));
  const before = listeners();
  const engine = await startEngine(name as EngineName);
  assert.deepEqual(listeners(), before, 'errors of the process are left to the process');
  assert.equal(engine.name, name);
  assert.ok(engine.threads >= 1 && engine.threads <= availableParallelism());
  assert.match(engine.version, /^\d+\.\d+\.\d+/);
  assert.doesNotMatch(engine.reason, /\n/);
  assert.equal(tf.getBackend(), name);
  assert.deepEqual([...tf.add([1, 2], [3, 4]).dataSync()], [1 + 3, 2 + 4]);
});

test('wasm says which instructions it uses', async () => {
  const { device, reason } = await startEngine('wasm', {});
  assert.equal(device, 'CPU');
  assert.match(reason, /^wasm: SIMD with(out)? fused multiply-adds, /);
});

test('auto takes tensorflow where it runs, and says on what', { skip }, async () => {
  const { name, version, device, reason } = await startEngine('auto', {});
  assert.equal(name, 'tensorflow');
  assert.ok(reason.startsWith(`tensorflow: TensorFlow ${version} on `), reason);
  assert.ok(reason.includes(device), reason);
});

test('a GPU that a TensorFlow without CUDA cannot use is named', { skip }, async (t) => {
  if (tensorflow!.engine?.device !== 'CPU') return t.skip('this TensorFlow uses a GPU');
  const folder = mkdtempSync(join(tmpdir(), 'nvidia-smi-'));
  const before = { ...process.env };
  writeFileSync(join(folder, 'nvidia-smi'), '#!/bin/sh\necho "0, NVIDIA H200, 143771"\n');
  chmodSync(join(folder, 'nvidia-smi'), 0o755);
  try {
    process.env['PATH'] = `${folder}${delimiter}${before['PATH'] ?? ''}`;
    delete process.env['CUDA_VISIBLE_DEVICES'];
    const said = startEngine('tensorflow', {}).then(
      ({ reason }) => reason,
      (error: unknown) => (error as Error).message, // a build with CUDA refuses to compute on the CPU
    );
    assert.match(await said, /GPU 0 \(NVIDIA H200\)/);
    process.env['CUDA_VISIBLE_DEVICES'] = '';
    assert.doesNotMatch((await startEngine('tensorflow', {})).reason, /NVIDIA/);
  } finally {
    Object.assign(process.env, { CUDA_VISIBLE_DEVICES: undefined }, before);
    if (before['CUDA_VISIBLE_DEVICES'] === undefined) delete process.env['CUDA_VISIBLE_DEVICES'];
    rmSync(folder, { recursive: true });
  }
});

describe('what the runtime reads from the environment', () => {
  test('is one pool of threads, memory as needed, and errors only', () => {
    const env: Record<string, string | undefined> = {};
    setRuntimeEnvironment(env);
    assert.deepEqual(env, {
      TF_NUM_INTRAOP_THREADS: String(availableParallelism()),
      TF_NUM_INTEROP_THREADS: '1',
      TF_FORCE_GPU_ALLOW_GROWTH: 'true',
      TF_CPP_MIN_LOG_LEVEL: '2',
    });
  });

  test('stays as a person has set it, but for threads that were asked for', () => {
    const set = {
      TF_NUM_INTRAOP_THREADS: '3',
      TF_NUM_INTEROP_THREADS: '5',
      TF_FORCE_GPU_ALLOW_GROWTH: 'false',
      TF_CPP_MIN_LOG_LEVEL: '0',
    };
    const env: Record<string, string | undefined> = { ...set };
    setRuntimeEnvironment(env);
    assert.deepEqual(env, set);
    setRuntimeEnvironment(env, 7);
    assert.deepEqual(env, { ...set, TF_NUM_INTRAOP_THREADS: '7' });
  });
});

test('without the native addon, auto takes wasm and tensorflow is an error with a remedy', () => {
  const [hooks, engine] = ['test/support/doubles/without-addon.mjs', 'src/engine/start.ts'].map(
    (file) => pathToFileURL(join(packageRoot(), file)).href,
  );
  const program = `
    const { startEngine } = await import('${engine!}');
    const error = await startEngine('tensorflow', {}).catch((cause) => cause);
    const { name, reason } = await startEngine('auto', {});
    console.log(JSON.stringify({ code: error.code, message: error.message, name, reason }));
  `;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--import', hooks!, '--input-type=module', '-e', program],
    { encoding: 'utf8', cwd: packageRoot() },
  );
  assert.equal(status, 0, stderr);
  const said = JSON.parse(stdout) as Record<'code' | 'message' | 'name' | 'reason', string>;
  assert.equal(said.code, 'ENGINE_UNAVAILABLE');
  assert.match(
    said.message,
    /^engine tensorflow: its native addon is not installed; .*npx deepcluster setup/,
  );
  assert.equal(said.name, 'wasm');
  assert.match(said.reason, /tensorflow.*not installed.*npx deepcluster setup/);
  assert.doesNotMatch(said.reason, /\n/);
});
