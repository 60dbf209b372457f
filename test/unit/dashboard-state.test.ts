import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventDigest, MAX_EVENTS, MAX_WORKERS } from '../../coordinator/dashboard/event-digest.ts';
import { PaceMeter } from '../../coordinator/dashboard/pace.ts';
import { SpeedMeter, listWorkers } from '../../coordinator/dashboard/worker-list.ts';
import { membersOfLargest } from '../../coordinator/dashboard/page/cluster-samples.ts';
import {
  SECTION_NAMES,
  eventsSection,
  learningSection,
  nowSection,
  workersSection,
} from '../../coordinator/dashboard/page/sections.ts';
import { renderPage } from '../../coordinator/dashboard/page/page.ts';
import { initialState, type Event } from '../../coordinator/control/state.ts';
import { transition } from '../../coordinator/control/transition.ts';
import type { RunEvent } from '../../coordinator/record/run-folder.ts';
import { EPOCHS_ALONE } from '../../src/telemetry/time-left.ts';
import { liveState, liveWorker } from '../support/made/live-state.ts';

function event(name: string, fields: Record<string, unknown> = {}, reason = 'why'): RunEvent {
  return { ts: '2026-01-31T23:59:59.000Z', event: name, reason, ...fields };
}

test('so many events and workers are kept and no more, the newest first', () => {
  const digest = new EventDigest();
  for (let i = 0; i < 3 * MAX_WORKERS; i += 1) {
    digest.note(event('worker.joined', { workerId: `w${i}` }, `number ${i}`));
    digest.note(event('step.committed', { step: i }));
  }
  assert.equal(digest.events.length, MAX_EVENTS);
  assert.equal(digest.events[0]?.reason, `number ${3 * MAX_WORKERS - 1}`);
  assert.equal(digest.workers.length, MAX_WORKERS);
});

test('a worker that was lost and joins has come back; one that was let go has not', () => {
  const digest = new EventDigest();
  const past = () => digest.workers.map(({ gone, cameBack }) => [gone?.how ?? 'here', cameBack]);
  digest.note(event('worker.joined', { workerId: 'a' }));
  digest.note(event('worker.lost', { workerId: 'a' }));
  assert.deepEqual(past(), [['lost', 0]]);
  digest.note(event('worker.joined', { workerId: 'a' }));
  assert.deepEqual(past(), [['here', 1]]);
  digest.note(event('worker.drained', { workerId: 'a' }));
  digest.note(event('worker.joined', { workerId: 'a' }));
  assert.deepEqual(past(), [['here', 1]]);
});

test('checkpoints are counted, and the newest is known', () => {
  const digest = new EventDigest();
  digest.note(event('checkpoint.written', { step: 3, bytes: 100 }, 'step-3'));
  digest.note(event('checkpoint.failed', { step: 4 }, 'the disk is full'));
  digest.note(event('checkpoint.written', { step: 5, bytes: 200 }, 'step-5'));
  const { written, failed, newest } = digest.checkpoints;
  assert.deepEqual([written, failed], [2, 1]);
  assert.deepEqual([newest?.name, newest?.step, newest?.bytes], ['step-5', 5, 200]);
});

test('workers stand in the order of their names, members with what they do and others with why they are gone', () => {
  const settings = {
    ...{ minWorkers: 1, maxWorkers: 2, backupFactor: 0, leaseTtlMs: 100 },
    ...{ heartbeatTimeoutMs: 50, ordersInFlight: 1, leasePrefix: '' },
  };
  const join = (workerId: string): Event => ({
    ...{ type: 'workerJoined', workerId, incarnation: `${workerId}-1`, holdings: [] },
  });
  const work = [{ kind: 'extract', shard: 0 }];
  const phase = { phase: 'extract', epoch: 0, parameterVersion: 0, work };
  let state = initialState(settings);
  for (const one of [join('w2'), join('w10'), join('w1')]) ({ state } = transition(state, one, 0));
  ({ state } = transition(state, { type: 'phaseEntered', ...phase }, 1000));
  const listed = listWorkers({
    state,
    nowMs: 3000,
    workOf: () => ({ orders: 4, images: 0 }),
    speedOf: () => null,
    past: [
      { workerId: 'w3', gone: { how: 'lost', ts: '', reason: 'w3: killed' }, cameBack: 2 },
      { workerId: 'w2', gone: null, cameBack: 1 },
    ],
  });
  assert.deepEqual(
    listed.map(({ id, state: now, leases, leaseSeconds, cameBack, reason }) => [
      ...[id, now, leases, leaseSeconds, cameBack, reason],
    ]),
    [
      ['w1', 'standby', 0, null, 0, ''],
      ['w2', 'working', 1, 2, 1, ''],
      ['w3', 'lost', 0, null, 2, 'w3: killed'],
      ['w10', 'idle', 0, null, 0, ''],
    ],
  );
});

test('the speed of a worker is that of the last seconds', () => {
  const meter = new SpeedMeter();
  const note = (images: number, atMs: number): void => {
    meter.note(new Map([['a', images]]), atMs);
  };
  note(0, 0);
  assert.equal(meter.of('a'), null);
  note(100, 10_000);
  assert.equal(meter.of('a'), 10);
  for (let s = 11; s <= 40; s += 1) note(100 + 50 * (s - 10), 1000 * s);
  assert.equal(meter.of('a'), 50);
  assert.equal(meter.of('nobody'), null);
});

test('the pace of a phase and the time left, by hand', () => {
  const meter = new PaceMeter(() => EPOCHS_ALONE);
  const train = { epochs: 2, phase: 'train', total: 10, unit: 'steps' };
  assert.equal(meter.at(0), null);
  meter.note({ ...train, epoch: 0, done: 0 }, 0);
  meter.note({ ...train, epoch: 0, done: 4 }, 8_000);
  const pace = meter.at(10_000);
  // 4 steps in 8 s; 6 more take 12 s, of which 2 have gone by.
  assert.deepEqual([pace?.perSecond, pace?.phaseSecondsLeft], [0.5, 10]);
  // 10 s so far and 10 s to come make an epoch of 20 s; another one follows.
  assert.equal(pace?.runSecondsLeft, 10 + 20);
  meter.note({ ...train, epoch: 1, done: 0 }, 20_000);
  assert.equal(meter.at(20_000)?.perSecond, null);
  meter.reset();
  assert.equal(meter.at(20_000), null);
});

test('the largest clusters come first, the empty and the unassigned never', () => {
  const found = membersOfLargest([2, -1, 0, 2, 3, 0, 2, -1], 5);
  assert.deepEqual(found, [
    { cluster: 2, ids: [0, 3, 6] },
    { cluster: 0, ids: [2, 5] },
    { cluster: 3, ids: [4] },
  ]);
});

test('what comes from outside is text on the page: names, reasons, remarks', () => {
  const evil = '<img src=x onerror=alert(1)>';
  const state = liveState({
    ...{ remark: evil, collapsed: evil, servers: [evil] },
    workers: [liveWorker({ id: evil, state: 'lost', reason: `" onmouseover="${evil}` })],
    events: [{ ts: evil, event: evil, reason: evil }],
  });
  const page = [
    ...[nowSection(state), workersSection(state), eventsSection(state), learningSection(state, [])],
  ].map(({ text }) => text);
  for (const text of page) {
    assert.ok(!text.includes('<img'), text);
    assert.doesNotMatch(text, /" onmouseover/);
  }
});

test('a worker that is there can be let go; one that leaves or is gone cannot', () => {
  const buttons = (state: 'working' | 'draining' | 'lost' | 'drained') =>
    workersSection(liveState({ workers: [liveWorker({ state })] })).text.match(/<button/g)?.length;
  assert.equal(buttons('working'), 1);
  for (const state of ['draining', 'lost', 'drained'] as const)
    assert.equal(buttons(state), undefined);
});

test('the frame has a place for every part, and no code of its own', () => {
  const html = renderPage({ runId: 'r1', title: 'DeepCluster', architecture: 'small-convnet' });
  for (const name of SECTION_NAMES) assert.ok(html.includes(`id="${name}-part"`));
  assert.doesNotMatch(html, /<script(?! src="page\.js" defer>)/);
  assert.doesNotMatch(html, / on[a-z]+=/);
});
