/** Credentials on real connections: who gets in, who does not, and that new certificates are used without a restart. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import { join } from 'node:path';
import { after, before, describe, mock, test } from 'node:test';
import { connect, type PeerCertificate } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { callUnary } from '../../src/rpc/calls.ts';
import { channelTo, startHealthServer, startServer } from '../../src/rpc/channel/channel.ts';
import { wire } from '../../src/rpc/definitions.ts';
import { fetchStatus } from '../../src/rpc/status-client.ts';
import { RECEIVE_WINDOW_BYTES } from '../../src/rpc/channel/window.ts';
import {
  credentialsOpener,
  makeTestCredentials,
  renewTestCredentials,
  tokenBy,
} from '../support/made/credentials.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import { heartbeat, startNotingCoordinator } from '../support/doubles/noting-coordinator.ts';

const temporary = temporaryFolder();
const pets = join(temporary.path, 'pets');
const cars = join(temporary.path, 'cars');
const { open, closeAll } = credentialsOpener();

before(async () => {
  await makeTestCredentials(pets, 'pets');
  await makeTestCredentials(cars, 'cars');
});
after(() => {
  closeAll();
  temporary.remove();
});

describe('a server with credentials', () => {
  test('lets a viewer read the status, and shows its handlers no token', async () => {
    const server = await startNotingCoordinator(open(pets, 'coordinator'));
    try {
      const signal = AbortSignal.timeout(5_000);
      const status = await fetchStatus(server.address, signal, open(pets, 'viewer'));
      assert.equal(status.runId, 'the-run');
      assert.deepEqual(
        server.calls.map(({ method }) => method),
        ['Status'],
      );
      assert.ok(!('authorization' in server.calls[0]!.metadata));
      const plain = fetchStatus(server.address, signal);
      await assert.rejects(plain, { code: 'UNAVAILABLE' });
      const foreign = fetchStatus(server.address, signal, open(cars, 'viewer'));
      await assert.rejects(foreign, { code: 'UNAVAILABLE', message: /certificate/ });
      const wrong = heartbeat(server.address, open(pets, 'viewer'));
      await assert.rejects(wrong, { code: 'PROTOCOL_VIOLATION', message: /expected role worker/ });
      assert.equal(server.calls.length, 1);
      assert.deepEqual(
        server.refusals.map(({ kind }) => kind),
        ['denied'],
      );
    } finally {
      await server.stop(0);
    }
  });

  test('refuses a stream that is opened without a token, before any message is read', async () => {
    const server = await startNotingCoordinator(open(pets, 'coordinator'));
    const { caPem, keyPem, certificatePem } = open(pets, 'worker').current;
    const channel = grpc.credentials.createSsl(caPem, keyPem, certificatePem, {
      checkServerIdentity: () => undefined,
    });
    const name = { 'grpc.ssl_target_name_override': 'anything' };
    const client = new wire.Coordinator(server.address, channel, name);
    try {
      const call = client.session();
      call.on('data', () => assert.fail('nothing is answered'));
      call.write({ hello: { workerId: 'w' } });
      const [error] = (await once(call, 'error')) as [grpc.ServiceError];
      assert.equal(error.code, grpc.status.UNAUTHENTICATED);
      assert.equal(server.calls.length, 0);
    } finally {
      client.close();
      await server.stop(0);
    }
  });

  test('lets a session through with its token', async () => {
    const server = await startNotingCoordinator(open(pets, 'coordinator'));
    const client = new wire.Coordinator(
      ...channelTo(server.address, 'coordinator', open(pets, 'worker')),
    );
    try {
      const call = client.session();
      call.write({ hello: { workerId: 'w' } });
      const [message] = (await once(call, 'data')) as [{ welcome: { runId: string } }];
      assert.equal(message.welcome.runId, 'r');
      call.end();
      await once(call, 'end');
    } finally {
      client.close();
      await server.stop(0);
    }
  });

  test('has no health service: probes have a port of their own', async () => {
    const server = await startNotingCoordinator(open(pets, 'coordinator'));
    const Health = grpc.makeGenericClientConstructor(healthService, 'Health');
    const client = new Health(...channelTo(server.address, 'coordinator', open(pets, 'viewer')));
    try {
      await assert.rejects(checkHealth(client), { code: grpc.status.UNIMPLEMENTED });
    } finally {
      client.close();
      await server.stop(0);
    }
  });

  test('offers the wide window over TLS, too', async () => {
    const server = await startNotingCoordinator(open(pets, 'coordinator'));
    const { caPem, keyPem, certificatePem } = open(pets, 'worker').current;
    const client = http2.connect(`https://${server.address}`, {
      ...{ ca: caPem, key: keyPem, cert: certificatePem },
      checkServerIdentity: () => undefined,
    });
    try {
      const [settings] = (await once(client, 'remoteSettings')) as [http2.Settings];
      assert.equal(settings.initialWindowSize, RECEIVE_WINDOW_BYTES);
    } finally {
      client.destroy();
      await server.stop(0);
    }
  });
});

test('new certificates and tokens are in use without a restart, on both sides', async () => {
  mock.timers.enable({ apis: ['setInterval'] });
  const folder = join(temporary.path, 'renewed');
  cpSync(pets, folder, { recursive: true });
  const serverSide = open(folder, 'coordinator');
  const clientSide = open(folder, 'worker');
  const server = await startNotingCoordinator(serverSide);
  const lasting = new wire.Coordinator(...channelTo(server.address, 'coordinator', clientSide));
  const limits = { what: 'beat', deadlineMs: 3_000, signal: new AbortController().signal };
  const beat = (): Promise<unknown> => callUnary(lasting.heartbeat.bind(lasting), {}, limits);
  try {
    await beat();
    const before = await certificateAt(server.address, folder);
    await renewTestCredentials(folder);
    mock.timers.tick(1_000);
    mock.timers.tick(1_000);
    const after = await certificateAt(server.address, folder);
    assert.notEqual(after.fingerprint256, before.fingerprint256);
    await beat(); // on the connection that was there before
    await heartbeat(server.address, clientSide);
    assert.equal(server.calls.length, 3);
    assert.deepEqual(server.refusals, []);
  } finally {
    lasting.close();
    await server.stop(0);
    mock.timers.reset();
  }
});

test('a token that expires while a client runs is refused, and its renewal is taken', async () => {
  mock.timers.enable({ apis: ['setInterval'] });
  const folder = join(temporary.path, 'expiring');
  cpSync(pets, folder, { recursive: true });
  const expiresMs = Date.now() + 200;
  const brief = tokenBy(pets, { job: 'pets', role: 'worker', expiresMs });
  writeFileSync(join(folder, 'worker.token'), brief);
  const worker = open(folder, 'worker');
  const server = await startNotingCoordinator(open(pets, 'coordinator'));
  try {
    while (Date.now() < expiresMs) await new Promise((resolve) => setImmediate(resolve));
    const call = heartbeat(server.address, worker);
    await assert.rejects(call, { code: 'UNAVAILABLE', message: /token of role worker expired at/ });
    copyFileSync(join(pets, 'worker.token'), join(folder, 'worker.token'));
    mock.timers.tick(1_000);
    mock.timers.tick(1_000);
    await heartbeat(server.address, worker);
    assert.equal(server.calls.length, 1);
  } finally {
    await server.stop(0);
    mock.timers.reset();
  }
});

describe('without credentials', () => {
  test('a server binds to loopback and nowhere else', async () => {
    for (const host of ['0.0.0.0', '[::]', '10.0.0.7', 'example.org', '127.evil.example']) {
      await assert.rejects(
        startServer(`${host}:0`, () => undefined),
        { code: 'CONFIG_INVALID', message: /must be a loopback address without credentials/ },
        host,
      );
    }
    for (const host of ['127.0.0.1', 'localhost']) {
      const server = await startServer(`${host}:0`, () => undefined);
      await server.stop(0);
    }
  });

  test('the health port may be open to all, and answers nothing else', async () => {
    const server = await startHealthServer('0.0.0.0:0');
    const address = server.address.replace('0.0.0.0', '127.0.0.1');
    const Health = grpc.makeGenericClientConstructor(healthService, 'Health');
    const client = new Health(address, grpc.credentials.createInsecure());
    try {
      assert.equal(await checkHealth(client), 'SERVING');
      const status = fetchStatus(address, AbortSignal.timeout(5_000));
      await assert.rejects(status, { message: /does not know .*Coordinator\/Status/ });
    } finally {
      client.close();
      await server.stop(0);
    }
  });
});

function checkHealth(client: InstanceType<grpc.ServiceClientConstructor>): Promise<unknown> {
  const check = client['check'] as (
    request: { service: string },
    callback: (error: grpc.ServiceError | null, reply?: { status: unknown }) => void,
  ) => void;
  return new Promise((resolve, reject) => {
    check.call(client, { service: '' }, (error, reply) => {
      if (error === null) resolve(reply?.status);
      else reject(error);
    });
  });
}

/** The certificate that a new connection is shown. */
async function certificateAt(address: string, folder: string): Promise<PeerCertificate> {
  const [host = '', port] = address.split(':');
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  const socket = connect({
    ...{ host, port: Number(port), ALPNProtocols: ['h2'] },
    ...{ ca: read('ca.pem'), cert: read('worker.pem'), key: read('worker.key') },
    checkServerIdentity: () => undefined,
  });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate();
  } finally {
    socket.destroy();
  }
}
