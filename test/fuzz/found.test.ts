/**
 * What the fuzzer has found, each with the input at its smallest: a decoder crashed, hung, took memory for a word, opened what it
 * must not, or answered with something that nobody can read.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { getHeapStatistics } from 'node:v8';
import { crc32 } from 'node:zlib';
import { addParametersService } from '../../server/parameter-service.ts';
import { readRunId } from '../../coordinator/record/run-folder.ts';
import { readLatestCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { decodeManifest, encodeManifest } from '../../src/checkpoint/manifest.ts';
import { loadRunConfig } from '../../src/config/load.ts';
import { decodeImage } from '../../src/data/pixels/decode.ts';
import { readImageList } from '../../src/data/source/image-list.ts';
import { openImageSource } from '../../src/data/source/source.ts';
import { messageOf, protocolViolation } from '../../src/errors.ts';
import { ChunkAssembler, VectorAssembler } from '../../src/rpc/chunks.ts';
import { ask, methodsOf } from './service-double.ts';
import { RESTORE_FRESH } from './wire-seeds.ts';

function newFolder(context: TestContext): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'found-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

/** Bytes of buffers that `take` takes, whether it keeps them or not. */
function bytesTaken(take: () => void): number {
  const before = getHeapStatistics().external_memory;
  take();
  return getHeapStatistics().external_memory - before;
}

const GIBIBYTE = 2 ** 30;

test('bulk of a gibibyte that is announced with one byte takes no gibibyte', () => {
  const taken = bytesTaken(() => {
    const assembler = new ChunkAssembler('bulk');
    assembler.add({ offset: 0, total: GIBIBYTE, data: Uint8Array.of(1) });
    assert.throws(() => assembler.finish(), { code: 'PROTOCOL_VIOLATION' });
  });
  assert.ok(taken < 1_000_000, `${taken}`);
});

test('a vector of a gibibyte that is announced takes nothing, and one beyond all bounds is refused', () => {
  const taken = bytesTaken(() => {
    const assembler = new VectorAssembler('vector', GIBIBYTE / 4);
    assembler.add({ offset: 0, values: new Uint8Array(4) });
    assert.throws(() => assembler.finish(), { code: 'SHAPE_MISMATCH' });
  });
  assert.ok(taken < 1_000_000, `${taken}`);
  for (const elements of [2 ** 32 - 1, 2 ** 53, -1, NaN, 0.5]) {
    assert.throws(() => new VectorAssembler('vector', elements), { code: 'SHAPE_MISMATCH' });
  }
});

test('a stream of empty chunks ends at its first one', () => {
  const nothing = new Uint8Array(0);
  assert.throws(
    () => {
      new ChunkAssembler('bulk').add({ offset: 0, total: 5, data: nothing });
    },
    { code: 'PROTOCOL_VIOLATION' },
  );
  assert.throws(
    () => {
      new VectorAssembler('vector', 5).add({ offset: 0, values: nothing });
    },
    { code: 'SHAPE_MISMATCH' },
  );
});

test('bulk in many chunks comes out whole, however its memory grew', () => {
  const whole = Uint8Array.from({ length: 5_000 }, (_, i) => i * 7);
  const assembler = new ChunkAssembler('bulk');
  for (let offset = 0; offset < whole.length; offset += 3) {
    const data = whole.subarray(offset, offset + 3);
    assembler.add({ offset, total: whole.length, data });
  }
  assert.deepEqual(assembler.finish(), whole);
});

test('a checkpoint whose folder is a link is not followed', async (context) => {
  const root = join(newFolder(context), 'checkpoints');
  for (const step of [1, 2]) {
    await writeCheckpoint(root, step, { state: { step }, files: {} }, { keep: 9 });
  }
  fs.renameSync(join(root, 'step-2'), join(root, '..', 'elsewhere'));
  fs.symlinkSync(join('..', 'elsewhere'), join(root, 'step-2'));
  const reasons: string[] = [];
  const read = await readLatestCheckpoint(root, (_name, reason) => reasons.push(reason));
  assert.equal(read?.step, 1);
  assert.match(reasons.join(), /step-2: it is not a folder$/);
});

test('a manifest is refused for its first fault alone, in a line', () => {
  const file = { name: '../x', bytes: -1, sha256: 'no' };
  const text = JSON.stringify({ formatVersion: 1, files: new Array(5_000).fill(file) });
  assert.throws(
    () => decodeManifest(Buffer.from(text)),
    (error: Error) => /^is malformed at \S+: .*$/.test(error.message) && error.message.length < 200,
  );
});

test('a manifest that names a file twice is refused', () => {
  const file = { name: 'a.safetensors', bytes: 1, sha256: 'ab'.repeat(32) };
  const bytes = encodeManifest({ step: 1, state: {}, files: [file, file] });
  assert.throws(() => decodeManifest(bytes), /names a file twice/);
});

for (const [what, yaml, reason] of [
  ['an alias without an anchor', 'seed: *a\n', /Unresolved alias/],
  ['a list that holds itself', 'training:\n  schedule: &a [*a]\n', /schedule/],
  ['aliases of aliases', laughs(), /Excessive alias count|known setting/],
  ['lists in lists without end', `seed: ${'['.repeat(50_000)}`, /nested too deeply/],
  [
    'a key of many thousand characters',
    `? ${'k'.repeat(60_000)}\n: 1\n`,
    /must name a known setting/,
  ],
  ['a value of many thousand characters', `seed: ${'v'.repeat(60_000)}\n`, /config seed/],
] as const) {
  test(`a configuration with ${what} is one clear line`, (context) => {
    const file = join(newFolder(context), 'run.yaml');
    fs.writeFileSync(file, yaml);
    assert.throws(
      () => loadRunConfig({ file, env: {}, settings: [] }),
      (error: Error & { code?: string }) =>
        error.code === 'CONFIG_INVALID' && reason.test(error.message) && isReadable(error.message),
    );
  });
}

test('a configuration of a gibibyte is not read', (context) => {
  const file = join(newFolder(context), 'run.yaml');
  fs.writeFileSync(file, '');
  fs.truncateSync(file, GIBIBYTE);
  assert.throws(() => loadRunConfig({ file, env: {}, settings: [] }), {
    code: 'CONFIG_INVALID',
    message: /has 1073741824 bytes, at most 1048576 are read/,
  });
});

for (const json of ['{"runId": ', 'null', '{}', '{"runId": 7}', '[]']) {
  test(`a run's config.json of ${json} has no run's id, which is said`, (context) => {
    const folder = newFolder(context);
    fs.writeFileSync(join(folder, 'config.json'), json);
    assert.throws(() => readRunId(folder), { code: 'CONFIG_INVALID', message: /config\.json/ });
  });
}

for (const [list, content] of [
  ['a.txt', 'one.jpg\ntwo\0.jpg\n'],
  ['a.csv', 'path\none.jpg\ntwo\0.jpg\n'],
  ['a.ndjson', '{"path":"two\\u0000.jpg"}\n'],
] as const) {
  test(`a NUL in a path of ${list} is refused where it stands`, () => {
    assert.throws(() => readImageList(list, '/data', content), {
      code: 'DATA_UNREADABLE',
      message: /line \d names a file with a NUL character/,
    });
  });
}

test('a list of a gibibyte is not read, nor a folder with the name of one', async (context) => {
  const folder = newFolder(context);
  fs.writeFileSync(join(folder, 'long.csv'), '');
  fs.truncateSync(join(folder, 'long.csv'), GIBIBYTE);
  await assert.rejects(openImageSource(join(folder, 'long.csv')), {
    code: 'DATA_UNREADABLE',
    message: /the list has 1073741824 bytes/,
  });
});

test('an image of two gibibytes of nothing is not read', async (context) => {
  const folder = newFolder(context);
  fs.writeFileSync(join(folder, 'a.jpg'), '');
  fs.truncateSync(join(folder, 'a.jpg'), 2 * GIBIBYTE - 1);
  const source = await openImageSource(folder);
  await assert.rejects(source.read(0), /a file of 2147483647 bytes, at most/);
});

test('a PNG of a hundred bytes that declares 16000 squared takes no 768 MB', async () => {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(16_000, 0);
  header.writeUInt32BE(16_000, 4);
  header.set([8, 2], 8); // 8 bits, RGB
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  const file = Buffer.concat([
    signature,
    chunkOf('IHDR', header),
    chunkOf('IDAT', Buffer.alloc(9)),
  ]);
  await assert.rejects(
    decodeImage(file),
    /^Error: a PNG of more than 16777216 pixels in \d+ bytes$/,
  );
});

test('what a peer calls itself is cut short in a refusal, and steers no terminal', () => {
  const name = `w\n\u001b[2J${'x'.repeat(100_000)}`;
  const message = messageOf(protocolViolation(`worker ${name}`, 1, name, 'stop'));
  assert.ok(isReadable(message));
});

for (const trainingJson of ['', 'null', '{"batchSize":']) {
  test(`Restore refuses the training settings '${trainingJson}'`, async () => {
    const method = methodsOf(addParametersService).get(RESTORE_FRESH.path)!;
    const [message] = RESTORE_FRESH.messages as [{ header: object }];
    const { definition } = method;
    const bytes = definition.requestSerialize({ header: { ...message.header, trainingJson } });
    const { failure } = await ask(method, [definition.requestDeserialize(bytes)]);
    assert.deepEqual(failure?.metadata?.get('dc-code'), ['PROTOCOL_VIOLATION']);
  });
}

function laughs(): string {
  const levels = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name, i, names) => {
    const inner = i === 0 ? 'ha' : `*${names[i - 1]!}`;
    return `${name}: &${name} [${new Array(9).fill(inner).join(', ')}]`;
  });
  return `training:\n  schedule:\n${levels.map((line) => `    - {${line}}\n`).join('')}`;
}

/** Length, type, data, checksum. */
function chunkOf(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

function isReadable(message: string): boolean {
  return message.length < 2_000 && !/\p{Cc}/u.test(message);
}
