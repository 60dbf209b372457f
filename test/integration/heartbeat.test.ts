/** Heartbeats where all is slow: a connection that needs its time is not given up each time before it has come about. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type * as grpc from '@grpc/grpc-js';
import { startServer, type BoundServer } from '../../src/rpc/channel/channel.ts';
import { wire } from '../../src/rpc/definitions.ts';
import { startHeartbeat } from '../../worker/heartbeat-thread.ts';

const INTERVAL_MS = 100;
/** Longer than the first patience with a connection, two beats of at most three intervals each. */
const SLOW_MS = 8 * INTERVAL_MS;

let bound: BoundServer;
/** When the first beat of each connection came, by its address. */
const seen = new Map<string, number>();
let answered: () => void = () => undefined;

before(async () => {
  const nothing = (): void => undefined;
  bound = await startServer('127.0.0.1:0', (server: grpc.Server) => {
    server.addService(wire.Coordinator.service, {
      Session: nothing,
      FetchArtifact: nothing,
      SubmitResult: nothing,
      ServerSession: nothing,
      Status: nothing,
      Heartbeat: (
        call: grpc.ServerUnaryCall<unknown, unknown>,
        callback: grpc.sendUnaryData<{ known: boolean }>,
      ) => {
        const peer = call.getPeer();
        const first = seen.get(peer) ?? performance.now();
        seen.set(peer, first);
        if (performance.now() - first < SLOW_MS) return;
        answered();
        callback(null, { known: true });
      },
    });
  });
});
after(async () => {
  await bound.stop(0);
});

test('each connection without an answer is followed by one that gets twice the time', async () => {
  let fail: (reason: string) => void = () => undefined;
  const came = new Promise<void>((resolve, reject) => {
    answered = resolve;
    fail = (reason) => {
      reject(new Error(reason));
    };
  });
  const deadline = setTimeout(() => {
    fail(`no answer over ${seen.size} connections`);
  }, 10_000);
  const identity = { workerId: 'worker-0', incarnation: 'i' };
  const settings = { coordinator: bound.address, ...identity, intervalMs: INTERVAL_MS };
  const heartbeat = startHeartbeat(
    { ...settings, credentials: null },
    {
      onFailure: fail,
      onUnknown: () => {
        fail('it is known');
      },
    },
  );
  try {
    await came;
    assert.ok(seen.size > 1 && seen.size <= 4, `${seen.size} connections`);
  } finally {
    clearTimeout(deadline);
    await heartbeat.stop();
  }
});
