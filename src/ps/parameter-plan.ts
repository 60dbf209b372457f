/**
 * How the parameters of a run are cut into parameter shards, one for each parameter server: static,
 * decided by layout and number of servers alone. The flat vectors are cut into ranges of equal
 * length, wherever the cuts fall: servers carry the same bytes to within one element, and a large
 * tensor lies on several of them.
 * Shapes: P parameters, S batch-norm statistics of the whole network; each of n parameter shards
 * has P / n and S / n of them.
 */
import { createHash } from 'node:crypto';
import { protocolViolation } from '../errors.ts';
import {
  MAX_VECTOR_ELEMENTS,
  layoutHash,
  type ParameterLayout,
  type StatisticSpec,
} from './layout.ts';

/** Which part of the parameters one server holds. */
export interface ParameterShardPlan {
  /** Counted from 0. */
  readonly shardIndex: number;
  /** Parameter shards of the run. */
  readonly shardCount: number;
  /** Names layout, plan and parameter shard; every rpc carries it, and the server of another one refuses it. */
  readonly hash: string;
  /** Range of the flat parameter vector [P]. */
  readonly parameters: Range;
  /** Range of the flat statistics vector [S]. */
  readonly statistics: Range;
  /** The variables in it, or those elements of them that are, with offsets of its own. */
  readonly layout: ParameterLayout;
}

export interface Range {
  readonly begin: number;
  readonly end: number;
}

/** Servers that a run can have; each needs a parameter at least. */
export const MAX_PARAMETER_SHARDS = 256;

/** @throws TrainerError PROTOCOL_VIOLATION for more parameter shards than parameters, none, or too few for their vectors */
export function planParameterShards(
  layout: ParameterLayout,
  shardCount: number,
): ParameterShardPlan[] {
  return Array.from({ length: shardCount }, (_, shardIndex) =>
    planParameterShard(layout, shardCount, shardIndex),
  );
}

/** One parameter shard of the plan. @throws TrainerError PROTOCOL_VIOLATION */
export function planParameterShard(
  layout: ParameterLayout,
  shardCount: number,
  shardIndex: number,
): ParameterShardPlan {
  const most = Math.min(MAX_PARAMETER_SHARDS, layout.parameterCount);
  if (!(shardCount >= 1 && shardCount <= most && shardIndex >= 0 && shardIndex < shardCount)) {
    throw protocolViolation(
      'parameter shard',
      `one of 1 to ${most}`,
      `${shardIndex} of ${shardCount}, counted from 0`,
      'run the same number of servers on every process',
    );
  }
  const largest = Math.ceil(Math.max(layout.parameterCount, layout.statisticCount) / shardCount);
  if (largest > MAX_VECTOR_ELEMENTS) {
    throw protocolViolation(
      'parameter shard',
      `at most ${MAX_VECTOR_ELEMENTS} parameters`,
      largest,
      'use more parameter servers',
    );
  }
  const parameters = rangeOf(layout.parameterCount, shardCount, shardIndex);
  const statistics = rangeOf(layout.statisticCount, shardCount, shardIndex);
  const variables = variablesIn(layout.variables, parameters);
  return {
    shardIndex,
    shardCount,
    hash: `${planHash(layout, shardCount)}.${shardIndex + 1}of${shardCount}`,
    parameters,
    statistics,
    layout: {
      architecture: layout.architecture,
      variables,
      statistics: variablesIn(layout.statistics, statistics),
      parameterCount: parameters.end - parameters.begin,
      statisticCount: statistics.end - statistics.begin,
    },
  };
}

/** The whole vector from those of the parameter shards, in their order. */
export function joinShards(vectors: readonly Float32Array[]): Float32Array {
  const [only] = vectors;
  if (vectors.length === 1 && only !== undefined) return only;
  const whole = new Float32Array(vectors.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const vector of vectors) {
    whole.set(vector, at);
    at += vector.length;
  }
  return whole;
}

function planHash(layout: ParameterLayout, shardCount: number): string {
  return createHash('sha256')
    .update(`${layoutHash(layout)}/${shardCount}`)
    .digest('hex')
    .slice(0, 16);
}

function rangeOf(elements: number, shardCount: number, shardIndex: number): Range {
  return {
    begin: Math.floor((elements * shardIndex) / shardCount),
    end: Math.floor((elements * (shardIndex + 1)) / shardCount),
  };
}

/** The variables within the range; of one that a cut goes through, the elements here, as a vector. */
function variablesIn<Spec extends StatisticSpec>(
  specs: readonly Spec[],
  { begin, end }: Range,
): Spec[] {
  return specs
    .filter(({ offset, size }) => offset < end && offset + size > begin)
    .map((spec) => {
      const first = Math.max(spec.offset, begin);
      const size = Math.min(spec.offset + spec.size, end) - first;
      const isWhole = size === spec.size;
      return {
        ...spec,
        offset: first - begin,
        size,
        shape: isWhole ? spec.shape : [size],
        ...(isWhole ? {} : { skipped: first - spec.offset, rank: spec.shape.length }),
      };
    });
}
