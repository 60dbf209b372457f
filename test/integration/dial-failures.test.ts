/**
 * Peers that cannot be reached, as they really fail, and what a person reads; and that no proxy is
 * on the way to one.
 */
import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { TrainerError } from '../../src/errors.ts';
import { callUnary } from '../../src/rpc/calls.ts';
import { channelTo, startHealthServer, startServer } from '../../src/rpc/channel/channel.ts';
import { wire } from '../../src/rpc/definitions.ts';
import { ParametersClient } from '../../src/rpc/parameters-client.ts';
import { SampleMemoryClient } from '../../src/rpc/sample-memory-client.ts';
import { fetchStatus } from '../../src/rpc/status-client.ts';
import type { Credentials } from '../../src/security/credentials.ts';
import { credentialsOpener, makeTestCredentials } from '../support/made/credentials.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';

const { signal } = new AbortController();
const ends: (() => unknown)[] = [];
const afterwards = (end: () => unknown): void => void ends.push(end);
after(async () => {
  for (const end of ends.reverse()) await end();
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  afterwards(() => server.close());
  // One that nobody reads from does not learn that its other end is gone.
  server.on('connection', (socket) => {
    afterwards(() => socket.destroy());
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function failure(address: string, credentials: Credentials | null = null): Promise<string> {
  try {
    await fetchStatus(address, signal, credentials);
  } catch (error) {
    assert.ok(error instanceof TrainerError);
    assert.doesNotMatch(error.message, /Resolution note|Last error|routines|LB pick/);
    return error.message;
  }
  return 'no failure';
}

describe('a peer that cannot be reached', () => {
  let ours: Credentials;
  let others: Credentials;
  let serverOnly: Credentials;
  let coordinator: Credentials;
  before(async () => {
    const { path, remove } = temporaryFolder();
    const { open, closeAll } = credentialsOpener();
    afterwards(remove);
    afterwards(closeAll);
    const a = await makeTestCredentials(join(path, 'a'), 'job-a');
    ours = open(a, 'viewer');
    serverOnly = open(a, 'server');
    coordinator = open(a, 'coordinator');
    others = open(await makeTestCredentials(join(path, 'b'), 'job-b'), 'viewer');
  });

  test('nothing listens', async () => {
    const server = createServer();
    const address = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    assert.match(
      await failure(address),
      new RegExp(`status: no connection to ${address} \\(plain text, no proxy\\): nothing listens`),
    );
  });

  test('no such name, and no port', async () => {
    assert.match(await failure('nowhere.invalid:7070'), /no host has the name|does not answer for/);
    assert.match(await failure('127.0.0.1'), /must be HOST:PORT.* got "127.0.0.1"/);
  });

  test('a web server, and one that greets first', async () => {
    const web = createHttpServer((_request, response) => response.end('hello'));
    const ssh = createServer((socket) =>
      socket.on('error', () => undefined).write('SSH-2.0-x\r\n'),
    );
    for (const server of [web, ssh]) {
      const address = await listen(server);
      assert.match(await failure(address), /does not speak gRPC: another program listens there/);
      assert.match(await failure(address, ours), /\(TLS, no proxy\): it does not speak TLS/);
    }
  });

  test('another service of gRPC', async () => {
    const server = await startHealthServer('127.0.0.1:0');
    afterwards(() => server.stop(0));
    assert.match(await failure(server.address), /does not know .*Coordinator\/Status/);
    assert.match(await failure(server.address, ours), /does not speak TLS/);
  });

  test('credentials on one side only, of another job, of another role', async () => {
    const secure = await startServer('127.0.0.1:0', () => undefined, { credentials: coordinator });
    const wrongRole = await startServer('127.0.0.1:0', () => undefined, {
      credentials: serverOnly,
    });
    afterwards(() => Promise.all([secure.stop(0), wrongRole.stop(0)]));
    assert.match(await failure(secure.address), /closed the connection at once; .*--credentials/);
    assert.match(await failure(secure.address, others), /certificate is not of the same job/);
    assert.match(
      await failure(wrongRole.address, ours),
      /expected a certificate of the coordinator/,
    );
  });

  test('a peer that is connected and says nothing', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined));
    const address = await listen(silent);
    const client = new wire.Coordinator(...channelTo(address, 'coordinator'));
    afterwards(() => client.close());
    const limits = { what: 'heartbeat', deadlineMs: 150, signal };
    await assert.rejects(callUnary(client.heartbeat.bind(client), {}, limits), {
      code: 'UNAVAILABLE',
      message: /^heartbeat: no connection to .*: no answer within 0\.\d s; check the address/,
    });
  });
});

describe('with proxies in the environment', () => {
  const NAMES = ['http_proxy', 'https_proxy', 'grpc_proxy', 'all_proxy'];
  const saved = { ...process.env };
  /** First lines of what the proxy was asked. */
  const asked: string[] = [];
  let proxy: string;
  before(async () => {
    proxy = await listen(
      createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', (data) => {
          asked.push(data.toString('latin1').split('\r\n')[0]!);
          socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
        });
      }),
    );
    for (const name of NAMES) {
      process.env[name] = process.env[name.toUpperCase()] = `http://${proxy}`;
    }
    for (const name of ['no_proxy', 'no_grpc_proxy', 'NO_PROXY']) {
      Reflect.deleteProperty(process.env, name);
    }
  });
  afterEach(() => {
    Reflect.deleteProperty(process.env, 'DEEPCLUSTER_GRPC_PROXY');
    asked.length = 0;
  });
  after(() => {
    for (const name of [...NAMES, ...NAMES.map((name) => name.toUpperCase())]) {
      if (saved[name] === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = saved[name];
    }
  });

  test('every client reaches its server, and the proxy is asked nothing', async () => {
    const server = await startServer('127.0.0.1:0', () => undefined);
    afterwards(() => server.stop(0));
    const { address } = server;
    const link = { address, planHash: 'x', term: 1, credentials: null };
    const parameters = new ParametersClient(link);
    const memory = new SampleMemoryClient(link);
    // It answers that it does not know these services: it has been reached.
    const reached = /does not know/;
    await assert.rejects(parameters.pull(0, signal), reached);
    await assert.rejects(memory.clusterSums(signal), reached);
    assert.match(await failure(address), reached);
    parameters.close();
    memory.close();
    assert.deepEqual(asked, []);
  });

  test('asked for, the proxy is used for another machine, and named where it fails', async () => {
    process.env['DEEPCLUSTER_GRPC_PROXY'] = 'environment';
    const said = await failure('peer.invalid:7070');
    assert.match(said, /no connection to peer\.invalid:7070 \(.*through the proxy of grpc_proxy\)/);
    assert.match(asked[0] ?? '', /^CONNECT peer\.invalid:7070 /);
  });
});
