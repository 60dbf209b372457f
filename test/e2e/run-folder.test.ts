/**
 * Two launches on one run's folder: one of them writes, the other says why it does not, or has
 * taken the run over.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { committed, disturbedRuns, type DisturbedRun } from '../support/runs/disturbed-runs.ts';

const STEPS = 18;
const runs = await disturbedRuns({ epochs: 3 });

/** A run that has trained for some steps. */
async function underWay(name: string): Promise<DisturbedRun> {
  const run = runs.start(name);
  await run.reaches(committed(4));
  return run;
}

/**
 * Its workers stand still, so that it does not end before its time.
 * @returns what lets them go on
 */
function holdWorkers(run: DisturbedRun): () => void {
  const pids = ['worker-0', 'worker-1'].map((id) => run.pidOf(id));
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  return () => {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  };
}

/**
 * The run came to the undisturbed one's losses, and events.jsonl tells of each of its steps by the
 * process that had the folder.
 */
function assertOneWriter({ out, events }: DisturbedRun): void {
  runs.assertSameLosses(out);
  let newest = 0;
  const steps = new Set<number>();
  for (const { event, term, step, loss } of events) {
    assert.ok((term as number) >= newest, `${event} of term ${String(term)} after term ${newest}`);
    newest = term as number;
    if (event !== 'step.committed') continue;
    assert.equal(loss, runs.losses[step as number]);
    steps.add(step as number);
  }
  assert.equal(steps.size, STEPS);
  assert.equal(events.filter(({ event }) => event === 'run.finished').length, 1);
}

test('a second launch on a run that goes on ends with 75 and says who has the folder; the run does not notice', async () => {
  const first = await underWay('second');
  const letGo = holdWorkers(first);
  const stderr = await runs.start('second', { resume: true }).endsToBeResumed();
  letGo();
  const held = new RegExp(
    `^deepcluster: run folder ${first.out}: held since \\S+ by process ${first.pidOf('coordinator')} on \\S+ \\(term 1\\); add --wait .*\\(kill ${first.launched.process.pid}\\).*--take-over$`,
    'm',
  );
  assert.match(stderr, held);
  await first.endsWhole();
  assertOneWriter(first);
  assert.equal(first.events.filter(({ event }) => event === 'step.committed').length, STEPS);
});

test('with --wait the second goes on once the first has been ended as the message says', async () => {
  const first = await underWay('waited-for');
  const letGo = holdWorkers(first);
  const second = runs.start('waited-for', { resume: true, flags: ['--wait'] });
  const text = await new Promise<string>((resolve) => {
    let seen = '';
    second.launched.process.stderr!.on('data', (piece: Buffer) => {
      seen += piece.toString();
      if (seen.includes('waiting:')) resolve(seen);
    });
  });
  letGo();
  const [, pid] = /\(kill (\d+)\)/.exec(text) ?? [];
  process.kill(Number(pid), 'SIGTERM');
  await first.endsToBeResumed();
  await second.endsWhole();
  assertOneWriter(second);
  const steps = second.events.filter(({ event }) => event === 'step.committed');
  assert.equal(steps.length, STEPS, 'after an orderly stop no step is computed again');
});

test('with --take-over the second goes on at once, and the first ends with 75', async () => {
  const first = await underWay('taken-over');
  const letGo = holdWorkers(first);
  const second = runs.start('taken-over', { resume: true, flags: ['--take-over'] });
  await second.reaches(({ event, term }) => event === 'folder.claimed' && term === 2);
  letGo();
  assert.match(
    await first.endsToBeResumed(),
    /^deepcluster: run folder \S+: taken over since .* writes no more to it, and ends$/m,
  );
  await second.endsWhole();
  assertOneWriter(second);
});

test('a coordinator that is paused loses the folder, and what it does when it wakes up changes nothing', async () => {
  const first = await underWay('paused');
  const paused = first.pidOf('coordinator');
  process.kill(paused, 'SIGSTOP');
  const { out } = first;
  await runs.start('paused', { resume: true }).endsWhole();
  assertOneWriter(first);
  const files = (): string[] => readdirSync(out, { recursive: true, encoding: 'utf8' }).sort();
  const eventsText = (): string => readFileSync(join(out, 'events.jsonl'), 'utf8');
  const before = { files: files(), events: eventsText() };
  process.kill(paused, 'SIGCONT');
  assert.match(await first.endsToBeResumed(), /taken over since/);
  assert.equal(eventsText(), before.events);
  assert.deepEqual(files(), before.files);
  assertOneWriter(first);
});
