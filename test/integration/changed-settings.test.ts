/**
 * Settings that change when a run is resumed: they take effect, and the run says so; and runs that
 * diverged and go on.
 */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { unavailable } from '../../src/errors.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import type { Notice } from '../../src/telemetry/notice.ts';
import {
  checkpointOf,
  placeForRuns,
  plainCompute,
  readLines,
  readLosses,
  runPlain,
  type PlainRun,
} from '../support/runs/in-process-run.ts';
import { settingsIn } from '../support/runs/launched-run.ts';

const IMAGES = 48;
/** Steps of an epoch, in batches of 16. */
const STEPS = 3;
const { data, out } = await placeForRuns(IMAGES);

type Settings = NonNullable<PlainRun['settings']>;

/** Powers of two, so that halves cost no rounding. */
const RATES: Settings = { 'training.learningRate': 2 ** -6, 'training.headLearningRate': 2 ** -5 };
const HALF_RATES: Settings = {
  'training.learningRate': 2 ** -7,
  'training.headLearningRate': 2 ** -6,
};

function run(name: string, settings: Settings, more: Partial<PlainRun> = {}): Promise<RunSummary> {
  return runPlain({ data, out: out(name), workers: 1, settings, ...more });
}

/**
 * Stopped in the training of a step, which takes effect all the same; its checkpoint has that many
 * steps, or one more.
 */
async function stoppedAt(name: string, step: number, settings: Settings): Promise<number> {
  const stop = new AbortController();
  const onNotice = (notice: Notice): void => {
    if (notice.type !== 'progress' || notice.phase !== 'train') return;
    if (notice.epoch * STEPS + notice.done === step) stop.abort(unavailable('test', 'stopped'));
  };
  await assert.rejects(run(name, settings, { signal: stop.signal, onNotice }), /stopped/);
  return (await checkpointOf(out(name))).step;
}

function resume(
  name: string,
  settings: Settings,
  more: Partial<PlainRun> = {},
): Promise<RunSummary> {
  return run(name, settings, { resume: true, ...more });
}

function savedConfig(name: string): { training: { learningRate: number }; epochs: number } {
  const { config } = JSON.parse(readFileSync(join(out(name), 'config.json'), 'utf8')) as {
    config: ReturnType<typeof savedConfig>;
  };
  return config;
}

function changesIn(name: string): Record<string, unknown>[] {
  return readLines(out(name), 'events.jsonl').filter(({ event }) => event === 'settings.changed');
}

test('rates that are changed between epochs are those of a run whose schedule changes them', async () => {
  await run('scheduled', { ...RATES, 'training.schedule': '[{epoch: 1, factor: 0.5}]' });
  await run('changed', { ...RATES, epochs: 1 });
  const summary = await resume('changed', HALF_RATES);
  assert.deepEqual(readLosses(out('changed')), readLosses(out('scheduled')));
  const [changed, scheduled] = await Promise.all(
    ['changed', 'scheduled'].map((name) => checkpointOf(out(name))),
  );
  assert.deepEqual(changed!.files['parameters'], scheduled!.files['parameters']);
  assert.deepEqual(changed!.files['momentum'], scheduled!.files['momentum']);
  assert.deepEqual(summary.settingChanges, [
    { step: STEPS, key: 'epochs', from: 1, to: 2 },
    { step: STEPS, key: 'training.learningRate', from: 2 ** -6, to: 2 ** -7 },
    { step: STEPS, key: 'training.headLearningRate', from: 2 ** -5, to: 2 ** -6 },
  ]);
});

test('rates that are changed within an epoch hold from the resumed step on, by themselves or by the schedule', async () => {
  await run('undisturbed', RATES);
  const step = await stoppedAt('by-rate', 1, RATES);
  assert.ok(step >= 1 && step < STEPS, `stopped within the first epoch, at step ${step}`);
  cpSync(out('by-rate'), out('by-schedule'), { recursive: true });
  await resume('by-rate', HALF_RATES);
  await resume('by-schedule', { ...RATES, 'training.schedule': '[{epoch: 0, factor: 0.5}]' });
  const [rate, schedule, undisturbed] = ['by-rate', 'by-schedule', 'undisturbed'].map((name) =>
    readLosses(out(name)),
  );
  assert.deepEqual(rate, schedule);
  // The loss of a step is that of the parameters it begins with.
  assert.deepEqual(rate!.slice(0, step + 1), undisturbed!.slice(0, step + 1));
  assert.notEqual(rate![step + 1], undisturbed![step + 1]);
});

test('a change is kept: in config.json, in checkpoints, over another resume, in the summary, the report and the events', async () => {
  await run('kept', { ...RATES, epochs: 1 });
  await resume('kept', { ...HALF_RATES, epochs: 2 });
  assert.equal(savedConfig('kept').training.learningRate, 2 ** -7);
  const { state } = await checkpointOf(out('kept'));
  assert.equal((state['config'] as typeof state)['epochs'], 2);
  // What the saved configuration says, as `launch --resume` without flags reads it, and one epoch
  // more.
  const summary = await resume('kept', { ...HALF_RATES, epochs: 3 });
  const expected = [
    { step: STEPS, key: 'epochs', from: 1, to: 2 },
    { step: STEPS, key: 'training.learningRate', from: 2 ** -6, to: 2 ** -7 },
    { step: STEPS, key: 'training.headLearningRate', from: 2 ** -5, to: 2 ** -6 },
    { step: 2 * STEPS, key: 'epochs', from: 2, to: 3 },
  ];
  assert.deepEqual(summary.settingChanges, expected);
  assert.deepEqual(
    changesIn('kept').map(({ step, key, from, to }) => ({ step, key, from, to })),
    expected,
  );
  const report = readFileSync(join(out('kept'), 'report.html'), 'utf8');
  const section = report.slice(report.indexOf('<section aria-labelledby="changes">'));
  assert.match(section, /training\.learningRate<\/code>.*0\.015625.*0\.0078125.*<td>3<\/td>/);
});

test('a coordinator that is started again with the same flags makes no second change', async () => {
  await run('again', { ...RATES, epochs: 1 });
  const before = join(out('again'), 'checkpoints-before');
  cpSync(join(out('again'), 'checkpoints'), before, { recursive: true });
  const settings = { ...HALF_RATES, epochs: 2, 'checkpoint.everySteps': 0 };
  const stop = new AbortController();
  const onNotice = (notice: Notice): void => {
    if (notice.type === 'progress' && notice.phase === 'train') {
      stop.abort(unavailable('test', 'killed'));
    }
  };
  await assert.rejects(resume('again', settings, { signal: stop.signal, onNotice }), /killed/);
  // As after kill -9: the checkpoint that the stop has taken was never written.
  rmSync(join(out('again'), 'checkpoints'), { recursive: true });
  cpSync(before, join(out('again'), 'checkpoints'), { recursive: true });
  const first = await resume('again', settings);
  // And once more, from checkpoints that have it.
  const second = await resume('again', settings);
  for (const summary of [first, second]) {
    assert.deepEqual(
      summary.settingChanges.map(({ step, key }) => `${step} ${key}`),
      ['epochs', 'training.learningRate', 'training.headLearningRate', 'checkpoint.everySteps']
        .map((key) => `${STEPS} ${key}`)
        .sort(
          (a, b) =>
            first.settingChanges.findIndex(({ key }) => a.endsWith(key)) -
            first.settingChanges.findIndex(({ key }) => b.endsWith(key)),
        ),
    );
  }
  assert.equal(changesIn('again').length, 4);
});

test('a change that is refused changes nothing: the run goes on as it was', async () => {
  await run('refused', { ...RATES, epochs: 1 });
  const saved = readFileSync(join(out('refused'), 'config.json'), 'utf8');
  const wrong = resume('refused', { ...RATES, epochs: 2, 'training.momentum': 0.5 });
  await assert.rejects(wrong, /config training\.momentum: must stay 0\.9 .* got 0\.5/);
  assert.equal(readFileSync(join(out('refused'), 'config.json'), 'utf8'), saved);
  assert.deepEqual(changesIn('refused'), []);
  const { settingChanges } = await resume('refused', { ...RATES, epochs: 2 });
  assert.deepEqual(
    settingChanges.map(({ key }) => key),
    ['epochs'],
  );
});

test('an epoch that has begun is trained to its end', async () => {
  const step = await stoppedAt('short', STEPS + 1, RATES);
  assert.ok(step > STEPS, `in the second epoch, at step ${step}`);
  await assert.rejects(
    resume('short', { ...RATES, epochs: 1 }),
    /config epochs: must be at least 2, which the run has begun, got 1/,
  );
  const { epochs } = await resume('short', { ...RATES, epochs: 2 });
  assert.equal(epochs, 2);
});

/** The settings of the command that a message names. */
function commandIn(message: string): Record<string, number> {
  const command = /deepcluster launch --resume --out \S+( --set \S+=\S+)+/.exec(message)?.[0];
  assert.ok(command !== undefined, message);
  return settingsIn(command);
}

/** Parameters grow by a factor of 1e12 a step, to values beyond float32 in the fourth. */
const DIVERGING = { 'training.learningRate': 1e12, 'training.headLearningRate': 2 ** -5 };

async function messageOf(failing: Promise<unknown>): Promise<string> {
  try {
    await failing;
  } catch (error) {
    return (error as Error).message;
  }
  assert.fail('the run did not diverge');
}

function checkpointsIn(name: string): string[] {
  return readdirSync(join(out(name), 'checkpoints')).sort();
}

test('a run that diverged goes on from before, by the command that its message names', async () => {
  const keep = { 'checkpoint.everySteps': 1, 'checkpoint.keep': 9, 'training.batchSize': 6 };
  const message = await messageOf(run('diverged', { ...DIVERGING, ...keep }));
  assert.match(message, /of step 4, slice 0.*\(2 times: .*go on from step-0 with lower/);
  // All that was computed with the rate that was too high, finite or not.
  assert.deepEqual(checkpointsIn('diverged'), [
    'LATEST',
    'step-0',
    ...[1, 2, 3, 4].map((step) => `step-${step}.unsound`),
  ]);
  const rates = commandIn(message);
  assert.deepEqual(rates, {
    'training.learningRate': 0.05,
    'training.headLearningRate': Number((2 ** -5 / 10).toPrecision(3)),
  });
  const summary = await resume('diverged', { ...keep, ...rates });
  assert.ok(Number.isFinite(summary.finalLoss));
  assert.equal(summary.settingChanges[0]?.step, 0);
  // It is the run that had these rates from the beginning.
  await run('sound', { ...keep, ...rates });
  assert.deepEqual(readLosses(out('diverged')), readLosses(out('sound')));
});

test('where no checkpoint from before is left, a run that diverged is to be begun again', async () => {
  const keep = { 'checkpoint.everySteps': 1, 'checkpoint.keep': 2, 'training.batchSize': 6 };
  const message = await messageOf(run('lost', { ...DIVERGING, ...keep }));
  assert.match(message, /no checkpoint from before is left: begin another run, in another --out/);
  const summary = await run('begun-again', { ...keep, ...settingsIn(message) });
  assert.ok(Number.isFinite(summary.finalLoss));
});

test('numbers that are not finite before the first step are no matter of rates', async () => {
  const sick = plainCompute({ features: (count) => new Float32Array(count * 10).fill(NaN) });
  const message = await messageOf(run('sick', RATES, { compute: () => sick }));
  assert.match(
    message,
    /NaN.*no step has been taken yet: check the images \(deepcluster data verify/,
  );
  assert.doesNotMatch(message, /rate/);
});
