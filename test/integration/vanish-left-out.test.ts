/** Images that stay away, but within the limit: by one decision they are left out, alike for every number of workers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { planEpoch } from '../../src/algorithms/deepcluster/strategy.ts';
import { planOdcEpoch } from '../../src/algorithms/odc/strategy.ts';
import { arrayOf } from '../../src/arrays/bundle.ts';
import { runConfigSchema } from '../../src/config/schema.ts';
import { unavailable } from '../../src/errors.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import {
  checkpointOf,
  plainCompute,
  readLosses,
  runPlain,
} from '../support/runs/in-process-run.ts';
import {
  ALL,
  ALGORITHMS,
  BATCH,
  IMAGES,
  SETTINGS,
  STEPS,
  eventsNamed,
  isClustered,
  isRemark,
  script,
  vanishingRuns,
  type Algorithm,
} from '../support/runs/vanishing-images.ts';

const runs = await vanishingRuns();

/** Draws of an epoch's plan, from the checkpoint at the end of a run of two epochs: ids. */
async function drawsOf(run: string, algorithm: Algorithm): Promise<Int32Array> {
  const { files } = await checkpointOf(run);
  if (algorithm === 'odc') {
    // ODC draws by ids alone.
    const labels = new Int32Array(IMAGES);
    return planOdcEpoch(labels, 1, 31, true).ids;
  }
  const labels = arrayOf(files['clustering']!, 'pseudo-labels', Int32Array);
  const { clustering } = runConfigSchema().parse({ clustering: { k: 6 } });
  return planEpoch(labels, 1, 31, clustering).ids;
}

describe('images that stay away within the limit are left out by decision', () => {
  const GONE = [3, 20, 41];
  const LIMIT = { 'data.maxUnreadableFraction': 0.1, 'data.waitMs': 0 } as const;

  for (const algorithm of ['deepcluster', 'odc'] as const) {
    test(`1, 2 and 3 workers give the same run, ${algorithm}`, async () => {
      const expected = { losses: [] as number[], ledger: {} };
      for (const workers of [1, 2, 3]) {
        const share = runs.newShare();
        const run = runs.out(`left-out-${algorithm}-${workers}`);
        const summary = await runPlain({
          ...{ data: share.path, out: run, workers },
          settings: { ...SETTINGS, ...ALGORITHMS[algorithm], ...LIMIT },
          onNotice: script([isClustered(algorithm === 'odc' ? 0 : 1), () => share.hide(GONE)]),
        });
        const { committed, skipped } = summary.ledger;
        if (workers === 1) {
          Object.assign(expected, { losses: readLosses(run), ledger: { committed, skipped } });
          await checkLeftOut(run, algorithm, summary);
        }
        assert.deepEqual({ losses: readLosses(run), ledger: { committed, skipped } }, expected);
      }
    });
  }

  async function checkLeftOut(
    run: string,
    algorithm: Algorithm,
    { ledger, unreadable }: RunSummary,
  ): Promise<void> {
    const [decision, ...more] = eventsNamed(run, 'images.left-out');
    assert.equal(more.length, 0, 'all at once, whoever met them');
    assert.deepEqual(
      (decision!['images'] as { id: number }[]).map(({ id }) => id),
      GONE,
    );
    const step = decision!['step'] as number;
    const epoch = Math.floor(step / STEPS);
    const draws = await drawsOf(run, algorithm);
    if (epoch === 1) {
      const omitted = draws.slice((step - STEPS) * BATCH).filter((id) => GONE.includes(id)).length;
      assert.ok(omitted > 0);
      assert.equal(ledger.skipped, omitted);
    }
    assert.equal(ledger.committed + ledger.skipped, 2 * IMAGES, 'each draw once');
    const steps = eventsNamed(run, 'step.committed').map(({ samples }) => samples as number);
    assert.equal(
      steps.reduce((total, samples) => total + samples, 0),
      ledger.committed,
    );
    assert.equal(unreadable, GONE.length);
    const lines = readFileSync(join(run, 'unreadable.csv'), 'utf8').trimEnd().split('\n').slice(1);
    assert.equal(lines.length, GONE.length);
    for (const line of lines) assert.match(line, new RegExp(`left out from step ${step} on`));
  }

  test('a decision in one epoch ends with the next clustering: images that are back take part', async () => {
    const share = runs.newShare();
    const run = runs.out('back-next-epoch');
    const summary = await runPlain({
      ...{ data: share.path, out: run, workers: 2, settings: { ...SETTINGS, ...LIMIT } },
      onNotice: script(
        [isClustered(0), () => share.hide(GONE)],
        [isRemark(/^epoch 1\/2:/), () => share.show()],
      ),
    });
    const labels = arrayOf(
      (await checkpointOf(run)).files['clustering']!,
      'pseudo-labels',
      Int32Array,
    );
    assert.equal(labels.filter((label) => label < 0).length, 0);
    assert.ok(summary.ledger.skipped > 0);
    assert.equal(summary.ledger.committed + summary.ledger.skipped, 2 * IMAGES);
  });

  test('images that are gone at an extraction are left out of it, and their epoch is shorter', async () => {
    const share = runs.newShare();
    const run = runs.out('gone-at-extraction');
    const summary = await runPlain({
      ...{ data: share.path, out: run, workers: 2, settings: { ...SETTINGS, ...LIMIT } },
      onNotice: script([isRemark(/^epoch 1\/2:/), () => share.hide(GONE)]),
    });
    const { committed, skipped } = summary.ledger;
    assert.deepEqual([committed, skipped], [2 * IMAGES - GONE.length, 0]);
    assert.equal(eventsNamed(run, 'images.left-out').length, 1);
  });

  test('an image that decodes no more is left out too', async () => {
    const share = runs.newShare();
    const run = runs.out('spoilt');
    const settings = { ...SETTINGS, ...LIMIT, 'data.waitMs': 100 };
    const summary = await runPlain({
      ...{ data: share.path, out: run, workers: 2, settings },
      onNotice: script([isClustered(1), () => share.spoil(11)]),
    });
    assert.equal(summary.unreadable, 1);
    assert.equal(summary.ledger.committed + summary.ledger.skipped, 2 * IMAGES);
    assert.equal(eventsNamed(run, 'images.left-out')[0]!['count'], 1);
  });

  test('a run that is resumed in mid-epoch after a decision keeps to it, whether the images are back or not', async () => {
    const settings = { ...SETTINGS, ...LIMIT };
    const losses: number[][] = [];
    for (const name of ['straight', 'stopped', 'stopped-and-still-away']) {
      const share = runs.newShare();
      const data = share.asList();
      const run = runs.out(`decided-${name}`);
      const stop = new AbortController();
      let decided = false;
      let slices = 0;
      const beforeGradient = (): void => {
        if (!decided || name === 'straight') return;
        slices += 1;
        if (slices === 4) stop.abort(unavailable('test', 'stopped'));
      };
      const running = runPlain({
        ...{ data, out: run, workers: 2, settings, signal: stop.signal },
        compute: () => plainCompute({ beforeGradient }),
        onNotice: script(
          [isClustered(1), () => share.hide(GONE)],
          [
            isRemark(/left out from step/),
            () => {
              decided = true;
            },
          ],
        ),
      });
      if (name !== 'straight') {
        await assert.rejects(running, /stopped/);
        const { state } = await checkpointOf(run);
        const { leftOut } = state as { leftOut: { id: number }[] };
        assert.deepEqual(
          leftOut.map(({ id }) => id),
          GONE,
        );
        // Otherwise neither the coordinator nor the worker finds all images of the run.
        if (name === 'stopped') share.show();
        await runPlain({ data, out: run, workers: 1, settings, resume: true });
      } else await running;
      losses.push(readLosses(run));
    }
    assert.deepEqual(losses[1], losses[0]);
    assert.deepEqual(losses[2], losses[0]);
  });
});

test('steps none of whose draws count are passed over: each draw is skipped, and no step is empty', async () => {
  const GONE = ALL.filter((id) => id % 4 === 1);
  const settings = {
    ...SETTINGS,
    'data.maxUnreadableFraction': 0.5,
    'data.waitMs': 0,
    'training.batchSize': 1,
    'training.sliceSize': 1,
  };
  const losses: number[][] = [];
  for (const workers of [1, 2]) {
    const share = runs.newShare();
    const run = runs.out(`passed-over-${workers}`);
    const summary = await runPlain({
      ...{ data: share.path, out: run, workers, settings },
      onNotice: script([isClustered(1), () => share.hide(GONE)]),
    });
    const { committed, skipped } = summary.ledger;
    assert.ok(skipped > 0);
    assert.equal(committed + skipped, 2 * IMAGES);
    assert.equal(summary.steps, committed, 'a step for each draw that counts');
    assert.deepEqual(
      eventsNamed(run, 'step.committed').map(({ step }) => step),
      Array.from({ length: committed }, (_, step) => step),
    );
    losses.push(readLosses(run));
  }
  assert.deepEqual(losses[1], losses[0]);
});

test('a data shard none of whose images can be read is no work for the engine', async () => {
  const share = runs.newShare();
  const run = runs.out('empty-shard');
  for (let id = 26; id < 39; id += 1) share.spoil(id);
  const settings = { ...SETTINGS, 'data.maxUnreadableFraction': 0.5 };
  const summary = await runPlain({ data: share.path, out: run, workers: 2, settings });
  assert.equal(summary.unreadable, 13);
  assert.equal(summary.ledger.committed, 2 * (IMAGES - 13));
});
