/**
 * The images of a run that goes on: found where they lie, waited for when missing, refused when
 * they are others.
 */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { TrainerError, exitCodeOf } from '../../src/errors.ts';
import { createLogger, type Logger } from '../../src/telemetry/logger.ts';
import {
  makeNoiseImages,
  readLosses,
  runPlain,
  temporaryFolder,
  type PlainRun,
} from '../support/runs/in-process-run.ts';

const folder = temporaryFolder();
const pristine = join(folder.path, 'pristine');
const data = join(folder.path, 'data');
const begun = join(folder.path, 'begun');
const run = join(folder.path, 'run');
let undisturbed: number[] = [];
/** The image with id 0. */
let first = '';

/** A run of one epoch, which is then resumed for a second one. */
before(async () => {
  await makeNoiseImages(pristine, 30);
  first = join('dark', readdirSync(join(pristine, 'dark')).toSorted()[0]!);
  cpSync(pristine, data, { recursive: true });
  const whole = join(folder.path, 'whole');
  await runPlain({ data, out: whole, workers: 1 });
  undisturbed = readLosses(whole);
  await runPlain({ data, out: begun, workers: 1, settings: { epochs: 1 } });
});
beforeEach(() => {
  for (const place of [data, run]) rmSync(place, { recursive: true, force: true });
  cpSync(pristine, data, { recursive: true });
  cpSync(begun, run, { recursive: true });
});
after(() => {
  folder.remove();
});

function resume(options: Partial<PlainRun> = {}): Promise<unknown> {
  return runPlain({ data, out: run, workers: 1, resume: true, ...options });
}

async function assertUndisturbed(options: Partial<PlainRun> = {}): Promise<void> {
  await resume(options);
  assert.deepEqual(readLosses(run), undisturbed);
}

const AT_ONCE = { settings: { 'data.waitMs': 0 } };

/** Asserts that a resume ends with this exit code and this message. */
async function assertEnds(
  options: Partial<PlainRun>,
  exitCode: number,
  message: RegExp,
): Promise<void> {
  await assert.rejects(resume(options), (error) => {
    assert.match((error as Error).message, message);
    assert.equal(exitCodeOf(error), exitCode);
    return true;
  });
}

/** A logger that calls back at the first warning of missing images. */
function onMissing(act: (reason: string) => void): Logger {
  return createLogger({
    component: 'test',
    level: 'warn',
    write: (line) => {
      const { event, reason } = JSON.parse(line) as { event: string; reason: string };
      if (event === 'images.missing') act(reason);
    },
  });
}

test('images that lie elsewhere now are found by a new data.source, with the same numbers', async () => {
  const moved = join(folder.path, 'moved');
  rmSync(moved, { recursive: true, force: true });
  renameSync(data, moved);
  await assertUndisturbed({ data: moved });
  const config = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')) as {
    images: { path: string };
  };
  assert.equal(config.images.path, moved, 'the next resume finds them there');
});

test('missing images end a resume with 75, the count and the first; put back, they are waited for no longer', async () => {
  rmSync(join(data, first));
  rmSync(join(data, 'light'), { recursive: true });
  await assertEnds(
    AT_ONCE,
    75,
    /^images of the run: \d+ of the run's 30 images are missing in \S+data \(first "dark\/\d+\.png"\); waited for 0 s \(data\.waitMs\); put them back/,
  );
  let told = 0;
  const logger = onMissing((reason) => {
    told += 1;
    assert.match(reason, /are missing in .*; looking again for 60 s/);
    cpSync(pristine, data, { recursive: true });
  });
  await assertUndisturbed({ logger });
  assert.equal(told, 1);
});

test('a folder that is not there, and one that is empty, are missing images too', async () => {
  rmSync(data, { recursive: true });
  await assertEnds(AT_ONCE, 75, /^images of the run: data \S+data: there is no such folder/);
  mkdirSync(data);
  await assertEnds(AT_ONCE, 75, /^images of the run: data \S+data: expected at least one image/);
});

test('a list whose files are missing is a matter of missing images', async () => {
  cpSync(join(run, 'images.ndjson'), join(data, 'images.ndjson'));
  rmSync(join(data, 'light'), { recursive: true });
  const list = { data: join(data, 'images.ndjson') };
  await assertEnds({ ...AT_ONCE, ...list }, 75, /of the run's 30 images are missing/);
});

test('added images are refused with 42, and the remedy of the message goes on with those of before', async () => {
  cpSync(join(data, first), join(data, 'dark', 'zz.png'));
  cpSync(join(data, first), join(data, 'zzz.png'));
  let message = '';
  await assert.rejects(resume(AT_ONCE), (error) => {
    ({ message } = error as Error);
    return exitCodeOf(error) === 42;
  });
  const remedy =
    /^data \S+data: its 32 images are not the 30 that the run began with: 2 added \(first "dark\/zz\.png"\); to go on with those it began with, copy (\S+) to (\S+) and resume with --data (\S+)$/.exec(
      message,
    );
  assert.ok(remedy !== null, message);
  const [, listing, place, list] = remedy as unknown as [string, string, string, string];
  cpSync(listing, join(place, 'images.ndjson'));
  await assertUndisturbed({ data: list });
});

test('a changed image is refused with 42 and both sizes; put back as it was, the run goes on', async () => {
  appendFileSync(join(data, first), 'xy');
  await assertEnds(
    AT_ONCE,
    42,
    /: 1 of another size \(first "dark\/\d+\.png": \d+ bytes, \d+ before\); put back those it began with and resume, or begin a new run$/,
  );
  rmSync(join(data, 'light'), { recursive: true });
  await assertEnds(AT_ONCE, 42, /: \d+ missing .*, 1 of another size/); // no wait would mend that
  cpSync(pristine, data, { recursive: true });
  await assertUndisturbed();
});

test('a run of an earlier release, which has neither listing nor digest, is checked against its checkpoint', async () => {
  const file = join(run, 'config.json');
  const saved = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...saved, images: undefined }));
  rmSync(join(run, 'images.ndjson'));
  cpSync(join(data, first), join(data, 'zzz.png'));
  await assertEnds(
    AT_ONCE,
    42,
    /^data digest: expected \w{12}, got \w{12}; resume with the images/,
  );
});

/** How worker number 1 ended that had these images, while worker 0 had the run's own. */
async function endOfWorker(
  images: string,
  settings: Readonly<Record<string, number>>,
  logger?: Logger,
): Promise<unknown> {
  let end: unknown = 'it was not there';
  await assertUndisturbed({
    workers: 2,
    settings,
    workerData: (worker) => (worker === 1 ? images : null),
    onWorkerEnd: (worker, error) => {
      if (worker === 1) end = error;
    },
    ...(logger === undefined ? {} : { logger }),
  });
  return end;
}

test('a worker that finds fewer images waits for them, or ends with 75 and the count; the run goes on', async () => {
  const own = join(folder.path, 'own');
  cpSync(pristine, own, { recursive: true });
  rmSync(join(own, 'light'), { recursive: true });
  const short = await endOfWorker(own, { 'data.waitMs': 0 });
  assert.ok(short instanceof TrainerError);
  assert.match(short.message, /: \d+ of the run's 30 images are missing in \S+own; waited for 0 s/);
  assert.equal(exitCodeOf(short), 75);
  const absent = await endOfWorker(join(folder.path, 'not-mounted'), { 'data.waitMs': 0 });
  assert.equal(exitCodeOf(absent), 75);
});

test('a worker whose missing images come takes part', async () => {
  const own = join(folder.path, 'coming');
  mkdirSync(own);
  let told = '';
  const logger = onMissing((reason) => {
    told = reason;
    cpSync(pristine, own, { recursive: true });
  });
  // The only one: the run cannot end without it.
  await assertUndisturbed({ workerData: () => own, logger });
  assert.match(told, /^data \S+coming: expected at least one image, found none; looking again/);
});

test('a worker that still waits when the run is over ends with it', async () => {
  const ended = await endOfWorker(join(folder.path, 'never'), { 'data.waitMs': 3_600_000 });
  assert.equal(ended, null);
});

test('a worker with other or more images is refused with 42', async () => {
  const more = join(folder.path, 'more');
  cpSync(pristine, more, { recursive: true });
  cpSync(join(more, first), join(more, 'zzz.png'));
  const refused = await endOfWorker(more, { 'data.waitMs': 3_600_000 });
  assert.equal(exitCodeOf(refused), 42);
  assert.match((refused as Error).message, /data set: expected 30 images .*, got 31 with/);
});
