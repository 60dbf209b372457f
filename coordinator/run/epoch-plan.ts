/** How steps and slices cut the draws of an epoch's plan. */
import type { EpochPlan } from '../../src/algorithms/epoch-plan.ts';
import { stepSizes, type SizeSettings } from '../../src/ps/config.ts';
import type { SliceSamples } from '../../src/work/tools.ts';

/** Draws [begin, end) of the plan. */
export interface DrawRange {
  readonly begin: number;
  readonly end: number;
}

/** Optimizer steps of the epoch; the last one may be smaller. */
export function stepCount(plan: EpochPlan, training: SizeSettings): number {
  return Math.ceil(plan.ids.length / stepSizes(training).step);
}

/** Draws of the epoch's step number `index`. */
export function stepDraws(plan: EpochPlan, index: number, training: SizeSettings): DrawRange {
  const { step } = stepSizes(training);
  const begin = index * step;
  return { begin, end: Math.min(begin + step, plan.ids.length) };
}

/** The slices of a step, in slice order. */
export function sliceDraws(draws: DrawRange, training: SizeSettings): DrawRange[] {
  const { slice } = stepSizes(training);
  const slices: DrawRange[] = [];
  for (let { begin } = draws; begin < draws.end; begin += slice) {
    slices.push({ begin, end: Math.min(begin + slice, draws.end) });
  }
  return slices;
}

/** Images that take no part, by id. */
export type LeftOut = Pick<ReadonlyMap<number, unknown>, 'has' | 'size'>;

const NONE: LeftOut = new Map<number, unknown>();

/** Targets of those draws that count, as they are now. */
export function pseudoLabelsOf(
  plan: EpochPlan,
  draws: DrawRange,
  leftOut: LeftOut = NONE,
): Int32Array {
  return counting(plan, plan.ids, draws, leftOut).map((id) => plan.pseudoLabels[id] ?? -1);
}

/** The draws that count, as an order has them; not to be kept, they may be the plan's own. */
export function samplesOf(
  plan: EpochPlan,
  draws: DrawRange,
  leftOut: LeftOut = NONE,
): Omit<SliceSamples, 'lossWeights' | 'furtherLabels'> {
  return {
    ids: counting(plan, plan.ids, draws, leftOut),
    occurrences: counting(plan, plan.occurrences, draws, leftOut),
    pseudoLabels: pseudoLabelsOf(plan, draws, leftOut),
  };
}

/** How many of the draws count. */
export function countOf(plan: EpochPlan, draws: DrawRange, leftOut: LeftOut): number {
  return counting(plan, plan.ids, draws, leftOut).length;
}

/** Values of those draws whose images take part, in their order. */
function counting(
  plan: EpochPlan,
  values: Int32Array,
  { begin, end }: DrawRange,
  leftOut: LeftOut,
): Int32Array {
  const all = values.subarray(begin, end);
  if (leftOut.size === 0) return all;
  return all.filter((_value, i) => !leftOut.has(plan.ids[begin + i]!));
}
