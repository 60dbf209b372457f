/** A run's folder opened to be used: what its newest sound checkpoint holds, and clear words where there is none. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { readLatestCheckpoint, type Checkpoint } from '../../src/checkpoint/checkpoint.ts';
import { openRun } from '../../src/run/open-run.ts';
import {
  FEATURES,
  makeNoiseImages,
  runPlain,
  temporaryFolder,
} from '../support/runs/in-process-run.ts';
import { PLAIN_LAYOUT } from '../support/made/layouts.ts';

const IMAGES = 30;
const K = 4;
const PCA = 5;
const folder = temporaryFolder();

function noneRejected(name: string, reason: string): void {
  assert.fail(`${name}: ${reason}`);
}
const data = join(folder.path, 'data');
const run = join(folder.path, 'run');

before(async () => {
  await makeNoiseImages(data, IMAGES);
  const settings = { epochs: 2, 'clustering.k': K, 'clustering.pcaDim': PCA };
  await runPlain({ data, out: run, workers: 1, settings });
});
after(() => {
  folder.remove();
});

/** A copy of the run that a test may change. */
function copied(name: string): string {
  const copy = join(folder.path, name);
  cpSync(run, copy, { recursive: true });
  return copy;
}

/** The arrays as they lie in the checkpoint's files. */
async function newestOf(path: string): Promise<Checkpoint> {
  const newest = await readLatestCheckpoint(join(path, 'checkpoints'), noneRejected);
  return newest!;
}

test('an opened run has the parameters, clusters and whitening of its newest checkpoint', async () => {
  const opened = await openRun(run, noneRejected);
  const { files, step, name } = await newestOf(run);
  assert.equal(opened.step, step);
  assert.equal(opened.checkpoint, name);
  assert.equal(opened.config.clustering.k, K);
  assert.equal(opened.images.count, IMAGES);
  assert.equal(opened.record.epochs.length, 2);
  assert.deepEqual(opened.layout, PLAIN_LAYOUT);
  for (const { name: variable, offset, size } of PLAIN_LAYOUT.variables) {
    const stored = files['parameters']![variable]!.data as Float32Array;
    assert.deepEqual(opened.parameters.subarray(offset, offset + size), stored);
  }
  assert.deepEqual(opened.pseudoLabels, files['clustering']!['pseudo-labels']!.data);
  const final = files['final-clustering']!;
  assert.equal(opened.clustersAreOf, 'final parameters');
  assert.deepEqual(opened.clusters, final['clusters']!.data);
  assert.deepEqual(opened.details?.seconds, final['seconds']!.data);
  assert.ok(opened.clusters.every((cluster) => 0 <= cluster && cluster < K));
  const { centroids, whitening } = opened;
  assert.deepEqual(centroids?.values, final['centroids']!.data);
  assert.deepEqual([centroids.count, centroids.dim], [K, PCA]);
  assert.deepEqual([whitening?.inDim, whitening?.outDim], [FEATURES, PCA]);
  assert.deepEqual(whitening?.components, final['whitening-components']!.data);
});

test('the tables in the folder have the clusters of the checkpoint', async () => {
  const { clusters, details, pseudoLabels } = await openRun(run);
  const rows: Record<string, string>[] = parse(readFileSync(join(run, 'clusters.csv')), {
    columns: true,
  });
  const column = (name: string): number[] => rows.map((row) => Number(row[name]));
  assert.deepEqual(column('cluster'), [...clusters]);
  assert.deepEqual(Float32Array.from(column('distance')), details!.distances);
  assert.deepEqual(column('second'), [...details!.seconds]);
  assert.deepEqual(Float32Array.from(column('secondDistance')), details!.secondDistances);
  const parquet = await asyncBufferFromFile(join(run, 'clusters.parquet'));
  const trainedOn = await parquetReadObjects({ file: parquet, columns: ['path', 'trainedOn'] });
  assert.deepEqual(
    trainedOn,
    rows.map(({ path }, i) => ({ path, trainedOn: pseudoLabels[i] })),
  );
  const summary: Record<string, string>[] = parse(readFileSync(join(run, 'cluster-summary.csv')), {
    columns: true,
  });
  const { k } = (await openRun(run)).config.clustering;
  assert.equal(summary.length, k);
  const sizes = summary.reduce((sum, { size }) => sum + Number(size), 0);
  assert.equal(sizes, IMAGES);
});

test('where the newest checkpoint is damaged, the one before is opened, and the reason told', async () => {
  const path = copied('damaged');
  const names = readdirSync(join(path, 'checkpoints')).filter((name) => name.startsWith('step-'));
  assert.ok(names.length > 1);
  const { name, step } = await newestOf(path);
  writeFileSync(join(path, 'checkpoints', name, 'momentum.safetensors'), 'not the momentum');
  const told: string[] = [];
  const opened = await openRun(path, (rejected) => told.push(rejected));
  assert.deepEqual(told, [name]);
  assert.ok(opened.step < step);
});

test('opening changes nothing in the folder', async () => {
  const path = copied('untouched');
  const tree = (): string[] => readdirSync(path, { recursive: true }).map(String).sort();
  const before = tree();
  await openRun(path);
  assert.deepEqual(tree(), before);
});

test('a folder that cannot be opened says why, and what to do', async () => {
  const refusal = async (path: string): Promise<string> => {
    const error = await openRun(path).then(
      () => assert.fail('opened'),
      (reason: unknown) => reason as Error & { code: string },
    );
    assert.equal(error.code, 'CONFIG_INVALID');
    return error.message.replace(path, 'DIR');
  };
  assert.equal(
    await refusal(join(folder.path, 'nowhere')),
    'run folder DIR: holds no run; name the folder that its launch was given with --out',
  );
  const begun = copied('begun');
  rmSync(join(begun, 'checkpoints'), { recursive: true });
  assert.equal(
    await refusal(begun),
    'run folder DIR: has no checkpoint yet; wait for the end of its first epoch',
  );
  const other = join(folder.path, 'other');
  mkdirSync(other);
  const saved = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')) as {
    config: { clustering: { k: unknown } };
  };
  saved.config.clustering.k = 'many';
  writeFileSync(join(other, 'config.json'), JSON.stringify(saved));
  assert.match(
    await refusal(other),
    /^run folder DIR: its config\.json is not one of a run at config\.clustering\.k: /,
  );
  writeFileSync(join(other, 'config.json'), '{"runId": ');
  assert.match(await refusal(other), /^run folder DIR: its config\.json cannot be read \(/);
});
