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
import { describe, test } from 'node:test';
import { packageRoot } from '../../src/process/package-root.ts';
import { disturbedRuns, type DisturbedRun } from '../support/runs/disturbed-runs.ts';
import { launch, type RunEvent } from '../support/runs/launched-run.ts';

const PROGRAM = join(packageRoot(), 'bin', 'deepcluster.mjs');
const runs = await disturbedRuns({
  epochs: 2,
  images: { classes: 2, perClass: 24, size: 32 },
  settings: { 'evaluation.enabled': false },
});

function committed({ event }: RunEvent): boolean {
  return event === 'step.committed';
}

/** It has the undisturbed run's losses, and all its results. */
function assertWhole({ out }: DisturbedRun): void {
  runs.assertSameLosses(out);
  const summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as {
    ledger: { committed: number };
  };
  assert.equal(summary.ledger.committed, 2 * runs.images);
  assert.ok(existsSync(join(out, 'report.html')));
}

/** As a terminal that closes does it: to every process that was started from it. */
function hangUp({ launched: { process: launcher } }: DisturbedRun): void {
  process.kill(-launcher.pid!, 'SIGHUP');
}

describe('a hangup of all processes of a run', () => {
  test('ends nothing where no terminal was there', async () => {
    const run = runs.start('nohup', { isOwnGroup: true });
    await run.reaches(committed);
    hangUp(run);
    await run.endsWhole();
    assertWhole(run);
    const starts = run.events.filter(({ event }) => event === 'process.started');
    assert.equal(starts.length, 4, 'coordinator, its server, two workers: each once');
  });

  test('from a terminal stops the run in order, with a checkpoint', async () => {
    const env = { DEEPCLUSTER_HANGUP: 'stop' };
    const run = runs.start('closed', { isOwnGroup: true, env });
    await run.reaches(committed);
    hangUp(run);
    assert.match(
      await run.endsToBeResumed(),
      /run: stopped; continue with: deepcluster launch --resume/,
    );
    const steps = run.events.filter(committed).length;
    const saved = readdirSync(join(run.out, 'checkpoints'));
    assert.ok(saved.includes(`step-${steps}`), `step ${steps} of ${saved.join(' ')}`);
    const resumed = runs.start('closed', { resume: true });
    await resumed.endsWhole();
    assertWhole(resumed);
  });
});

test('a reader that goes away, of stdout and stderr, ends nothing', async () => {
  const run = runs.start('head');
  const { stdout, stderr } = run.launched.process;
  stderr!.once('data', () => stderr!.destroy());
  stdout!.destroy();
  const { code } = await run.launched.ended;
  assert.equal(code, 0);
  assertWhole(run);
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
    const run = runs.start('proxy', { servers: 1, env: { ...env, no_proxy: '' } });
    await run.endsWhole();
    assertWhole(run);
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
    const file = join(runs.folder, 'file');
    writeFileSync(file, '');
    const startWith = (TMPDIR: string): ReturnType<typeof spawnSync> =>
      spawnSync(process.execPath, [PROGRAM, '--version'], { env: { ...process.env, TMPDIR } });
    assertRefused(
      startWith(join(runs.folder, 'none')),
      /none \(from TMPDIR\) does not exist; name/,
    );
    assertRefused(startWith(file), /temporary folder .*file \(from TMPDIR\) is no folder; name/);
    assert.ok(!existsSync(join(runs.folder, 'none')), 'nothing is made of a slip of the pen');
    assert.equal(startWith(runs.folder).status, 0, 'the remedy');
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
    const many = `launch --preset demo --data ${runs.data} --workers 50 --out ${runs.out('many')}`;
    assertRefused(limited(128, many), /50 workers and servers needs up to 464 .*, 128 are allowed/);
    assert.ok(!existsSync(runs.out('many')));
  });

  test('packages', () => {
    const clone = join(runs.folder, 'clone');
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
    const out = join(runs.folder, 'new', 'run');
    const { code, stderr } = await launch({ data: join(runs.folder, 'nowhere'), out }).ended;
    assert.equal(code, 42);
    assert.doesNotMatch(stderr, /run folder/);
    assert.ok(!existsSync(join(runs.folder, 'new')));
  });

  test('before the first step does not stand in the way of the next', async () => {
    const hidden = `--import=${import.meta.resolve('../support/doubles/without-tensorflow.mjs')}`;
    const failed = runs.start('again', {
      settings: { 'cluster.engine': 'tensorflow' },
      env: { NODE_OPTIONS: hidden },
    });
    assert.equal((await failed.launched.ended).code, 42);
    const run = runs.start('again');
    await run.endsWhole();
    assertWhole(run);
  });

  test('for want of a folder to write to says which, and what to do', async () => {
    const file = join(runs.folder, 'in-the-way');
    writeFileSync(file, '');
    const { code, stderr } = await launch({ data: runs.data, out: join(file, 'run') }).ended;
    assert.equal(code, 42);
    assert.match(
      stderr,
      /^deepcluster: run folder .*run: cannot be written to .*; name .* --out\n$/,
    );
  });
});
