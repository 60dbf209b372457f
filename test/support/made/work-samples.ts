/** Random orders and results of every kind of work. */
import { NeighbourLists } from '../../../src/clustering/pic/neighbour-lists.ts';
import type { Hits } from '../../../src/evaluation/confidence.ts';
import { NETWORKS, type Network } from '../../../src/evaluation/gains.ts';
import type { Rng } from '../../../src/math/rng.ts';
import { assign } from '../../../src/work/assign.ts';
import { clusterHead } from '../../../src/work/cluster-head.ts';
import { evaluate } from '../../../src/work/evaluate.ts';
import { extract } from '../../../src/work/extract.ts';
import { fillMemory } from '../../../src/work/fill-memory.ts';
import type { Work, WorkKind } from '../../../src/work/kind.ts';
import { kmeansStep } from '../../../src/work/kmeans-step.ts';
import { moments } from '../../../src/work/moments.ts';
import { project, type ProjectOrder } from '../../../src/work/project.ts';
import { sampleRows } from '../../../src/work/sample-rows.ts';
import { solvePca } from '../../../src/work/solve-pca.ts';
import { findNeighbours } from '../../../src/work/pic/find-neighbours.ts';
import { shareRows } from '../../../src/work/pic/share-rows.ts';
import type { SliceSamples } from '../../../src/work/tools.ts';
import { trainSlice, type TrainSliceOrder } from '../../../src/work/train-slice.ts';

/** Random orders and results of one kind. */
interface Sample<Order, Result> {
  readonly order: (rng: Rng) => Order;
  readonly result: (rng: Rng) => Result;
}

export interface Sampled extends Sample<unknown, unknown> {
  readonly kind: WorkKind;
}

function sampled<Piece extends Work, Order, Result>(
  kind: WorkKind<Piece, Order, Result>,
  sample: Sample<Order, Result>,
): Sampled {
  return { kind, ...sample };
}

const uint = (rng: Rng): number => rng.uint32() >>> rng.integer(32);
const many = (rng: Rng): number => rng.integer(20);
const list = (rng: Rng): number[] => Array.from({ length: many(rng) }, () => uint(rng));
const doubles = (rng: Rng, length = many(rng)): Float64Array =>
  Float64Array.from({ length }, () => (rng.float() - 0.5) * 10 ** rng.integer(12));
const floats = (rng: Rng, length = many(rng)): Float32Array =>
  Float32Array.from(doubles(rng, length));
const ints = (rng: Rng, length = many(rng)): Int32Array =>
  Int32Array.from({ length }, () => rng.uint32());
const name = (rng: Rng): string => `artifact-${rng.integer(99)}/ä b`;
const shard = (rng: Rng): { readonly shard: number } => ({ shard: uint(rng) });
const rows = (rng: Rng): { readonly rows: number } => ({ rows: uint(rng) });
const pickNetwork = (rng: Rng): Network => NETWORKS[rng.integer(NETWORKS.length)]!;
const hits = (rng: Rng): Hits => ({
  ...{ tested: Int32Array.from(list(rng)), right: Int32Array.from(list(rng)) },
  bySplit: Float64Array.of(rng.float(), rng.float()),
});
const images = (rng: Rng) =>
  list(rng).map((id) => ({ id, path: `a/${id}.jpg`, reason: 'no such file' }));

const localRule = (rng: Rng): NonNullable<TrainSliceOrder['local']> => ({
  ...{ learningRate: rng.float(), headLearningRate: rng.float(), weightDecay: rng.float() },
  decayNormsAndBiases: rng.integer(2) === 0,
});

function samples(rng: Rng, least: number): SliceSamples {
  const length = least + many(rng);
  const ids = (): Int32Array => Int32Array.from({ length }, () => rng.uint32() >>> 1);
  const lossWeights = floats(rng, rng.integer(2) * length);
  const furtherLabels = ints(rng, rng.integer(3) * length);
  return {
    ...{ ids: ids(), occurrences: ids(), pseudoLabels: ints(rng, length) },
    ...{ lossWeights, furtherLabels },
  };
}

function partsOf(rng: Rng): ProjectOrder['parts'] {
  const count = 1 + rng.integer(4);
  const taken = [null, rng.integer(count)][rng.integer(2)]!;
  return rng.integer(2) === 0 ? null : { count, taken };
}

/** One for each line of the registry. */
export const WORK_SAMPLES: readonly Sampled[] = [
  sampled(extract, {
    order: (rng) => ({
      ...{ ...shard(rng), begin: uint(rng), end: uint(rng), leftOut: list(rng) },
      rows: (['centre', 'crops', 'memory'] as const)[rng.integer(3)]!,
    }),
    result: (rng) => ({
      ...{ ...rows(rng), columnSquares: rng.float() },
      ...{ unreadable: images(rng), damaged: images(rng) },
    }),
  }),
  sampled(moments, {
    order: (rng) => ({
      shards: list(rng),
      rounders: { sum: rng.float(), outer: rng.float() },
    }),
    result: (rng) => ({ count: uint(rng), sum: doubles(rng), outer: doubles(rng) }),
  }),
  sampled(solvePca, {
    order: (rng) => ({ momentsArtifact: name(rng) }),
    result: (rng) => {
      const [inDim, outDim] = [1 + many(rng), 1 + many(rng)];
      const [mean, eigenvalues] = [doubles(rng, inDim), doubles(rng, outDim)];
      return { inDim, outDim, mean, eigenvalues, components: doubles(rng, inDim * outDim) };
    },
  }),
  sampled(project, {
    order: (rng) => ({
      ...{ ...shard(rng), whiteningArtifact: rng.integer(2) === 0 ? null : name(rng) },
      parts: partsOf(rng),
    }),
    result: rows,
  }),
  sampled(sampleRows, {
    order: (rng) => ({ ...shard(rng), rows: list(rng) }),
    result: (rng) => ({ rows: floats(rng) }),
  }),
  sampled(kmeansStep, {
    order: (rng) => ({ shards: list(rng), centroidsArtifact: name(rng) }),
    result: (rng) => {
      const [k, dim] = [1 + many(rng), many(rng)];
      const counts = Uint32Array.from({ length: k }, () => rng.uint32());
      return { rows: doubles(rng, k * dim), counts, squares: rng.float() };
    },
  }),
  sampled(clusterHead, {
    order: (rng) => ({ head: many(rng), parts: many(rng), part: many(rng), leftOut: list(rng) }),
    result: (rng) => ({
      ...{ labels: ints(rng), centroids: floats(rng) },
      ...{ inertia: rng.float(), refilled: many(rng) },
    }),
  }),
  sampled(assign, {
    order: (rng) => ({
      ...{ ...shard(rng), centroidsArtifact: name(rng) },
      finalMetric: ([null, 'distance', 'dot', 'cosine'] as const)[rng.integer(4)]!,
      labelsArtifact: rng.integer(2) === 0 ? null : name(rng),
    }),
    result: (rng) => {
      const length = many(rng);
      const details = {
        distances: floats(rng, length),
        seconds: ints(rng, length),
        secondDistances: floats(rng, length),
      };
      return {
        ...{ ids: ints(rng, length), labels: ints(rng, length), inertia: rng.float() },
        details: rng.integer(2) === 0 ? null : details,
      };
    },
  }),
  sampled(shareRows, {
    order: shard,
    result: (rng) => ({ ids: ints(rng), rows: floats(rng) }),
  }),
  sampled(findNeighbours, {
    order: (rng) => ({ ...shard(rng), rowsArtifact: name(rng) }),
    result: (rng) => {
      const [length, most] = [many(rng), 1 + rng.integer(5)];
      const [neighbours, distances] = [ints(rng, length * most), floats(rng, length * most)];
      const lists = new NeighbourLists(length, most, neighbours, distances);
      return { ids: ints(rng, length), lists };
    },
  }),
  sampled(fillMemory, { order: shard, result: rows }),
  sampled(trainSlice, {
    order: (rng) => ({
      ...{ step: uint(rng), slice: 8, slices: 4, stepSlices: 12, centroidVersion: uint(rng) },
      parts: [9, 11].map((slice) => ({ slice, samples: samples(rng, 1) })),
      upcoming: Array.from({ length: rng.integer(3) }, (_, i) => ({
        slice: 8 + i,
        samples: samples(rng, 0),
      })),
      local: rng.integer(2) === 0 ? null : localRule(rng),
    }),
    result: (rng) => ({
      ...{ samples: uint(rng), lossSums: [rng.float(), rng.float()], damaged: images(rng) },
      repeatedPush: rng.integer(2) === 0,
    }),
  }),
  sampled(evaluate, {
    order: (rng) => ({
      network: pickNetwork(rng),
      leftOut: list(rng),
    }),
    result: (rng) => ({
      ...{ knn: hits(rng), linear: hits(rng) },
      nmi: { value: rng.float(), interval: rng.float() },
      ...{ trainImages: uint(rng), testImages: uint(rng) },
    }),
  }),
];
