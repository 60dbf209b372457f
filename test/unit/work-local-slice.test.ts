/**
 * A slice in mode `local`: batch after batch with parameters that move, each with draws of its own,
 * and one push of what moved.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GRADIENT_WORK } from '../../src/algorithms/work.ts';
import { runConfigSchema } from '../../src/config/schema.ts';
import type { Draws } from '../../src/data/loader/drawn-views.ts';
import type { LoadedViews } from '../../src/data/loader/loader.ts';
import { LocalReplica, localRule } from '../../src/ps/local-replica.ts';
import { batchesOf } from '../../src/work/slice/batches.ts';
import type { SliceName, SlicePass, SliceSamples, WorkTools } from '../../src/work/tools.ts';
import { trainSlice, type TrainSliceOrder } from '../../src/work/train-slice.ts';
import { layoutOf } from '../support/made/layouts.ts';

const IDS = { leaseId: 'lease', generation: 3, epoch: 2, parameterVersion: 9, clustering: 1 };
const CONFIG = runConfigSchema().parse({
  training: {
    ...{ mode: 'local', localSteps: 3, batchSize: 4, sliceSize: 2 },
    ...{ learningRate: 0.5, momentum: 0, weightDecay: 0 },
  },
});
const LAYOUT = layoutOf(
  'one',
  [{ name: 'fc.weight', shape: [1, 1], group: 'body', initial: { kind: 'constant', value: 0 } }],
  [],
);
const START = Float32Array.of(8);

/** Five images: batches of 2, 2 and 1. */
function samplesOf(slice: number): SliceSamples {
  const ids = Int32Array.from({ length: 5 }, (_, i) => 10 * slice + i);
  return {
    ...{ ids, occurrences: ids.map(() => 0), pseudoLabels: ids.map((id) => id % 10) },
    lossWeights: Float32Array.from(ids, (id) => id / 10),
    furtherLabels: Int32Array.from({ length: 10 }, (_, i) => 100 * slice + i),
  };
}

const parts = [0, 1].map((slice) => ({ slice, samples: samplesOf(slice) }));
const ORDER: TrainSliceOrder = {
  ...{ step: 12, slice: 0, slices: 2, stepSlices: 2, centroidVersion: 0, upcoming: [], parts },
  local: localRule(CONFIG.training, 0.5),
};

interface World {
  readonly tools: WorkTools;
  readonly pushes: readonly { readonly gradient: Float32Array; readonly samples: number }[];
  readonly log: readonly string[];
  /** What each pass had. */
  readonly passes: readonly { readonly seed: string; readonly value: number }[];
}

/** A network of one parameter, the mean gradient of whose loss is the parameter itself. */
function worldOf(): World {
  const pushes: World['pushes'][number][] = [];
  const passes: World['passes'][number][] = [];
  const log: string[] = [];
  let held = START;
  const begun = new Set<string>();
  const ofSlice = ({ step, slice, batch }: SliceName, { ids }: Draws): Promise<LoadedViews> => {
    const name = `${step}/${slice}/${batch}`;
    if (!begun.has(name)) log.push(`begin ${name}: ${[...ids].join()}`);
    begun.add(name);
    const rows = ids.map((_, row) => row);
    return Promise.resolve({ pixels: new Uint8Array(0), ids, rows, unreadable: [], damaged: [] });
  };
  const lossAndGradient = (
    _pixels: Uint8Array,
    { length }: Int32Array,
    seed: unknown[],
  ): SlicePass => {
    passes.push({ seed: seed.join('/'), value: held[0]! });
    const gradient = Float32Array.of(length * held[0]!);
    return { lossSum: length, gradient, statistics: new Float32Array(0) };
  };
  const tools = {
    config: CONFIG,
    algorithm: GRADIENT_WORK,
    held: { letGo: () => undefined },
    gradients: { begin: () => undefined, giveBack: () => undefined },
    replica: new LocalReplica(LAYOUT, CONFIG.training),
    network: {
      headEpoch: (epoch: number) => epoch,
      load: (version: number) => {
        log.push(`load ${version}`);
        held = START;
        return Promise.resolve();
      },
      loadedParameters: () => START,
      loadMoved: (parameters: Float32Array) => (held = parameters.slice()),
      model: { lossAndGradient },
    },
    views: {
      ofSlice,
      letGo: ({ slice, batch }: SliceName) => log.push(`let go ${slice}/${batch}`),
    },
    times: {
      views: <T>(views: Promise<T>) => views,
      pass: <T>(_name: string, _args: object, pass: () => T) => pass(),
      span: <T>(_name: string, _args: object, work: () => T) => Promise.resolve(work()),
    },
    requireTerm: () => undefined,
    advance: () => log.push('advance'),
    push: (push: World['pushes'][number]) => {
      pushes.push(push);
      return Promise.resolve({ outcome: 'staged', version: 9 });
    },
  } as unknown as WorkTools;
  return { tools, pushes, log, passes };
}

test('each slice begins with the version’s parameters, and pushes how far its batches moved them', async () => {
  const { tools, passes, pushes } = worldOf();
  const result = await trainSlice.perform(ORDER, IDS, tools);
  // The rate is 0.5 * 0.5: a local step takes a quarter away.
  const values = [8, 6, 4.5];
  assert.deepEqual(
    passes.map(({ value }) => value),
    [...values, ...values],
  );
  const move = 8 - 4.5 * 0.75;
  assert.deepEqual(
    pushes.map(({ gradient, samples }) => [...gradient, samples]),
    [[5 * move + 5 * move, 10]],
  );
  assert.deepEqual([result.samples, result.lossSums], [10, [5, 5]]);
});

test('a batch has draws of its own, the first one those of its slice in mode sync', async () => {
  const { tools, passes } = worldOf();
  await trainSlice.perform(ORDER, IDS, tools);
  const seeds = [0, 1].flatMap((slice) => {
    const seed = `${CONFIG.seed}/dropout/12/${slice}`;
    return [seed, `${seed}/batch/1`, `${seed}/batch/2`];
  });
  assert.deepEqual(
    passes.map(({ seed }) => seed),
    seeds,
  );
});

test('views are begun two batches ahead, and every batch is progress', async () => {
  const { tools, log } = worldOf();
  await trainSlice.perform(ORDER, IDS, tools);
  assert.deepEqual(log, [
    ...['begin 12/0/0: 0,1', 'begin 12/0/1: 2,3', 'begin 12/0/2: 4', 'load 9'],
    ...['let go 0/0', 'advance', 'begin 12/1/0: 10,11', 'let go 0/1', 'advance'],
    ...['begin 12/1/1: 12,13', 'let go 0/2', 'advance'],
    ...['begin 12/1/2: 14', 'load 9', 'let go 1/0', 'advance', 'let go 1/1', 'advance'],
    ...['let go 1/2', 'advance'],
  ]);
});

test('a batch has the targets and the loss weights of its own images', () => {
  const batches = batchesOf(parts, { epoch: 2, step: 12 }, 2);
  const own = batches.map(({ name, samples }) => [
    ...[name.slice, name.batch, [...samples.ids], [...samples.pseudoLabels]],
    ...[[...samples.furtherLabels], samples.lossWeights.length],
  ]);
  assert.deepEqual(own.slice(1, 4), [
    [0, 1, [2, 3], [2, 3], [4, 5, 6, 7], 2],
    [0, 2, [4], [4], [8, 9], 1],
    [1, 0, [10, 11], [0, 1], [100, 101, 102, 103], 2],
  ]);
  assert.deepEqual(
    batchesOf(parts, { epoch: 2, step: 12 }, null).map(({ samples }) => samples),
    parts.map(({ samples }) => samples),
  );
});

test('an order has the learning rates of its round', () => {
  const { local } = trainSlice.decodeOrder(trainSlice.encodeOrder(ORDER));
  const { headLearningRate, weightDecay, decayNormsAndBiases } = CONFIG.training;
  assert.deepEqual(
    { ...local },
    {
      ...{ learningRate: 0.25, headLearningRate: headLearningRate / 2, weightDecay },
      decayNormsAndBiases,
    },
  );
  assert.equal(
    trainSlice.decodeOrder(trainSlice.encodeOrder({ ...ORDER, local: null })).local,
    null,
  );
});
