/** Where a setup lies, and who finds it: an installation that others own, no home, a strange folder. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  HOST_KERNELS_FILE,
  setupFolder,
  writableSetupFolder,
} from '../../src/process/setup-folder.ts';
import { ranCli } from '../support/runs/cli-run.ts';

const own = process.getuid?.() ?? 0;
let place: string;
/** An installed package that nobody can write to: where the setup's folder should be is a file. */
let root: string;
const realTemporary = process.env['TMPDIR'];
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'setup-folder-'));
  process.env['TMPDIR'] = join(place, 'tmp');
  mkdirSync(join(place, 'tmp'));
  root = join(place, 'package');
  mkdirSync(root);
  writeFileSync(join(root, '.tensorflow'), '');
});
afterEach(() => {
  if (realTemporary === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = realTemporary;
  rmSync(place, { recursive: true, force: true });
});

/** A folder with a whole setup in it. */
function setUp(folder: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'setup.json'), '{}');
  return folder;
}

describe('a setup is made', () => {
  test('in the package, where this user can write there', () => {
    rmSync(join(root, '.tensorflow'));
    assert.equal(writableSetupFolder({}, root), join(root, '.tensorflow'));
  });

  test("else in the user's cache, one for each installation", () => {
    const home = join(place, 'home');
    const folder = writableSetupFolder({ HOME: home }, root);
    assert.ok(folder.startsWith(join(home, '.cache', 'deepcluster-ps', '/')), folder);
    assert.notEqual(writableSetupFolder({ HOME: home }, `${root}/.tensorflow`), folder);
    const cache = join(place, 'cache');
    const env = { HOME: home, XDG_CACHE_HOME: cache };
    assert.ok(writableSetupFolder(env, root).startsWith(join(cache, 'deepcluster-ps', '/')));
  });

  test("else below the temporary folder, where the user's home cannot be written to", () => {
    const env = { HOME: '/dev/null' };
    const folder = writableSetupFolder(env, root);
    assert.ok(folder.startsWith(join(place, 'tmp', `deepcluster-ps-${own}`, '/')), folder);
    setUp(folder);
    assert.equal(setupFolder(env, root), folder);
  });

  test('where DEEPCLUSTER_SETUP_FOLDER says, and nowhere else', () => {
    const named = join(place, 'named');
    assert.equal(writableSetupFolder({ DEEPCLUSTER_SETUP_FOLDER: named }, root), named);
    assert.throws(
      () => writableSetupFolder({ DEEPCLUSTER_SETUP_FOLDER: join(root, '.tensorflow') }, root),
      /^TrainerError: config DEEPCLUSTER_SETUP_FOLDER: must name a folder that can be written to/,
    );
  });
});

describe('a start finds', () => {
  test("the whole setup of the user's cache before the package's that was not finished", () => {
    rmSync(join(root, '.tensorflow'));
    mkdirSync(join(root, '.tensorflow'));
    writeFileSync(join(root, '.tensorflow', HOST_KERNELS_FILE), '');
    const env = { HOME: join(place, 'home') };
    assert.equal(setupFolder(env, root), join(root, '.tensorflow'));
    rmSync(join(root, '.tensorflow'), { recursive: true });
    writeFileSync(join(root, '.tensorflow'), '');
    const cached = setUp(writableSetupFolder(env, root));
    rmSync(join(root, '.tensorflow'));
    mkdirSync(join(root, '.tensorflow'));
    writeFileSync(join(root, '.tensorflow', HOST_KERNELS_FILE), '');
    assert.equal(setupFolder(env, root), cached);
  });

  test('none below a temporary folder that is not the user’s own alone', () => {
    const env = { HOME: '/dev/null' };
    const folder = setUp(writableSetupFolder(env, root));
    const shared = join(place, 'tmp', `deepcluster-ps-${own}`);
    chmodSync(shared, 0o777);
    assert.notEqual(setupFolder(env, root), folder);
    assert.throws(() => writableSetupFolder(env, root), /must name a folder/);
    chmodSync(shared, 0o755);
    assert.equal(setupFolder(env, root), folder);
    rmSync(shared, { recursive: true });
    symlinkSync(setUp(join(place, 'someone')), shared);
    assert.equal(setupFolder(env, root), join(root, '.tensorflow'));
  });
});

describe('deepcluster setup', () => {
  test('has a --version of its own, which is that of TensorFlow', async () => {
    const env = { DEEPCLUSTER_SETUP_FOLDER: join(place, 'named') };
    const { code, stdout, stderr } = await ranCli(['setup', '--version', 'newest'], env);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /--version newest: must be a release such as/);
  });

  test('takes a setup away, and prints the one line of it', async () => {
    const folder = setUp(join(place, 'named'));
    const env = { DEEPCLUSTER_SETUP_FOLDER: folder };
    const { code, stdout } = await ranCli(['setup', '--variant', 'none', '--json'], env);
    assert.deepEqual([code, JSON.parse(stdout)], [0, { ok: true, action: 'removed' }]);
    assert.equal(setupFolder(env, root), folder);
    const again = await ranCli(['setup', '--variant', 'gpu'], env);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /argument 'gpu' is invalid. Allowed choices are auto, cpu, cuda/);
  });
});
