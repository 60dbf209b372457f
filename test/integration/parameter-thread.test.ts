/** The parameter server in a thread of the coordinator: a start that fails tells why, as a process of its own would. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TrainerError } from '../../src/errors.ts';
import { startServer } from '../../src/rpc/channel/channel.ts';
import { startParameterThread } from '../../server/thread.ts';

test('an address that is refused is refused with code and details of the thread', async () => {
  await assert.rejects(startParameterThread('0.0.0.0:0', null), (error: TrainerError) => {
    assert.equal(error.code, 'CONFIG_INVALID');
    assert.match(error.message, /^config listen: must be a loopback address without credentials/);
    assert.equal(error.details['key'], 'listen');
    assert.equal(error.details['got'], '0.0.0.0:0');
    return true;
  });
});

test('a port that is taken is told of, and the next free one serves', async () => {
  const other = await startServer('127.0.0.1:0', () => undefined);
  try {
    await assert.rejects(startParameterThread(other.address, null), { code: 'CONFIG_INVALID' });
    const thread = await startParameterThread('127.0.0.1:0', null);
    assert.match(thread.address, /^127\.0\.0\.1:\d+$/);
    await thread.stop();
  } finally {
    await other.stop(0);
  }
});
