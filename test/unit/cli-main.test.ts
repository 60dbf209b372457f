import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { packageRoot } from '../../src/process/package-root.ts';
import { ranCli as run } from '../support/runs/cli-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'cli-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Asserts that a command fails with this code and says exactly this one line, on stderr only. */
async function assertFails(args: readonly string[], code: number, line: string): Promise<void> {
  assert.deepEqual(await run(args), { code, stdout: '', stderr: `deepcluster: ${line}\n` });
}

describe('usage', () => {
  test('help and version go to stdout with code 0', async () => {
    const help = await run(['--help']);
    assert.equal(help.code, 0);
    for (const name of ['demo', 'launch', 'coordinator', 'worker', 'data', 'doctor']) {
      assert.match(help.stdout, new RegExp(`^  ${name}\\b`, 'm'));
    }
    const packageText = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
    const { version } = JSON.parse(packageText) as { version: string };
    assert.deepEqual(await run(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('no command at all prints the help on stderr with code 2', async () => {
    const { code, stdout, stderr } = await run([]);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^Usage: deepcluster/);
  });

  test('a mistake is one line on stderr with code 2', async () => {
    await assertFails(['lanch'], 2, "unknown command 'lanch' (Did you mean launch?)");
    await assertFails(
      ['launch', '--outt', 'x'],
      2,
      "unknown option '--outt' (Did you mean --out?)",
    );
    await assertFails(
      ['launch', '--epochs', '3'],
      2,
      "unknown option '--epochs'; as a setting: --set epochs=3",
    );
    await assertFails(
      ['demo', '--batch-size=3'],
      2,
      "unknown option '--batch-size=3'; as a setting: --set training.batchSize=3",
    );
    await assertFails(
      ['launch', '--lr', '--verbose'],
      2,
      "unknown option '--lr'; as a setting: --set training.learningRate=…",
    );
    await assertFails(['doctor', '--epochs'], 2, "unknown option '--epochs'");
    await assertFails(
      ['launch', '--workers', '0'],
      2,
      "option '--workers <n>' argument '0' is invalid. Must be a positive integer.",
    );
    await assertFails(
      ['launch', '--set', 'seed'],
      2,
      "option '--set <key=value>' argument 'seed' is invalid. Must be key=value.",
    );
    await assertFails(
      ['launch', '--resume'],
      2,
      "option '--resume' needs '--out <dir>', the folder of the run",
    );
    await assertFails(['worker'], 2, "required option '--coordinator <host:port>' not specified");
  });
});

describe('launch refuses, before it starts or writes anything,', () => {
  test('a run without images', async () => {
    const out = join(folder, 'no-data');
    const line =
      'config data.source: must name the images (give --data), got null (from the default)';
    await assertFails(['launch', '--out', out], 42, line);
    assert.ok(!existsSync(out));
  });

  test('a wrong setting, naming the flag it came from', async () => {
    await assertFails(
      ['launch', '--data', 'x', '--set', 'training.batchSize=none'],
      42,
      'config training.batchSize: must be a number, got "none" (from --set training.batchSize)',
    );
  });

  test('a folder that holds a run, and to resume one that holds none', async () => {
    const held = join(folder, 'held');
    mkdirSync(held);
    writeFileSync(join(held, 'config.json'), '{}');
    const remedy = 'add --resume to go on with it, or name another folder with --out';
    const line = `run folder ${held}: already holds a run; ${remedy}`;
    await assertFails(['launch', '--data', 'x', '--out', held], 42, line);
    await assertFails(['demo', '--out', held], 42, line);
    assert.ok(!existsSync(join(held, 'images')));
    const empty = join(folder, 'empty');
    await assertFails(
      ['launch', '--out', empty, '--resume'],
      42,
      `run folder ${empty}: holds no run to resume; leave --resume out to begin one`,
    );
  });
});

describe('the program itself', () => {
  const bin = join(packageRoot(), 'bin', 'deepcluster.mjs');

  test('prints one JSON object on stdout with --json and nothing else', () => {
    const out = join(folder, 'made');
    const flags = ['--classes', '2', '--per-class', '2', '--size', '16', '--json'];
    const { status, stdout, stderr } = spawnSync(bin, ['data', 'make', '--out', out, ...flags], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    assert.equal((JSON.parse(stdout) as { images: number }).images, 2 * 2);
    assert.equal(stdout.split('\n').length, 2); // one line and its end
  });

  test('writes a list of a folder that is the same images, and the same classes', async () => {
    const made = join(folder, 'listed');
    const flags = ['--classes', '3', '--per-class', '2', '--size', '16', '--json'];
    await run(['data', 'make', '--out', made, ...flags]);
    const list = join(made, 'list.ndjson');
    const index = await run(['data', 'index', '--data', made, '--out', list, '--json']);
    assert.equal(index.code, 0, index.stderr);
    const listed = await run(['data', 'index', '--data', list, '--json']);
    const { images, classes } = JSON.parse(listed.stdout) as Record<string, unknown>;
    assert.deepEqual([images, classes], [3 * 2, 3]);
    assert.equal(readFileSync(list, 'utf8').trim().split('\n').length, 3 * 2);

    const inside = join(made, 'elsewhere', 'list.ndjson');
    const refused = await run(['data', 'index', '--data', made, '--out', inside]);
    assert.equal(refused.code, 42);
    assert.match(refused.stderr, /a list never points outside its own folder/);
  });

  test('says an error in one line and ends with its code', () => {
    const { status, stdout, stderr } = spawnSync(
      bin,
      ['data', 'index', '--data', join(folder, 'none')],
      {
        encoding: 'utf8',
      },
    );
    assert.deepEqual([status, stdout], [42, '']);
    assert.match(stderr, /^deepcluster: data .*none: there is no such folder or file.*\n$/);
  });
});
