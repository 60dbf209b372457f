import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configInvalid } from '../../src/errors.ts';
import { createLogger, type LogLevel, type Logger } from '../../src/telemetry/logger.ts';

function capturing(level: LogLevel): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const logger = createLogger({ component: 'worker', level, write: (line) => lines.push(line) });
  return { logger, lines };
}

test('a line is one JSON object: ts level component event, then the fields', async () => {
  const { logger, lines } = capturing('info');
  logger.info('lease.expired', { shard: 3, reason: 'no\nprogress' });
  await logger.close();
  assert.equal(lines.length, 1);
  assert.match(
    lines[0]!,
    /^\{"ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"info","component":"worker","event":"lease\.expired","shard":3,"reason":"no\\nprogress"\}\n$/,
  );
});

test('lines below the level are not written', async () => {
  const { logger, lines } = capturing('warn');
  logger.debug('a.a');
  logger.info('b.b');
  logger.warn('c.c');
  logger.error('d.d');
  await logger.close();
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { event: string }).event),
    ['c.c', 'd.d'],
  );
});

test("a child adds its fields to its own lines, over its parent's, and a line's own win", async () => {
  const { logger, lines } = capturing('info');
  const child = logger.child({ runId: 'r1', epoch: 1 }).child({ component: 'loop', epoch: 2 });
  child.info('epoch.began');
  child.info('epoch.ended', { epoch: 3 });
  logger.info('run.ended');
  await logger.close();
  const seen = lines.map((line) => {
    const { component, runId, epoch } = JSON.parse(line) as Record<string, unknown>;
    return [component, runId, epoch];
  });
  assert.deepEqual(seen, [
    ['loop', 'r1', 2],
    ['loop', 'r1', 3],
    ['worker', undefined, undefined],
  ]);
});

test('a field named message or level does not disturb the line', async () => {
  const { logger, lines } = capturing('info');
  logger.info('push.refused', { message: 'too late' });
  await logger.close();
  const { event, message } = JSON.parse(lines[0]!) as Record<string, unknown>;
  assert.deepEqual([event, message], ['push.refused', 'too late']);
});

test('an expected error is its message, another its stack, an array of numbers its size', async () => {
  const { logger, lines } = capturing('info');
  logger.error('run.failed', {
    error: configInvalid('seed', 'must be a number', 'x'),
    cause: new TypeError('no such thing'),
    gradient: new Float32Array(4),
    version: 12n,
  });
  await logger.close();
  const { error, cause, gradient, version } = JSON.parse(lines[0]!) as Record<string, unknown>;
  assert.equal(error, 'config seed: must be a number, got "x"');
  assert.match(String(cause), /^TypeError: no such thing\n {4}at .*telemetry-logger/);
  assert.equal(gradient, 'Float32Array[16 bytes]');
  assert.equal(version, 12);
});

test('closing waits for every line, in order', async () => {
  const { logger, lines } = capturing('debug');
  for (let i = 0; i < 500; i++) logger.debug('step.done', { step: i });
  await logger.close();
  const steps = lines.map((line) => (JSON.parse(line) as { step: number }).step);
  assert.deepEqual(
    steps,
    Array.from({ length: 500 }, (_, i) => i),
  );
});
