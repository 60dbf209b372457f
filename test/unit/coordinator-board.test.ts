/** Pictures on TensorBoard: filters after an epoch, clusters at the end, and that none of them can harm a run. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import sharp from 'sharp';
import type { RunResults } from '../../coordinator/outside.ts';
import { openBoard, type BoardDeps } from '../../coordinator/record/board.ts';
import { loadRunConfig } from '../../src/config/load.ts';
import { openImageSource } from '../../src/data/source/source.ts';
import type { NamedVectors } from '../../src/rpc/named-vectors.ts';
import type { FinalClustering } from '../../src/run/final-clustering.ts';
import { tiledFilters } from '../../src/run/report/filters.ts';
import { encoder, imageOf, temporaryFolder, writeFiles } from '../support/made/data-images.ts';
import { layoutOf } from '../support/made/layouts.ts';
import { readEvents, type ReadEvent } from '../support/made/tensorboard-events.ts';

const NEVER = new AbortController().signal;

interface Watched {
  readonly deps: BoardDeps;
  /** Files of the projector, in the order in which they were written. */
  readonly written: string[];
  readonly warnings: unknown[];
  readonly events: () => ReadEvent[];
}

/** A board of a run of three images in two clusters, and what comes of it. */
async function watched(t: TestContext): Promise<Watched> {
  const root = await temporaryFolder(t);
  const png = await encoder(imageOf(8, 8, () => [200, 20, 40]))
    .png()
    .toBuffer();
  await writeFiles(join(root, 'images'), { '0.png': png, '1.png': png, '2.png': png });
  const written: string[] = [];
  const warnings: unknown[] = [];
  const settings = [{ key: 'clustering.k', value: '2', origin: 'the test' }];
  const deps: BoardDeps = {
    config: loadRunConfig({ env: {}, settings }).config,
    source: await openImageSource(join(root, 'images')),
    folder: {
      path: root,
      isHeld: () => true,
      writeProjector: (files) => {
        written.push(...files.map(({ name }) => name));
        return Promise.resolve();
      },
    },
    logger: { warn: (event, fields) => warnings.push([event, fields]) },
  };
  const events = (): ReadEvent[] => {
    const board = join(root, 'tensorboard');
    return readdirSync(board).flatMap((name) => readEvents(readFileSync(join(board, name))));
  };
  return { deps, written, warnings, events };
}

const CLUSTERS = Int32Array.of(1, 0, 1);
const FINAL: FinalClustering = {
  figures: {
    inertia: 1,
    refilled: 0,
    nmiToTraining: 1,
    nmiToTruth: null,
    emptyClusters: 0,
    entropy: 1,
  },
  clusters: CLUSTERS,
  details: {
    distances: Float32Array.of(1, 1, 2),
    seconds: Int32Array.of(0, 1, 0),
    secondDistances: Float32Array.of(3, 3, 3),
  },
  centroids: { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] },
  whitening: {},
};

/** Of which a board looks at the clusters alone. */
const RESULTS = { clusters: CLUSTERS, final: FINAL } as RunResults;

function named(parameters: Float32Array): NamedVectors {
  return { version: 7, headEpoch: 0, vectors: new Map([['parameters', parameters]]) };
}

/** Two filters of 1 x 1 that see `channels`. */
function filterLayout(channels: number) {
  const initial = { kind: 'constant', value: 0 } as const;
  const shape = [1, 1, channels, 2];
  return layoutOf('made', [{ name: 'features.0.weight', shape, group: 'body', initial }], []);
}

test('filters that see colours are drawn after each epoch, and are there when the board is closed', async (t) => {
  const { deps, events, warnings } = await watched(t);
  const board = openBoard(deps, 1);
  const data = Float32Array.of(-1, 4, 0, 4, 1, 4);
  board.parameters(7, filterLayout(3), named(data));
  const { rgba } = tiledFilters(data.slice(), 1, 2, 2);
  data.fill(9); // the caller's again
  board.parameters(8, filterLayout(2), named(new Float32Array(4)));
  await board.close();
  const drawn = events().filter(({ images }) => images.size > 0);
  assert.deepEqual(
    drawn.map(({ step, tags }) => [step, ...tags]),
    [[7, 'filters/features.0.weight']],
    'two channels have no colour',
  );
  const image = drawn[0]!.images.get('filters/features.0.weight')!;
  assert.deepEqual([image.width, image.height, image.colorspace], [4, 2, 4]);
  assert.deepEqual(await sharp(image.encoded).raw().toBuffer(), Buffer.from(rgba));
  assert.deepEqual(warnings, []);
});

test('at the end clusters have a montage each, and their centroids are in the projector', async (t) => {
  const { deps, events, written, warnings } = await watched(t);
  const board = openBoard(deps, 1);
  await board.resultsWritten(5, RESULTS, NEVER);
  await board.close();
  const [{ step, images } = assert.fail()] = events().filter((event) => event.images.size > 0);
  assert.equal(step, 5);
  assert.deepEqual([...images.keys()], ['clusters/1', 'clusters/0'], 'the largest first');
  const { width, height } = images.get('clusters/1')!;
  assert.deepEqual([width, height], [192, 96]);
  assert.equal(written.at(-1), 'projector_config.pbtxt');
  assert.deepEqual(warnings, []);
});

test('a run that tells no images apart has montages, and no centroids', async (t) => {
  const { deps, events, written } = await watched(t);
  const board = openBoard(deps, 1);
  await board.resultsWritten(5, { ...RESULTS, final: null }, NEVER);
  await board.close();
  assert.ok(events().some(({ images }) => images.has('clusters/0')));
  assert.deepEqual(written, []);
});

test('a disk that does not answer holds the end up for no longer than a bound', async (t) => {
  const { deps, events, written, warnings } = await watched(t);
  let asked = 0;
  const source = { ...deps.source };
  source.read = () => {
    asked += 1;
    return new Promise(() => undefined);
  };
  const board = openBoard({ ...deps, source, readingMs: 20 }, 1);
  await board.resultsWritten(5, RESULTS, NEVER);
  await board.close();
  assert.ok(asked > 0);
  assert.ok(events().every(({ images }) => images.size === 0));
  assert.equal(written.at(-1), 'projector_config.pbtxt', 'all but the thumbnails');
  assert.deepEqual(warnings, []);
});

test('a run that is asked to end meanwhile reads no more images', async (t) => {
  const { deps } = await watched(t);
  const stop = new AbortController();
  const source = { ...deps.source };
  source.read = () => {
    stop.abort(new Error('stopped'));
    return new Promise(() => undefined);
  };
  const board = openBoard({ ...deps, source }, 1);
  await board.resultsWritten(5, RESULTS, stop.signal);
  await board.close();
});

test('files that cannot be written are told in a warning, and cost nothing else', async (t) => {
  const { deps, events, warnings } = await watched(t);
  const full = new Error('no space left');
  const folder = { ...deps.folder, writeProjector: () => Promise.reject(full) };
  const board = openBoard({ ...deps, folder }, 1);
  await board.resultsWritten(5, RESULTS, NEVER);
  await board.close();
  assert.deepEqual(warnings, [['tensorboard.failed', { reason: 'no space left' }]]);
  assert.ok(events().some(({ images }) => images.has('clusters/1')));
});
