/** The live page of a coordinator, without the run: beyond loopback, and where its port is taken. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeDashboard, requirePageAddress } from '../../coordinator/dashboard/dashboard.ts';
import { NO_WATCHER, type RunDisk } from '../../coordinator/outside.ts';
import { runConfigSchema } from '../../src/config/schema.ts';
import { messageOf } from '../../src/errors.ts';
import { openCredentials } from '../../src/security/credentials.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { ranCli } from '../support/runs/cli-run.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import { ask, press, type PagePlace } from '../support/runs/live-page.ts';

const folder = temporaryFolder();
const certs = join(folder.path, 'certs');

before(async () => {
  await ranCli(['certs', 'make', '--out', certs, '--job', 'test']);
});
after(() => {
  folder.remove();
});

/** A page whose clock is turned by hand, with what it told. */
function page(address: string, credentials: ReturnType<typeof openCredentials> | null = null) {
  const told: string[] = [];
  let tick: () => void = () => undefined;
  const dashboard = makeDashboard({
    ...{ dashboard: address, runId: 'r1', config: runConfigSchema().parse({}), credentials },
    source: { count: 3, read: () => Promise.reject(new Error('gone')), path: String, truth: null },
    folder: {
      path: folder.path,
      follow: () => undefined,
      writeSecret: (name, content) => {
        writeFileSync(join(folder.path, name), content);
      },
    },
    clock: {
      nowMs: () => 0,
      dateMs: () => 0,
      every: (_ms, each) => {
        tick = each;
        return { stop: () => undefined };
      },
    },
    logger: createLogger({ component: 'test', level: 'error', write: () => undefined }),
    notify: (notice) => {
      if (notice.type === 'remark') told.push(notice.text);
    },
  });
  return { dashboard, told, tick: () => tick() };
}

function placeOf(): PagePlace {
  return JSON.parse(readFileSync(join(folder.path, 'live-page.json'), 'utf8')) as PagePlace;
}

function never(): never {
  throw new Error('this is not called');
}

/** Status of an answer over TLS that the job's authority vouches for. */
function secureStatus(port: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const ca = readFileSync(join(certs, 'ca.pem'));
    const options = { ca, checkServerIdentity: () => undefined, agent: false };
    const sent = request(`https://127.0.0.1:${port}${path}`, options, (reply) => {
      resolve(reply.statusCode ?? 0);
      reply.destroy();
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('beyond loopback there is no page without credentials, and what is no address is refused', () => {
  const refusal = (address: string, hasCredentials: boolean): string => {
    try {
      requirePageAddress(address, hasCredentials);
    } catch (error) {
      return messageOf(error);
    }
    return '';
  };
  assert.match(
    refusal('0.0.0.0:9000', false),
    /must be a loopback address without credentials .* \(from --dashboard\)$/,
  );
  assert.match(refusal('9000', true), /must be HOST:PORT, .* \(from --dashboard\)$/);
  assert.equal(refusal('0.0.0.0:9000', true), '');
  assert.equal(refusal('127.0.0.1:0', false), '');
});

test('beyond loopback it speaks TLS, and shows the run to who has the token alone', async () => {
  const credentials = openCredentials(certs, 'coordinator');
  const { dashboard, told } = page('0.0.0.0:0', credentials);
  try {
    await dashboard.open();
    const { address, token } = placeOf();
    assert.deepEqual(told, [`live page https://${address}/#token=${token}`]);
    const port = address.split(':')[1]!;
    for (const open of ['/', '/page.js', '/metrics'])
      assert.equal(await secureStatus(port, open), 200);
    for (const closed of ['/events', '/state.json']) {
      assert.equal(await secureStatus(port, closed), 403);
      assert.equal(await secureStatus(port, `${closed}?token=${token}`), 200);
    }
    await assert.rejects(ask(`127.0.0.1:${port}`, '/metrics')); // in plain text
  } finally {
    await dashboard.close();
    credentials.close();
  }
});

test('a port that is taken costs the run nothing: it is said once, and tried again', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  const { dashboard, told, tick } = page(`127.0.0.1:${port}`);
  const hasListened = (): boolean => told.length > 1;
  try {
    await dashboard.open();
    tick();
    assert.equal(told.length, 1);
    assert.match(
      told[0]!,
      /^live page: cannot listen at 127\.0\.0\.1:\d+: .*EADDRINUSE.*; the run goes on without it/,
    );
    await new Promise((resolve) => other.close(resolve));
    while (!hasListened()) {
      tick();
      await new Promise(setImmediate);
    }
    assert.match(told[1]!, new RegExp(`^live page http://127\\.0\\.0\\.1:${port}/#token=`));
    assert.equal((await ask(`127.0.0.1:${port}`, '/state.json')).status, 200);
  } finally {
    await dashboard.close();
  }
});

test('buttons say why there is nothing to do; what stops the run needs a person to go on', async () => {
  const { dashboard } = page('127.0.0.1:0');
  try {
    await dashboard.open();
    const place = placeOf();
    for (const button of ['/do/checkpoint', '/do/drain?worker=w']) {
      const { status, body } = await press(place, button);
      assert.equal(status, 409);
      assert.match(body, /^There is no run under way/);
    }
    assert.equal((await press(place, '/do/nothing')).status, 404);
    assert.equal(dashboard.stopped.aborted, false);
    assert.equal((await press(place, '/do/stop')).status, 202);
    assert.equal(dashboard.stopped.aborted, true);
    assert.match(messageOf(dashboard.stopped.reason), /^run: stopped on its live page$/);
  } finally {
    await dashboard.close();
  }
});

test('without an address there is no page, and the run is as it would be', async () => {
  const disk = { watch: () => NO_WATCHER } as unknown as RunDisk;
  const told: string[] = [];
  const none = makeDashboard({
    ...{ dashboard: null, runId: 'r1', config: runConfigSchema().parse({}), credentials: null },
    source: { count: 3, read: () => Promise.reject(new Error('gone')), path: String, truth: null },
    folder: { path: folder.path, follow: never, writeSecret: never },
    clock: { nowMs: () => 0, dateMs: () => 0, every: never },
    logger: createLogger({ component: 'test', level: 'error', write: () => undefined }),
    notify: ({ type }) => told.push(type),
  });
  assert.equal(none.watched(disk), disk);
  none.notify({ type: 'remark', text: 'hello' });
  await none.open();
  await none.close();
  assert.deepEqual([told, none.stopped.aborted], [['remark'], false]);
});
