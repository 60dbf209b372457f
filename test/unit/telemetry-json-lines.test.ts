import assert from 'node:assert/strict';
import fs, { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, mock, test } from 'node:test';
import { setImmediate as nextTick } from 'node:timers/promises';
import { openJsonLines } from '../../src/telemetry/json-lines.ts';

const folder = mkdtempSync(join(tmpdir(), 'json-lines-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
function newPath(): string {
  return join(folder, `${++files}.jsonl`);
}

test('records become lines, in order, added to what was there', () => {
  const path = newPath();
  writeFileSync(path, '{"a":0}\n');
  const lines = openJsonLines(path);
  lines.append({ a: 1, text: 'two\nlines' });
  lines.append({ a: 2 });
  lines.close();
  assert.equal(readFileSync(path, 'utf8'), '{"a":0}\n{"a":1,"text":"two\\nlines"}\n{"a":2}\n');
});

test('a line is in the file after the tick it was added in, without being asked', async () => {
  const path = newPath();
  const lines = openJsonLines(path);
  lines.append({ a: 1 });
  assert.equal(readFileSync(path, 'utf8'), '');
  await nextTick();
  assert.equal(readFileSync(path, 'utf8'), '{"a":1}\n');
  lines.close();
});

test('sync writes at once, and the tick that follows does not write again', async () => {
  const path = newPath();
  const lines = openJsonLines(path);
  lines.append({ a: 1 });
  lines.sync();
  assert.equal(readFileSync(path, 'utf8'), '{"a":1}\n');
  lines.append({ a: 2 });
  await nextTick();
  assert.equal(readFileSync(path, 'utf8'), '{"a":1}\n{"a":2}\n');
  lines.close();
});

test('a last line torn by a crash is cut off, and the next record starts a line of its own', () => {
  const path = newPath();
  writeFileSync(path, '{"a":1}\n{"a":2}\n{"a":');
  const lines = openJsonLines(path);
  lines.append({ a: 3 });
  lines.close();
  assert.equal(readFileSync(path, 'utf8'), '{"a":1}\n{"a":2}\n{"a":3}\n');
});

test('a torn line longer than a block is cut off whole, wherever the newline before it lies', () => {
  // 64 KiB is the block in which the file is read from its end: just before, at and just after its border.
  for (const length of [1, 65_535, 65_536, 65_537, 200_000]) {
    const path = newPath();
    writeFileSync(path, `{"a":1}\n${'x'.repeat(length)}`);
    openJsonLines(path).close();
    assert.equal(readFileSync(path, 'utf8'), '{"a":1}\n', `torn line of ${length} bytes`);
  }
});

test('a file that is one torn line becomes empty', () => {
  const path = newPath();
  writeFileSync(path, 'x'.repeat(70_000));
  openJsonLines(path).close();
  assert.equal(readFileSync(path, 'utf8'), '');
});

test('closing twice is harmless', () => {
  const lines = openJsonLines(newPath());
  lines.append({ a: 1 });
  lines.close();
  lines.close();
});

test('a failure to write in the background is thrown at the next record', async () => {
  const lines = openJsonLines(newPath());
  const broken = failingWrites(() => 'EIO');
  try {
    lines.append({ a: 1 });
    await nextTick();
    assert.throws(() => lines.append({ a: 2 }), /EIO/);
    assert.throws(() => lines.close(), /EIO/);
  } finally {
    broken.restore();
  }
});

test('while the disk is full lines wait, torn or whole; when there is room they are all there', async () => {
  const path = newPath();
  const lines = openJsonLines(path);
  let room = 11; // the first line and a piece of the second
  const disk = failingWrites((length) => {
    if (room === 0) return 'ENOSPC';
    const taken = Math.min(room, length);
    room -= taken;
    return taken;
  });
  try {
    lines.append({ a: 1 });
    lines.append({ a: 2 });
    await nextTick();
    assert.equal(readFileSync(path, 'utf8'), '{"a":1}\n{"a');
    lines.append({ a: 3 });
    await nextTick();
    assert.throws(() => lines.sync(), /ENOSPC/, 'who asks for the disk is told');
    room = Infinity;
    lines.append({ a: 4 });
    await nextTick();
    assert.equal(readFileSync(path, 'utf8'), '{"a":1}\n{"a":2}\n{"a":3}\n{"a":4}\n');
    lines.close();
  } finally {
    disk.restore();
  }
});

/** A disk that answers each write with a failure's code, or takes so many of its bytes. */
function failingWrites(answer: (length: number) => string | number): { restore: () => void } {
  const { writeSync } = fs;
  const stand = mock.method(fs, 'writeSync', (file: number, bytes: Uint8Array) => {
    const answered = answer(bytes.length);
    if (typeof answered === 'number') return writeSync(file, bytes.subarray(0, answered));
    throw Object.assign(new Error(`${answered}: no write today`), { code: answered });
  });
  syncBuiltinESMExports();
  return {
    restore: () => {
      stand.mock.restore();
      syncBuiltinESMExports();
    },
  };
}
