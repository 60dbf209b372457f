/** More images that stay away than the limit allows: the run ends with 75, and goes on once they are back. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { exitCodeOf } from '../../src/errors.ts';
import type { Notice } from '../../src/telemetry/notice.ts';
import { checkpointOf, readLosses, runPlain } from '../support/runs/in-process-run.ts';
import {
  ALL,
  ALGORITHMS,
  EVALUATED,
  IMAGES,
  SETTINGS,
  eventsNamed,
  isProgress,
  isRemark,
  script,
  vanishingRuns,
  type Algorithm,
  type Moment,
} from '../support/runs/vanishing-images.ts';

const runs = await vanishingRuns();

describe('more than the limit: 75, a checkpoint from before, and the undisturbed run once they are back', () => {
  const cases: Record<string, { algorithm: Algorithm; goAt: Moment; ids: readonly number[] }> = {
    'half, in training': {
      algorithm: 'deepcluster',
      goAt: isProgress('train', 1, 1),
      ids: ALL.filter((id) => id % 2 === 0),
    },
    'half, in ODC': {
      algorithm: 'odc',
      goAt: isProgress('train', 1, 1),
      ids: ALL.filter((id) => id % 2 === 0),
    },
    'all, before an extraction': {
      algorithm: 'deepcluster',
      goAt: isRemark(/^epoch 1\/2:/),
      ids: ALL,
    },
    'all, before the evaluation': {
      algorithm: 'deepcluster',
      goAt: isRemark(/^epoch 2\/2:/),
      ids: ALL,
    },
  };
  for (const [name, { algorithm, goAt, ids }] of Object.entries(cases)) {
    test(name, async () => {
      const share = runs.newShare();
      const run = runs.out(`beyond ${name}`);
      const settings = { ...SETTINGS, ...ALGORITHMS[algorithm], ...EVALUATED };
      const plan = { data: share.path, out: run, workers: 2 };
      const failed: Notice[] = [];
      const act = script([goAt, () => share.hide(ids)]);
      const running = runPlain({
        ...plan,
        settings: { ...settings, 'data.waitMs': 200 },
        onNotice: (notice) => {
          if (notice.type === 'failed') failed.push(notice);
          act(notice);
        },
      });
      await assert.rejects(running, (error: Error) => {
        assert.equal(exitCodeOf(error), 75);
        assert.match(
          error.message,
          new RegExp(`${ids.length} of ${IMAGES} images cannot be read any more`),
        );
        assert.match(error.message, /first is dark\/\d+\.png \(no such file\)/);
        return true;
      });
      assert.equal(failed.length, 1, 'the launcher is told before the workers are');
      assert.ok(failed[0]?.type === 'failed' && failed[0].needsPerson === true);
      const { state } = await checkpointOf(run);
      const { version } = (state as { parameters: { version: number } }).parameters;
      assert.equal(version, eventsNamed(run, 'step.committed').length, 'no step is computed again');
      share.show();
      const summary = await runPlain({ ...plan, settings, resume: true });
      assert.deepEqual(readLosses(run), readLosses(runs.out(algorithm)));
      const { committed, skipped } = summary.ledger;
      assert.deepEqual([committed, skipped], [2 * IMAGES, 0]);
      assert.deepEqual(summary.evaluation, runs.undisturbed[algorithm].evaluation);
    });
  }
});
