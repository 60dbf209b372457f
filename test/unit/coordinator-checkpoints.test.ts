import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { followsStep, leavesWith } from '../../coordinator/record/checkpoint-cadence.ts';
import { Checkpoints } from '../../coordinator/record/checkpoints.ts';
import type { CheckpointReceipt } from '../../src/checkpoint/checkpoint.ts';
import { createLogger } from '../../src/telemetry/logger.ts';

test('a checkpoint follows every so many steps, and a step that a leaving server waits for', () => {
  const facts = { everySteps: 3, version: 6, index: 2, stepsOfEpoch: 10, isAwaited: false };
  assert.ok(followsStep(facts));
  assert.ok(!followsStep({ ...facts, version: 7 }));
  assert.ok(followsStep({ ...facts, version: 7, isAwaited: true }));
  assert.ok(!followsStep({ ...facts, everySteps: 0 }), '0: only at the ends of stages');
  assert.ok(followsStep({ ...facts, everySteps: 0, isAwaited: true }));
});

test('the last step of an epoch leaves it to the checkpoint of the end of the epoch', () => {
  const last = { everySteps: 1, version: 6, index: 10, stepsOfEpoch: 10, isAwaited: true };
  assert.ok(!followsStep(last));
});

test('a server leaves with the next checkpoint while the run trains, and between epochs once the newest has all steps', () => {
  assert.equal(leavesWith({ stage: 'train', version: 4, savedVersion: 4 }), 'next');
  assert.equal(leavesWith({ stage: 'cluster', version: 4, savedVersion: 4 }), 'written');
  assert.equal(leavesWith({ stage: 'cluster', version: 4, savedVersion: 2 }), 'next');
  assert.equal(leavesWith({ stage: 'cluster', version: 0, savedVersion: 0 }), 'written');
});

interface Writing {
  readonly step: number;
  readonly done: (receipt: CheckpointReceipt) => void;
  readonly fail: (error: Error) => void;
}

/** Checkpoints whose writing ends when the test says so. */
function keeperOf() {
  const writings: Writing[] = [];
  const events: string[] = [];
  const checkpoints = new Checkpoints({
    saveCheckpoint: (_root, step) =>
      new Promise((done, fail) => {
        writings.push({ step, done, fail });
      }),
    keep: 2,
    folder: {
      checkpoints: '/nowhere',
      staging: '/nowhere',
      event: (event) => {
        events.push(event);
      },
      isHeld: () => true,
    },
    logger: createLogger({ component: 'test', level: 'error', write: () => undefined }),
  });
  const take = (position: string, version: number): Promise<void> =>
    checkpoints.take(position, version, () => Promise.resolve({ state: {}, files: {} }));
  return { checkpoints, writings, events, take };
}

test('none is taken twice at one position, unless it could not be written', async () => {
  const { checkpoints, writings, events, take } = keeperOf();
  await take('0/train/1', 1);
  await take('0/train/1', 1);
  assert.equal(writings.length, 1);
  writings[0]!.fail(new Error('no space is left'));
  await checkpoints.settled();
  await take('0/train/1', 1);
  assert.equal(writings.length, 2);
  writings[1]!.done({ name: 'step-1', bytes: 1 });
  await checkpoints.settled();
  assert.deepEqual(events, ['checkpoint.failed', 'checkpoint.written']);
});

test('a server that leaves at the end of an epoch goes when the checkpoint of its last steps is on disk', async () => {
  const { checkpoints, writings, take } = keeperOf();
  const left: string[] = [];
  const leave = (name: string): void => {
    checkpoints.thenLeave({ stage: 'cluster', version: 5 }, () => left.push(name));
  };
  // The epoch is over, and its checkpoint is not begun.
  leave('early');
  await take('1/cluster', 5);
  const letGo = checkpoints.letGo();
  leave('late');
  await turn();
  assert.deepEqual(left, []);
  writings[0]!.done({ name: 'step-5', bytes: 1 });
  await letGo;
  assert.deepEqual(left.toSorted(), ['early', 'late']);
});
