/**
 * Collapse: images that cannot be clustered are refused by both algorithms, and a collapse in
 * training is told of.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RunSummary } from '../../src/report/summary.ts';
import { fetchStatus } from '../../src/rpc/status-client.ts';
import type { Compute } from '../../worker/session.ts';
import {
  FEATURES,
  placeForRuns,
  plainCompute,
  plainFeatures,
  readLines,
  runPlain,
  type PlainRun,
} from '../support/runs/in-process-run.ts';

const IMAGES = 32;
/** Steps of an epoch, in batches of 16. */
const STEPS = 2;
const { data, out } = await placeForRuns(IMAGES);

const ODC = {
  algorithm: 'odc',
  'model.neck': 'odc',
  'odc.smallClusterSize': 1,
  'odc.logInterval': 1000,
};

function run(name: string, more: Partial<PlainRun> = {}): Promise<RunSummary> {
  return runPlain({ data, out: out(name), workers: 1, ...more });
}

/** Copies of so many of the images, in turn. */
function copiesOf(kinds: number): string {
  const source = join(data, 'dark');
  const files = readdirSync(source).slice(0, kinds);
  const target = out(`copies-of-${kinds}`);
  mkdirSync(target);
  for (let i = 0; i < 24; i += 1) {
    copyFileSync(join(source, files[i % kinds]!), join(target, `${i}.png`));
  }
  return target;
}

test('copies of one image are refused by both algorithms, and copies of fewer images than clusters with their number', async () => {
  const [one, three] = [copiesOf(1), copiesOf(3)];
  for (const [name, settings] of [
    ['deepcluster', {}],
    ['odc', ODC],
  ] as const) {
    await assert.rejects(run(`${name}-one`, { data: one, settings }), {
      code: 'DATA_UNREADABLE',
      message: /24 images, got the same feature for all of them; look for identical images/,
    });
    await assert.rejects(run(`${name}-three`, { data: three, settings }), {
      code: 'CONFIG_INVALID',
      message: /clustering\.k: must not exceed the number of different features, 3 of 24 images/,
    });
    // What the message says to do.
    const lowered = { ...settings, epochs: 1, 'clustering.k': 3 };
    const resumed = { data: three, settings: lowered, resume: true };
    assert.equal((await run(`${name}-three`, resumed)).clusters.empty, 0);
  }
});

/**
 * Features of the pixels about a common vector, so that their spread is tiny, in those clusterings
 * that `isCollapsed` says.
 */
function squeezed(isCollapsed: (clustering: number) => boolean): () => Compute {
  let [clustering, seen] = [-1, 0];
  const compute = plainCompute();
  return () => ({
    ...compute,
    model: {
      ...compute.model,
      features: (pixels, count) => {
        if (seen % IMAGES === 0) clustering += 1;
        seen += count;
        const factor = isCollapsed(clustering) ? 1e-6 : 1;
        return plainFeatures(pixels, count, 0).map((value) => 1 + factor * value);
      },
    },
  });
}

test('features that become nearly equal are told of in events, status, summary and report, and so is the recovery', async () => {
  let address = '';
  const asked: Promise<string>[] = [];
  const summary = await run('recovers', {
    settings: { epochs: 4, 'clustering.k': 4 },
    compute: squeezed((clustering) => clustering === 1 || clustering === 2),
    onNotice: (notice) => {
      if (notice.type === 'listening') address = notice.address;
      const isTraining = notice.type === 'progress' && notice.phase === 'train';
      if (!isTraining || notice.epoch !== asked.length) return;
      asked.push(
        fetchStatus(address, AbortSignal.timeout(5000)).then(({ collapsed }) => collapsed),
      );
    },
  });
  assert.deepEqual(summary.collapse, { seen: 2, recovered: 1, now: null });
  const status = await Promise.all(asked);
  assert.deepEqual(
    status.map((line) => /nearly equal.*since epoch 2, step 2/.test(line)),
    [false, true, true, false],
    status.join('; '),
  );
  const events = readLines(out('recovers'), 'events.jsonl').filter(({ event }) =>
    String(event).startsWith('clusters.'),
  );
  assert.deepEqual(
    events.map(({ event, epoch, step }) => `${String(event)} ${String(epoch)} ${String(step)}`),
    [`clusters.collapsed 1 ${STEPS}`, `clusters.recovered 3 ${3 * STEPS}`],
  );
  assert.ok((events[0]!['spread'] as number) < 1e-4);
  const report = readFileSync(join(out('recovers'), 'report.html'), 'utf8');
  assert.match(report, /The clusters collapsed on the way[^.]*seen 2\stimes, recovered 1\stime/);
});

test('a resumed run goes on counting', async () => {
  const isCollapsed = (): boolean => true;
  const first = { epochs: 1, 'clustering.k': 4 };
  const { collapse } = await run('counts', { settings: first, compute: squeezed(isCollapsed) });
  assert.equal(collapse.seen, 1);
  const resumed = await run('counts', {
    settings: { ...first, epochs: 2 },
    compute: squeezed(isCollapsed),
    resume: true,
  });
  assert.equal(resumed.collapse.seen, 2);
  assert.equal(resumed.collapse.now?.epoch, 0);
  const events = readLines(out('counts'), 'events.jsonl');
  assert.equal(events.filter(({ event }) => event === 'clusters.collapsed').length, 1);
});

test('features that become equal end the run with the command that goes on from before', async () => {
  const constant = squeezed(() => false)();
  let clusterings = 0;
  const compute = (): Compute => ({
    ...constant,
    model: {
      ...constant.model,
      features: (pixels, count) => {
        if (count > 0) clusterings += count / IMAGES;
        return clusterings > 1.001
          ? new Float32Array(count * FEATURES).fill(3)
          : constant.model.features(pixels, count);
      },
    },
  });
  const settings = { epochs: 2, 'clustering.k': 4 };
  await assert.rejects(
    run('ends', { settings, compute }),
    /collapsed before epoch 2; go on from step-0 with .*deepcluster launch --resume --out \S+ --set training\.learningRate=0\.001/,
  );
  const summary = await run('ends', {
    settings: { ...settings, 'training.learningRate': 0.001 },
    resume: true,
  });
  assert.equal(summary.epochs, 2);
});

test('ODC tells of a network whose features have died', async () => {
  const compute = (): Compute =>
    plainCompute({
      features: (count, seed) =>
        seed === null
          ? Float32Array.from({ length: count * FEATURES }, (_, i) => Math.sin(1 + i * i))
          : new Float32Array(count * FEATURES),
    });
  const settings = { ...ODC, epochs: 2, 'clustering.k': 4 };
  const { collapse } = await run('dead', { settings, compute });
  assert.deepEqual(collapse, {
    seen: 2,
    recovered: 0,
    now: { epoch: 0, step: STEPS, finding: 'the features of all images are zero' },
  });
});

test('sound runs of both algorithms raise no alarm', async () => {
  for (const [name, settings] of [
    ['sound', { epochs: 2 }],
    ['sound-odc', { ...ODC, epochs: 2, 'odc.logInterval': 1 }],
  ] as const) {
    const { collapse } = await run(name, { settings });
    assert.deepEqual(collapse, { seen: 0, recovered: 0, now: null });
    const lines = readLines(out(name), 'metrics.jsonl');
    assert.ok(lines.some(({ metric }) => metric === 'dc_clusters'));
  }
});
