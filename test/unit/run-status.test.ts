import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { statusLine, statusLines, turnOf } from '../../src/cli/shown/status-lines.ts';
import { TermFolder } from '../../src/run/lock/term-folder.ts';
import { ownHolder } from '../../src/run/lock/process-life.ts';
import { withReply } from '../../src/run/status/coordinator-status.ts';
import { FolderStatus } from '../../src/run/status/folder-status.ts';
import { LineTail } from '../../src/run/status/line-tail.ts';
import { noteListing } from '../../src/run/status/listing-note.ts';
import { RunEvents } from '../../src/run/status/run-events.ts';
import { EPOCHS_ALONE } from '../../src/telemetry/time-left.ts';

const root = mkdtempSync(join(tmpdir(), 'status-'));
after(() => {
  rmSync(root, { recursive: true, force: true });
});

const START = Date.UTC(2026, 0, 31, 12);

/** A line of events.jsonl, some seconds after the start. */
function line(seconds: number, event: string, fields: object = {}): Record<string, unknown> {
  const ts = new Date(START + 1000 * seconds).toISOString();
  return { ts, event, reason: `why ${event}`, term: 1, ...fields };
}

/** 96 images in steps of 24: 4 steps an epoch. */
const CONFIG = {
  runId: 'r1',
  config: {
    algorithm: 'deepcluster',
    epochs: 3,
    training: { batchSize: 24 },
    clustering: { reassign: 1 },
  },
  images: { count: 96 },
};

/** An epoch: 5 s of extraction, 1 s of k-means, 4 steps of 2 s. */
function epochLines(epoch: number): Record<string, unknown>[] {
  const at = epoch * 14;
  return [
    line(at, 'phase.entered', { epoch, phase: 'extract' }),
    line(at + 5, 'phase.entered', { epoch, phase: 'kmeans' }),
    line(at + 6, 'phase.entered', { epoch, phase: 'train' }),
    ...[0, 1, 2, 3].map((i) => {
      const step = epoch * 4 + i;
      return line(at + 8 + 2 * i, 'step.committed', { epoch, step, samples: 24, loss: 4 - step });
    }),
  ];
}

function eventsOf(lines: readonly Record<string, unknown>[]): RunEvents {
  const events = new RunEvents();
  for (const each of lines) events.take(each);
  return events;
}

describe('the events of a run tell', () => {
  const begun = [line(0, 'term.begun'), line(0, 'worker.joined', { workerId: 'worker-0' })];
  const halfOfSecond = [...begun, ...epochLines(0), ...epochLines(1).slice(0, 5)];

  test('epoch, phase, steps and loss', () => {
    const events = eventsOf(halfOfSecond);
    assert.deepEqual(
      [events.epoch, events.phase, events.step, events.stepsOfEpoch, events.loss],
      [1, 'train', 4 + 2, 2, 4 - 5],
    );
  });

  test('the speed of the steps, and what is left', () => {
    const events = eventsOf(halfOfSecond);
    assert.equal(events.imagesPerSecond, 24 / 2);
    const facts = { epochs: 3, stepsPerEpoch: 4, course: EPOCHS_ALONE };
    // Two steps of this epoch, and one epoch as the first: from phase to phase 5 + 1 + 8 s.
    assert.equal(events.secondsLeft(START + 24_000, facts), 2 * 2 + (5 + 1 + 8));
    // Then a clustering as before, and as long as two extractions for the evaluation.
    const course = { ...EPOCHS_ALONE, clustersAtEnd: true, evaluation: 2 };
    assert.equal(
      events.secondsLeft(START + 24_000, { ...facts, course }),
      2 * 2 + (5 + 1 + 8) + (5 + 1) + 2 * 5,
    );
    assert.equal(eventsOf(begun).secondsLeft(START, facts), null);
  });

  test('which workers are there', () => {
    const events = eventsOf([
      ...begun,
      line(1, 'worker.joined', { workerId: 'worker-1' }),
      line(2, 'worker.lost', { workerId: 'worker-0' }),
    ]);
    assert.deepEqual(events.workers, ['worker-1']);
    events.take(line(3, 'term.begun', { term: 2 }));
    assert.deepEqual([events.workers, events.term], [[], 2]);
  });

  test('where a resumed run goes on, within an epoch', () => {
    const resumed = { step: 5, epoch: 1, stage: 'train', index: 1, firstStep: 4 };
    const events = eventsOf([
      ...halfOfSecond,
      line(99, 'term.begun', { term: 2 }),
      line(99, 'run.resumed', resumed),
      line(100, 'phase.entered', { epoch: 1, phase: 'train' }),
    ]);
    assert.deepEqual([events.step, events.stepsOfEpoch], [5, 1]);
  });

  test('how it ended, until it begins again', () => {
    const events = eventsOf([...begun, line(9, 'run.stopped', { reason: 'stopped by SIGTERM' })]);
    assert.deepEqual(events.ending, { type: 'stopped', reason: 'stopped by SIGTERM' });
    events.take(line(20, 'folder.claimed'));
    assert.equal(events.ending, null);
  });

  test('the last things that a person is told, and neither steps nor copies of slices', () => {
    const events = eventsOf([...halfOfSecond, line(30, 'push.fenced'), line(31, 'worker.lost')]);
    assert.deepEqual(
      events.recent.map(({ event }) => event),
      ['term.begun', 'worker.joined', 'worker.lost'],
    );
  });

  test('nothing by lines that are none of ours', () => {
    const odd = [
      {},
      { event: 7 },
      { event: 'phase.entered' },
      { event: 'step.committed', step: '3' },
    ];
    const events = eventsOf(odd);
    assert.deepEqual([events.epoch, events.step, events.loss], [null, 0, null]);
  });
});

describe('the tail of a file', () => {
  const path = join(root, 'lines.jsonl');

  test('is read as whole lines, what is new alone, and goes on in the copy that replaces it', () => {
    const tail = new LineTail(path);
    assert.deepEqual(tail.read(), []);
    writeFileSync(path, '{"a":1}\nnonsense\n{"a":2}\n{"a":');
    assert.deepEqual(tail.read(), [{ a: 1 }, { a: 2 }]);
    appendFileSync(path, '3}\n');
    assert.deepEqual(tail.read(), [{ a: 3 }]);
    writeFileSync(`${path}.copy`, '{"a":1}\nnonsense\n{"a":2}\n{"a":3}\n{"a":4}\n');
    renameSync(`${path}.copy`, path);
    assert.deepEqual(tail.read(), [{ a: 4 }]);
  });

  test('begins near the end of a large one, with a whole line', () => {
    const rows = Array.from({ length: 100_000 }, (_, i) =>
      JSON.stringify({ i, text: 'x'.repeat(50) }),
    );
    writeFileSync(path, `${rows.join('\n')}\n`);
    const read = new LineTail(path).read();
    const bytes = rows[99_999]!.length + 1;
    assert.ok(Math.abs(read.length - (4 * 1024 * 1024) / bytes) < 2, String(read.length));
    assert.equal(read.at(-1)!['i'], 99_999);
  });
});

/** A folder with a run, and who has it. */
function runFolder(name: string, lines: readonly Record<string, unknown>[]) {
  const folder = join(root, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(CONFIG));
  writeFileSync(
    join(folder, 'events.jsonl'),
    lines.map((each) => `${JSON.stringify(each)}\n`).join(''),
  );
  const store = new TermFolder(folder, Date.now);
  const read = (nowMs = Date.now()) => new FolderStatus(folder, () => nowMs).read();
  return { folder, store, read };
}

const UNDER_WAY = [line(0, 'term.begun'), ...epochLines(0)];

describe('the state of a run in its folder', () => {
  test('is running while its coordinator lives, and silent when it gives no heartbeat', () => {
    const { folder, store, read } = runFolder('running', UNDER_WAY);
    store.claim(1, ownHolder('a', Date.now()));
    assert.deepEqual([read().state, read().step], ['running', 4]);
    const before = Date.now() / 1000 - 40;
    utimesSync(join(folder, 'terms', '1', 'work', 'beat'), before, before);
    const { state, reason } = read();
    assert.equal(state, 'silent');
    assert.match(reason, new RegExp(`^no heartbeat of process ${process.pid} on \\S+ for 4\\d s$`));
  });

  test('is starting before its first phase, and paused while it has too few workers', () => {
    const { folder, store, read } = runFolder('paused', [line(0, 'term.begun')]);
    store.claim(1, ownHolder('a', Date.now()));
    assert.equal(read().state, 'starting');
    appendFileSync(join(folder, 'events.jsonl'), `${JSON.stringify(line(1, 'run.paused'))}\n`);
    assert.deepEqual([read().state, read().reason], ['paused', 'why run.paused']);
  });

  test('is interrupted when its coordinator has died, with the command that goes on', () => {
    const { folder, store, read } = runFolder('died', UNDER_WAY);
    const dead = { ...ownHolder('a', Date.now()), pid: 2 ** 22 + 1 };
    store.claim(1, dead);
    const status = read();
    assert.equal(status.state, 'interrupted');
    assert.equal(status.reason, `process ${dead.pid} on ${hostname()} has died`);
    const next = `continue with: deepcluster launch --resume --out ${folder}`;
    assert.ok(statusLines(status, Date.now()).some((text) => text.endsWith(next)));
  });

  test('is stopped, or finished, by the last words of a coordinator that gave it back', () => {
    for (const [event, state] of [
      ['run.stopped', 'stopped'],
      ['run.finished', 'finished'],
    ] as const) {
      const { store, read } = runFolder(state, [...UNDER_WAY, line(99, event)]);
      store.claim(1, ownHolder('a', Date.now()));
      store.release(1);
      assert.deepEqual([read().state, read().reason], [state, `why ${event}`]);
    }
  });

  test('is listing while a process lists its images, before the folder has anything of a run', () => {
    const folder = join(root, 'listed', 'deeper');
    const read = (nowMs = Date.now()) => new FolderStatus(folder, () => nowMs).read();
    const run = { algorithm: 'odc', epochs: 7, source: '/photos' };
    const end = noteListing(folder, run, 'a');
    const nowMs = Date.now() + 12_000;
    const status = read(nowMs);
    assert.deepEqual(
      [status.state, status.runId, status.algorithm, status.epochs],
      ['listing', null, 'odc', 7],
    );
    const who = `process ${process.pid} on ${hostname()}`;
    assert.equal(status.reason, `${who} lists the images of /photos, for 12 s so far`);
    assert.equal(turnOf(status), turnOf(read(nowMs + 1000)));
    assert.deepEqual(statusLines(status, nowMs), [
      `run         not begun, odc in ${folder}`,
      `state       listing: ${status.reason}`,
    ]);
    // A note that is not renewed was left behind, by a process of another machine perhaps.
    assert.throws(() => read(Date.now() + 16_000), /holds no run/);
    const note = readFileSync(join(folder, 'listing.json'), 'utf8');
    end();
    assert.ok(!existsSync(join(root, 'listed')), 'nothing is left of a run that did not begin');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'listing.json'), note.replace(`${process.pid}`, `${2 ** 22 + 1}`));
    assert.throws(() => read(), /holds no run/);
  });

  test('is listing where a run that was stopped lists its images again', () => {
    const { folder, store, read } = runFolder('again', [...UNDER_WAY, line(99, 'run.stopped')]);
    store.claim(1, ownHolder('a', Date.now()));
    store.release(1);
    const end = noteListing(folder, { algorithm: 'odc', epochs: 7, source: '/photos' }, 'b');
    assert.deepEqual([read().state, read().runId, read().epochs], ['listing', 'r1', 3]);
    store.claim(2, ownHolder('b', Date.now()));
    assert.equal(read().state, 'running');
    end();
  });

  test('is starting from the claim on, before the run has its configuration', () => {
    const folder = join(root, 'claimed');
    mkdirSync(folder);
    new TermFolder(folder, Date.now).claim(1, ownHolder('a', Date.now()));
    const { state, runId } = new FolderStatus(folder, Date.now).read();
    assert.deepEqual([state, runId], ['starting', null]);
  });

  test('cannot be told of a folder without a run', () => {
    assert.throws(() => new FolderStatus(join(root, 'none'), Date.now).read(), {
      code: 'CONFIG_INVALID',
      message: /holds no run; name the folder that its launch was given with --out$/,
    });
  });
});

describe('the answer of a coordinator', () => {
  const reply = {
    ...{ runId: 'r1', phase: 'train', epoch: 0, epochs: 3, step: 4, lastLoss: 0.5 },
    ...{ paused: '', collapsed: '', term: 1 },
    workers: [
      {
        ...{ workerId: 'worker-0', ordersInFlight: 2, shardsHeld: 1 },
        ...{ residentRows: 12, standsBy: false },
      },
    ],
  };
  const { store, read } = runFolder('answered', UNDER_WAY);
  store.claim(1, ownHolder('a', Date.now()));

  test('goes over the folder, whose steps of another phase are left away', () => {
    const same = withReply(read(), 'here:7070', reply);
    assert.deepEqual(same.stepsOfEpoch, { done: 4, total: 4 });
    assert.equal(same.lastLoss, 0.5);
    const oneOn = withReply(
      { ...read(), stepsOfEpoch: { done: 2, total: 4 }, step: 3 },
      'here:7070',
      reply,
    );
    assert.deepEqual(oneOn.stepsOfEpoch, { done: 2 + 1, total: 4 });
    const later = withReply(read(), 'here:7070', { ...reply, epoch: 1, phase: 'extract' });
    assert.deepEqual([later.stepsOfEpoch, later.imagesPerSecond], [null, null]);
    assert.equal(withReply(read(), 'here:7070', { ...reply, paused: 'too few' }).state, 'paused');
  });

  test('is shown to a person in lines, and in one line where it has changed', () => {
    const nowMs = START + 14_000;
    const status = withReply(read(nowMs), 'here:7070', reply);
    const lines = statusLines({ ...status, folder: 'runs/a', state: 'running', reason: '' }, nowMs);
    assert.deepEqual(lines.slice(0, 7), [
      'run         r1, deepcluster in runs/a',
      'coordinator here:7070',
      'state       running',
      'at          epoch 1/3 train 4/4 steps, 4 in all',
      'loss        0.500',
      'speed       12 images/s',
      // Two epochs from phase to phase, 5 + 1 s and 8 s of steps, and a clustering after them.
      'left        about 34 s',
    ]);
    assert.ok(lines.includes('workers     worker-0: 2 orders, 12 feature rows of 1 data shard'));
    assert.equal(
      statusLine(status),
      'running, epoch 1/3 train 4/4 steps, 4 in all, loss 0.500, speed 12 images/s, left about 34 s, 1 worker',
    );
    const at = (phase: string): string =>
      statusLine({ ...status, epoch: 3, phase, stepsOfEpoch: null });
    assert.match(at('kmeans'), /^running, final kmeans, 4 steps in all/);
    assert.match(at('evaluate'), /^running, evaluate, 4 steps in all/);
    assert.equal(turnOf(status), turnOf({ ...status, step: 5, lastLoss: 1 }));
    assert.notEqual(turnOf(status), turnOf({ ...status, workers: [] }));
  });
});
