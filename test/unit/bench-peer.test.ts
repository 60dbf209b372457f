import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { startPeer, type Peer } from '../../bench/peer.ts';

const folder = mkdtempSync(join(tmpdir(), 'bench-peer-'));
const peers: Peer[] = [];
after(() => {
  for (const peer of peers) peer.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A stand-in for Python that answers the n-th request with the n-th reply, whatever the script; it ends after the last. */
function interpreterThatAnswers(name: string, replies: readonly string[]): string {
  const path = join(folder, name);
  const program = `#!${process.execPath}
    const replies = ${JSON.stringify(replies)};
    const say = () => {
      const reply = replies.shift();
      if (reply !== undefined) return void process.stdout.write(reply + '\\n');
      process.stderr.write('MemoryError: no room\\n');
      process.exit(3);
    };
    say();
    require('node:readline').createInterface({ input: process.stdin }).on('line', say);
  `;
  writeFileSync(path, program);
  chmodSync(path, 0o755);
  return path;
}

const start = (python: string): ReturnType<typeof startPeer> =>
  startPeer({ script: 'torch_networks.py', python, threads: 2, env: process.env });

async function started(name: string, replies: readonly string[]): Promise<Peer> {
  const peer = await start(interpreterThatAnswers(name, ['{"ready": true}', ...replies]));
  assert.ok('run' in peer, JSON.stringify(peer));
  peers.push(peer);
  return peer;
}

describe('a peer', () => {
  test('prepares and runs on request, whatever else its libraries print', async () => {
    const noise = 'loading kernels\n[1, 2]';
    const peer = await started('good', [`${noise}\n{"name": "peer 1.0"}`, '{"seconds": 1.5}']);
    assert.equal(await peer.prepare({ mode: 'step' }), 'peer 1.0');
    assert.equal(await peer.run(3), 1.5);
  });

  test('that fails tells its error, and goes on', async () => {
    const replies = ['{"error": "ValueError: no network vgg"}', '{"name": "peer 1.0"}'];
    const peer = await started('failing', replies);
    await assert.rejects(peer.prepare({}), /peer torch_networks\.py: ValueError: no network vgg/);
    assert.equal(await peer.prepare({}), 'peer 1.0');
  });

  test('that ends rejects what is asked, then and later, with its last words', async () => {
    const peer = await started('ending', []);
    const words = { code: 'UNAVAILABLE', message: /ended with exit code 3: MemoryError: no room/ };
    await assert.rejects(peer.prepare({}), words);
    await assert.rejects(peer.run(1), words);
  });

  test('that says a run took no time is not believed', async () => {
    const peer = await started('instant', ['{"seconds": 0}']);
    await assert.rejects(peer.run(1), /said that a run took 0 s/);
  });
});

describe('where there is no peer, the reason names', () => {
  test('the library that Python lacks', async () => {
    const python = interpreterThatAnswers('bare', ['{"missing": "torch is not installed"}']);
    assert.deepEqual(await start(python), { missing: `torch is not installed (${python})` });
  });

  test('the interpreter that does not exist', async () => {
    const peer = await start(join(folder, 'nowhere', 'python3'));
    assert.ok('missing' in peer);
    assert.match(peer.missing, /spawn .*nowhere.python3 ENOENT/);
  });

  test('the script that a package leaves out', async () => {
    const options = { script: 'none.py', python: 'python3', threads: 1, env: process.env };
    const missing = 'bench/peers/none.py is not part of this package';
    assert.deepEqual(await startPeer(options), { missing });
  });
});
