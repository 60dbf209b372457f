import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openTrace, type Trace } from '../../src/telemetry/trace.ts';
import { eventsOf } from '../support/runs/trace-events.ts';

const folder = mkdtempSync(join(tmpdir(), 'trace-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;
function newPath(): string {
  return join(folder, 'made', `${++files}.json`);
}

function openAt(path: string, limitBytes?: number): Trace {
  const onFailure = (error: unknown): void => assert.fail(String(error));
  return openTrace(path, { processName: 'worker-0', onFailure, ...(limitBytes && { limitBytes }) });
}

test('spans nest on the main track, those beside it are pairs, and a closed file is plain JSON', () => {
  const path = newPath();
  const trace = openAt(path);
  const endOuter = trace.begin('train', { step: 3 });
  trace.begin('push')();
  endOuter();
  trace.beside('views', 5, 7.5, { images: 2 });
  trace.close();
  trace.begin('too late')();
  const events = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>[];
  assert.deepEqual(
    events.map(({ ph, name }) => `${String(ph)} ${String(name)}`),
    ['M process_name', 'M thread_name', 'X push', 'X train', 'b views', 'e views'],
  );
  const [push, train] = eventsOf(path, 'X');
  assert.ok(train!.beginUs <= push!.beginUs && push!.endUs <= train!.endUs);
  assert.deepEqual(train!.args, { step: 3 });
  const [begin, end] = events.slice(4);
  assert.deepEqual([begin!['ts'], end!['ts'], begin!['id'] === end!['id']], [5, 7.5, true]);
});

test('a killed process leaves all its spans; the next one goes on after them', async () => {
  const path = newPath();
  const script = `
    const { openTrace } = await import(${JSON.stringify(new URL('../../src/telemetry/trace.ts', import.meta.url).href)});
    const trace = openTrace(${JSON.stringify(path)}, { processName: 'doomed', onFailure() {} });
    for (let i = 0; i < 100; i++) trace.begin('span', { i })();
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL');
  const left = readFileSync(path, 'utf8');
  assert.equal((JSON.parse(`${left}]`) as unknown[]).length, 2 + 100);
  writeFileSync(path, `${left},{"torn":`);
  for (let run = 0; run < 2; run += 1) {
    const trace = openAt(path);
    trace.begin('after')();
    trace.close();
  }
  const names = eventsOf(path, 'X').map(({ name }) => name);
  assert.deepEqual(names.slice(99), ['span', 'after', 'after']);
});

test('a full trace says so and grows no more', () => {
  const path = newPath();
  const trace = openAt(path, 1000);
  for (let i = 0; i < 100; i += 1) trace.begin('span')();
  const { size } = statSync(path);
  assert.ok(size < 1200, `${size} bytes`);
  trace.close();
  const events = JSON.parse(readFileSync(path, 'utf8')) as { name: string }[];
  assert.equal(events.at(-1)?.name, 'trace is full');
  assert.equal(statSync(path).size, size);
});

test('a file that is no trace is left as it is', () => {
  const path = join(folder, 'notes.txt');
  writeFileSync(path, 'notes\n');
  assert.throws(() => openAt(path), /is there already, and is no trace/);
  assert.equal(readFileSync(path, 'utf8'), 'notes\n');
});
