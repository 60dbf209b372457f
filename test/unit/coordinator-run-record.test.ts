/** Times of a run: its phases add up to its wall time, through checkpoints, stops and lost processes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunRecord, type TermTimes } from '../../coordinator/record/run-record.ts';

type Step = Parameters<RunRecord['noteStep']>[0];
type Epoch = Parameters<RunRecord['openEpoch']>[0];

const STEP = { loss: 1, samples: 10 } as Step;
const EPOCH: Epoch = {
  ...{ epoch: 0, firstStep: 0, nmiToPrevious: null, nmiToTruth: null },
  ...{ emptyClusters: 0, entropy: 1, inertia: 1, refilled: 0 },
};

/** [s] */
function totalOf(seconds: Readonly<Record<string, number>>): number {
  return Object.values(seconds).reduce((sum, own) => sum + own, 0);
}

/** Of a term that begins now, after one that was last seen then. */
function timesOf(clock: { ms: number }, lastSeenMs: number): TermTimes {
  return { startedMs: clock.ms, lastSeenMs, dateMs: () => clock.ms };
}

/** A run in its first epoch's training, 20 s after its beginning. */
function training(clock: { ms: number }): RunRecord {
  const record = new RunRecord(() => clock.ms);
  clock.ms += 3_000;
  record.enterPhase('extract');
  clock.ms += 5_000;
  record.enterPhase('kmeans');
  clock.ms += 2_000;
  record.openEpoch(EPOCH);
  record.enterPhase('train');
  clock.ms += 10_000;
  record.noteStep(STEP);
  return record;
}

test('the phase under way counts up to now', () => {
  const clock = { ms: 1e12 };
  const record = training(clock);
  const { start, extract, kmeans, train } = record.seconds;
  assert.deepEqual(
    { start, extract, kmeans, train },
    { start: 3, extract: 5, kmeans: 2, train: 10 },
  );
  assert.equal(record.wallSeconds, 20);
});

test('stopped in the middle of a phase and resumed, no time is missing and none counted twice', () => {
  const clock = { ms: 1e12 };
  const before = training(clock);
  const saved = before.state();
  const arrays = before.arrays();
  const stoppedMs = clock.ms;
  // Nobody was there for an hour; the next process needs four seconds to begin.
  clock.ms += 3_600_000;
  const after = new RunRecord(() => clock.ms, timesOf(clock, stoppedMs));
  clock.ms += 4_000;
  after.restore(saved, arrays);
  after.enterPhase('train');
  clock.ms += 6_000;
  after.noteStep(STEP);
  const epoch = after.closeEpoch(null);
  assert.equal(after.wallSeconds, 30);
  assert.equal(totalOf(after.seconds), 30);
  assert.deepEqual(
    [after.seconds.start, after.seconds.train, after.seconds.lost],
    [7, 16, 0],
    'the images of both parts, in the time of both',
  );
  assert.equal(epoch.seconds.train, 16);
  assert.equal(totalOf(epoch.seconds), 30);
});

test('what was done after the checkpoint is lost with its process, and told as such', () => {
  const clock = { ms: 1e12 };
  const before = training(clock);
  const saved = JSON.parse(JSON.stringify(before.state())) as ReturnType<RunRecord['state']>;
  const arrays = before.arrays();
  clock.ms += 8_000;
  // The process is killed here, and another one is there at once.
  const after = new RunRecord(() => clock.ms, timesOf(clock, clock.ms));
  after.restore(saved, arrays);
  assert.equal(after.seconds.lost, 8);
  assert.equal(after.seconds.train, 10, 'the time of the steps that count');
  assert.equal(after.wallSeconds, 28);
  assert.equal(totalOf(after.seconds), 28);
});

test('a checkpoint of an earlier release, which knows fewer phases, is gone on from', () => {
  const clock = { ms: 1e12 };
  const before = training(clock);
  const saved = { ...before.state() };
  delete saved.writtenMs;
  const seconds = { extract: 5, pca: 0, kmeans: 2, train: 10 } as typeof saved.seconds;
  const epochs = saved.epochs.map((epoch) => ({ ...epoch, seconds }));
  const after = new RunRecord(() => clock.ms, timesOf(clock, clock.ms));
  after.restore({ ...saved, seconds, epochs }, before.arrays());
  assert.equal(after.seconds.train, 10);
  assert.equal(after.seconds.evaluate, 0);
  assert.equal(after.epochs[0]!.seconds.other, 0);
});

test('a calendar that jumps by hours moves no time of the run', () => {
  const clock = { ms: 5_000 };
  const date = { ms: 1e12 };
  const record = new RunRecord(() => clock.ms, {
    ...{ startedMs: clock.ms, lastSeenMs: null, dateMs: () => date.ms },
  });
  record.enterPhase('train');
  clock.ms += 4_000;
  date.ms -= 7_200_000;
  assert.equal(record.wallSeconds, 4);
  assert.equal(record.seconds.train, 4);
  assert.equal(record.state().writtenMs, date.ms, 'for the process that goes on');
});
