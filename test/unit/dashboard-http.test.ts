import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { judgeRequest, type PageRequest } from '../../coordinator/dashboard/http/access.ts';
import {
  EventStreams,
  MAX_STREAMS,
  MAX_WAITING_BYTES,
  eventFrame,
  type StreamResponse,
} from '../../coordinator/dashboard/http/event-streams.ts';
import { PAGE_FILE, pageUrl, readPageFile } from '../../coordinator/dashboard/http/page-file.ts';

const TOKEN = 't'.repeat(32);
const LOOPBACK = { token: TOKEN, isLoopback: true, scheme: 'http' } as const;
const ELSEWHERE = { token: TOKEN, isLoopback: false, scheme: 'https' } as const;
const AUTHORIZED = `Bearer ${TOKEN}`;

function asked(change: Partial<PageRequest>): PageRequest {
  return {
    ...{ method: 'GET', path: '/', host: '127.0.0.1:9000', origin: undefined },
    ...{ authorization: undefined, queryToken: null },
    ...change,
  };
}

/** Null: it may. */
function statusOf(change: Partial<PageRequest>, rules: Parameters<typeof judgeRequest>[1]) {
  return judgeRequest(asked(change), rules)?.status ?? null;
}

test('on loopback whoever is on this machine may look, under a name of this machine', () => {
  for (const path of ['/', '/events', '/state.json', '/metrics']) {
    assert.equal(statusOf({ path }, LOOPBACK), null);
  }
  for (const host of ['localhost:9000', 'localhost', '[::1]:9000', '127.1.2.3:80']) {
    assert.equal(statusOf({ host }, LOOPBACK), null, host);
  }
  for (const host of [
    'elsewhere.example',
    '10.0.0.1:9000',
    '127.0.0.1.elsewhere.example',
    undefined,
  ]) {
    assert.equal(statusOf({ host }, LOOPBACK), 403, host);
  }
});

test('beyond it the frame and the metrics are open, and all else asks for the token', () => {
  const host = 'node-1:9000';
  for (const path of ['/', '/page.js', '/metrics'])
    assert.equal(statusOf({ path, host }, ELSEWHERE), null);
  for (const path of ['/events', '/state.json']) {
    assert.equal(statusOf({ path, host }, ELSEWHERE), 403);
    assert.equal(statusOf({ path, host, queryToken: 'x' }, ELSEWHERE), 403);
    assert.equal(statusOf({ path, host, queryToken: TOKEN }, ELSEWHERE), null);
    assert.equal(statusOf({ path, host, authorization: AUTHORIZED }, ELSEWHERE), null);
  }
});

test('what changes the run takes a POST with the token in its header, from no page of another site', () => {
  const press = { method: 'POST', path: '/do/stop', authorization: AUTHORIZED };
  assert.equal(statusOf(press, LOOPBACK), null);
  assert.equal(statusOf({ ...press, origin: 'http://127.0.0.1:9000' }, LOOPBACK), null);
  for (const origin of ['http://127.0.0.1:9001', 'https://127.0.0.1:9000', 'null', '']) {
    assert.equal(statusOf({ ...press, origin }, LOOPBACK), 403, origin);
  }
  assert.equal(statusOf({ ...press, method: 'GET' }, LOOPBACK), 405);
  assert.equal(statusOf({ ...press, authorization: undefined, queryToken: TOKEN }, LOOPBACK), 403);
  for (const authorization of [TOKEN, `Bearer ${TOKEN}x`, 'Bearer ', `Basic ${TOKEN}`]) {
    assert.equal(statusOf({ ...press, authorization }, LOOPBACK), 403, authorization);
  }
  assert.equal(statusOf({ method: 'POST', path: '/metrics' }, LOOPBACK), 405);
});

test('an event is one line of data, whatever is in it', () => {
  const frame = eventFrame('part', { html: 'two\nlines\r\nand : a colon' });
  assert.match(frame, /^event: part\ndata: [^\n\r]*\n\n$/);
  assert.deepEqual(JSON.parse(/^data: (.*)$/m.exec(frame)![1]!), {
    html: 'two\nlines\r\nand : a colon',
  });
});

/** A response that a reader takes nothing from. */
class Unread implements StreamResponse {
  writableLength = 0;
  isDestroyed = false;
  isEnded = false;
  readonly written: string[] = [];
  readonly #onClose: (() => void)[] = [];

  write(text: string): void {
    this.written.push(text);
    this.writableLength += text.length;
  }

  on(event: 'close' | 'error', listener: () => void): void {
    if (event === 'close') this.#onClose.push(listener);
  }

  leave(): void {
    for (const listener of this.#onClose) listener();
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    this.isDestroyed = true;
  }

  writeHead(): void {
    // Read by nobody.
  }
}

function stream(): Unread {
  return new Unread();
}

test('a reader that does not keep up is cut off; the others get everything', () => {
  const streams = new EventStreams();
  const [slow, quick] = [stream(), stream()];
  streams.add(slow);
  streams.add(quick);
  for (let i = 0; i < 6; i += 1) {
    streams.send('part', 'x'.repeat(MAX_WAITING_BYTES / 4));
    quick.writableLength = 0;
  }
  assert.deepEqual([slow.isDestroyed, quick.isDestroyed, streams.count], [true, false, 1]);
  assert.equal(quick.written.length, 1 + 6);
  assert.ok(slow.writableLength <= 2 * MAX_WAITING_BYTES);
});

test('so many streams and no more; one that leaves makes room', () => {
  const streams = new EventStreams();
  const open = Array.from({ length: MAX_STREAMS }, stream);
  assert.ok(open.every((one) => streams.add(one)));
  const late = stream();
  assert.equal(streams.add(late), false);
  assert.deepEqual(late.written, []);
  open[0]!.leave();
  assert.equal(streams.add(late), true);
  streams.close();
  assert.deepEqual([late.isEnded, streams.count], [true, 0]);
});

test('the next coordinator of a run goes on with the token and the address; without them there is a new token', () => {
  const folder = mkdtempSync(join(tmpdir(), 'page-file-'));
  try {
    const fresh = readPageFile(folder);
    assert.match(fresh.token, /^[\w-]{32}$/);
    assert.equal(fresh.address, null);
    assert.notEqual(readPageFile(folder).token, fresh.token);
    const saved = { address: '127.0.0.1:9000', token: TOKEN };
    writeFileSync(join(folder, PAGE_FILE), JSON.stringify(saved));
    assert.deepEqual(readPageFile(folder), saved);
    for (const broken of ['', '{', 'null', '{"token":"short"}', '{"token":7}']) {
      writeFileSync(join(folder, PAGE_FILE), broken);
      assert.match(readPageFile(folder).token, /^[\w-]{32}$/, broken);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  assert.equal(pageUrl('http', '127.0.0.1:9000', 'abc'), 'http://127.0.0.1:9000/#token=abc');
});
