/**
 * Images that go away while a run in one process trains, clusters or evaluates: they come back,
 * stay away within the limit, or beyond it. Files go between two phases, so that every number of
 * workers meets the same files at the same step.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { planEpoch, planOdcEpoch } from '../../coordinator/run/epoch-plan.ts';
import { arrayOf } from '../../src/arrays/bundle.ts';
import { runConfigSchema } from '../../src/config/schema.ts';
import { exitCodeOf, unavailable } from '../../src/errors.ts';
import type { RunSummary } from '../../src/report/summary.ts';
import type { Notice } from '../../src/telemetry/notice.ts';
import {
  checkpointOf,
  makeNoiseImages,
  plainCompute,
  readLines,
  readLosses,
  runPlain,
  temporaryFolder,
  type PlainRun,
} from '../support/in-process-run.ts';

const IMAGES = 60;
const BATCH = 16;
const STEPS = Math.ceil(IMAGES / BATCH);
const folder = temporaryFolder();
const original = join(folder.path, 'images');

const ALGORITHMS = {
  deepcluster: {},
  odc: {
    algorithm: 'odc',
    'model.neck': 'odc',
    'odc.publishInterval': 3,
    'odc.smallClusterSize': 2,
  },
} as const;
type Algorithm = keyof typeof ALGORITHMS;

/** Nothing is kept in memory: what is gone is missed. */
const SETTINGS = { 'data.cacheBytes': 0, 'data.waitMs': 3_000 } as const;

/** A data set whose files the test takes away and brings back. */
class Share {
  readonly path: string;
  readonly #hidden: string;
  /** By sample id, relative. */
  readonly #files: readonly string[];
  #gone = new Set<number>();

  constructor(name: string) {
    this.path = join(folder.path, name);
    this.#hidden = `${this.path}-hidden`;
    this.#files = ['dark', 'light'].flatMap((kind) =>
      readdirSync(join(original, kind)).map((file) => join(kind, file)),
    );
    for (const kind of ['dark', 'light']) {
      mkdirSync(join(this.path, kind), { recursive: true });
      mkdirSync(join(this.#hidden, kind), { recursive: true });
    }
    for (const file of this.#files) {
      writeFileSync(join(this.path, file), readFileSync(join(original, file)));
    }
  }

  /** The same files as a list, whose digest does not depend on what is there. */
  asList(): string {
    const list = `${this.path}.txt`;
    const lines = this.#files.map((file) => relative(folder.path, join(this.path, file)));
    writeFileSync(list, `${lines.join('\n')}\n`);
    return list;
  }

  hide(ids: readonly number[]): void {
    for (const id of ids) {
      if (this.#gone.has(id)) continue;
      this.#gone.add(id);
      renameSync(join(this.path, this.#files[id]!), join(this.#hidden, this.#files[id]!));
    }
  }

  show(): void {
    for (const id of this.#gone) {
      renameSync(join(this.#hidden, this.#files[id]!), join(this.path, this.#files[id]!));
    }
    this.#gone = new Set();
  }

  /** The same size, and no image any more. */
  spoil(id: number): void {
    const bytes = readFileSync(join(original, this.#files[id]!));
    writeFileSync(join(this.path, this.#files[id]!), bytes.fill(7));
  }

  mend(id: number): void {
    const bytes = readFileSync(join(original, this.#files[id]!));
    writeFileSync(join(this.path, this.#files[id]!), bytes);
  }
}

before(async () => {
  await makeNoiseImages(original, IMAGES);
  for (const [algorithm, settings] of Object.entries(ALGORITHMS)) {
    const run = { data: original, out: out(algorithm), workers: 2 };
    await runPlain({ ...run, settings: { ...SETTINGS, ...settings, ...EVALUATED } });
  }
});
after(() => {
  folder.remove();
});

const EVALUATED = { 'evaluation.enabled': true, 'evaluation.knnK': 5 } as const;

function out(name: string): string {
  return join(folder.path, `run-${name}`);
}

let shares = 0;
function newShare(): Share {
  shares += 1;
  return new Share(`share-${shares}`);
}

type Moment = (notice: Notice) => boolean;

const isRemark =
  (begin: RegExp): Moment =>
  (notice) =>
    notice.type === 'remark' && begin.test(notice.text);
const isProgress =
  (phase: string, epoch: number, done: number): Moment =>
  (notice) =>
    notice.type === 'progress' &&
    notice.phase === phase &&
    notice.epoch === epoch &&
    notice.done === done;
/** The clustering of an epoch has read all its images; the training has read none. */
const isClustered = (epoch: number): Moment => isProgress('kmeans', epoch, 8);
const isWaiting = isRemark(/ images cannot be read any more: .*; waiting up to 3 s for them$/);

/** Does each thing at its moment, once. */
function script(
  ...acts: readonly (readonly [Moment, () => void])[]
): NonNullable<PlainRun['onNotice']> {
  const left = [...acts];
  return (notice) => {
    const place = left.findIndex(([isNow]) => isNow(notice));
    if (place >= 0) left.splice(place, 1)[0]![1]();
  };
}

function eventsOf(run: string, event: string): Record<string, unknown>[] {
  return readLines(run, 'events.jsonl').filter((line) => line['event'] === event);
}

const all = Array.from({ length: IMAGES }, (_, id) => id);

describe('images that come back in time: the losses of the undisturbed run, and an exact ledger', () => {
  const moments: Record<string, { algorithm: Algorithm; goAt: Moment; ids?: readonly number[] }> = {
    'all, before the first step of an epoch': { algorithm: 'deepcluster', goAt: isClustered(1) },
    'all, in mid-epoch': { algorithm: 'deepcluster', goAt: isProgress('train', 0, 1) },
    'some, in the first extraction': {
      ...{ algorithm: 'deepcluster', goAt: isProgress('extract', 0, 13) },
      ids: all.slice(52),
    },
    'all, before the next extraction': { algorithm: 'deepcluster', goAt: isRemark(/^epoch 1\/2:/) },
    'all, before the evaluation': { algorithm: 'deepcluster', goAt: isRemark(/^epoch 2\/2:/) },
    'one, ODC': { algorithm: 'odc', goAt: isClustered(0), ids: [17] },
    'all, ODC': { algorithm: 'odc', goAt: isProgress('train', 1, 2) },
  };
  for (const [name, { algorithm, goAt, ids = all }] of Object.entries(moments)) {
    test(name, async () => {
      const share = newShare();
      const run = out(`back ${name}`);
      const summary = await runPlain({
        // One worker reads again what it could not read; of two, the other does.
        ...{ data: share.path, out: run, workers: /extraction|step/.test(name) ? 1 : 2 },
        settings: { ...SETTINGS, ...ALGORITHMS[algorithm], ...EVALUATED },
        onNotice: script(
          [
            goAt,
            () => {
              share.hide(ids);
            },
          ],
          [
            isWaiting,
            () => {
              share.show();
            },
          ],
        ),
      });
      assert.deepEqual(readLosses(run), readLosses(out(algorithm)));
      const { committed, skipped } = summary.ledger;
      assert.deepEqual([committed, skipped, summary.unreadable], [2 * IMAGES, 0, 0]);
      assert.deepEqual(summary.evaluation, summaryOf(algorithm).evaluation);
      assert.ok(eventsOf(run, 'data.waiting').length >= 1, 'they were missed');
      assert.ok(eventsOf(run, 'data.returned').length >= 1);
      assert.equal(eventsOf(run, 'order.failed').length, 0);
    });
  }
});

function summaryOf(run: string): RunSummary {
  return JSON.parse(readFileSync(join(out(run), 'summary.json'), 'utf8')) as RunSummary;
}

test('an image that decodes no more and is mended in time costs nothing', async () => {
  const share = newShare();
  const run = out('mended');
  const summary = await runPlain({
    ...{ data: share.path, out: run, workers: 2, settings: SETTINGS },
    onNotice: script(
      [
        isClustered(1),
        () => {
          share.spoil(11);
        },
      ],
      [
        isWaiting,
        () => {
          share.mend(11);
        },
      ],
    ),
  });
  assert.deepEqual(readLosses(run), readLosses(out('deepcluster')));
  assert.equal(summary.ledger.skipped, 0);
});

/** Draws of an epoch's plan, from the checkpoint at the end of a run of two epochs: ids. */
async function drawsOf(run: string, algorithm: Algorithm): Promise<Int32Array> {
  const { files } = await checkpointOf(run);
  if (algorithm === 'odc') {
    // ODC draws by ids alone.
    const labels = new Int32Array(IMAGES);
    return planOdcEpoch(labels, 1, 31, true).ids;
  }
  const labels = arrayOf(files['clustering']!, 'pseudo-labels', Int32Array);
  const { clustering } = runConfigSchema.parse({ clustering: { k: 6 } });
  return planEpoch(labels, 1, 31, clustering).ids;
}

describe('images that stay away within the limit are left out by decision', () => {
  const GONE = [3, 20, 41];
  const LIMIT = { 'data.maxUnreadableFraction': 0.1, 'data.waitMs': 0 } as const;

  for (const algorithm of ['deepcluster', 'odc'] as const) {
    test(`1, 2 and 3 workers give the same run, ${algorithm}`, async () => {
      const expected = { losses: [] as number[], ledger: {} };
      for (const workers of [1, 2, 3]) {
        const share = newShare();
        const run = out(`left-out-${algorithm}-${workers}`);
        const summary = await runPlain({
          ...{ data: share.path, out: run, workers },
          settings: { ...SETTINGS, ...ALGORITHMS[algorithm], ...LIMIT },
          onNotice: script([
            isClustered(algorithm === 'odc' ? 0 : 1),
            () => {
              share.hide(GONE);
            },
          ]),
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
    const [decision, ...more] = eventsOf(run, 'images.left-out');
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
    const steps = eventsOf(run, 'step.committed').map(({ samples }) => samples as number);
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
    const share = newShare();
    const run = out('back-next-epoch');
    const summary = await runPlain({
      ...{ data: share.path, out: run, workers: 2, settings: { ...SETTINGS, ...LIMIT } },
      onNotice: script(
        [
          isClustered(0),
          () => {
            share.hide(GONE);
          },
        ],
        [
          isRemark(/^epoch 1\/2:/),
          () => {
            share.show();
          },
        ],
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
    const share = newShare();
    const run = out('gone-at-extraction');
    const summary = await runPlain({
      ...{ data: share.path, out: run, workers: 2, settings: { ...SETTINGS, ...LIMIT } },
      onNotice: script([
        isRemark(/^epoch 1\/2:/),
        () => {
          share.hide(GONE);
        },
      ]),
    });
    const { committed, skipped } = summary.ledger;
    assert.deepEqual([committed, skipped], [2 * IMAGES - GONE.length, 0]);
    assert.equal(eventsOf(run, 'images.left-out').length, 1);
  });

  test('an image that decodes no more is left out too', async () => {
    const share = newShare();
    const run = out('spoilt');
    const settings = { ...SETTINGS, ...LIMIT, 'data.waitMs': 100 };
    const summary = await runPlain({
      ...{ data: share.path, out: run, workers: 2, settings },
      onNotice: script([
        isClustered(1),
        () => {
          share.spoil(11);
        },
      ]),
    });
    assert.equal(summary.unreadable, 1);
    assert.equal(summary.ledger.committed + summary.ledger.skipped, 2 * IMAGES);
    assert.equal(eventsOf(run, 'images.left-out')[0]!['count'], 1);
  });

  test('a run that is resumed in mid-epoch after a decision keeps to it, whether the images are back or not', async () => {
    const settings = { ...SETTINGS, ...LIMIT };
    const runs: number[][] = [];
    for (const name of ['straight', 'stopped', 'stopped-and-still-away']) {
      const share = newShare();
      const data = share.asList();
      const run = out(`decided-${name}`);
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
          [
            isClustered(1),
            () => {
              share.hide(GONE);
            },
          ],
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
      runs.push(readLosses(run));
    }
    assert.deepEqual(runs[1], runs[0]);
    assert.deepEqual(runs[2], runs[0]);
  });
});

test('steps none of whose draws count are passed over: each draw is skipped, and no step is empty', async () => {
  const GONE = all.filter((id) => id % 4 === 1);
  const settings = {
    ...SETTINGS,
    'data.maxUnreadableFraction': 0.5,
    'data.waitMs': 0,
    'training.batchSize': 1,
    'training.sliceSize': 1,
  };
  const losses: number[][] = [];
  for (const workers of [1, 2]) {
    const share = newShare();
    const run = out(`passed-over-${workers}`);
    const summary = await runPlain({
      ...{ data: share.path, out: run, workers, settings },
      onNotice: script([
        isClustered(1),
        () => {
          share.hide(GONE);
        },
      ]),
    });
    const { committed, skipped } = summary.ledger;
    assert.ok(skipped > 0);
    assert.equal(committed + skipped, 2 * IMAGES);
    assert.equal(summary.steps, committed, 'a step for each draw that counts');
    assert.deepEqual(
      eventsOf(run, 'step.committed').map(({ step }) => step),
      Array.from({ length: committed }, (_, step) => step),
    );
    losses.push(readLosses(run));
  }
  assert.deepEqual(losses[1], losses[0]);
});

describe('more than the limit: 75, a checkpoint from before, and the undisturbed run once they are back', () => {
  const cases: Record<string, { algorithm: Algorithm; goAt: Moment; ids: readonly number[] }> = {
    'half, in training': {
      algorithm: 'deepcluster',
      goAt: isProgress('train', 1, 1),
      ids: all.filter((id) => id % 2 === 0),
    },
    'half, in ODC': {
      algorithm: 'odc',
      goAt: isProgress('train', 1, 1),
      ids: all.filter((id) => id % 2 === 0),
    },
    'all, before an extraction': {
      algorithm: 'deepcluster',
      goAt: isRemark(/^epoch 1\/2:/),
      ids: all,
    },
    'all, before the evaluation': {
      algorithm: 'deepcluster',
      goAt: isRemark(/^epoch 2\/2:/),
      ids: all,
    },
  };
  for (const [name, { algorithm, goAt, ids }] of Object.entries(cases)) {
    test(name, async () => {
      const share = newShare();
      const run = out(`beyond ${name}`);
      const settings = { ...SETTINGS, ...ALGORITHMS[algorithm], ...EVALUATED };
      const plan = { data: share.path, out: run, workers: 2 };
      const failed: Notice[] = [];
      const act = script([
        goAt,
        () => {
          share.hide(ids);
        },
      ]);
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
      assert.equal(version, eventsOf(run, 'step.committed').length, 'no step is computed again');
      share.show();
      const summary = await runPlain({ ...plan, settings, resume: true });
      assert.deepEqual(readLosses(run), readLosses(out(algorithm)));
      const { committed, skipped } = summary.ledger;
      assert.deepEqual([committed, skipped], [2 * IMAGES, 0]);
      assert.deepEqual(summary.evaluation, summaryOf(algorithm).evaluation);
    });
  }
});

test('a data shard none of whose images can be read is no work for the engine', async () => {
  const share = newShare();
  const run = out('empty-shard');
  for (let id = 26; id < 39; id += 1) share.spoil(id);
  const settings = { ...SETTINGS, 'data.maxUnreadableFraction': 0.5 };
  const summary = await runPlain({ data: share.path, out: run, workers: 2, settings });
  assert.equal(summary.unreadable, 13);
  assert.equal(summary.ledger.committed, 2 * (IMAGES - 13));
});
