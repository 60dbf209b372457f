/** Rules between the settings of training, each with its one line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadRunConfig } from '../../src/config/load.ts';

function load(settings: Readonly<Record<string, string>>) {
  const given = Object.entries(settings).map(([key, value]) => ({ key, value, origin: '--set' }));
  return loadRunConfig({ settings: given, env: {} }).config.training;
}

function refused(settings: Readonly<Record<string, string>>, message: string): void {
  assert.throws(() => load(settings), { message, code: 'CONFIG_INVALID' });
}

test('a group of batch norm lies within a slice', () => {
  const slices = { 'training.batchSize': '64', 'training.sliceSize': '32' };
  assert.equal(load({ ...slices, 'training.normGroup': '32' }).normGroup, 32);
  assert.equal(load(slices).normGroup, null);
  refused(
    { ...slices, 'training.normGroup': '33' },
    'config training.normGroup: must not exceed training.sliceSize (32): one worker computes a slice, got 33 (from --set)',
  );
});

test('a step, or a round, has no more images than an order may name', () => {
  assert.equal(load({ 'training.batchSize': '65536' }).batchSize, 65_536);
  refused(
    { 'training.batchSize': '65537' },
    'config training.batchSize: must be at most 65536: a step has at most 65536 images, since one order may name them all, got 65537 (from --set)',
  );
  const local = { 'training.mode': 'local', 'training.batchSize': '256' };
  assert.equal(load({ ...local, 'training.localSteps': '256' }).localSteps, 256);
  refused(
    { ...local, 'training.localSteps': '257' },
    'config training.localSteps: must be at most 256: a step has at most 65536 images, since one order may name them all, got 257 (from --set)',
  );
});
