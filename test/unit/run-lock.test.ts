import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { RunFolder } from '../../coordinator/record/run-folder.ts';
import { hasEnded, holderFrom, ownHolder } from '../../src/run/lock/process-life.ts';
import { RunLock, type AcquireOptions, type Holder } from '../../src/run/lock/run-lock.ts';
import type { TakenFolder } from '../../src/run/lock/take-folder.ts';
import { TermFolder } from '../../src/run/lock/term-folder.ts';

const TIMES = { beatMs: 1_000, leaseMs: 10_000 };
const SINCE = '2026-01-31T23:59:59.000Z';

function newFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'run-lock-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A process of another machine: whether it has ended cannot be known here. */
function remote(incarnation: string, pid = 41): Holder {
  return { incarnation, host: 'far-away', pid, launcher: null, life: null, since: SINCE };
}

/** Time that passes by waiting alone; `onWait` is what others do meanwhile. */
class Clock {
  nowMs = 0;
  onWait: () => void = () => undefined;

  readonly pause = (ms: number): Promise<void> => {
    this.nowMs += ms;
    this.onWait();
    return Promise.resolve();
  };
}

function take(
  folder: string,
  holder: Holder,
  clock: Clock,
  options: Partial<AcquireOptions> = {},
): Promise<RunLock> {
  // The beat is the file's time of change: it needs a clock that moves, whichever.
  return RunLock.acquire(new TermFolder(folder, () => 1e12 + clock.nowMs), holder, {
    ...{ times: TIMES, isWaiting: false, takesOver: false, pause: clock.pause },
    ...{ signal: new AbortController().signal, ...options },
  });
}

test('a folder that nobody holds is taken at once, and its terms count up', async (context) => {
  const clock = new Clock();
  const lock = await take(newFolder(context), remote('a'), clock);
  assert.equal(clock.nowMs, 0);
  assert.equal(lock.takenFrom, null);
  assert.deepEqual([lock.beginTerm(), lock.beginTerm(), lock.beginTerm()], [1, 2, 3]);
  assert.equal(lock.isHeld(), true);
});

test("a holder's first heartbeat refuses the second process, with who, since when and what to do", async (context) => {
  const folder = newFolder(context);
  const clock = new Clock();
  const first = await take(folder, remote('a', 123), clock);
  clock.onWait = () => {
    if (clock.nowMs >= 1_000) first.beat();
  };
  await assert.rejects(take(folder, remote('b'), clock), {
    code: 'FOLDER_HELD',
    message: `run folder ${folder}: held since ${SINCE} by process 123 on far-away (term 1); add --wait to wait for its end, end it there (kill 123), or take the folder from it with --take-over`,
  });
  assert.ok(clock.nowMs <= TIMES.beatMs + TIMES.beatMs / 4, `${clock.nowMs} ms`);
  assert.equal(first.isHeld(), true);
  assert.equal(first.beginTerm(), 1);
});

test('a holder that is silent for a lease, and no shorter, loses the folder for ever', async (context) => {
  const folder = newFolder(context);
  const clock = new Clock();
  const first = await take(folder, remote('a'), clock);
  first.beginTerm();
  const second = await take(folder, remote('b'), clock);
  assert.equal(clock.nowMs, TIMES.leaseMs);
  assert.deepEqual(second.takenFrom, remote('a'));
  assert.equal(second.beginTerm(), 2);
  // The first wakes up.
  first.beat();
  assert.equal(first.lost.aborted, true);
  assert.equal(first.isHeld(), false);
  const lost = {
    code: 'FOLDER_HELD',
    message: /taken over since .* \(term 2\); this process \(term 1\) writes no more/,
  };
  assert.throws(() => first.requireHeld(), lost);
  assert.throws(() => first.beginTerm(), lost);
  first.release();
  assert.equal(second.isHeld(), true);
  assert.equal(second.beginTerm(), 3);
});

test('who waits gets the folder when its holder is done, and is told once whose end it waits for', async (context) => {
  const folder = newFolder(context);
  const clock = new Clock();
  const first = await take(folder, remote('a'), clock);
  clock.onWait = () => {
    if (clock.nowMs < 60_000) first.beat();
    else first.release();
  };
  const told: string[] = [];
  const options = { isWaiting: true, onHeld: (reason: string) => told.push(reason) };
  const second = await take(folder, remote('b'), clock, options);
  assert.equal(clock.nowMs, 60_000);
  assert.equal(told.length, 1);
  assert.match(told[0]!, /held since .* by process 41 on far-away/);
  assert.equal(second.term, 2);
  assert.equal(second.takenFrom, null);
});

test('waiting ends with its signal', async (context) => {
  const folder = newFolder(context);
  const clock = new Clock();
  const first = await take(folder, remote('a'), clock);
  const stop = new AbortController();
  clock.onWait = () => {
    first.beat();
    if (clock.nowMs >= 5_000) stop.abort(new Error('asked to stop'));
  };
  const waiting = take(folder, remote('b'), clock, { isWaiting: true, signal: stop.signal });
  await assert.rejects(waiting, /asked to stop/);
});

test('a holder that lives loses the folder to one that takes it over, at once', async (context) => {
  const folder = newFolder(context);
  const clock = new Clock();
  const first = await take(folder, remote('a'), clock);
  const second = await take(folder, remote('b'), clock, { takesOver: true });
  assert.equal(clock.nowMs, 0);
  assert.equal(second.isHeld(), true);
  assert.equal(first.isHeld(), false);
});

test('the silence of one holder does not count against the next', async (context) => {
  const folder = newFolder(context);
  const clock = new Clock();
  await take(folder, remote('a'), clock);
  let isNextThere = false;
  clock.onWait = () => {
    if (clock.nowMs !== TIMES.leaseMs) return;
    // Just before this one would have taken it.
    const store = new TermFolder(folder, () => clock.nowMs);
    assert.equal(store.claim(2, remote('b', 77)), true);
    store.fence(1);
    isNextThere = true;
  };
  await assert.rejects(take(folder, remote('c'), clock), /process 77/);
  assert.equal(isNextThere, true);
});

test('a term that somebody has claimed cannot be claimed again, and the attempt leaves nothing', (context) => {
  const folder = newFolder(context);
  const store = new TermFolder(folder, Date.now);
  assert.equal(store.claim(1, remote('a')), true);
  assert.equal(store.claim(1, remote('b')), false);
  assert.deepEqual(readdirSync(join(folder, 'terms')), ['1']);
  assert.deepEqual(store.holderOf(1), remote('a'));
  store.fence(1);
  assert.equal(store.claim(1, remote('b')), false, 'numbers are never used twice');
  assert.equal(store.isOpen(1), false);
});

test('claims long over are removed, and the number goes on from an earlier release', (context) => {
  const folder = newFolder(context);
  writeFileSync(join(folder, 'term'), '7\n');
  const store = new TermFolder(folder, Date.now);
  assert.equal(store.newest(), 7);
  assert.equal(store.isReleased(7), true);
  for (let term = 8; term <= 40; term += 1) {
    assert.equal(store.claim(term, remote('a')), true);
    if (term < 40) store.fence(term);
  }
  assert.equal(readdirSync(join(folder, 'terms')).length, 20);
  assert.deepEqual(store.open(), [40]);
});

test('a process that has ended is known by its number and its start', () => {
  const own = ownHolder('a', 0);
  assert.deepEqual(holderFrom(JSON.parse(JSON.stringify(own))), own);
  assert.equal(hasEnded(own), false);
  assert.notEqual(own.life, null, 'where there is no /proc, the number alone decides');
  const life = own.life!;
  const ended = spawnSync(process.execPath, ['-e', '0']).pid;
  assert.equal(hasEnded({ ...own, pid: ended }), true);
  // The number was given to another process since: this one.
  assert.equal(hasEnded({ ...own, life: { ...life, startTicks: '1' } }), true);
  // Nothing is known of another machine, another start of this one, and another container.
  assert.equal(hasEnded({ ...own, pid: ended, host: `not-${hostname()}` }), false);
  assert.equal(hasEnded({ ...own, pid: ended, life: { ...life, boot: 'another' } }), false);
  assert.equal(hasEnded({ ...own, pid: ended, life: { ...life, namespace: 'pid:[1]' } }), false);
});

test('a claim of a dead process of this machine is taken over at once', async (context) => {
  const folder = newFolder(context);
  const clock = new Clock();
  const own = ownHolder('a', 0);
  const pid = spawnSync(process.execPath, ['-e', '0']).pid;
  await take(folder, { ...own, pid }, clock);
  const second = await take(folder, { ...own, incarnation: 'b' }, clock);
  assert.equal(clock.nowMs, 0);
  assert.equal(second.takenFrom, null);
});

test('a damaged claim is that of another process, which is waited for like any other', async (context) => {
  const folder = newFolder(context);
  const clock = new Clock();
  const first = await take(folder, remote('a'), clock);
  writeFileSync(join(folder, 'terms', '1', 'owner.json'), '{"pid": ');
  const isBeating = new AbortController();
  clock.onWait = () => {
    if (!isBeating.signal.aborted) first.beat();
  };
  await assert.rejects(take(folder, remote('b'), clock), /held by another process \(term 1\)/);
  isBeating.abort();
  const second = await take(folder, remote('b'), clock);
  assert.equal(second.takenFrom, 'unknown');
});

/** A run's folder as a coordinator opens it. */
function opened(path: string, lock: RunLock): RunFolder {
  const store = new TermFolder(path, Date.now);
  const taken: TakenFolder = {
    lock,
    staging: () => store.staging(lock.term),
    release: () => lock.release(),
  };
  return new RunFolder(path, taken, () => 0);
}

function eventsIn(path: string): string[] {
  const text = readFileSync(join(path, 'events.jsonl'), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { event, term } = JSON.parse(line) as { event: string; term: number };
      return `${event} ${term}`;
    });
}

test('what a holder that wakes up writes does not reach the folder, not even by a file it has open', async (context) => {
  const path = newFolder(context);
  const clock = new Clock();
  const first = await take(path, remote('a'), clock);
  const before = opened(path, first);
  before.event('before', 'one');
  before.writeLosses([1]);
  // A paused process has looked already whether it may write: the file itself must not be the one
  // that is read.
  context.mock.method(first, 'isHeld', () => true);
  context.mock.method(first, 'requireHeld', () => undefined);
  await new Promise(setImmediate);
  const second = await take(path, remote('b'), clock);
  const after = opened(path, second);
  after.event('after', 'two');
  before.event('late', 'three');
  await new Promise(setImmediate);
  assert.throws(() => before.writeLosses([2]), { code: 'ENOENT' });
  assert.throws(() => before.writeConfig('id', {} as never, {}, {} as never), { code: 'ENOENT' });
  after.event('later', 'four');
  await new Promise(setImmediate);
  assert.deepEqual(eventsIn(path), ['before 1', 'after 2', 'later 2']);
  assert.equal(readFileSync(join(path, 'loss-by-step.txt'), 'utf8'), '1\n');
  before.close();
  after.close();
});

test('a writer that has lost the folder drops its lines, and a result is refused with the reason', async (context) => {
  const path = newFolder(context);
  const clock = new Clock();
  const first = await take(path, remote('a'), clock);
  const before = opened(path, first);
  before.event('before', 'one');
  await new Promise(setImmediate);
  await take(path, remote('b'), clock);
  before.event('late', 'two');
  await new Promise(setImmediate);
  assert.deepEqual(eventsIn(path), ['before 1']);
  assert.throws(() => before.writeSummary({} as never), { code: 'FOLDER_HELD' });
  before.close();
  assert.deepEqual(eventsIn(path), ['before 1']);
});

test('checkpoints on another file system than their run are refused before the run begins', async (context) => {
  const path = newFolder(context);
  const lock = await take(path, remote('a'), new Clock());
  mkdirSync(join(path, 'checkpoints'));
  opened(path, lock).close();
  rmSync(join(path, 'checkpoints'), { recursive: true });
  symlinkSync('/proc', join(path, 'checkpoints'));
  assert.throws(() => opened(path, lock), {
    code: 'CONFIG_INVALID',
    message: /checkpoints lies on another file system than the rest of it; put the whole folder/,
  });
});
