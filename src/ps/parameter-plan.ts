/**
 * How the parameters of a run are cut into parts, one for each parameter server: static, decided by layout and number of
 * servers alone. The flat vectors are cut into ranges of equal length, wherever the cuts fall: servers carry the same bytes to
 * within one element, and a large tensor lies on several of them.
 * Shapes: P parameters, S batch-norm statistics of the whole network; a part has P / parts and S / parts of them.
 */
import { createHash } from 'node:crypto';
import { protocolViolation } from '../errors.ts';
import { layoutHash, type ParameterLayout, type StatisticSpec } from './layout.ts';

/** What one server holds. */
export interface ParameterPart {
  /** Counted from 0. */
  readonly index: number;
  /** Parts of the plan. */
  readonly parts: number;
  /** Names layout, plan and part; every rpc carries it, and a server of another part refuses it. */
  readonly hash: string;
  /** Range of the flat parameter vector [P]. */
  readonly parameters: Range;
  /** Range of the flat statistics vector [S]. */
  readonly statistics: Range;
  /** The pieces of variables in it, with offsets of its own. */
  readonly layout: ParameterLayout;
}

export interface Range {
  readonly begin: number;
  readonly end: number;
}

/** Servers that a run can have; each needs a parameter at least. */
export const MAX_PARTS = 256;

/** @throws TrainerError PROTOCOL_VIOLATION for more parts than parameters, or no part */
export function planParts(layout: ParameterLayout, parts: number): ParameterPart[] {
  return Array.from({ length: parts }, (_, index) => planPart(layout, parts, index));
}

/** One part of the plan. @throws TrainerError PROTOCOL_VIOLATION */
export function planPart(layout: ParameterLayout, parts: number, index: number): ParameterPart {
  const most = Math.min(MAX_PARTS, layout.parameterCount);
  if (!(parts >= 1 && parts <= most && index >= 0 && index < parts)) {
    throw protocolViolation(
      'part of the parameters',
      `one of 1 to ${most} parts`,
      `part ${index} of ${parts}`,
      'run the same number of servers on every process',
    );
  }
  const parameters = rangeOf(layout.parameterCount, parts, index);
  const statistics = rangeOf(layout.statisticCount, parts, index);
  const variables = piecesIn(layout.variables, parameters);
  return {
    index,
    parts,
    hash: `${planHash(layout, parts)}.${index + 1}of${parts}`,
    parameters,
    statistics,
    layout: {
      architecture: layout.architecture,
      variables,
      statistics: piecesIn(layout.statistics, statistics),
      parameterCount: parameters.end - parameters.begin,
      statisticCount: statistics.end - statistics.begin,
    },
  };
}

/** The whole vector from those of the parts, in their order. */
export function joinParts(vectors: readonly Float32Array[]): Float32Array {
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

function planHash(layout: ParameterLayout, parts: number): string {
  return createHash('sha256')
    .update(`${layoutHash(layout)}/${parts}`)
    .digest('hex')
    .slice(0, 16);
}

function rangeOf(elements: number, parts: number, index: number): Range {
  return {
    begin: Math.floor((elements * index) / parts),
    end: Math.floor((elements * (index + 1)) / parts),
  };
}

/** What lies of the variables within the range; each piece is a vector. */
function piecesIn<Spec extends StatisticSpec>(
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
        ...(isWhole ? {} : { skipped: first - spec.offset }),
      };
    });
}
