/** Which engine starts, what it says, and what it leaves alone. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { startEngine } from '../../src/nn/engine.ts';

const addon = dirname(
  createRequire(import.meta.url).resolve('@tensorflow/tfjs-node-gpu/package.json'),
);
const hasAddon = existsSync(join(addon, 'lib'));

test('the wasm engine starts, is the backend, and computes', async () => {
  const listeners = () =>
    (['uncaughtException', 'unhandledRejection'] as const).map((e) => process.listenerCount(e));
  const before = listeners();
  const engine = await startEngine('wasm', { threads: 1 });
  assert.deepEqual(listeners(), before, 'errors of the process are left to the process');
  assert.equal(engine.name, 'wasm');
  assert.equal(engine.threads, 1);
  assert.match(engine.version, /^\d+\.\d+\.\d+$/);
  assert.match(engine.reason, /^wasm: SIMD with(out)? fused multiply-adds, one thread/);
  assert.equal(tf.getBackend(), 'wasm');
  assert.deepEqual([...tf.add([1, 2], [3, 4]).dataSync()], [1 + 3, 2 + 4]);
});

test('auto takes wasm without the native addon, and says why in one line', async (t) => {
  if (hasAddon) return t.skip('the native addon is installed');
  const { name, reason } = await startEngine('auto', {});
  assert.equal(name, 'wasm');
  assert.match(reason, /tensorflow.*not installed/);
  assert.doesNotMatch(reason, /\n/);
});

test('tensorflow without its native addon is an error with a remedy', async (t) => {
  if (hasAddon) return t.skip('the native addon is installed');
  await assert.rejects(startEngine('tensorflow', {}), {
    code: 'ENGINE_UNAVAILABLE',
    message: /engine tensorflow: its native addon is not installed; .*npm rebuild/,
  });
});
