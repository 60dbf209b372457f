/** Images that go away under a run in one process and come back in time: they cost no number. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readLosses, runPlain } from '../support/runs/in-process-run.ts';
import {
  ALL,
  ALGORITHMS,
  EVALUATED,
  IMAGES,
  SETTINGS,
  eventsNamed,
  isClustered,
  isProgress,
  isRemark,
  isWaiting,
  script,
  vanishingRuns,
  type Algorithm,
  type Moment,
} from '../support/runs/vanishing-images.ts';

const runs = await vanishingRuns();

describe('images that come back in time: the losses of the undisturbed run, and an exact ledger', () => {
  const moments: Record<string, { algorithm: Algorithm; goAt: Moment; ids?: readonly number[] }> = {
    'all, before the first step of an epoch': { algorithm: 'deepcluster', goAt: isClustered(1) },
    'all, in mid-epoch': { algorithm: 'deepcluster', goAt: isProgress('train', 0, 1) },
    'some, in the first extraction': {
      ...{ algorithm: 'deepcluster', goAt: isProgress('extract', 0, 13) },
      ids: ALL.slice(52),
    },
    'all, before the next extraction': { algorithm: 'deepcluster', goAt: isRemark(/^epoch 1\/2:/) },
    'all, before the evaluation': { algorithm: 'deepcluster', goAt: isRemark(/^epoch 2\/2:/) },
    'one, ODC': { algorithm: 'odc', goAt: isClustered(0), ids: [17] },
    'all, ODC': { algorithm: 'odc', goAt: isProgress('train', 1, 2) },
  };
  for (const [name, { algorithm, goAt, ids = ALL }] of Object.entries(moments)) {
    test(name, async () => {
      const share = runs.newShare();
      const run = runs.out(`back ${name}`);
      const summary = await runPlain({
        // One worker reads again what it could not read; of two, the other does.
        ...{ data: share.path, out: run, workers: /extraction|step/.test(name) ? 1 : 2 },
        settings: { ...SETTINGS, ...ALGORITHMS[algorithm], ...EVALUATED },
        onNotice: script([goAt, () => share.hide(ids)], [isWaiting, () => share.show()]),
      });
      assert.deepEqual(readLosses(run), readLosses(runs.out(algorithm)));
      const { committed, skipped } = summary.ledger;
      assert.deepEqual([committed, skipped, summary.unreadable], [2 * IMAGES, 0, 0]);
      assert.deepEqual(summary.evaluation, runs.undisturbed[algorithm].evaluation);
      assert.ok(eventsNamed(run, 'data.waiting').length >= 1, 'they were missed');
      assert.ok(eventsNamed(run, 'data.returned').length >= 1);
      assert.equal(eventsNamed(run, 'order.failed').length, 0);
    });
  }
});

test('an image that decodes no more and is mended in time costs nothing', async () => {
  const share = runs.newShare();
  const run = runs.out('mended');
  const summary = await runPlain({
    ...{ data: share.path, out: run, workers: 2, settings: SETTINGS },
    onNotice: script([isClustered(1), () => share.spoil(11)], [isWaiting, () => share.mend(11)]),
  });
  assert.deepEqual(readLosses(run), readLosses(runs.out('deepcluster')));
  assert.equal(summary.ledger.skipped, 0);
});
