import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resumeCommand, shellWord } from '../../src/messages/command-line.ts';
import { configKeys } from '../../src/config/keys.ts';
import { changesOf, requireEpochs } from '../../src/config/resumable-settings.ts';
import { runConfigSchema, type RunConfig } from '../../src/config/schema.ts';

const SAVED = runConfigSchema().parse({});

/** The defaults with one setting that is another, whatever it may be. */
function withOther(key: string): RunConfig {
  const config = structuredClone(SAVED) as unknown as Record<string, unknown>;
  const path = key.split('.');
  const section = path
    .slice(0, -1)
    .reduce<Record<string, unknown>>((part, name) => part[name] as Record<string, unknown>, config);
  section[path.at(-1)!] = 'another';
  return config as unknown as RunConfig;
}

test('of all settings, those may change that hold from a step on, or that move no number', () => {
  const resumable = [...configKeys().keys()].filter((key) => {
    try {
      changesOf(SAVED, withOther(key), 7);
      return true;
    } catch {
      return false;
    }
  });
  const others = resumable.filter((key) => !/^(cluster|evaluation|checkpoint)\./.test(key));
  assert.deepEqual(others, [
    'epochs',
    'data.source',
    'data.maxUnreadableFraction',
    'data.maxDamagedFraction',
    'data.waitMs',
    'data.cacheBytes',
    'data.loaderThreads',
    'deepclusterV2.wholeBytes',
    'odc.logInterval',
    'training.larsTrust',
    'training.learningRate',
    'training.weightDecay',
    'training.decayNormsAndBiases',
    'training.headLearningRate',
    'training.schedule',
    'training.warmupEpochs',
    'training.cosineTo',
    'training.outerLearningRate',
  ]);
  const operation = [...configKeys().keys()].filter((key) =>
    /^(cluster|evaluation|checkpoint)\./.test(key),
  );
  assert.deepEqual(
    operation.filter((key) => !resumable.includes(key)),
    [],
  );
});

test('a change has its step, its key and both values; what stays is none', () => {
  const current = runConfigSchema().parse({
    epochs: 300,
    training: { learningRate: 0.005, schedule: [{ epoch: 3, factor: 0.1 }] },
  });
  assert.deepEqual(changesOf(SAVED, current, 12), [
    { step: 12, key: 'epochs', from: 200, to: 300 },
    { step: 12, key: 'training.learningRate', from: 0.05, to: 0.005 },
    { step: 12, key: 'training.schedule', from: [], to: [{ epoch: 3, factor: 0.1 }] },
  ]);
  assert.deepEqual(changesOf(current, current, 12), []);
});

test('a setting that the release before did not have is no change', () => {
  const earlier = { ...SAVED, checkpoint: { keep: SAVED.checkpoint.keep } } as unknown as RunConfig;
  assert.deepEqual(changesOf(earlier, SAVED, 3), []);
});

test('a setting that the release before did not have, and that must stay, stays at its default', () => {
  const earlier = structuredClone(SAVED) as { training: Partial<RunConfig['training']> };
  delete earlier.training.mode;
  assert.deepEqual(changesOf(earlier as RunConfig, SAVED, 3), []);
  const current = runConfigSchema().parse({ training: { mode: 'local' } });
  assert.throws(() => changesOf(earlier as RunConfig, current, 3), {
    code: 'CONFIG_INVALID',
    message: /^config training\.mode: must stay "sync" when the run is resumed/,
  });
});

test('a setting that must stay is refused with its value and with what to do', () => {
  const current = runConfigSchema().parse({ training: { learningRate: 1, momentum: 0.5 } });
  assert.throws(() => changesOf(SAVED, current, 3), {
    code: 'CONFIG_INVALID',
    message:
      'config training.momentum: must stay 0.9 when the run is resumed: leave it out, or begin another run with another --out, got 0.5',
  });
});

test('epochs may be raised, and lowered to those that the run has begun', () => {
  requireEpochs(3, 3);
  requireEpochs(9, 3);
  assert.throws(() => {
    requireEpochs(2, 3);
  }, /config epochs: must be at least 3, which the run has begun, got 2/);
});

test('a command that a message prints is one that a shell takes apart into its words', () => {
  assert.equal(shellWord('runs/odc-1'), 'runs/odc-1');
  assert.equal(shellWord("it's a run"), String.raw`'it'\''s a run'`);
  assert.equal(
    resumeCommand('my run', {
      credentials: '/certs',
      settings: { 'training.learningRate': 0.005 },
    }),
    "deepcluster launch --resume --out 'my run' --credentials /certs --set training.learningRate=0.005",
  );
  assert.equal(resumeCommand('r'), 'deepcluster launch --resume --out r');
});
