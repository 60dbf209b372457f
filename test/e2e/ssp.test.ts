/**
 * Modes `ssp` and `async` in real processes: killed workers and servers. The numbers are not those
 * of an undisturbed run; every draw counts once, staleness stays within its bound, and the run ends.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disturbedRuns, entered, hasEvent } from '../support/runs/disturbed-runs.ts';

const STALENESS = 2;
const EPOCHS = 3;
const IMAGES = 144;
const runs = await disturbedRuns({
  epochs: EPOCHS,
  servers: 2,
  settings: { 'training.mode': 'ssp', 'training.staleness': STALENESS },
});

for (const [role, mode] of [
  ['worker-1', 'ssp'],
  ['server-0', 'ssp'],
  ['worker-1', 'async'],
] as const) {
  test(`kill -9 of ${role} in train, mode ${mode}: the ledger is exact`, async () => {
    const settings = { 'training.mode': mode };
    const run = runs.start(`killed-${role}-${mode}`, { settings });
    await run.reaches(entered(1, 'train'));
    run.signal(role, 'SIGKILL');
    const { ledger } = await run.endsWhole();
    assert.equal(ledger.committed, EPOCHS * IMAGES);
    const behind = run.events
      .filter(({ event }) => event === 'step.committed')
      .map((event) => Number(event['staleness']));
    assert.ok(behind.every((own) => own >= 0 && own <= (mode === 'ssp' ? STALENESS : 64)));
    assert.ok(Math.max(...behind) > 0, 'steps did overlap');
    assert.ok(hasEvent(run.events, role === 'worker-1' ? 'worker.lost' : 'server.lost'));
  });
}
