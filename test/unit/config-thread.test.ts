import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { configKeys } from '../../src/config/keys.ts';
import { startThread } from '../../src/process/thread.ts';

test('a thread of a TypeScript file runs, and finds messages sent before it had loaded', async () => {
  const thread = startThread(new URL('../support/doubles/thread-double.ts', import.meta.url), {
    base: 100,
  });
  try {
    thread.postMessage(7);
    const [answer] = (await once(thread, 'message')) as [number];
    assert.equal(answer, 100 + 7 + configKeys().size);
  } finally {
    await thread.terminate();
  }
});

test('a thread whose file does not exist ends with an error that names it', async () => {
  const thread = startThread(new URL('./no-such-file.ts', import.meta.url), null);
  await assert.rejects(once(thread, 'message'), /no-such-file\.ts/);
});
