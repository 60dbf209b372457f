import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { odcConfigOf } from '../../src/algorithms/odc/config.ts';
import { configKeys } from '../../src/config/keys.ts';
import { smallCropsOf } from '../../src/algorithms/deepcluster-v2/config.ts';
import { loadRunConfig, type ConfigSources, type LoadedConfig } from '../../src/config/load.ts';
import { nearestName } from '../../src/messages/nearest-name.ts';
import { packageRoot } from '../../src/process/package-root.ts';
import {
  configFileOf,
  defaultRunFolder,
  requireRunFolder,
  withSavedConfig,
} from '../../src/run/folder.ts';
import { presetNames } from '../../src/config/sources.ts';

const folder = mkdtempSync(join(tmpdir(), 'config-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function fileWith(text: string, name = 'run.yaml'): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function load(sources: Partial<ConfigSources>): LoadedConfig {
  return loadRunConfig({ env: {}, settings: [], ...sources });
}

function flag(key: string, value: string): { key: string; value: string; origin: string } {
  return { key, value, origin: `--set ${key}` };
}

/** Asserts that loading fails with exactly this message, as a configuration error. */
function assertRefused(sources: Partial<ConfigSources>, message: string): void {
  assert.throws(() => load(sources), { code: 'CONFIG_INVALID', message });
}

describe('order of sources', () => {
  const file = fileWith('preset: demo\nepochs: 3\nclustering:\n  k: 7\nseed: 5\n');
  const env = { DC_EPOCHS: '4', DC_SEED: '6', PATH: '/bin' };
  const settings = [flag('seed', '8'), flag('training.learningRate', '1e-2')];
  const { config, origins } = load({ file, env, settings });

  test('a flag goes over the environment, that over the file, that over the preset, that over the default', () => {
    assert.equal(config.seed, 8); // flag over environment (6) over file (5)
    assert.equal(config.epochs, 4); // environment over file (3) over preset (18)
    assert.equal(config.clustering.k, 7); // file over preset (50)
    assert.equal(config.data.shardSize, 150); // preset over default (4096)
    assert.equal(config.clustering.iterations, 20); // default
    assert.equal(config.training.learningRate, 0.01);
  });

  test('every value that was set has its origin, with the line in a file; a default has none', () => {
    assert.equal(origins['seed'], '--set seed');
    assert.equal(origins['epochs'], 'DC_EPOCHS');
    assert.equal(origins['clustering.k'], `${file}:4`);
    assert.match(origins['data.shardSize'] ?? '', /^preset demo:\d+$/);
    assert.equal(origins['clustering.iterations'], undefined);
  });

  test('the last of two flags for one key wins', () => {
    assert.equal(load({ settings: [flag('seed', '1'), flag('seed', '2')] }).config.seed, 2);
  });

  test('a preset given by flag takes the place of the one the file names', () => {
    const { config: other } = load({ file, preset: 'small-deepcluster' });
    assert.equal(other.training.batchSize, 128);
    assert.equal(other.clustering.k, 7);
  });

  test('the result is frozen in depth', () => {
    assert.ok(Object.isFrozen(config) && Object.isFrozen(config.data.cropArea));
  });
});

describe('reading values', () => {
  test('text is read as YAML where the setting is no text, and as it stands where it is', () => {
    const { config } = load({
      env: { DC_MODEL__SOBEL: 'false', DC_DATA__CROP_AREA: '[0.5, 1]' },
      settings: [flag('data.source', '0123'), flag('training.sliceSize', '32')],
    });
    assert.equal(config.model.sobel, false);
    assert.deepEqual(config.data.cropArea, [0.5, 1]);
    assert.equal(config.data.source, '0123');
  });

  test('a section in a section is set in part', () => {
    const { config } = load({
      env: { DC_DATA__COLOUR_JITTER__HUE: '0.5' },
      settings: [flag('data.colourJitter.contrast', '0.4')],
    });
    const { colourJitter } = config.data;
    assert.deepEqual(colourJitter, { brightness: 0, contrast: 0.4, saturation: 0, hue: 0.5 });
  });

  test('null clears a setting that may be absent', () => {
    const file = fileWith('data: { source: images }\n');
    assert.equal(load({ file, settings: [flag('data.source', 'null')] }).config.data.source, null);
  });

  test('a JSON file, an empty file and an empty section are config files', () => {
    assert.equal(load({ file: fileWith('{"seed": 9}', 'run.json') }).config.seed, 9);
    assert.equal(load({ file: fileWith('') }).config.seed, 31);
    assert.equal(load({ file: fileWith('training:\nseed: 9\n') }).config.seed, 9);
  });

  test("a run's own config.json is a config file", () => {
    const saved = load({ preset: 'demo', settings: [flag('seed', '77')] });
    const file = fileWith(JSON.stringify({ runId: 'r', ...saved }), 'config.json');
    assert.deepEqual(load({ file }).config, saved.config);
  });
});

describe('environment names', () => {
  test('are the key in capitals, two underscores between parts, one before each capital', () => {
    const nameOf = (key: string): string | undefined => configKeys().get(key)?.environmentName;
    assert.equal(nameOf('training.batchSize'), 'DC_TRAINING__BATCH_SIZE');
    assert.equal(nameOf('cluster.leaseTtlMs'), 'DC_CLUSTER__LEASE_TTL_MS');
    assert.equal(nameOf('evaluation.knnK'), 'DC_EVALUATION__KNN_K');
    assert.equal(nameOf('clustering.k'), 'DC_CLUSTERING__K');
    assert.equal(nameOf('epochs'), 'DC_EPOCHS');
  });

  test('name one setting each', () => {
    const names = [...configKeys().values()].map((key) => key.environmentName);
    assert.equal(new Set(names).size, names.length);
    assert.ok(names.length >= 40);
  });
});

describe('refusals name key, rule, value and origin', () => {
  test('of an unknown key, with the name that was likely meant', () => {
    const rule = 'must name a known setting (did you mean training.batchSize?)';
    const file = fileWith('seed: 1\ntraining:\n  batchSiz: 3\n');
    assertRefused({ file }, `config training.batchSiz: ${rule}, got 3 (from ${file}:3)`);
    const settings = [flag('batchSize', '3')];
    assertRefused({ settings }, `config batchSize: ${rule}, got "3" (from --set batchSize)`);
    const unlike = [flag('colour', 'red')];
    assertRefused(
      { settings: unlike },
      'config colour: must name a known setting, got "red" (from --set colour)',
    );
  });

  test('of an unknown variable with the prefix, and leave other variables alone', () => {
    assertRefused(
      { env: { DC_TRANING__BATCH_SIZE: '64', HOME: '/root' } },
      'config environment DC_TRANING__BATCH_SIZE: must name a known setting (did you mean DC_TRAINING__BATCH_SIZE?), got "64"',
    );
  });

  test('of a wrong type', () => {
    const settings = [flag('epochs', 'many')];
    assertRefused({ settings }, 'config epochs: must be a number, got "many" (from --set epochs)');
    assertRefused(
      { env: { DC_EPOCHS: '1.5' } },
      'config epochs: must be an integer, got 1.5 (from DC_EPOCHS)',
    );
    const file = fileWith('model:\n  sobel: perhaps\n');
    assertRefused(
      { file },
      `config model.sobel: must be true or false, got "perhaps" (from ${file}:2)`,
    );
  });

  test('of a value out of range or out of its list', () => {
    assertRefused(
      { settings: [flag('training.batchSize', '0')] },
      'config training.batchSize: must be at least 1, got 0 (from --set training.batchSize)',
    );
    assertRefused(
      { settings: [flag('training.learningRate', '0')] },
      'config training.learningRate: must be greater than 0, got 0 (from --set training.learningRate)',
    );
    assertRefused(
      { settings: [flag('model.dropout', '1')] },
      'config model.dropout: must be less than 1, got 1 (from --set model.dropout)',
    );
    assertRefused(
      { settings: [flag('cluster.engine', 'cuda')] },
      'config cluster.engine: must be one of auto, tensorflow, wasm, got "cuda" (from --set cluster.engine)',
    );
    assertRefused(
      { settings: [flag('data.cropArea', '[0.3]')] },
      'config data.cropArea: must have 2 entries, got [0.3] (from --set data.cropArea)',
    );
    assertRefused(
      { settings: [flag('data.cropArea', '[0.3, 2]')] },
      'config data.cropArea.1: must be at most 1, got 2 (from --set data.cropArea)',
    );
    assertRefused(
      { settings: [flag('data.colourJitter.hue', '0.6')] },
      'config data.colourJitter.hue: must be at most 0.5, got 0.6 (from --set data.colourJitter.hue)',
    );
    assertRefused(
      { settings: [flag('data.source', '')] },
      'config data.source: must not be empty, got "" (from --set data.source)',
    );
  });

  test('of a rule across settings, even where the value is a default', () => {
    assertRefused(
      { settings: [flag('training.batchSize', '64')] },
      'config training.sliceSize: must not exceed training.batchSize (64), got 256 (from the default)',
    );
  });

  test('of what mode local cannot do', () => {
    const local = flag('training.mode', 'local');
    assertRefused(
      { settings: [local, flag('training.optimizer', 'lars')] },
      'config training.optimizer: must be sgd with training.mode local, whose moves have no gradient for a rate, got "lars" (from --set training.optimizer)',
    );
    const odc = [flag('algorithm', 'odc'), flag('model.neck', 'odc')];
    assertRefused(
      { settings: [local, ...odc] },
      'config training.mode: must be sync for algorithm odc: its labels, centroids and loss weights move with every step, not once a round, got "local" (from --set training.mode)',
    );
    assertRefused(
      { settings: [flag('training.mode', 'bsp')] },
      'config training.mode: must be one of sync, local, ssp, async, got "bsp" (from --set training.mode)',
    );
  });

  test('of algorithms whose memory moves with every step, where steps overlap', () => {
    const refused = (mode: string, algorithm: string, neck: string, because: string): void => {
      const settings = [
        flag('training.mode', mode),
        ...[flag('algorithm', algorithm), flag('model.neck', neck)],
      ];
      const must = `must be sync for algorithm ${algorithm}: ${because}`;
      const got = `got "${mode}" (from --set training.mode)`;
      assertRefused({ settings }, `config training.mode: ${must}, ${got}`);
    };
    const memory = 'its sample memory moves with every step';
    refused('ssp', 'odc', 'odc', 'its labels, centroids and loss weights move with every step');
    refused('async', 'deepcluster-v2', 'projection', memory);
    refused('ssp', 'swav', 'swav', 'its queue moves with every step');
  });

  test('of a schedule whose epochs do not ascend, or with an entry of another form', () => {
    const refused = (schedule: string, message: string): void => {
      const settings = [flag('training.schedule', schedule)];
      assertRefused({ settings }, `config ${message} (from --set training.schedule)`);
    };
    refused(
      '[{epoch: 4, factor: 0.4}, {epoch: 4, factor: 0.1}]',
      'training.schedule.1.epoch: must be later than that of the entry before (4), got 4',
    );
    refused(
      '[{epoch: 4, factor: 0.4}, {epoch: 9, factor: 1}, {epoch: 8, factor: 0.1}]',
      'training.schedule.2.epoch: must be later than that of the entry before (9), got 8',
    );
    refused('[{epoch: 4, factor: 0}]', 'training.schedule.0.factor: must be greater than 0, got 0');
    refused('[{epoch: 4}]', 'training.schedule.0.factor: must be a number, got nothing');
    const schedule = [
      { epoch: 0, factor: 0.1 },
      { epoch: 4, factor: 1 },
    ];
    const file = fileWith(JSON.stringify({ training: { schedule } }));
    assert.deepEqual(load({ file }).config.training.schedule, schedule);
  });

  test('of a value where a section belongs', () => {
    assertRefused(
      { settings: [flag('training', '5')] },
      'config training: must be a section, as in training.batchSize, got "5" (from --set training)',
    );
  });

  test('of images that are too small for the network, whichever it is', () => {
    for (const [architecture, smallest] of [
      ['alexnet-bn', 63],
      ['vgg16-bn', 32],
      ['small-convnet', 31],
    ] as const) {
      const sized = (imageSize: number) => [
        flag('model.architecture', architecture),
        flag('data.imageSize', String(imageSize)),
      ];
      assertRefused(
        { settings: sized(smallest - 1) },
        `config data.imageSize: must be at least ${smallest} for model.architecture ${architecture}, got ${smallest - 1} (from --set data.imageSize)`,
      );
      assert.equal(load({ settings: sized(smallest) }).config.data.imageSize, smallest);
    }
  });

  test('of small crops that the network, or the views, cannot have', () => {
    const small = (...own: readonly [key: string, value: string][]) => [
      flag('algorithm', 'deepcluster-v2'),
      flag('model.neck', 'projection'),
      flag('deepclusterV2.smallCrops', '6'),
      ...own.map(([key, value]) => flag(key, value)),
    ];
    for (const architecture of ['alexnet-bn', 'vgg16-bn']) {
      assertRefused(
        { settings: small(['model.architecture', architecture]) },
        `config model.architecture: must be one of resnet50, resnet18, small-resnet, small-convnet with deepclusterV2.smallCrops: others have fully connected layers for images of one size, got "${architecture}" (from --set model.architecture)`,
      );
    }
    const convnet = ['model.architecture', 'small-convnet'] as const;
    assertRefused(
      { settings: small([...convnet], ['deepclusterV2.smallCropSize', '30']) },
      'config deepclusterV2.smallCropSize: must be from 31, the least that model.architecture small-convnet takes, to data.imageSize (224), got 30 (from --set deepclusterV2.smallCropSize)',
    );
    assertRefused(
      { settings: small([...convnet], ['data.imageSize', '64']) },
      'config deepclusterV2.smallCropSize: must be from 31, the least that model.architecture small-convnet takes, to data.imageSize (64), got 96 (from the default)',
    );
    assertRefused(
      { settings: small([...convnet], ['deepclusterV2.smallCropArea', '[0.2, 0.1]']) },
      'config deepclusterV2.smallCropArea: must be [low, high] with low <= high, got [0.2,0.1] (from --set deepclusterV2.smallCropArea)',
    );
    const { config } = load({ settings: small(['model.architecture', 'resnet50']) });
    assert.deepEqual(smallCropsOf(config), { count: 6, size: 96, area: [0.05, 0.14] });
    const none = small(['model.architecture', 'vgg16-bn'], ['deepclusterV2.smallCrops', '0']);
    assert.equal(smallCropsOf(load({ settings: none }).config), null);
    // The section of an algorithm that is not the run's has no say.
    load({ settings: [flag('algorithm', 'deepcluster'), flag('deepclusterV2.smallCrops', '6')] });
  });

  test('of a preset that does not exist', () => {
    const names = presetNames().join(', ');
    assertRefused(
      { preset: 'dem' },
      `config preset: must be one of ${names}, got "dem" (from --preset)`,
    );
    const file = fileWith('seed: 1\npreset: 3\n');
    assertRefused({ file }, `config preset: must be one of ${names}, got 3 (from ${file}:2)`);
  });

  test('of a file that is not there, does not parse, or says a thing twice', () => {
    const missing = join(folder, 'missing.yaml');
    assert.throws(() => load({ file: missing }), {
      code: 'CONFIG_INVALID',
      message: new RegExp(`^config file ${missing}: cannot be read \\(ENOENT`),
    });
    const broken = fileWith('seed: 1\ntraining: [1\n', 'broken.yaml');
    assert.throws(() => load({ file: broken }), /^TrainerError: config file .*broken\.yaml:\d+: /);
    const twice = fileWith('seed: 1\nseed: 2\n', 'twice.yaml');
    assert.throws(() => load({ file: twice }), /twice\.yaml:2: Map keys must be unique/);
  });
});

describe('presets', () => {
  test('load, all of them, without a word on the command line', () => {
    assert.deepEqual(presetNames(), [
      ...['deepcluster-alexnet-flickr', 'deepcluster-alexnet-imagenet'],
      ...['deepcluster-v2-resnet50-imagenet', 'deepcluster-vgg16-imagenet', 'demo', 'demo-odc'],
      ...['odc-resnet50-imagenet'],
      ...['small-deepcluster', 'small-odc', 'small-photos', 'small-swav'],
    ]);
    for (const preset of presetNames()) assert.ok(load({ preset }).config.epochs > 0);
  });

  test('give a reason for the numbers: at least one comment for every three settings', () => {
    for (const preset of presetNames()) {
      const text = readFileSync(join(packageRoot(), 'presets', `${preset}.yaml`), 'utf8');
      const comments = text.match(/^ *#/gm)?.length ?? 0;
      const settings = text.match(/^ *\w+: \S/gm)?.length ?? 0;
      assert.ok(3 * comments >= settings, `${preset}: ${comments} comments, ${settings} settings`);
    }
  });

  test("the paper's experiment has the paper's numbers", () => {
    const { config } = load({ preset: 'deepcluster-alexnet-imagenet' });
    const { k, pcaDim, iterations } = config.clustering;
    const { batchSize, learningRate, momentum, weightDecay } = config.training;
    assert.deepEqual([k, pcaDim, iterations, config.epochs], [10_000, 256, 20, 500]);
    assert.deepEqual([batchSize, learningRate, momentum, weightDecay], [256, 0.05, 0.9, 1e-5]);
    assert.equal(config.data.imageSize * config.data.resizeRatio, 256);
  });
});

describe('ODC', () => {
  test('needs its neck', () => {
    const problem =
      'config model.neck: must be odc for algorithm odc, got "none" (from the default)';
    assertRefused({ settings: [flag('algorithm', 'odc')] }, problem);
    const { config } = load({ settings: [flag('algorithm', 'odc'), flag('model.neck', 'odc')] });
    assert.equal(odcConfigOf(config).momentum, 0.5);
  });

  test("has the paper's numbers in its preset", () => {
    const { config } = load({ preset: 'odc-resnet50-imagenet' });
    const { momentum, publishInterval, smallClusterSize, smallClusterInterval } =
      odcConfigOf(config);
    assert.deepEqual(
      [momentum, publishInterval, smallClusterSize, smallClusterInterval],
      [0.5, 10, 20, 1],
    );
    const { batchSize, learningRate, weightDecay, schedule } = config.training;
    assert.deepEqual([config.epochs, batchSize, learningRate, weightDecay], [440, 512, 0.06, 1e-5]);
    assert.deepEqual(schedule, [{ epoch: 400, factor: 0.4 }]);
    assert.deepEqual([config.clustering.k, config.model.neckDim], [10_000, 256]);
  });

  test('and DeepCluster-v2 those of its paper, with rates from 4.8 down to 0.0048', () => {
    const { config } = load({ preset: 'deepcluster-v2-resnet50-imagenet' });
    const { batchSize, optimizer, learningRate, cosineTo, warmupEpochs } = config.training;
    assert.deepEqual([config.epochs, batchSize, optimizer, warmupEpochs], [800, 4096, 'lars', 10]);
    assert.ok(Math.abs(learningRate * cosineTo! - 0.0048) < 1e-12);
    assert.deepEqual([config.model.neckHidden, config.model.neckDim], [2048, 128]);
    assert.deepEqual(smallCropsOf(config), { count: 6, size: 96, area: [0.05, 0.14] });
    assert.equal(config.data.imageSize, 224);
  });
});

describe('the nearest name', () => {
  test('is within a few letters, or the only one with the same last part', () => {
    const names = ['seed', 'training.momentum', 'model.width', 'data.width'];
    assert.equal(nearestName('sed', names), 'seed');
    assert.equal(nearestName('momentum', names), 'training.momentum');
    assert.equal(nearestName('width', names), undefined); // two of them
    assert.equal(nearestName('colour', names), undefined);
  });

  test('is the one in the same section whose words have these initials', () => {
    const names = ['training.learningRate', 'training.headLearningRate', 'evaluation.learningRate'];
    assert.equal(nearestName('training.lr', names), 'training.learningRate');
    assert.equal(nearestName('training.hlr', names), 'training.headLearningRate');
    assert.equal(nearestName('model.lr', names), undefined);
  });
});

describe('run folders', () => {
  test('a new run needs a folder without a run, a resumed one a folder with one', () => {
    const fresh = join(folder, 'fresh');
    requireRunFolder(fresh, false);
    assert.throws(
      () => requireRunFolder(fresh, true),
      /holds no run to resume; leave --resume out/,
    );
    fileWith('{}', 'config.json');
    requireRunFolder(folder, true);
    assert.throws(() => requireRunFolder(folder, false), /already holds a run; add --resume/);
  });

  test('a resumed run takes its own configuration unless it is given another', () => {
    const file = configFileOf('runs/a');
    assert.equal(withSavedConfig({ settings: [] }, 'runs/a', true).file, file);
    assert.equal(withSavedConfig({ settings: [] }, 'runs/a', false).file, undefined);
    assert.equal(withSavedConfig({ settings: [], file: 'b.yaml' }, 'runs/a', true).file, 'b.yaml');
    assert.equal(withSavedConfig({ settings: [], preset: 'demo' }, 'runs/a', true).file, undefined);
  });

  test('a default folder is named by time, in UTC', () => {
    const ms = Date.UTC(2026, 0, 31, 23, 59, 58, 999);
    assert.equal(defaultRunFolder('demo', ms), join('runs', 'demo-20260131-235958'));
  });
});
