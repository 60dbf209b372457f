/**
 * Real processes with the real network: DeepCluster with power iteration clustering by one, two or
 * three workers, with processes killed while the graph is searched, and nobody can tell afterwards;
 * and its clusters in the tables, and of images that are embedded.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { disturbedRuns, entered, hasEvent } from '../support/runs/disturbed-runs.ts';
import { runCommand } from '../support/runs/launched-run.ts';

const PIC = { 'clustering.method': 'pic', 'clustering.k': 40 };
const runs = await disturbedRuns({ epochs: 3, settings: PIC });

test('the undisturbed run trains on the clusters of its graphs, and learns', () => {
  const { clusters, epochs, finalLoss } = runs.undisturbed;
  assert.equal(epochs, 3);
  const found = clusters.k - clusters.empty;
  assert.ok(found >= 2 && found < 40, `${found} clusters`);
  assert.ok(finalLoss < Math.log(40), `${finalLoss}: that of guessing among all outputs`);
});

for (const workers of [1, 3]) {
  test(`${workers} workers make the run that two make, bit for bit`, async () => {
    await runs.start(`workers-${workers}`, { workers }).endsAsUndisturbed();
  });
}

test('kill -9 of a worker that searches for neighbours', async () => {
  const run = runs.start('searching');
  await run.reaches(entered(1, 'neighbours'));
  run.signal('worker-0', 'SIGKILL');
  await run.endsAsUndisturbed();
  assert.ok(hasEvent(run.events, 'worker.lost'));
});

test('kill -9 of every process in the search, then --resume: the run as it was', async () => {
  const run = runs.start('all-killed');
  await run.reaches(entered(1, 'neighbours'));
  await run.killAll(['coordinator', 'worker-0', 'worker-1']);
  await runs.start('all-killed', { resume: true }).endsAsUndisturbed();
});

/** A table's rows, by their path. */
function rowsOf(file: string): Map<string, Record<string, string>> {
  const [header, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  const columns = header!.split(',');
  return new Map(
    lines.map((line) => {
      const values = line.split(',');
      const row = Object.fromEntries(
        columns.map((name, i): [string, string] => [name, values[i]!]),
      );
      return [row['path']!, row];
    }),
  );
}

test("the run's images keep their graph's cluster; assign gives that of the nearest mean", async () => {
  const out = runs.out('undisturbed');
  const own = rowsOf(join(out, 'clusters.csv'));
  assert.equal(own.size, runs.images);
  const file = join(runs.folder, 'assigned.csv');
  const words = ['assign', '--run', out, '--data', runs.data, '--out', file, '--engine', 'wasm'];
  const { code, stderr } = await runCommand(words).ended;
  assert.equal(code, 0, stderr);
  const assigned = rowsOf(file);
  assert.equal(assigned.size, runs.images);
  let moved = 0;
  for (const [path, { cluster, distance, second, secondDistance }] of own) {
    // Features of other batches differ in their last digits.
    if (Math.abs(Number(distance) - Number(secondDistance)) < 1e-4) continue;
    const isNearest = Number(distance) < Number(secondDistance);
    if (!isNearest) moved += 1;
    assert.equal(assigned.get(path)!['cluster'], isNearest ? cluster : second, path);
  }
  assert.ok(moved > 0, 'some image is nearer to the mean of another cluster');
});
