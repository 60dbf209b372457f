import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { configKeys } from '../../src/config/keys.ts';
import { loadRunConfig, type ConfigSources } from '../../src/config/load.ts';
import { presetNames } from '../../src/config/sources.ts';
import { SYNONYM_KEYS, suggestedKey } from '../../src/config/suggestion.ts';
import { linesOf } from '../../src/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'config-faults-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function fileWith(text: string): string {
  const path = join(folder, 'run.yaml');
  writeFileSync(path, text);
  return path;
}

describe('all faults are told of at once, a line each,', () => {
  /** What is printed of a failure. */
  function linesSaid(sources: Partial<ConfigSources>): readonly string[] {
    try {
      loadRunConfig({ env: {}, settings: [], ...sources });
    } catch (error) {
      return linesOf(error);
    }
    assert.fail('it loaded');
  }

  test('of every source, in the order of the sources, before wrong values', () => {
    const file = fileWith('training:\n  lr: 0.1\n  batchSize: 0\nclusters: 4\n');
    const lines = linesSaid({
      file,
      preset: 'dem',
      env: { DC_BATCH_SIZE: '64' },
      settings: [{ key: 'epochs', value: 'many', origin: '--set epochs' }],
    });
    const unknown = (meant: string): string => `must name a known setting (did you mean ${meant}?)`;
    assert.deepEqual(lines, [
      `config preset: must be one of ${presetNames().join(', ')}, got "dem" (from --preset)`,
      `config training.lr: ${unknown('training.learningRate')}, got 0.1 (from ${file}:2)`,
      `config clusters: ${unknown('clustering.k')}, got 4 (from ${file}:4)`,
      `config environment DC_BATCH_SIZE: ${unknown('DC_TRAINING__BATCH_SIZE')}, got "64"`,
      'config epochs: must be a number, got "many" (from --set epochs)',
      `config training.batchSize: must be at least 1, got 0 (from ${file}:3)`,
    ]);
  });

  test('but no rule across settings while one of them has a wrong name', () => {
    const file = fileWith('training:\n  batchsize: 512\n  sliceSize: 512\n');
    assert.equal(linesSaid({ file }).length, 1);
    const mended = fileWith('training:\n  sliceSize: 512\n');
    assert.match(linesSaid({ file: mended })[0]!, /must not exceed training\.batchSize/);
  });

  test('and where they are many, the first twenty, and that there are more', () => {
    const text = Array.from({ length: 25 }, (_, i) => `unheardOf${i}: 1\n`).join('');
    const lines = linesSaid({ file: fileWith(text) });
    assert.deepEqual([lines.length, lines.at(-1)], [20 + 1, 'and more']);
  });
});

describe('a suggestion', () => {
  test('has the words of other programs, other spellings, and other sections', () => {
    const meant: Readonly<Record<string, string>> = {
      lr: 'training.learningRate',
      batch: 'training.batchSize',
      batch_size: 'training.batchSize',
      'batch-size': 'training.batchSize',
      wd: 'training.weightDecay',
      clusters: 'clustering.k',
      num_clusters: 'clustering.k',
      arch: 'model.architecture',
      'optimizer.lr': 'training.learningRate',
      'model.feature-dim': 'model.featureDim',
      'cluster.k': 'clustering.k',
      momentum: 'training.momentum', // not odc.momentum
    };
    for (const [name, key] of Object.entries(meant)) assert.equal(suggestedKey(name), key, name);
    assert.equal(suggestedKey('colour'), undefined);
  });

  test('is a setting that there is', () => {
    assert.deepEqual(
      SYNONYM_KEYS.filter((key) => !configKeys().has(key)),
      [],
    );
  });

  test('of a key that exists is that key', () => {
    for (const key of configKeys().keys()) assert.equal(suggestedKey(key), key);
  });
});
