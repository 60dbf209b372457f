/** Turns a lease into the order that travels: adds shard bounds, artifact names and samples to the bare work. */
import type { DataShard } from '../../src/data/shard-plan.ts';
import type { TrainingConfig } from '../../src/ps/config.ts';
import type { Order } from '../../src/rpc/generated/deepcluster/v1/Order.ts';
import type { TrainSlice } from '../../src/rpc/generated/deepcluster/v1/TrainSlice.ts';
import {
  pseudoLabelsOf,
  samplesOf,
  sliceDraws,
  stepCount,
  stepDraws,
  type EpochPlan,
} from '../run/epoch-plan.ts';
import type { Lease } from './state.ts';
import type { Work } from './work.ts';

/** What orders of the current epoch refer to; the epoch's procedures fill it as they go. */
export interface OrderContext {
  readonly shards: readonly DataShard[];
  readonly training: TrainingConfig;
  epoch: number;
  parameterVersion: number;
  /** Names of artifacts; empty until there is one. */
  momentsArtifact: string;
  whiteningArtifact: string;
  centroidsArtifact: string;
  /** By id: images that take no part. */
  readonly leftOut: ReadonlyMap<number, unknown>;
  /** By data shard: rows of the features that the clustering under way was given. */
  shardRows: Map<number, number>;
  /** Rows to fetch as initial centroids, by data shard. */
  rowsByShard: ReadonlyMap<number, readonly number[]>;
  /** Null while the epoch clusters. */
  plan: EpochPlan | null;
  /** Global number of the epoch's first step. */
  firstStep: number;
  /** Null unless the algorithm is ODC, and has clustered. */
  odc: OdcOrderFacts | null;
}

/** What ODC's orders carry besides, as it is before the step. */
export interface OdcOrderFacts {
  readonly centroidVersion: number;
  /** What the losses of a step are multiplied by. @param slices pseudo-labels of all its slices, in slice order */
  lossWeights(slices: readonly Int32Array[]): readonly Float64Array[];
}

export function composeOrder(lease: Lease, context: OrderContext): Order {
  return {
    leaseId: lease.id,
    generation: lease.generation,
    epoch: context.epoch,
    parameterVersion: context.parameterVersion,
    ...composeWork(lease.work, context),
  };
}

function composeWork(work: Work, context: OrderContext): Order {
  switch (work.kind) {
    case 'extract': {
      const { begin, end } = context.shards[work.shard]!;
      const leftOut = [...context.leftOut.keys()].filter((id) => begin <= id && id < end);
      return { extract: { shard: work.shard, begin, end, leftOut } };
    }
    case 'moments':
      return { moments: { shard: work.shard } };
    case 'solvePca':
      return { solvePca: { momentsArtifact: context.momentsArtifact } };
    case 'project':
      return { project: { shard: work.shard, whiteningArtifact: context.whiteningArtifact } };
    case 'sampleRows':
      return {
        sampleRows: { shard: work.shard, rows: [...(context.rowsByShard.get(work.shard) ?? [])] },
      };
    case 'kmeansStep':
      return { kmeansStep: { shard: work.shard, centroidsArtifact: context.centroidsArtifact } };
    case 'assign':
      return { assign: { shard: work.shard, centroidsArtifact: context.centroidsArtifact } };
    case 'fillMemory':
      return { fillMemory: { shard: work.shard } };
    case 'trainSlice':
      return { trainSlice: composeSlice(work.step, work.slice, context) };
    case 'evaluate':
      return { evaluate: { network: work.network, leftOut: [...context.leftOut.keys()] } };
  }
}

/** The slice's draws, and as a hint those of the same slice one step on: workers mostly keep their slice. */
function composeSlice(step: number, slice: number, context: OrderContext): TrainSlice {
  const { plan, training, firstStep, odc, leftOut } = context;
  if (plan === null) throw new Error(`train slice ${slice} of step ${step} without a plan`);
  const index = step - firstStep;
  const slices = sliceDraws(stepDraws(plan, index, training), training);
  const weights = odc?.lossWeights(slices.map((draws) => pseudoLabelsOf(plan, draws, leftOut)));
  const next =
    index + 1 < stepCount(plan, training)
      ? sliceDraws(stepDraws(plan, index + 1, training), training)[slice]
      : undefined;
  return {
    step,
    slice,
    samples: {
      ...samplesOf(plan, slices[slice]!, leftOut),
      lossWeights: [...(weights?.[slice] ?? [])],
    },
    upcoming: next === undefined ? null : samplesOf(plan, next, leftOut),
    centroidVersion: odc?.centroidVersion ?? 0,
  };
}
