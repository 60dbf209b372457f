/**
 * Real processes that push once a step each: read off the workers' traces, for every algorithm; and
 * the run is the same, by one worker or by two.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { arrayOf } from '../../src/arrays/bundle.ts';
import { makeImages } from '../../src/data/made/made-images.ts';
import { SMALL_ODC, SMALL_SWAV, SMALL_V2 } from '../support/runs/disturbed-runs.ts';
import { checkpointOf, temporaryFolder } from '../support/runs/in-process-run.ts';
import { finished, launch, lossesOf } from '../support/runs/launched-run.ts';
import { eventsOf } from '../support/runs/trace-events.ts';

const folder = temporaryFolder();
after(folder.remove);
const data = join(folder.path, 'images');
await makeImages({ out: data, classes: 4, perClass: 24, size: 48, seed: 31 });

/** Four slices a step, of which no worker is given another's because it is late. */
const SETTINGS = {
  'training.sliceSize': 6,
  'cluster.backupFactor': 0,
  'cluster.heartbeatTimeoutMs': 60_000,
};
const ALGORITHMS = {
  deepcluster: {},
  odc: SMALL_ODC,
  'deepcluster-v2': SMALL_V2,
  swav: SMALL_SWAV,
} as const;

for (const [algorithm, own] of Object.entries(ALGORITHMS)) {
  test(`one or two workers push once a step each, for the same run: ${algorithm}`, async () => {
    const runs = [];
    for (const workers of [1, 2]) {
      const out = join(folder.path, `${algorithm}-${workers}`);
      const settings = { ...SETTINGS, ...own, 'cluster.minWorkers': workers };
      await finished(launch({ data, out, workers, settings, flags: ['--trace'] }));
      const losses = lossesOf(out);
      for (let i = 0; i < workers; i += 1) {
        const spans = eventsOf(join(out, 'trace', `worker-${i}.json`), 'X');
        const count = (wanted: string): number =>
          spans.filter(({ name }) => name === wanted).length;
        assert.equal(count('push'), losses.length, `worker ${i} of ${workers}`);
        assert.equal(count('lossAndGradient'), (losses.length * 4) / workers);
      }
      const { parameters, clustering } = (await checkpointOf(out)).files;
      const labels = [...arrayOf(clustering!, 'pseudo-labels', Int32Array)];
      runs.push({ losses, parameters, labels });
    }
    assert.ok(runs[0]!.losses.length >= 8);
    assert.deepEqual(runs[1], runs[0]);
  });
}
