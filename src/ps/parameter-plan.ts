/**
 * How the parameters of a run are cut into parameter shards, one for each parameter server: static,
 * decided by layout, number of servers and optimizer alone. The flat vectors are cut into ranges of
 * equal length, wherever the cuts fall: servers carry the same bytes to within one element, and a
 * large tensor lies on several of them. LARS asks for norms of whole variables: with it the cuts
 * fall between them, as near to those places as they can, and servers differ by up to about the
 * largest variable. With the codec `int8` they fall between its blocks.
 * Shapes: P parameters, S batch-norm statistics of the whole network; each of n parameter shards
 * has P / n and S / n of them.
 */
import { createHash } from 'node:crypto';
import { protocolViolation } from '../errors.ts';
import { copyVector } from '../parameter-plane/kernels.ts';
import { nearestBlock } from './codec/vector-coding.ts';
import type { TrainingConfig } from './config.ts';
import {
  MAX_VECTOR_ELEMENTS,
  layoutHash,
  type ParameterLayout,
  type StatisticSpec,
} from './layout.ts';

/** Where a parameter vector may be cut. */
export type ParameterCuts = 'anywhere' | 'betweenBlocks' | 'betweenVariables';

/** Which cuts an optimizer and a codec can do with. */
export function cutsFor({
  optimizer,
  codec,
}: Pick<TrainingConfig, 'optimizer' | 'codec'>): ParameterCuts {
  if (optimizer === 'lars') return 'betweenVariables';
  return codec === 'int8' ? 'betweenBlocks' : 'anywhere';
}

/** Which part of the parameters one server holds. */
export interface ParameterShardPlan {
  /** Counted from 0. */
  readonly shardIndex: number;
  /** Parameter shards of the run. */
  readonly shardCount: number;
  /**
   * Names layout, plan and parameter shard; every rpc carries it, and the server of another one
   * refuses it.
   */
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

/**
 * @throws TrainerError PROTOCOL_VIOLATION for more parameter shards than parameters, none, or too
 *   few for their vectors
 */
export function planParameterShards(
  layout: ParameterLayout,
  shardCount: number,
  cuts: ParameterCuts = 'anywhere',
): ParameterShardPlan[] {
  return Array.from({ length: shardCount }, (_, shardIndex) =>
    planParameterShard(layout, shardCount, shardIndex, cuts),
  );
}

/** One parameter shard of the plan. @throws TrainerError PROTOCOL_VIOLATION */
export function planParameterShard(
  layout: ParameterLayout,
  shardCount: number,
  shardIndex: number,
  cuts: ParameterCuts = 'anywhere',
): ParameterShardPlan {
  const places = cuts === 'betweenVariables' ? layout.variables.length : layout.parameterCount;
  const most = Math.min(MAX_PARAMETER_SHARDS, places);
  if (!(shardCount >= 1 && shardCount <= most && shardIndex >= 0 && shardIndex < shardCount)) {
    throw protocolViolation(
      'parameter shard',
      `one of 1 to ${most}`,
      `${shardIndex} of ${shardCount}, counted from 0`,
      cuts === 'betweenVariables'
        ? 'use fewer parameter servers: with LARS each holds a variable at least'
        : 'run the same number of servers on every process',
    );
  }
  const ends = endsOf(layout, shardCount, cuts);
  const lengths = ends.map((end, i) => end - (ends[i - 1] ?? 0));
  if (lengths.some((length) => length === 0)) {
    const remedy = 'use fewer parameter servers: with int8 each holds a block at least';
    throw protocolViolation('parameter shards', `fewer than ${shardCount}`, shardCount, remedy);
  }
  const largest = Math.max(...lengths, Math.ceil(layout.statisticCount / shardCount));
  if (largest > MAX_VECTOR_ELEMENTS) {
    throw protocolViolation(
      'parameter shard',
      `at most ${MAX_VECTOR_ELEMENTS} parameters`,
      largest,
      'use more parameter servers',
    );
  }
  const parameters = rangeOf(ends, shardIndex);
  const statistics = rangeOf(evenEnds(layout.statisticCount, shardCount), shardIndex);
  const variables = variablesIn(layout.variables, parameters);
  return {
    shardIndex,
    shardCount,
    hash: `${planHash(layout, shardCount, cuts)}.${shardIndex + 1}of${shardCount}`,
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

/**
 * The whole vector from those of the parameter shards, in their order.
 * @param into of that length, to be written to where there are several; left out: a fresh one
 */
export function joinShards(
  vectors: readonly Float32Array[],
  into: Float32Array | null = null,
): Float32Array {
  const [only] = vectors;
  if (vectors.length === 1 && only !== undefined) return only;
  const whole = into ?? new Float32Array(totalLength(vectors));
  let at = 0;
  for (const vector of vectors) {
    copyVector(vector, whole.subarray(at, at + vector.length));
    at += vector.length;
  }
  return whole;
}

export function totalLength(vectors: readonly Float32Array[]): number {
  return vectors.reduce((total, { length }) => total + length, 0);
}

/** With cuts anywhere it is what it was before there were others. */
function planHash(layout: ParameterLayout, shardCount: number, cuts: ParameterCuts): string {
  const rule = cuts === 'anywhere' ? '' : `/${cuts}`;
  return createHash('sha256')
    .update(`${layoutHash(layout)}/${shardCount}${rule}`)
    .digest('hex')
    .slice(0, 16);
}

function endsOf(layout: ParameterLayout, count: number, cuts: ParameterCuts): number[] {
  if (cuts === 'betweenVariables') return endsBetween(layout.variables, count);
  const ends = evenEnds(layout.parameterCount, count);
  return cuts === 'anywhere' ? ends : ends.map((end) => nearestBlock(layout, end));
}

function rangeOf(ends: readonly number[], index: number): Range {
  return { begin: ends[index - 1] ?? 0, end: ends[index]! };
}

/** Where each of so many ranges of equal length ends. */
function evenEnds(elements: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor((elements * (i + 1)) / count));
}

/**
 * The ends of variables that are nearest to those of equal ranges, each with a variable of its own.
 */
function endsBetween(variables: readonly StatisticSpec[], count: number): number[] {
  const ends = variables.map(({ offset, size }) => offset + size);
  let before = -1;
  return evenEnds(ends.at(-1)!, count).map((ideal, i) => {
    // Each range behind this one has a variable, too.
    const last = ends.length - (count - i);
    let best = before + 1;
    for (let at = best + 1; at <= last; at += 1) {
      if (Math.abs(ends[at]! - ideal) < Math.abs(ends[best]! - ideal)) best = at;
    }
    before = best;
    return ends[best]!;
  });
}

/**
 * The variables within the range; of one that a cut goes through, the elements here, as a vector.
 */
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
        ...(isWhole
          ? {}
          : { skipped: first - spec.offset, rank: spec.shape.length, wholeSize: spec.size }),
      };
    });
}
