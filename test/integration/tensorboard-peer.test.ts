/**
 * What a run and its report leave for TensorBoard, a real network's run: read by the formats, and by
 * TensorBoard itself with bench/peers/read_board.py. PEERS_PYTHON names the Pythons that may have
 * it, with `:` between them; without one that has, that part is skipped.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { WrittenReport } from '../../src/run/report/write-report.ts';
import { openRun } from '../../src/run/open-run.ts';
import { readProjector } from '../support/made/projector-files.ts';
import { ranCli } from '../support/runs/cli-run.ts';
import { placeForRuns } from '../support/runs/in-process-run.ts';
import { runNetwork } from '../support/runs/network-run.ts';
import { PEERS, pythonWith } from '../support/runs/peers-python.ts';

const IMAGES = 30;
const { data, out, folder } = await placeForRuns(IMAGES);
const run = out('network');
const board = join(run, 'tensorboard');

before(async () => {
  await runNetwork({ data, out: run, model: { sobel: false } });
});

async function report(...args: readonly string[]): Promise<WrittenReport> {
  const ran = await ranCli(['report', '--run', run, '--engine', 'wasm', '--json', ...args]);
  assert.equal(ran.code, 0, ran.stderr);
  return JSON.parse(ran.stdout) as WrittenReport;
}

test('report adds the features of images to the projector, and doubles nothing', async () => {
  const events = (): string[] => readdirSync(board).filter((name) => name.startsWith('events.'));
  const [before] = events();
  const bytes = readFileSync(join(board, before!));
  const { projector, problem } = await report();
  assert.deepEqual([projector, problem], [join(board, 'projector_config.pbtxt'), null]);
  assert.deepEqual(events(), [before]);
  assert.deepEqual(readFileSync(join(board, before!)), bytes);
  const [clusters, images, ...others] = await readProjector(board);
  assert.deepEqual([clusters?.name, images?.name, others], ['clusters', 'images', []]);
  assert.deepEqual(images!.shape, [IMAGES, 8]);
  for (const point of images!.points) assert.ok(Math.abs(Math.hypot(...point) - 1) < 1e-4);
  const opened = await openRun(run);
  images!.metadata.forEach((fields, id) => {
    assert.equal(fields['cluster'], String(opened.clusters[id]));
    assert.equal(fields['class'], fields['path']!.split('/')[0]);
  });
  assert.ok(readdirSync(board).every((name) => !name.includes('partial')));
});

test('report without a network has the clusters alone there', async () => {
  await report('--map', 'centroids');
  const embeddings = await readProjector(board);
  assert.deepEqual(
    embeddings.map(({ name }) => name),
    ['clusters'],
  );
});

test('a page can be made of a run whose folder for TensorBoard cannot be written', async () => {
  const copy = join(folder, 'copy');
  cpSync(run, copy, { recursive: true, filter: (path) => !path.endsWith('tensorboard') });
  writeFileSync(join(copy, 'tensorboard'), 'a file in its place');
  const page = join(folder, 'page.html');
  const ran = await ranCli(['report', '--run', copy, '--map', 'centroids', '--out', page]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(ran.stdout.split('\n')[0], page);
  assert.match(ran.stderr, /^TensorBoard's embedding projector has nothing new: EEXIST/m);
});

interface ReadBoard {
  readonly images: Readonly<Record<string, readonly { step: number; format: string }[]>>;
  readonly embeddings: Readonly<
    Record<
      string,
      {
        readonly shape: readonly number[];
        readonly sum: number;
        readonly metadata: readonly (readonly string[])[];
        readonly sprite: { readonly centres: readonly (readonly number[])[] };
      }
    >
  >;
}

const python = pythonWith('tensorboard', 'PIL');

test(
  'TensorBoard reads the pictures and the points that were written',
  { skip: python === null && 'PEERS_PYTHON names no Python with tensorboard and PIL' },
  async () => {
    await report();
    const script = join(PEERS, 'read_board.py');
    const read = spawnSync(python!, [script, board], { encoding: 'utf8' });
    assert.equal(read.status, 0, read.stderr);
    const { images, embeddings } = JSON.parse(read.stdout) as ReadBoard;
    const filters = images['filters/features.0.weight']!;
    assert.deepEqual(
      filters.map(({ step, format }) => ({ step, format })),
      [
        { step: 2, format: 'PNG' },
        { step: 4, format: 'PNG' },
      ],
    );
    const { clusters } = await openRun(run);
    const filled = [...new Set(clusters)].sort((a, b) => a - b);
    assert.deepEqual(
      Object.keys(images).sort(),
      [...filled.map((cluster) => `clusters/${cluster}`), 'filters/features.0.weight'].sort(),
    );
    for (const own of await readProjector(board)) {
      const theirs = embeddings[own.name]!;
      assert.deepEqual(theirs.shape, own.shape);
      const sum = own.points.flat().reduce((total, value) => total + value, 0);
      // They are float32 there.
      assert.ok(Math.abs(theirs.sum - sum) < 1e-5 * own.points.flat().length);
      const [columns, ...rows] = theirs.metadata;
      assert.deepEqual(
        rows,
        own.metadata.map((fields) => columns!.map((column) => fields[column])),
      );
      assert.deepEqual(theirs.sprite.centres, own.centres);
    }
  },
);
