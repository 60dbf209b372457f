/** A unit of slices, computed by one worker: one push of their sums; a slice has its own seed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runConfigSchema } from '../../src/config/schema.ts';
import type { LoadedViews } from '../../src/data/loader/loader.ts';
import { ImagesUnreadable } from '../../src/data/source/images-unreadable.ts';
import type { SlicePass, SliceName, SliceSamples, WorkTools } from '../../src/work/tools.ts';
import { trainSlice, type TrainSliceOrder } from '../../src/work/train-slice.ts';
import { GRADIENT_WORK } from '../../src/algorithms/work.ts';
import { treeSum } from '../support/oracles/plain-tree.ts';

const IDS = { leaseId: 'lease', generation: 3, epoch: 2, parameterVersion: 9, clustering: 1 };
const CONFIG = runConfigSchema().parse({ training: { batchSize: 16, sliceSize: 2 } });

/** Two images, of which no other slice has any. */
function samplesOf(slice: number): SliceSamples {
  const ids = Int32Array.of(10 * slice, 10 * slice + 1);
  const zeros = ids.map(() => 0);
  return {
    ...{ ids, occurrences: zeros, pseudoLabels: zeros },
    ...{ lossWeights: new Float32Array(0), furtherLabels: new Int32Array(0) },
  };
}

/** Slices 4 to 7 of eight; slice 6 has no samples. The next step begins with the same ones. */
const PARTS = [4, 5, 7].map((slice) => ({ slice, samples: samplesOf(slice) }));
const ORDER: TrainSliceOrder = {
  ...{ step: 12, slice: 4, slices: 4, stepSlices: 8, centroidVersion: 0 },
  parts: PARTS,
  upcoming: [4, 5].map((slice) => ({ slice, samples: samplesOf(slice) })),
  local: null,
};

/** What the pass over a slice gives: numbers whose sum depends on the order. */
function passOf(slice: number): SlicePass {
  const scale = slice === 5 ? 1 : 2 ** 24;
  return {
    lossSum: 1 / slice,
    gradient: Float32Array.of(scale, 1 / slice),
    statistics: Float32Array.of(scale / 2, 3 / slice),
  };
}

interface World {
  readonly tools: WorkTools;
  /** What was pushed. */
  readonly pushes: object[];
  /** What happened, in its order. */
  readonly log: string[];
}

/** @param missing images that cannot be read */
function worldOf(missing: readonly number[] = []): World {
  const pushes: object[] = [];
  const log: string[] = [];
  const begun = new Set<string>();
  const ofSlice = (
    { step, slice }: SliceName,
    { ids }: { ids: Int32Array },
  ): Promise<LoadedViews> => {
    const name = `${step}/${slice}`;
    if (!begun.has(name)) log.push(`begin ${name}`);
    begun.add(name);
    const unreadable = [...ids].filter((id) => missing.includes(id));
    return Promise.resolve({
      pixels: Uint8Array.from(ids),
      ids,
      rows: ids.map((_, row) => row),
      unreadable: unreadable.map((id) => ({ id, path: `${id}.png`, reason: 'gone' })),
      damaged: slice === 7 ? [{ id: 70, path: '70.png', reason: 'damaged' }] : [],
    });
  };
  const tools = {
    config: CONFIG,
    algorithm: GRADIENT_WORK,
    held: { letGo: () => undefined },
    gradients: { begin: () => undefined, giveBack: () => undefined },
    network: {
      headEpoch: (epoch: number) => epoch,
      load: () => Promise.resolve(),
      prefetch: () => undefined,
      version: 10,
      model: {
        lossAndGradient: (_pixels: Uint8Array, _labels: Int32Array, seed: unknown[]) => {
          log.push(`pass ${seed.join('/')}`);
          return passOf(seed.at(-1) as number);
        },
      },
    },
    views: { ofSlice, letGo: ({ slice }: SliceName) => log.push(`let go ${slice}`) },
    times: {
      views: <T>(views: Promise<T>) => views,
      pass: <T>(_name: string, _args: object, pass: () => T) => pass(),
      span: <T>(_name: string, _args: object, work: () => T) => Promise.resolve(work()),
    },
    requireTerm: () => undefined,
    advance: () => log.push('advance'),
    push: (push: object) => {
      pushes.push(push);
      return Promise.resolve({ outcome: 'staged', version: 9 });
    },
  } as unknown as WorkTools;
  return { tools, pushes, log };
}

test('the slices of a unit are pushed once, as the sums that the tree has', async () => {
  const { tools, pushes } = worldOf();
  const result = await trainSlice.perform(ORDER, IDS, tools);
  // Slices 4 and 5, then 7: (2 ** 24 + 1) is rounded.
  const leaves = [0, 1, 2, 3, 4, 5, 6, 7].map((slice) =>
    PARTS.some((part) => part.slice === slice) ? passOf(slice) : null,
  );
  const gradient = treeSum(leaves.map((leaf) => leaf?.gradient ?? null));
  assert.equal(gradient[0], 2 ** 25);
  // Two samples each.
  const statistics = treeSum(leaves.map((leaf) => leaf?.statistics.map((v) => 2 * v) ?? null));
  assert.deepEqual(pushes, [
    {
      ...{ step: 12, slice: 4, slices: 4, stepSlices: 8, generation: 3, basedOn: 10, samples: 6 },
      ...{ gradient, statistics },
    },
  ]);
  assert.deepEqual(result, {
    samples: 6,
    lossSums: [1 / 4, 1 / 5, 1 / 7],
    damaged: [{ id: 70, path: '70.png', reason: 'damaged' }],
    repeatedPush: false,
  });
});

test('each slice has its own seed, and views of the next ones are begun before it is computed', async () => {
  const { tools, log } = worldOf();
  trainSlice.prepare!(ORDER, IDS, tools);
  assert.deepEqual(log, ['begin 12/4', 'begin 12/5', 'begin 12/7']);
  await trainSlice.perform(ORDER, IDS, tools);
  const seed = `${CONFIG.seed}/dropout/12`;
  assert.deepEqual(log.slice(3), [
    ...[`pass ${seed}/4`, 'let go 4', 'advance'],
    ...['begin 13/4', `pass ${seed}/5`, 'let go 5', 'advance'],
    ...['begin 13/5', `pass ${seed}/7`, 'let go 7', 'advance'],
  ]);
});

test('a unit names at once all of its images that cannot be read, and pushes nothing', async () => {
  const { tools, pushes, log } = worldOf([50, 71]);
  await assert.rejects(trainSlice.perform(ORDER, IDS, tools), (error: unknown) => {
    assert.ok(error instanceof ImagesUnreadable);
    assert.deepEqual(
      error.images.map(({ id }) => id),
      [50, 71],
    );
    return true;
  });
  assert.deepEqual(pushes, []);
  assert.equal(log.filter((line) => line.startsWith('pass')).length, 1, 'the slice before it');
});

test('an order whose parts are not slices of its unit is refused', () => {
  const bad: TrainSliceOrder['parts'][] = [
    [],
    [{ slice: 3, samples: samplesOf(3) }],
    [{ slice: 8, samples: samplesOf(8) }],
    [PARTS[1]!, PARTS[0]!],
    [PARTS[0]!, PARTS[0]!],
    [{ slice: 4, samples: { ...samplesOf(4), ids: new Int32Array(0) } }],
  ];
  for (const parts of bad) {
    const body = trainSlice.encodeOrder({ ...ORDER, parts });
    assert.throws(() => trainSlice.decodeOrder(body), {
      code: 'PROTOCOL_VIOLATION',
      message: /^parts of a unit of 4 slices from 4 on: expected slices of it, in order, each with/,
    });
  }
});
