import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepSession, type SessionEnd } from '../../src/rpc/keep-session.ts';

const BROKEN: SessionEnd = { kind: 'broken', reason: 'nobody answers' };
const STOP: SessionEnd = { kind: 'stopped', reason: 'the run is finished', exitCode: 0 };

/** Sessions that end in turn, each after so long; time passes in no other way but by pauses. */
function sessionsOf(ends: readonly { end: SessionEnd; lastsMs?: number; isHeard?: boolean }[]) {
  let nowMs = 0;
  const broken: string[] = [];
  const left = [...ends];
  const stopping = new AbortController();
  const told = keepSession({
    signal: stopping.signal,
    open: (heard) => {
      const { end, lastsMs = 0, isHeard = false } = left.shift() ?? { end: BROKEN };
      if (isHeard) heard();
      nowMs += lastsMs;
      return Promise.resolve(end);
    },
    onBroken: (reason) => {
      broken.push(reason);
    },
    clock: {
      nowMs: () => nowMs,
      pause: (ms) => {
        nowMs += ms;
        return Promise.resolve();
      },
    },
  });
  return { told, broken, left, stopping, nowMs: () => nowMs };
}

test('a session that breaks is opened again, until the coordinator says how to end', async () => {
  const { told, broken } = sessionsOf([{ end: BROKEN }, { end: BROKEN }, { end: STOP }]);
  assert.deepEqual(await told, STOP);
  assert.equal(broken.length, 2);
});

test('a refusal is the end, too', async () => {
  const refused = { kind: 'refused', reason: 'another release', exitCode: 42 } as const;
  const { told, left } = sessionsOf([{ end: refused }, { end: STOP }]);
  assert.deepEqual(await told, refused);
  assert.equal(left.length, 1, 'no other session is opened');
});

test('a process gives up once it has heard of no coordinator for a minute', async () => {
  const { told, nowMs } = sessionsOf([]);
  await assert.rejects(told, {
    code: 'UNAVAILABLE',
    message: /no session with the coordinator for a minute: nobody answers/,
  });
  assert.ok(nowMs() > 60_000 && nowMs() < 61_000, `after ${nowMs()} ms`);
});

test('the minute begins anew with the end of a session in which the coordinator was heard', async () => {
  const { told, nowMs } = sessionsOf([
    { end: BROKEN, lastsMs: 50_000 },
    { end: BROKEN, lastsMs: 100_000, isHeard: true },
  ]);
  await assert.rejects(told, { code: 'UNAVAILABLE' });
  assert.ok(nowMs() > 210_000 && nowMs() < 211_000, `after ${nowMs()} ms`);
});

test('a long session that nobody answered counts as silence', async () => {
  const { told, broken } = sessionsOf([{ end: BROKEN, lastsMs: 60_001 }]);
  await assert.rejects(told, { code: 'UNAVAILABLE' });
  assert.equal(broken.length, 0);
});

test('a process that is asked to end does so without a word', async () => {
  const stopping = new AbortController();
  const told = await keepSession({
    signal: stopping.signal,
    open: () => {
      stopping.abort();
      return Promise.resolve(BROKEN);
    },
    onBroken: () => {
      assert.fail('no other session is opened');
    },
  });
  assert.equal(told, null);
});
