import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerIdentity } from '../../coordinator/fleet/fleet-state.ts';
import { RegisteredServers } from '../../coordinator/fleet/server-fleet.ts';
import { createLogger } from '../../src/telemetry/logger.ts';

const TIMEOUT_MS = 100;

function fleetOf(parts: number, now: () => number): RegisteredServers {
  return new RegisteredServers({
    parts,
    timeoutMs: TIMEOUT_MS,
    now,
    folder: { event: () => undefined, processStarted: () => undefined },
    logger: createLogger({ component: 'test', level: 'error', write: () => undefined }),
  });
}

function serverOf(part: number, incarnation: string): ServerIdentity {
  return { part, incarnation, pid: 1, address: `127.0.0.1:${1000 + part}` };
}

const { signal } = new AbortController();

test('a term ends when one of its servers falls silent, and the server is taken back when it beats again', async () => {
  let nowMs = 0;
  const fleet = fleetOf(1, () => nowMs);
  const server = serverOf(0, 'first');
  fleet.join(server);
  const { lost } = await fleet.ready(signal);
  nowMs = TIMEOUT_MS + 1;
  fleet.tick();
  assert.ok(lost.aborted);
  assert.deepEqual(fleet.missing, [0]);
  const again = fleet.ready(signal);
  fleet.beat(server);
  assert.deepEqual((await again).addresses, [server.address]);
  assert.equal((await again).lost.aborted, false);
});

test('an earlier process of a part is refused, and its signs of life count for nothing', async () => {
  const fleet = fleetOf(1, () => 0);
  const [first, second] = [serverOf(0, 'first'), serverOf(0, 'second')];
  fleet.join(first);
  const { lost } = await fleet.ready(signal);
  fleet.join(second);
  assert.ok(lost.aborted, 'what the first one held is gone');
  assert.throws(() => {
    fleet.join(first);
  }, /the newest process of this part/);
  fleet.leave(second, 'it ended its session');
  fleet.beat(first);
  assert.deepEqual(fleet.missing, [0]);
});
