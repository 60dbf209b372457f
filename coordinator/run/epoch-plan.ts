/**
 * The plan of an epoch's training: which images are drawn in which order, and how steps and slices cut the draws.
 * Derived from the pseudo-labels and the run's seed alone, so that a resumed run draws the same.
 */
import type { ClusteringConfig } from '../../src/clustering/config.ts';
import { drawOdcEpoch } from '../../src/clustering/odc/sampler.ts';
import { drawEpochSamples } from '../../src/clustering/sampler.ts';
import { seededRng } from '../../src/math/rng.ts';
import type { TrainingConfig } from '../../src/ps/config.ts';
import type { SliceSamples } from '../../src/work/tools.ts';

export interface EpochPlan {
  readonly epoch: number;
  /** [draws] image ids. */
  readonly ids: Int32Array;
  /** [draws] how often the same image was drawn before in this epoch: each draw has a view of its own. */
  readonly occurrences: Int32Array;
  /** [N] pseudo-label of every image; -1 for images that could not be read. */
  readonly pseudoLabels: Int32Array;
}

/** Draws [begin, end) of the plan. */
export interface DrawRange {
  readonly begin: number;
  readonly end: number;
}

export function planEpoch(
  pseudoLabels: Int32Array,
  epoch: number,
  seed: number,
  clustering: ClusteringConfig,
): EpochPlan {
  const readable = pseudoLabels.reduce((count, label) => count + (label >= 0 ? 1 : 0), 0);
  const ids = drawEpochSamples({
    labels: pseudoLabels,
    k: clustering.k,
    length: Math.max(1, Math.floor(clustering.reassign * readable)),
    rng: seededRng(seed, 'sampler', epoch),
    mode: clustering.sampler,
  });
  return { epoch, ids, occurrences: countOccurrences(ids, pseudoLabels.length), pseudoLabels };
}

/**
 * ODC's plan: every readable image is as likely as any other, whatever its class.
 * @param pseudoLabels [N] as they are and as they become: orders take them from here, step by step
 */
export function planOdcEpoch(
  pseudoLabels: Int32Array,
  epoch: number,
  seed: number,
  withReplacement: boolean,
): EpochPlan {
  const readable = Int32Array.from(pseudoLabels.keys()).filter((id) => pseudoLabels[id]! >= 0);
  const ids = drawOdcEpoch({ ids: readable, seed, epoch, withReplacement });
  return { epoch, ids, occurrences: countOccurrences(ids, pseudoLabels.length), pseudoLabels };
}

/** How often each drawn image was drawn before. */
function countOccurrences(ids: Int32Array, images: number): Int32Array {
  const drawn = new Int32Array(images);
  return ids.map((id) => {
    const earlier = drawn[id] ?? 0;
    drawn[id] = earlier + 1;
    return earlier;
  });
}

/** Optimizer steps of the epoch; the last one may be smaller. */
export function stepCount(plan: EpochPlan, { batchSize }: TrainingConfig): number {
  return Math.ceil(plan.ids.length / batchSize);
}

/** Draws of the epoch's step number `index`. */
export function stepDraws(
  plan: EpochPlan,
  index: number,
  { batchSize }: TrainingConfig,
): DrawRange {
  const begin = index * batchSize;
  return { begin, end: Math.min(begin + batchSize, plan.ids.length) };
}

/** The slices of a step, in slice order. */
export function sliceDraws(draws: DrawRange, { sliceSize }: TrainingConfig): DrawRange[] {
  const slices: DrawRange[] = [];
  for (let begin = draws.begin; begin < draws.end; begin += sliceSize) {
    slices.push({ begin, end: Math.min(begin + sliceSize, draws.end) });
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
): Omit<SliceSamples, 'lossWeights'> {
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
