/**
 * What a worker says of orders that come to nothing: an order that was overtaken is part of every
 * run, and no warning.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runConfigSchema } from '../../src/config/schema.ts';
import { TrainerError } from '../../src/errors.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { kmeansStep } from '../../src/work/kmeans-step.ts';
import { WorkerLoop, type WorkerDeps } from '../../worker/loop.ts';
import { orderMessage } from '../support/made/order-message.ts';

/**
 * Level and event of each line that a worker writes of a k-means order whose centroids it cannot
 * fetch.
 */
async function linesOf(failure: Error, outcome: 'ACCEPTED' | 'FENCED'): Promise<string[]> {
  const lines: string[] = [];
  const ended = new AbortController();
  const answered = new Promise<void>((resolve) => {
    const deps = {
      config: runConfigSchema().parse({}),
      coordinator: {
        artifact: () => Promise.reject(failure),
        submit: () => Promise.resolve({ outcome }),
      },
      // The second one: the result has been answered, and the line is written.
      advance: () => {
        if (++advances === 2) resolve();
      },
      logger: createLogger({
        component: 'worker',
        level: 'debug',
        write: (line) => lines.push(line),
      }),
      signal: ended.signal,
    };
    let advances = 0;
    const order = orderMessage(kmeansStep, { shards: [0], centroidsArtifact: 'centroids' });
    new WorkerLoop(deps as unknown as WorkerDeps).take(order);
  });
  await answered;
  return lines.map((line) => {
    const { level, event, reason } = JSON.parse(line) as Record<string, string>;
    assert.ok(reason, 'each says why');
    return `${level} ${event}`;
  });
}

test('an order that counts no more is told at level info, and so is its fenced result', async () => {
  for (const code of ['GENERATION_FENCED', 'LEASE_LOST'] as const) {
    const failure = new TrainerError(code, 'stale; version 2 is current');
    assert.deepEqual(await linesOf(failure, 'FENCED'), [
      'info order.overtaken',
      'info result.fenced',
    ]);
  }
});

test('any other failure of an order is a warning', async () => {
  for (const failure of [new TrainerError('UNAVAILABLE', 'no connection'), new Error('a fault')]) {
    assert.deepEqual(await linesOf(failure, 'ACCEPTED'), ['warn order.failed']);
  }
});
