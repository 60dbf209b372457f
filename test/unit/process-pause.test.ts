import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDiskFull } from '../../src/process/disk-full.ts';
import { pause } from '../../src/process/pause.ts';

const HOUR_MS = 3_600_000;

test('a pause ends at once by a signal that was given before it', async () => {
  await pause(HOUR_MS, AbortSignal.abort());
});

test('a pause ends early, and not as a failure, when the signal is given', async () => {
  const ending = new AbortController();
  const paused = pause(HOUR_MS, ending.signal);
  ending.abort(new Error('the run ends'));
  await paused;
});

test('a pause that nothing cuts short ends by itself', async () => {
  let isOver = false;
  const paused = pause(1, new AbortController().signal).then(() => (isOver = true));
  assert.equal(isOver, false);
  await paused;
});

test('a disk is full where room or quota is wanting, and for no other failure', () => {
  const failure = (code: string): Error => Object.assign(new Error(code), { code });
  assert.equal(isDiskFull(failure('ENOSPC')), true);
  assert.equal(isDiskFull(failure('EDQUOT')), true);
  assert.equal(isDiskFull(failure('EIO')), false);
  assert.equal(isDiskFull(new Error('another')), false);
});
