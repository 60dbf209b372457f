/** Clients with credentials: whom they talk to, and when they give up a connection, or altogether. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runServer } from '../../server/main.ts';
import type { SessionEnd } from '../../src/rpc/keep-session.ts';
import { EXIT } from '../../src/errors.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { CoordinatorClient } from '../../worker/service.ts';
import { credentialsOpener, makeTestCredentials } from '../support/made/credentials.ts';
import { FaultProxy } from '../support/doubles/fault-proxy.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import { heartbeat, startNotingCoordinator } from '../support/doubles/noting-coordinator.ts';

const temporary = temporaryFolder();
const pets = join(temporary.path, 'pets');
const { open, closeAll } = credentialsOpener();

const NEVER = new Promise<never>(() => undefined);
const logger = createLogger({ component: 'test', level: 'error' });
/** Of a session in which no run comes about. */
const NO_RUN = { welcomed: () => NEVER, waiting: () => undefined, ordered: () => undefined };

before(async () => {
  await makeTestCredentials(pets, 'pets');
});
after(() => {
  closeAll();
  temporary.remove();
});

test('a client does not talk to a peer of another role, though its job is the same', async () => {
  for (const role of ['worker', 'server'] as const) {
    const server = await startNotingCoordinator(open(pets, role));
    try {
      const call = heartbeat(server.address, open(pets, 'worker'));
      // A worker's certificate is not even one for servers.
      const reason = role === 'worker' ? /unsuitable certificate purpose/ : /got pets\/server/;
      await assert.rejects(call, { code: 'UNAVAILABLE', message: reason });
      assert.equal(server.calls.length, 0);
    } finally {
      await server.stop(0);
    }
  }
});

test('a client takes parameters from a server and from a coordinator alike', async () => {
  for (const role of ['server', 'coordinator'] as const) {
    const server = await startNotingCoordinator(open(pets, role));
    try {
      await heartbeat(server.address, open(pets, 'worker'), 'parameters');
      assert.equal(server.calls.length, 1);
    } finally {
      await server.stop(0);
    }
  }
});

test('a client of another role gives up at once, with the reason', async () => {
  const server = await startNotingCoordinator(open(pets, 'coordinator'));
  const { signal } = new AbortController();
  const options = {
    ...{ coordinator: server.address, shardIndex: 0, listen: '127.0.0.1:0', advertise: null },
    ...{ health: null, logger, signal, notify: () => undefined },
  };
  const identity = { workerId: 'worker-0', incarnation: 'i' };
  const worker = new CoordinatorClient(server.address, identity, open(pets, 'server'));
  try {
    const denied = runServer({ ...options, credentials: open(pets, 'worker') });
    await assert.rejects(denied, {
      code: 'CONFIG_INVALID',
      message: /expected role server, got/,
    });
    const { kind, reason, ...rest } = await worker.session(NO_RUN, signal);
    assert.deepEqual({ kind, ...rest }, { kind: 'refused', exitCode: EXIT.invalid });
    assert.match(reason, /expected role worker, got server/);
    assert.equal(server.calls.length, 0);
  } finally {
    worker.close();
    await server.stop(0);
  }
});

test('a client gives up a connection that was forgotten on its way, and is let in on a new one', async () => {
  const server = await startNotingCoordinator(open(pets, 'coordinator'));
  const proxy = await FaultProxy.start(() => server.address);
  const leaving = new AbortController();
  const identity = { workerId: 'worker-0', incarnation: 'i' };
  const worker = new CoordinatorClient(proxy.address, identity, open(pets, 'worker'));
  /** The end of a session that has begun. */
  const begin = async (): Promise<{ end: Promise<SessionEnd> }> => {
    const begun = new EventEmitter();
    const welcomed = (): Promise<never> => {
      begun.emit('welcomed');
      return NEVER;
    };
    const isBegun = once(begun, 'welcomed');
    const end = worker.session({ ...NO_RUN, welcomed }, leaving.signal);
    await isBegun;
    return { end };
  };
  try {
    const first = await begin();
    proxy.forgetConnections();
    worker.reconnect();
    assert.equal((await first.end).kind, 'broken');
    const second = await begin();
    leaving.abort();
    assert.deepEqual(await second.end, {
      kind: 'broken',
      reason: 'the coordinator closed the session',
    });
    assert.deepEqual(
      server.calls.map(({ method }) => method),
      ['Session', 'Session'],
    );
  } finally {
    worker.close();
    await proxy.stop();
    await server.stop(0);
  }
});

test('a client does not talk to a plain server', async () => {
  const server = await startNotingCoordinator(null);
  try {
    const call = heartbeat(server.address, open(pets, 'worker'));
    await assert.rejects(call, { code: 'UNAVAILABLE' });
    assert.equal(server.calls.length, 0);
  } finally {
    await server.stop(0);
  }
});
