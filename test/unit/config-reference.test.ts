import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import prettier from 'prettier';
import { configKeys } from '../../src/config/keys.ts';
import { loadRunConfig } from '../../src/config/load.ts';
import { settingsPage } from '../../src/config/reference-page.ts';
import { settingsReference, type SettingReference } from '../../src/config/reference.ts';
import { packageRoot } from '../../src/process/package-root.ts';
import { ranCli } from '../support/runs/cli-run.ts';

const reference = settingsReference();

function settingNamed(key: string): SettingReference {
  return reference.find((setting) => setting.key === key) ?? assert.fail(key);
}

describe('the reference of the settings', () => {
  test('has every setting, each with a sentence that says what it does', () => {
    assert.deepEqual(
      reference.map(({ key }) => key),
      [...configKeys().keys()],
    );
    for (const { key, description } of reference) {
      assert.match(description, /^[A-Z`].*\.$/s, `${key}: ${description}`);
    }
  });

  test('has the defaults that a run without any setting has', () => {
    const { config } = loadRunConfig({ env: {}, settings: [] });
    for (const { key, default: value } of reference) {
      const effective = key
        .split('.')
        .reduce<unknown>((part, name) => (part as Record<string, unknown>)[name], config);
      assert.deepEqual(effective, value, key);
    }
  });

  test('says which values a setting takes, in which unit', () => {
    const said = (key: string): string => {
      const { values, unit } = settingNamed(key);
      return `${values}${unit === null ? '' : ` [${unit}]`}`;
    };
    assert.equal(said('data.imageSize'), 'whole number, 16 to 1024 [px]');
    assert.equal(said('training.batchSize'), 'whole number, at least 1 [images]');
    assert.equal(said('model.dropout'), 'number, at least 0, below 1');
    assert.equal(said('data.cropArea'), 'list of 2, each: number, above 0, at most 1');
    assert.equal(said('data.loaderThreads'), 'whole number, 0 to 64, or null [threads]');
    assert.equal(said('cluster.engine'), 'one of auto, tensorflow, wasm');
    assert.equal(said('model.sobel'), 'true or false');
    assert.equal(said('training.schedule'), 'list of {epoch, factor}');
  });

  test('gives a unit to every setting whose name ends in one', () => {
    const units = { Ms: 'ms', Bytes: 'bytes', Degrees: 'degrees', Steps: 'steps' };
    for (const { key, unit } of reference) {
      const named = Object.entries(units).find(([ending]) => key.endsWith(ending));
      if (named) assert.equal(unit, named[1], key);
    }
  });

  test('says what may change at a resume', () => {
    assert.ok(settingNamed('training.learningRate').isResumable);
    assert.ok(settingNamed('cluster.heartbeatMs').isResumable); // its whole section may
    assert.ok(settingNamed('odc.logInterval').isResumable);
    assert.ok(!settingNamed('training.batchSize').isResumable);
    assert.ok(!settingNamed('clustering.k').isResumable);
  });

  test('is docs/settings.md: after a change of a schema, `npm run settings` writes it', async () => {
    const path = join(packageRoot(), 'docs', 'settings.md');
    const options = { ...(await prettier.resolveConfig(path)), filepath: path };
    assert.equal(readFileSync(path, 'utf8'), await prettier.format(settingsPage(), options));
  });
});

describe('deepcluster settings', () => {
  test('lists all, those of a section, or one with all that is known of it', async () => {
    const all = await ranCli(['settings']);
    assert.equal(all.code, 0);
    for (const key of configKeys().keys()) assert.match(all.stdout, new RegExp(`^${key} `, 'm'));
    const section = await ranCli(['settings', 'checkpoint', '--json']);
    const { settings } = JSON.parse(section.stdout) as { settings: SettingReference[] };
    assert.deepEqual(
      settings.map(({ key }) => key),
      ['checkpoint.everySteps', 'checkpoint.keep'],
    );
    const one = await ranCli(['settings', 'checkpoint.keep']);
    assert.equal(
      one.stdout,
      [
        'checkpoint.keep',
        'Checkpoints kept; older ones are removed.',
        '  default   3',
        '  values    whole number, at least 1 [checkpoints]',
        '  resume    may change when a run is resumed',
        '  given by  --set checkpoint.keep=…, DC_CHECKPOINT__KEEP=…, or in a file (--config)',
        '',
      ].join('\n'),
    );
  });

  test('the ways that one is given by set it', async () => {
    const { stdout } = await ranCli(['settings', 'checkpoint.keep']);
    const [, key, variable] = /given by {2}--set (\S+)=…, (\S+)=…, or in a file/.exec(stdout)!;
    const byFlag = { key: key!, value: '7', origin: '--set' };
    assert.equal(loadRunConfig({ env: {}, settings: [byFlag] }).config.checkpoint.keep, 7);
    const env = { [variable!]: '8' };
    assert.equal(loadRunConfig({ env, settings: [] }).config.checkpoint.keep, 8);
  });

  test('a name that none has suggests one, and the list has it', async () => {
    const { code, stderr } = await ranCli(['settings', 'lr']);
    assert.equal(code, 42);
    const [, meant, command] = /\(did you mean (\S+)\?\); deepcluster (\S+) lists all/.exec(
      stderr,
    )!;
    assert.ok((await ranCli([command!])).stdout.includes(`\n${meant!} `));
    assert.equal((await ranCli([command!, meant!])).code, 0);
  });
});
