/** `embed` and `assign` as people call them: files of each form, equal bytes whatever happened on the way, clear refusals. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'csv-parse/sync';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { loadNetwork, openRun, train, type EmbeddedImages, type OpenedRun } from '../../src/api.ts';
import { makeImages } from '../../src/data/made/made-images.ts';
import type { EmbedReport } from '../../src/embedding/embed-file.ts';
import { readNpyHeader } from '../../src/tables/npy.ts';
import { temporaryFolder } from '../support/runs/in-process-run.ts';
import { SMALL, launch, runCommand, waitForEvent } from '../support/runs/launched-run.ts';

/** Five blocks of 64 images: eight batches of 8. */
const IMAGES = 300;
const BATCH = ['--batch', '8'];
const BLOCK = 64;
const folder = temporaryFolder();
const at = (name: string): string => join(folder.path, name);
const data = at('images');
const out = at('run');
let run: OpenedRun;
let expected: EmbeddedImages;

before(async () => {
  await makeImages({ out: data, classes: 4, perClass: IMAGES / 4, size: 32, seed: 5 });
  await train({ data, out, settings: { ...SMALL, 'evaluation.enabled': false } });
  run = await openRun(out);
  const network = await loadNetwork(run, { engine: 'wasm', threads: 1 });
  expected = await network.embed(data);
  await network.close();
});
after(() => {
  folder.remove();
});

type Ended = Awaited<ReturnType<typeof runCommand>['ended']>;

function words(command: 'embed' | 'assign', file: string, more: readonly string[] = []): string[] {
  const given = ['--run', out, '--data', data, '--out', at(file), '--engine', 'wasm'];
  return [command, ...given, ...BATCH, '--json', ...more];
}

async function embedded(
  file: string,
  more: readonly string[] = [],
  command: 'embed' | 'assign' = 'embed',
): Promise<EmbedReport> {
  const { code, stdout, stderr } = await runCommand(words(command, file, more)).ended;
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as EmbedReport;
}

async function refused(args: readonly string[], code: number): Promise<string> {
  const ended: Ended = await runCommand(args).ended;
  assert.equal(ended.code, code, ended.stderr);
  return ended.stderr.trimEnd().split('\n').at(-1)!;
}

function readNpy(file: string): { rows: number; dim: number; values: Float32Array } {
  const bytes = readFileSync(at(file));
  const { begin, rows, dim } = readNpyHeader(bytes)!;
  assert.equal(bytes.length, begin + 4 * rows * dim);
  const values = new Float32Array(
    bytes.buffer.slice(bytes.byteOffset + begin, bytes.byteOffset + bytes.length),
  );
  return { rows, dim, values };
}

function readCsv(file: string): Record<string, string>[] {
  return parse(readFileSync(at(file)), { columns: true });
}

test('an array has the features that the library gives, its table the clusters of the run', async () => {
  const report = await embedded('a.npy');
  const { rows, dim, values } = readNpy('a.npy');
  assert.deepEqual([rows, dim], [IMAGES, expected.dim]);
  assert.deepEqual(values, expected.features);
  const table = readCsv('a.npy.paths.csv');
  assert.deepEqual(Object.keys(table[0]!), ['path', 'cluster', 'distance']);
  assert.deepEqual(
    table.map(({ path }) => path),
    expected.paths,
  );
  assert.deepEqual(
    table.map(({ cluster }) => Number(cluster)),
    [...run.clusters],
  );
  assert.deepEqual(
    Float32Array.from(table, ({ distance }) => Number(distance)),
    expected.distances,
  );
  const { checkpoint, images, unreadable, layer, imagesDoneBefore } = report;
  assert.deepEqual(
    { checkpoint, images, unreadable, layer, imagesDoneBefore },
    {
      checkpoint: run.checkpoint,
      images: IMAGES,
      unreadable: 0,
      layer: 'representation',
      imagesDoneBefore: 0,
    },
  );
  assert.ok(report.share! > 0 && report.share! <= 1);
  assert.deepEqual(
    readdirSync(folder.path).filter((name) => name.startsWith('a.npy')),
    ['a.npy', 'a.npy.paths.csv'],
  );
});

test('Parquet and CSV have the same rows', async () => {
  await embedded('a.parquet');
  await embedded('a.csv');
  const parquet = await parquetReadObjects({ file: await asyncBufferFromFile(at('a.parquet')) });
  assert.deepEqual(Object.keys(parquet[0]!), ['path', 'cluster', 'distance', 'features']);
  const csv = readCsv('a.csv');
  const { dim, features, clusters, distances, paths } = expected;
  parquet.forEach((row, i) => {
    const feature = features.subarray(i * dim, (i + 1) * dim);
    assert.deepEqual(Float32Array.from(row['features'] as number[]), feature);
    assert.deepEqual(
      Float32Array.from({ length: dim }, (_, j) => Number(csv[i]![`f${j}`])),
      feature,
    );
    for (const one of [row, csv[i]!]) {
      assert.equal(one['path'], paths[i]);
      assert.equal(Number(one['cluster']), clusters![i]);
      assert.equal(Math.fround(Number(one['distance'])), distances![i]);
    }
  });
  assert.equal(csv.length, IMAGES);
});

test("assign gives the images of the run the lines of the run's own table", async () => {
  await embedded('b.csv', [], 'assign');
  assert.deepEqual(readFileSync(at('b.csv')), readFileSync(join(out, 'clusters.csv')));
  await embedded('b.parquet', [], 'assign');
  const parquet = await parquetReadObjects({ file: await asyncBufferFromFile(at('b.parquet')) });
  assert.deepEqual(
    parquet.map(({ second }) => second as number),
    [...expected.seconds!],
  );
});

test('the whitened row of an image is as far from the centroid of its cluster as its distance says', async () => {
  const { dim } = await embedded('whitened.npy', ['--layer', 'whitened']);
  assert.equal(dim, run.whitening!.outDim);
  const { values } = readNpy('whitened.npy');
  const { centroids } = run;
  expected.distances!.forEach((distance, i) => {
    let squares = 0;
    for (let j = 0; j < dim; j += 1) {
      const centroid = centroids!.values[expected.clusters![i]! * dim + j]!;
      squares += (values[i * dim + j]! - centroid) ** 2;
    }
    assert.equal(Math.fround(Math.sqrt(squares)), distance);
  });
  await embedded('feature.npy', ['--layer', 'feature']);
  // Without a neck the feature is the representation.
  assert.deepEqual(readNpy('feature.npy').values, expected.features);
});

test('several processes make the same file', async () => {
  await embedded('one.npy');
  const { workers } = await embedded('two.npy', ['--workers', '2']);
  assert.equal(workers, 2);
  assert.deepEqual(readFileSync(at('two.npy')), readFileSync(at('one.npy')));
  assert.deepEqual(readFileSync(at('two.npy.paths.csv')), readFileSync(at('one.npy.paths.csv')));
});

/** The blocks that are among the parts of a file. */
function blocksOf(file: string): string[] {
  const parts = at(`${file}.parts`);
  if (!existsSync(parts)) return [];
  return readdirSync(parts).filter(
    (name) => name.endsWith('.safetensors') && name.startsWith('block-'),
  );
}

test('killed in the middle and called again, it computes no block twice and makes the same bytes', async () => {
  for (const kind of ['npy', 'parquet', 'csv']) {
    await embedded(`undisturbed.${kind}`);
    const file = `killed.${kind}`;
    const killed = runCommand(words('embed', file));
    while (blocksOf(file).length < 2) {
      assert.equal(killed.process.exitCode, null, 'it ended before it was killed');
      await sleep(2);
    }
    killed.process.kill('SIGKILL');
    await killed.ended;
    const { length: done } = blocksOf(file);
    const report = await embedded(file);
    assert.ok(report.imagesDoneBefore >= done * BLOCK - (BLOCK - 1), `${report.imagesDoneBefore}`);
    assert.deepEqual(readFileSync(at(file)), readFileSync(at(`undisturbed.${kind}`)));
    assert.ok(!existsSync(at(`${file}.parts`)));
  }
});

test('a process that dies ends the call with 75, and the next one goes on; also just before the file has its name', async () => {
  for (const place of ['embedding.blockWritten:block=1', 'embedding.assembled']) {
    const file = `failed-${place.length}.npy`;
    const env = { FAILPOINT: place, FAILPOINT_DONE: at(`${file}.done`) };
    const { code, stderr } = await runCommand(words('embed', file), env).ended;
    const isWorker = place.includes('block');
    assert.equal(code, isWorker ? 75 : null, stderr);
    if (isWorker) assert.match(stderr, /embedding worker: ended with signal SIGKILL/);
    const report = await embedded(file);
    assert.ok(report.imagesDoneBefore >= 2 * BLOCK);
    assert.deepEqual(readNpy(file).values, expected.features);
  }
});

test('a stop ends it with 75, and the same command goes on', async () => {
  const stopped = runCommand(words('embed', 'stopped.npy'));
  while (blocksOf('stopped.npy').length < 1) {
    assert.equal(stopped.process.exitCode, null);
    await sleep(2);
  }
  stopped.process.kill('SIGTERM');
  const { code, stderr } = await stopped.ended;
  assert.equal(code, 75, stderr);
  assert.match(stderr, /embed: was stopped; the same command goes on where it ended/);
  await embedded('stopped.npy');
  assert.deepEqual(readNpy('stopped.npy').values, expected.features);
});

test('images that cannot be read are listed and have no row', async () => {
  const other = at('other');
  mkdirSync(other);
  cpSync(join(data, expected.paths[7]!), join(other, 'a, "b".jpg'));
  writeFileSync(join(other, 'bad.jpg'), 'no image');
  const ended = await runCommand([
    ...['embed', '--run', out, '--data', other, '--out', at('other.csv'), '--engine', 'wasm'],
  ]).ended;
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout, /1 images cannot be read: .*other\.csv\.unreadable\.csv/);
  const [row, ...others] = readCsv('other.csv');
  assert.deepEqual(others, []);
  assert.equal(row!['path'], 'a, "b".jpg');
  assert.equal(Number(row!['cluster']), expected.clusters![7]);
  const [unreadable] = readCsv('other.csv.unreadable.csv');
  assert.equal(unreadable!['path'], 'bad.jpg');
  assert.ok(unreadable!['reason'] !== '');
});

test('a run that goes on is embedded by the checkpoint it has; one that has gone on since is not mixed in', async () => {
  const running = at('running');
  const launched = launch({ data, out: running, settings: { epochs: 500 }, workers: 1 });
  try {
    await waitForEvent(running, ({ event }) => event === 'checkpoint.written', launched);
    const given = ['embed', '--run', running, '--data', data, '--out', at('running.npy')];
    const args = [...given, '--engine', 'wasm', ...BATCH, '--json'];
    const env = { FAILPOINT: 'embedding.blockWritten:block=0', FAILPOINT_DONE: at('running.done') };
    assert.equal((await runCommand(args, env).ended).code, 75);
    const plan = readFileSync(at('running.npy.parts/plan.json'), 'utf8');
    const begun = (JSON.parse(plan) as { checkpoint: string }).checkpoint;
    await waitForEvent(
      running,
      ({ event, step }) => event === 'checkpoint.written' && Number(step) > Number(begun.slice(5)),
      launched,
    );
    const { code, stdout, stderr } = await runCommand(args).ended;
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as EmbedReport).checkpoint, begun);
    assert.ok(stderr.includes(`which are of checkpoint ${begun}`));
  } finally {
    launched.process.kill('SIGTERM');
    await launched.ended;
  }
});

test('parts that another call left behind are not mixed in: --restart or another --out, as the message says', async () => {
  const env = { FAILPOINT: 'embedding.assembled', FAILPOINT_DONE: at('left.done') };
  await runCommand(words('embed', 'left.npy'), env).ended;
  const said = await refused(words('embed', 'left.npy', ['--layer', 'whitened']), 42);
  assert.match(
    said,
    /left behind by another call: the layer was representation there, and is whitened now/,
  );
  const [, restart, other] = /add (--restart) .* with (--out)$/.exec(said)!;
  assert.equal(other, '--out');
  const report = await embedded('left.npy', ['--layer', 'whitened', restart!]);
  assert.equal(report.imagesDoneBefore, 0);
  assert.equal(readNpy('left.npy').dim, run.whitening!.outDim);
});

test('a file that another call is making is left to it, and made once that has died', async () => {
  const env = { FAILPOINT: 'embedding.blockWritten:block=0', FAILPOINT_DONE: at('stop.done') };
  const first = runCommand(words('embed', 'twice.npy'), { ...env, FAILPOINT_ACTION: 'stop' });
  while (blocksOf('twice.npy').length < 1) {
    assert.equal(first.process.exitCode, null);
    await sleep(2);
  }
  const said = await refused(words('embed', 'twice.npy'), 75);
  assert.match(
    said,
    new RegExp(`process ${first.process.pid} on .* is making it; wait for its end`),
  );
  first.process.kill('SIGTERM');
  assert.equal((await first.ended).code, 75);
  assert.ok(!existsSync(at('twice.npy.claim')));
  writeFileSync(at('twice.npy.claim'), '{"of a process": "that died while it wrote it"');
  await embedded('twice.npy');
  assert.deepEqual(readNpy('twice.npy').values, expected.features);
});

test('what cannot be done is said in one line', async () => {
  mkdirSync(`${data}.npy`);
  const given = ['--run', out, '--data', data, '--engine', 'wasm', '--out'];
  assert.match(
    await refused(['embed', ...given, at('a.txt')], 2),
    /Must end in \.npy or \.parquet or \.csv/,
  );
  assert.match(
    await refused(['assign', ...given, at('a.npy')], 2),
    /Must end in \.parquet or \.csv/,
  );
  const nowhere = join(at('nowhere'), 'a.npy');
  assert.match(
    await refused(['embed', ...given, nowhere], 42),
    /its folder is not there; make it, or name a file in another folder/,
  );
  assert.match(
    await refused(['embed', ...given, `${data}.npy`], 42),
    /is a folder, or name a file/,
  );
  const noRun = ['embed', '--run', data, '--data', data, '--out', at('no.npy')];
  assert.match(await refused(noRun, 42), /holds no run/);
  const noData = ['embed', '--run', out, '--data', at('none'), '--out', at('no.npy')];
  assert.match(await refused(noData, 42), /there is no such folder or file/);
  const bad = at('bad');
  mkdirSync(bad);
  writeFileSync(join(bad, 'bad.jpg'), 'no image');
  const allBad = ['embed', '--run', out, '--data', bad, '--out', at('bad.npy'), '--engine', 'wasm'];
  assert.match(await refused(allBad, 42), /none of its 1 images can be read \(first "bad\.jpg"/);
  assert.ok(!existsSync(at('bad.npy')));
});
