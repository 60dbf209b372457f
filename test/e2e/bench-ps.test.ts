/**
 * `deepcluster bench ps` with few parameters: real processes, real gRPC, the result of plain
 * arithmetic.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { hostName } from '../../src/parameter-plane/segment.ts';
import { BenchProcess } from '../../bench/ps/bench-process.ts';
import { expectedValues, madeLayout } from '../../bench/ps/made-exchange.ts';
import { WARM_UPS, benchPs, type PsOptions, type PsReport } from '../../bench/ps/ps.ts';
import type { ServerRequests } from '../../bench/ps/server-process.ts';
import { pythonWith } from '../support/runs/peers-python.ts';

const COUNT = 4099; // no multiple of anything
const STEPS = 2;

const folder = mkdtempSync(join(tmpdir(), 'bench-ps-'));
const temporary = process.env['TMPDIR'];
/** For the processes, whose loader keeps files of its own. */
const env = { ...process.env };
after(() => {
  if (temporary === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = temporary;
  rmSync(folder, { recursive: true, force: true });
});

function ran(options: Partial<PsOptions>): Promise<PsReport> {
  return benchPs({
    ...{ parameters: COUNT, workers: 2, servers: 0, steps: STEPS, isQuick: true },
    ...{ isSecure: false, sharesMemory: false, codec: 'float32', python: null, env, gpus: [] },
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...options,
  });
}

/** Of all parameters and statistics, by plain arithmetic. */
function expectedSha256(workers: number, codec: PsOptions['codec'] = 'float32'): string {
  const layout = madeLayout(COUNT);
  const indices = Array.from({ length: COUNT }, (_, i) => i);
  const steps = WARM_UPS + STEPS;
  const { parameters, statistics } = expectedValues(indices, layout, workers, steps, codec);
  return createHash('sha256').update(parameters).update(statistics).digest('hex');
}

describe('the exchange comes to what plain arithmetic does', () => {
  for (const [workers, servers, isSecure, sharesMemory] of [
    [1, 0, false, false],
    [2, 0, true, false],
    [2, 1, false, false],
    [3, 2, true, false],
    [2, 0, false, true],
    [3, 2, true, true],
    [8, 1, false, true],
  ] as const) {
    const how = sharesMemory ? 'through shared memory' : isSecure ? 'over TLS' : 'in plain text';
    const skip = sharesMemory && hostName() === '' && 'no shared memory on this system';
    test(`${workers} workers, ${servers} servers, ${how}`, { skip }, async () => {
      // Where credentials lie meanwhile: nothing is left.
      process.env['TMPDIR'] = mkdtempSync(join(folder, 'tmp-'));
      const { ps, rows } = await ran({ workers, servers, isSecure, sharesMemory });
      assert.equal(ps.sha256, expectedSha256(workers));
      const way = `${sharesMemory ? 'shared' : 'grpc'}${isSecure ? '+tls' : ''}`;
      assert.equal(rows[0]!.name, `ps/4099/w${workers}/s${servers}/${way}/exchange`);
      assert.equal(rows[0]!.ours.runs, STEPS);
      // Both ways, parameters and statistics, float32.
      assert.equal(ps.workerBytes.vectors, 2 * 4 * (COUNT + madeLayout(COUNT).statisticCount));
      // Statistics, orders and answers go through sockets in any case.
      const sent = ps.workerBytes.sockets?.min ?? (sharesMemory ? 0 : Infinity);
      assert.equal(sent > ps.workerBytes.vectors, !sharesMemory);
      assert.equal(ps.peakBytes.servers.length, servers);
      assert.equal(ps.peakBytes.workers.length, workers);
      assert.deepEqual(readdirSync(process.env['TMPDIR']), []);
    });
  }
});

describe('with a codec it comes to what plain arithmetic with rounding does', () => {
  const body = COUNT - Math.floor(COUNT / 16);
  /** What is not encoded: the head, which is small, and statistics. */
  const others = 4 * (COUNT - body + madeLayout(COUNT).statisticCount);
  for (const [codec, workers, servers, sharesMemory, bytes] of [
    ['bfloat16', 3, 2, false, 2 * body + 2 * body],
    ['float16', 2, 0, true, 2 * body + 2 * body],
    ['int8', 3, 2, false, body + 4 * Math.ceil(body / 256) + 2 * body],
    ['int8', 5, 1, true, body + 4 * Math.ceil(body / 256) + 2 * body],
  ] as const) {
    const skip = sharesMemory && hostName() === '' && 'no shared memory on this system';
    const way = sharesMemory ? 'shared' : 'grpc';
    test(`${codec}, ${workers} workers, ${servers} servers, ${way}`, { skip }, async () => {
      const { ps, rows } = await ran({ workers, servers, sharesMemory, codec });
      assert.equal(ps.sha256, expectedSha256(workers, codec));
      assert.equal(rows[0]!.name, `ps/4099/w${workers}/s${servers}/${way}/${codec}/exchange`);
      assert.equal(ps.workerBytes.vectors, bytes + 2 * others);
      // Words of protocol come on top of the numbers: a few hundred bytes a message.
      const sent = ps.workerBytes.sockets;
      if (sent !== null && !sharesMemory) assert.ok(sent.max < bytes + 2 * others + 8192);
    });
  }
});

/** A stand-in for Python: the peer's times are its own to say. */
function interpreterOf(secondsOf: Readonly<Record<string, number>>): string {
  const path = join(folder, 'python');
  const program = `#!${process.execPath}
    const seconds = ${JSON.stringify(secondsOf)};
    let dtype;
    const answer = (request) => {
      if (request.run) return { seconds: seconds[dtype] };
      dtype = request.prepare.dtype;
      return { name: 'peer of ' + request.prepare.ranks + ' ranks, ' + dtype };
    };
    console.log('{"ready": true}');
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      console.log(JSON.stringify(answer(JSON.parse(line))));
    });
  `;
  writeFileSync(path, program);
  chmodSync(path, 0o755);
  return path;
}

describe('the peer', () => {
  test('runs by turns with ours, in both types', async () => {
    const { rows } = await ran({ python: interpreterOf({ float32: 0.5, bf16: 0.25 }) });
    const [plain, half] = rows;
    const spread = (ms: number) => ({ median: ms, min: ms, max: ms, runs: STEPS });
    assert.deepEqual(plain!.peer, { name: 'peer of 2 ranks, float32', ...spread(500) });
    assert.deepEqual(half!.peer, { name: 'peer of 2 ranks, bf16', ...spread(250) });
    assert.equal(half!.ratio, 250 / half!.ours.median);
  });

  test('that cannot be had leaves its rows without it, with the reason', async () => {
    const { rows } = await ran({ workers: 1, python: join(folder, 'nowhere', 'python3') });
    for (const row of rows.slice(0, 2)) assert.match(row.peerMissing ?? '', /nowhere/);
  });

  const python = pythonWith('torch');
  const skip = python === null ? 'PEERS_PYTHON names no Python with torch' : false;
  test('gloo sums what the ranks have', { skip }, async () => {
    const { rows } = await ran({ workers: 3, python });
    for (const [row, dtype] of [
      [rows[0]!, 'float32'],
      [rows[1]!, 'bf16'],
    ] as const) {
      assert.equal(row.peerMissing, undefined);
      assert.match(row.peer!.name, new RegExp(`^gloo .* in ${dtype}, 3 ranks$`));
      assert.equal(row.peer!.runs, STEPS);
    }
  });
});

test('a stop ends all processes, and leaves nothing', async () => {
  process.env['TMPDIR'] = mkdtempSync(join(folder, 'tmp-'));
  const stop = new AbortController();
  const running = ran({
    ...{ servers: 1, isSecure: true, steps: 1e6, signal: stop.signal },
    onProgress: () => {
      stop.abort();
    },
  });
  await assert.rejects(running, { code: 'UNAVAILABLE', message: 'bench ps: stopped' });
  assert.deepEqual(readdirSync(process.env['TMPDIR']), []);
});

test('a process that is killed says so, at once and later', async () => {
  const server = new BenchProcess<ServerRequests>({
    id: 'server-7',
    entry: new URL('../../bench/ps/server-process.ts', import.meta.url),
    flags: [],
    env,
  });
  const { address } = await server.ask('listen', { credentials: null });
  assert.match(address, /^127\.0\.0\.1:\d+$/);
  const asked = server.ask('peak', null);
  server.kill();
  const end = { code: 'UNAVAILABLE', message: 'process server-7: ended with SIGKILL' };
  await assert.rejects(
    asked.then(() => server.ended.then((error) => Promise.reject(error))),
    end,
  );
  await assert.rejects(server.ask('peak', null), end);
  await server.stop();
});

test('sizes beyond the limits are refused before anything starts', async () => {
  const ranSlowly = { isQuick: false, steps: 4 };
  await assert.rejects(ran(ranSlowly), /bench\.ps\.steps: must be 5 or more, got 4 \(from --steps/);
  await assert.rejects(ran({ parameters: 999 }), /parameters: must be 1000 to 1073741824, got 999/);
  await assert.rejects(ran({ workers: 257 }), /workers: must be 1 to 256, got 257/);
});
