import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Notice } from '../../src/telemetry/notice.ts';

const DOUBLE = fileURLToPath(new URL('../support/doubles/lifetime-double.ts', import.meta.url));

interface Launched {
  readonly child: ChildProcess;
  readonly notices: Notice[];
  readonly exitCode: Promise<number | null>;
  /** All that it wrote on stderr, once it has ended. */
  readonly log: Promise<string>;
}

/** Starts the double as the launcher would, and waits for its first notice. */
async function launchDouble(...args: string[]): Promise<Launched> {
  const child = fork(DOUBLE, args, {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const notices: Notice[] = [];
  child.on('message', (message) => notices.push(message as Notice));
  const log = text(child.stderr!);
  const exitCode = once(child, 'exit').then(([code]) => code as number | null);
  await once(child, 'message');
  return { child, notices, exitCode, log };
}

describe('a launched process', { concurrency: true }, () => {
  test('ends with 75 on SIGTERM and tells the launcher why', async () => {
    const { child, notices, exitCode, log } = await launchDouble();
    child.kill('SIGTERM');
    assert.equal(await exitCode, 75);
    assert.equal(await log, '');
    const message = 'double: stopped by SIGTERM';
    assert.deepEqual(notices.at(-1), { type: 'failed', exitCode: 75, message });
  });

  test('leaves a Ctrl-C to its launcher', async () => {
    const { child, exitCode } = await launchDouble();
    child.kill('SIGINT');
    assert.equal(await Promise.race([exitCode, delay(100, 'alive')]), 'alive');
    child.kill('SIGTERM');
    assert.equal(await exitCode, 75);
  });

  test('ends with 75 when its launcher is gone', async () => {
    const { child, exitCode } = await launchDouble();
    child.disconnect();
    assert.equal(await exitCode, 75);
  });

  test('tells the launcher of its failure on one line, and the log where it happened', async () => {
    const { notices, exitCode, log } = await launchDouble('fails');
    assert.equal(await exitCode, 1);
    assert.deepEqual(notices.at(-1), { type: 'failed', exitCode: 1, message: 'no such thing' });
    const { event, error } = JSON.parse(await log) as Record<string, string>;
    assert.equal(event, 'process.crashed');
    assert.match(error ?? '', /at .*lifetime-double/);
  });
});
