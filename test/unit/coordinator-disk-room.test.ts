import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { onceThereIsRoom } from '../../coordinator/record/disk-room.ts';
import { createLogger } from '../../src/telemetry/logger.ts';

const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });

function room(signal = new AbortController().signal) {
  const events: string[] = [];
  const folder = { event: (event: string, reason: string) => events.push(`${event}: ${reason}`) };
  return { events, folder, logger: createLogger({ component: 'test', level: 'error' }), signal };
}

test('what does not fit is written once there is room, and the wait is told once', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const deps = room();
  let attempts = 0;
  const written = onceThereIsRoom(
    'the term',
    () => {
      attempts += 1;
      if (attempts < 3) throw full;
      return 7;
    },
    deps,
  );
  while (attempts < 3) {
    await Promise.resolve();
    mock.timers.tick(1_000);
  }
  assert.equal(await written, 7);
  mock.timers.reset();
  assert.deepEqual(deps.events, [`disk.full: the term waits for room: ${full.message}`]);
});

test('what fails for another reason is thrown, and a run that is stopped waits no longer', async () => {
  const denied = Object.assign(new Error('EACCES'), { code: 'EACCES' });
  const fail = (error: Error) => (): never => {
    throw error;
  };
  await assert.rejects(onceThereIsRoom('the term', fail(denied), room()), denied);
  const stop = new AbortController();
  const waiting = onceThereIsRoom('the term', fail(full), room(stop.signal));
  stop.abort(new Error('stopped'));
  await assert.rejects(waiting, /stopped/);
});
