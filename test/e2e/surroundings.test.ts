/**
 * A run in the surroundings that people start it in: under nohup, with a reader that goes away,
 * behind a proxy's variables, with a temporary folder or a limit that does not serve, from a clone
 * without packages.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { packageRoot } from '../../src/process/package-root.ts';
import { makeImages } from '../../src/data/made/made-images.ts';
import { temporaryFolder } from '../support/in-process-run.ts';
import {
  eventsOf,
  finished,
  launch,
  lossesOf,
  waitForEvent,
  type Launched,
  type LaunchPlan,
  type RunEvent,
} from '../support/launched-run.ts';

const PROGRAM = join(packageRoot(), 'bin', 'deepcluster.mjs');
const IMAGES = 48;
const EPOCHS = 2;
const folder = temporaryFolder();
const data = join(folder.path, 'images');

before(async () => {
  await makeImages({ out: data, classes: 2, perClass: IMAGES / 2, size: 32, seed: 1 });
  await finished(start('undisturbed'));
});
after(() => {
  folder.remove();
});

function outOf(name: string): string {
  return join(folder.path, name);
}

function start(name: string, plan: Partial<LaunchPlan> = {}): Launched {
  const settings = { epochs: EPOCHS, 'evaluation.enabled': false };
  return launch({ data, out: outOf(name), settings, ...plan });
}

function committed({ event }: RunEvent): boolean {
  return event === 'step.committed';
}

function assertWhole(name: string): void {
  assert.deepEqual(lossesOf(outOf(name)), lossesOf(outOf('undisturbed')), 'bit for bit');
  const summary = JSON.parse(readFileSync(join(outOf(name), 'summary.json'), 'utf8')) as {
    ledger: { committed: number };
  };
  assert.equal(summary.ledger.committed, EPOCHS * IMAGES);
  assert.ok(existsSync(join(outOf(name), 'report.html')));
}

/** As a terminal that closes does it: to every process that was started from it. */
function hangUp({ process: { pid } }: Launched): void {
  process.kill(-pid!, 'SIGHUP');
}

describe('a hangup of all processes of a run', () => {
  test('ends nothing where no terminal was there', async () => {
    const launched = start('nohup', { isOwnGroup: true });
    await waitForEvent(outOf('nohup'), committed, launched);
    hangUp(launched);
    await finished(launched);
    assertWhole('nohup');
    const starts = eventsOf(outOf('nohup')).filter(({ event }) => event === 'process.started');
    assert.equal(starts.length, 4, 'coordinator, its server, two workers: each once');
  });

  test('from a terminal stops the run in order, with a checkpoint', async () => {
    const env = { DEEPCLUSTER_HANGUP: 'stop' };
    const launched = start('closed', { isOwnGroup: true, env });
    await waitForEvent(outOf('closed'), committed, launched);
    hangUp(launched);
    const { code, stderr } = await launched.ended;
    assert.equal(code, 75, stderr);
    assert.match(stderr, /run: stopped; continue with: deepcluster launch --resume/);
    const events = eventsOf(outOf('closed'));
    const steps = events.filter(committed).length;
    const saved = readdirSync(join(outOf('closed'), 'checkpoints'));
    assert.ok(saved.includes(`step-${steps}`), `step ${steps} of ${saved.join(' ')}`);
    await finished(start('closed', { resume: true }));
    assertWhole('closed');
  });
});

test('a reader that goes away, of stdout and stderr, ends nothing', async () => {
  const launched = start('head');
  const { stdout, stderr } = launched.process;
  stderr!.once('data', () => stderr!.destroy());
  stdout!.destroy();
  const { code } = await launched.ended;
  assert.equal(code, 0);
  assertWhole('head');
});

test('proxies in the environment are asked nothing', async () => {
  let asked = 0;
  const proxy = createServer((socket) => {
    asked += 1;
    socket.on('error', () => undefined).end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const env = { http_proxy: url, https_proxy: url, grpc_proxy: url, all_proxy: url };
  try {
    await finished(start('proxy', { servers: 1, env: { ...env, no_proxy: '' } }));
    assertWhole('proxy');
    assert.equal(asked, 0);
  } finally {
    proxy.close();
  }
});

/** One line on stderr and nothing else. */
function assertRefused(run: ReturnType<typeof spawnSync>, line: RegExp): void {
  assert.equal(run.stdout.toString(), '');
  assert.match(run.stderr.toString(), line);
  assert.equal(run.stderr.toString().trimEnd().split('\n').length, 1, run.stderr.toString());
  assert.equal(run.status, 42);
}

describe('what a start needs', () => {
  test('a temporary folder that is one', () => {
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    const startWith = (TMPDIR: string): ReturnType<typeof spawnSync> =>
      spawnSync(process.execPath, [PROGRAM, '--version'], { env: { ...process.env, TMPDIR } });
    assertRefused(
      startWith(join(folder.path, 'none')),
      /none \(from TMPDIR\) does not exist; name/,
    );
    assertRefused(startWith(file), /temporary folder .*file \(from TMPDIR\) is no folder; name/);
    assert.ok(!existsSync(join(folder.path, 'none')), 'nothing is made of a slip of the pen');
    assert.equal(startWith(folder.path).status, 0, 'the remedy');
  });

  test('files to open', { skip: process.platform !== 'linux' }, () => {
    const limited = (files: number, args: string): ReturnType<typeof spawnSync> =>
      spawnSync('sh', [
        '-c',
        `ulimit -n ${files} && exec "$0" "$1" ${args}`,
        process.execPath,
        PROGRAM,
      ]);
    assertRefused(
      limited(64, '--version'),
      /only 64 files may be open at a time, at least 128 are needed; .*ulimit -Hn/,
    );
    assert.equal(limited(128, '--version').status, 0, 'the remedy');
    const many = `launch --data ${data} --workers 50 --out ${outOf('many')}`;
    assertRefused(limited(128, many), /50 workers and servers needs up to 464 .*, 128 are allowed/);
    assert.ok(!existsSync(outOf('many')));
  });

  test('packages', () => {
    const clone = join(folder.path, 'clone');
    mkdirSync(join(clone, 'src', 'cli'), { recursive: true });
    cpSync(join(packageRoot(), 'bin'), join(clone, 'bin'), { recursive: true });
    writeFileSync(join(clone, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(clone, 'src', 'cli', 'main.ts'), '');
    const run = spawnSync(process.execPath, [join(clone, 'bin', 'deepcluster.mjs'), '--help']);
    assertRefused(run, /the package tsx is not installed; run: npm ci, in .*clone/);
  });
});

describe('a start that fails', () => {
  test('before the run has a folder leaves none, and names none', async () => {
    const out = join(folder.path, 'new', 'run');
    const { code, stderr } = await launch({ data: join(folder.path, 'nowhere'), out }).ended;
    assert.equal(code, 42);
    assert.doesNotMatch(stderr, /run folder/);
    assert.ok(!existsSync(join(folder.path, 'new')));
  });

  test('before the first step does not stand in the way of the next', async () => {
    const hidden = `--import=${import.meta.resolve('../support/without-tensorflow.mjs')}`;
    const settings = { epochs: EPOCHS, 'evaluation.enabled': false };
    const failed = start('again', {
      settings: { ...settings, 'cluster.engine': 'tensorflow' },
      env: { NODE_OPTIONS: hidden },
    });
    assert.equal((await failed.ended).code, 42);
    await finished(start('again'));
    assertWhole('again');
  });

  test('for want of a folder to write to says which, and what to do', async () => {
    const file = join(folder.path, 'in-the-way');
    writeFileSync(file, '');
    const { code, stderr } = await launch({ data, out: join(file, 'run') }).ended;
    assert.equal(code, 42);
    assert.match(
      stderr,
      /^deepcluster: run folder .*run: cannot be written to .*; name .* --out\n$/,
    );
  });
});
