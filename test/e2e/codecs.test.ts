/**
 * Real processes with the real network whose gradients and parameters are exchanged by a codec: the
 * number of workers and of servers, and the way of the numbers, show in no bit, and killed
 * processes do not either.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { committed, disturbedRuns } from '../support/runs/disturbed-runs.ts';

const begun = (codec: string) =>
  disturbedRuns({
    ...{ epochs: 2, servers: 2 },
    settings: { 'training.codec': codec, 'evaluation.enabled': false },
  });
const RUNS = { bfloat16: await begun('bfloat16'), int8: await begun('int8') };

test('a codec shows in the numbers', () => {
  assert.notDeepEqual(RUNS.bfloat16.losses, RUNS.int8.losses);
});

for (const [codec, runs] of Object.entries(RUNS)) {
  test(`${codec}: one worker without a server process makes the run of two and two, also by gRPC`, async () => {
    const settings = { 'cluster.sharedMemory': false };
    await runs.start('by-grpc', { settings }).endsAsUndisturbed();
    await runs.start('alone', { workers: 1, servers: 0, settings }).endsAsUndisturbed();
  });

  test(`${codec}: kill -9 of a worker and of a server in mid-epoch leave the run as it was`, async () => {
    const run = runs.start('killed');
    await run.reaches(committed(2));
    run.signal('worker-0', 'SIGKILL');
    await run.reaches(committed(4));
    run.signal('server-1', 'SIGKILL');
    await run.endsAsUndisturbed();
  });
}
