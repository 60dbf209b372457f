/**
 * Two launches on one run's folder: one of them writes, the other says why it does not, or has
 * taken the run over.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { makeImages } from '../../src/data/made/made-images.ts';
import { temporaryFolder } from '../support/in-process-run.ts';
import {
  eventsOf,
  finished,
  launch,
  lossesOf,
  pidOf,
  waitForEvent,
  type LaunchPlan,
  type Launched,
  type RunEvent,
} from '../support/launched-run.ts';

const EPOCHS = 3;
const STEPS = 18;
const folder = temporaryFolder();
const data = join(folder.path, 'images');
const undisturbed = join(folder.path, 'undisturbed');

before(async () => {
  await makeImages({ out: data, classes: 6, perClass: 24, size: 48, seed: 1 });
  await finished(start({ out: undisturbed }));
});
after(() => {
  folder.remove();
});

function start(plan: Omit<LaunchPlan, 'data'>): Launched {
  return launch({ data, settings: { epochs: EPOCHS }, ...plan });
}

/** A run that has trained for some steps. */
async function underWay(name: string): Promise<{ out: string; first: Launched }> {
  const out = join(folder.path, name);
  const first = start({ out });
  const isUnderWay = ({ event, step }: RunEvent): boolean =>
    event === 'step.committed' && step === 4;
  await waitForEvent(out, isUnderWay, first);
  return { out, first };
}

/**
 * Its workers stand still, so that it does not end before its time.
 * @returns what lets them go on
 */
function holdWorkers(out: string): () => void {
  const pids = ['worker-0', 'worker-1'].map((id) => pidOf(out, id));
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  return () => {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  };
}

/**
 * The run came to the undisturbed one's losses, and events.jsonl tells of each of its steps by the
 * process that had the folder.
 */
function assertOneWriter(out: string): void {
  assert.deepEqual(lossesOf(out), lossesOf(undisturbed), 'bit for bit');
  const expected = lossesOf(undisturbed);
  let newest = 0;
  const steps = new Set<number>();
  for (const { event, term, step, loss } of eventsOf(out)) {
    assert.ok((term as number) >= newest, `${event} of term ${String(term)} after term ${newest}`);
    newest = term as number;
    if (event !== 'step.committed') continue;
    assert.equal(loss, expected[step as number]);
    steps.add(step as number);
  }
  assert.equal(steps.size, STEPS);
  assert.equal(eventsOf(out).filter(({ event }) => event === 'run.finished').length, 1);
}

test('a second launch on a run that goes on ends with 75 and says who has the folder; the run does not notice', async () => {
  const { out, first } = await underWay('second');
  const letGo = holdWorkers(out);
  const { code, stderr } = await start({ out, resume: true }).ended;
  letGo();
  assert.equal(code, 75, stderr);
  const coordinator = pidOf(out, 'coordinator');
  const held = new RegExp(
    `^deepcluster: run folder ${out}: held since \\S+ by process ${coordinator} on \\S+ \\(term 1\\); add --wait .*\\(kill ${first.process.pid}\\).*--take-over$`,
    'm',
  );
  assert.match(stderr, held);
  await finished(first);
  assertOneWriter(out);
  assert.equal(eventsOf(out).filter(({ event }) => event === 'step.committed').length, STEPS);
});

test('with --wait the second goes on once the first has been ended as the message says', async () => {
  const { out, first } = await underWay('waited-for');
  const letGo = holdWorkers(out);
  const second = start({ out, resume: true, flags: ['--wait'] });
  const text = await new Promise<string>((resolve) => {
    let seen = '';
    second.process.stderr!.on('data', (piece: Buffer) => {
      seen += piece.toString();
      if (seen.includes('waiting:')) resolve(seen);
    });
  });
  letGo();
  const [, pid] = /\(kill (\d+)\)/.exec(text) ?? [];
  process.kill(Number(pid), 'SIGTERM');
  assert.equal((await first.ended).code, 75);
  await finished(second);
  assertOneWriter(out);
  const steps = eventsOf(out).filter(({ event }) => event === 'step.committed');
  assert.equal(steps.length, STEPS, 'after an orderly stop no step is computed again');
});

test('with --take-over the second goes on at once, and the first ends with 75', async () => {
  const { out, first } = await underWay('taken-over');
  const letGo = holdWorkers(out);
  const second = start({ out, resume: true, flags: ['--take-over'] });
  await waitForEvent(out, ({ event, term }) => event === 'folder.claimed' && term === 2, second);
  letGo();
  const { code, stderr } = await first.ended;
  assert.equal(code, 75, stderr);
  assert.match(
    stderr,
    /^deepcluster: run folder \S+: taken over since .* writes no more to it, and ends$/m,
  );
  await finished(second);
  assertOneWriter(out);
});

test('a coordinator that is paused loses the folder, and what it does when it wakes up changes nothing', async () => {
  const { out, first } = await underWay('paused');
  const paused = pidOf(out, 'coordinator');
  process.kill(paused, 'SIGSTOP');
  await finished(start({ out, resume: true }));
  assertOneWriter(out);
  const files = (): string[] => readdirSync(out, { recursive: true, encoding: 'utf8' }).sort();
  const before = { files: files(), events: readFileSync(join(out, 'events.jsonl'), 'utf8') };
  process.kill(paused, 'SIGCONT');
  const { code, stderr } = await first.ended;
  assert.equal(code, 75, stderr);
  assert.match(stderr, /taken over since/);
  assert.equal(readFileSync(join(out, 'events.jsonl'), 'utf8'), before.events);
  assert.deepEqual(files(), before.files);
  assertOneWriter(out);
});
