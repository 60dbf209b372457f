import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { addParametersService } from '../../server/parameter-service.ts';
import { startServer } from '../../src/rpc/channel/channel.ts';
import { wire } from '../../src/rpc/definitions.ts';
import { RECEIVE_WINDOW_BYTES } from '../../src/rpc/channel/window.ts';

test('a server offers clients the wide window, per stream and per connection', async () => {
  const server = await startServer('127.0.0.1:0', () => undefined);
  const client = http2.connect(`http://${server.address}`);
  try {
    const [settings] = (await once(client, 'remoteSettings')) as [http2.Settings];
    assert.equal(settings.initialWindowSize, RECEIVE_WINDOW_BYTES);
    // The connection's window is announced by an update of its own, right after the settings.
    while ((client.state.remoteWindowSize ?? 0) < RECEIVE_WINDOW_BYTES) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    client.destroy();
    await server.stop(0);
  }
});

test('a port in use is one clear line', async () => {
  const server = await startServer('127.0.0.1:0', () => undefined);
  try {
    await assert.rejects(
      startServer(server.address, () => undefined),
      /cannot listen on 127\.0\.0\.1:\d+: the port is in use; choose another port/,
    );
  } finally {
    await server.stop(0);
  }
});

test('an address without a port is refused', async () => {
  await assert.rejects(
    startServer('localhost', () => undefined),
    /must be HOST:PORT/,
  );
});

test('a download that is refused is answered at once, with the reason and its code', async () => {
  const server = await startServer('127.0.0.1:0', addParametersService);
  const client = new wire.Parameters(server.address, grpc.credentials.createInsecure());
  try {
    // A refusal that is not sent would be the deadline's: DEADLINE_EXCEEDED.
    const call = client.pull({ version: 0 }, { deadline: Date.now() + 5_000 });
    call.resume();
    const [error] = (await once(call, 'error')) as [grpc.ServiceError];
    assert.equal(error.code, grpc.status.UNAVAILABLE);
    assert.match(error.details, /the coordinator has not filled it yet/);
    assert.deepEqual(error.metadata.get('dc-code'), ['UNAVAILABLE']);
  } finally {
    client.close();
    await server.stop(0);
  }
});

test('a server answers health checks', async () => {
  const server = await startServer('127.0.0.1:0', () => undefined);
  const Client = grpc.makeGenericClientConstructor(healthService, 'Health');
  const client = new Client(server.address, grpc.credentials.createInsecure());
  const check = client['check'] as (
    request: { service: string },
    callback: (error: grpc.ServiceError | null, reply?: { status: string | number }) => void,
  ) => void;
  try {
    const status = await new Promise((resolve, reject) => {
      check.call(client, { service: '' }, (error, reply) => {
        if (error === null) resolve(reply?.status);
        else reject(error);
      });
    });
    assert.equal(status, 'SERVING');
  } finally {
    client.close();
    await server.stop(0);
  }
});
