/** A parameter server's session: it is open as soon as its hello is taken, and its heartbeats leave nothing behind. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type * as grpc from '@grpc/grpc-js';
import { ServerSessions } from '../../coordinator/fleet/server-session-service.ts';
import { CoordinatorService } from '../../coordinator/fleet/service.ts';
import { channelTo, startServer, type BoundServer } from '../../src/rpc/channel/channel.ts';
import { PROTOCOL_VERSION, wire } from '../../src/rpc/definitions.ts';

const HEARTBEATS = 2000;

let bound: BoundServer;
let client: InstanceType<typeof wire.Coordinator>;
let beats = 0;
/** Called when the last of HEARTBEATS has come. */
let allCame: () => void = () => undefined;

before(async () => {
  const sessions = new ServerSessions({
    join: () => undefined,
    beat: () => {
      beats += 1;
      if (beats === HEARTBEATS) allCame();
    },
    leave: () => undefined,
    wantsToLeave: () => undefined,
  });
  const service = new CoordinatorService(sessions);
  bound = await startServer('127.0.0.1:0', (server: grpc.Server) => {
    service.addTo(server);
  });
  client = new wire.Coordinator(...channelTo(bound.address, 'coordinator'));
});
after(async () => {
  client.close();
  await bound.stop(0);
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i += 1) gc();
}

test('it is open before the coordinator has anything to say, and forgets what it has sent', async () => {
  const call = client.serverSession();
  const opened = once(call, 'metadata', { signal: AbortSignal.timeout(5_000) });
  const identity = { part: 0, incarnation: 'i', pid: 1, address: '127.0.0.1:1' };
  call.write({ hello: { protocolVersion: PROTOCOL_VERSION, ...identity } });
  await opened;

  const came = new Promise<void>((resolve) => {
    allCame = resolve;
  });
  collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < HEARTBEATS; i += 1) {
    call.write({ beat: {} });
    await setImmediate();
    // As beats of a long run are: others use the pool of buffers between two of them, so that each would keep a chunk of its own.
    Buffer.allocUnsafe(Buffer.poolSize / 2 - 8);
    Buffer.allocUnsafe(Buffer.poolSize / 2 - 8);
  }
  await came;
  collectGarbage();
  const kept = process.memoryUsage().arrayBuffers - before;
  call.end();
  await once(call.resume(), 'end');
  assert.ok(kept < 64 * 1024, `${HEARTBEATS} heartbeats leave ${kept} bytes`);
});
