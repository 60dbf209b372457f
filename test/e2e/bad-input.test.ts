import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeImages } from '../../src/data/made/made-images.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import { launch, runCommand, type Launched } from '../support/runs/launched-run.ts';

const folder = temporaryFolder();
const data = join(folder.path, 'images');

before(async () => {
  await makeImages({ out: data, classes: 2, perClass: 6, size: 32, seed: 1 });
});
after(() => {
  folder.remove();
});

/** The one line of an error: nothing on stdout, the line last on stderr. */
async function failsWith(launched: Launched, exitCode: number, line: RegExp): Promise<void> {
  const { code, stdout, stderr } = await launched.ended;
  assert.equal(stdout, '');
  assert.match(stderr.trimEnd().split('\n').at(-1)!, line);
  assert.equal(code, exitCode, stderr);
}

function out(name: string): string {
  return join(folder.path, name);
}

test('a folder that does not exist', async () => {
  const missing = join(folder.path, 'nowhere');
  await failsWith(launch({ data: missing, out: out('a') }), 42, /nowhere.*there is no such folder/);
});

test('a folder without images', async () => {
  const empty = join(folder.path, 'empty');
  mkdirSync(empty);
  writeFileSync(join(empty, 'notes.txt'), 'no image');
  await failsWith(launch({ data: empty, out: out('b') }), 42, /empty.*image/);
});

test('more clusters than images', async () => {
  const plan = { data, out: out('c'), settings: { 'clustering.k': 13 } };
  await failsWith(launch(plan), 42, /clustering\.k.*number of images \(12\), got 13/);
});

test('an unknown setting and a value out of range', async () => {
  const unknown = launch({ data, out: out('d'), settings: { 'clustering.kk': 4 } });
  await failsWith(unknown, 42, /clustering\.kk/);
  const wrong = launch({ data, out: out('e'), settings: { 'training.batchSize': 0 } });
  await failsWith(wrong, 42, /config training\.batchSize: must be at least 1, got 0/);
});

test('a port in use', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => {
    holder.listen(0, '127.0.0.1', resolve);
  });
  const { port } = holder.address() as { port: number };
  try {
    const args = ['coordinator', '--data', data, '--set', 'clustering.k=4'];
    const taken = runCommand([...args, '--listen', `127.0.0.1:${port}`, '--out', out('f')]);
    const { code, stderr } = await taken.ended;
    assert.equal(code, 42, stderr);
    assert.match(
      stderr,
      new RegExp(`^deepcluster: cannot listen on 127.0.0.1:${port}: the port is in use.*\\n$`),
    );
  } finally {
    holder.close();
  }
});

test('an address beyond this machine without credentials, for either port', async () => {
  const args = ['coordinator', '--data', data, '--set', 'clustering.k=4', '--out', out('g')];
  for (const [flag, addresses] of [
    ['--listen', ['--listen', '0.0.0.0:0']],
    ['--parameter-listen', ['--listen', '127.0.0.1:0', '--parameter-listen', '[::]:0']],
  ] as const) {
    const rule = new RegExp(`loopback address without credentials .*--credentials.*from ${flag}`);
    await failsWith(runCommand([...args, ...addresses]), 42, rule);
  }
});

test('credentials that are not there', async () => {
  const plan = ['--data', data, '--out', out('k'), '--set', 'clustering.k=4'];
  const launched = runCommand(['launch', ...plan, '--credentials', join(folder.path, 'none')]);
  await failsWith(launched, 42, /must be a folder with ca\.pem.*certs make.*from --credentials/);
});

test('--resume where there is no run', async () => {
  const { code, stderr } = await launch({ data, out: out('h'), resume: true }).ended;
  assert.equal(code, 42, stderr);
});

test('an engine that cannot load is an error, not another engine', async () => {
  const plan = {
    data,
    out: out('i'),
    settings: { 'clustering.k': 4, 'cluster.engine': 'tensorflow' },
    env: {
      NODE_OPTIONS: `--import=${import.meta.resolve('../support/doubles/without-tensorflow.mjs')}`,
    },
  };
  const { code, stderr } = await launch(plan).ended;
  assert.equal(code, 42, stderr);
  assert.match(stderr, /engine tensorflow: .*npx deepcluster setup/);
});

test('usage errors exit with 2', async () => {
  const { code } = await runCommand(['launch', '--no-such-flag']).ended;
  assert.equal(code, 2);
});
