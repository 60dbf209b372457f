/**
 * What a worker is told of a slice: its draws, and as a hint those of the same slice one step on.
 */
import type { EpochPlan } from '../../src/algorithms/epoch-plan.ts';
import type { SliceFacts } from '../../src/algorithms/strategy.ts';
import type { TrainingConfig } from '../../src/ps/config.ts';
import type { TrainSliceOrder } from '../../src/work/train-slice.ts';
import {
  pseudoLabelsOf,
  samplesOf,
  sliceDraws,
  stepCount,
  stepDraws,
  type LeftOut,
} from './epoch-plan.ts';

/** A slice of a step that is due. */
export interface DueSlice {
  readonly plan: EpochPlan;
  /** Of the step within the epoch, and over the whole run. */
  readonly index: number;
  readonly step: number;
  readonly slice: number;
}

const ALL_ONE = new Float32Array(0);
const NO_LABELS = new Int32Array(0);

/** @param facts of the algorithm; null where samples are all */
export function sliceOrder(
  { plan, index, step, slice }: DueSlice,
  training: TrainingConfig,
  leftOut: LeftOut,
  facts: SliceFacts | null,
): TrainSliceOrder {
  const slices = sliceDraws(stepDraws(plan, index, training), training);
  const weights = facts?.lossWeights(slices.map((draws) => pseudoLabelsOf(plan, draws, leftOut)));
  const samples = samplesOf(plan, slices[slice]!, leftOut);
  // Workers mostly keep their slice.
  const next =
    index + 1 < stepCount(plan, training)
      ? sliceDraws(stepDraws(plan, index + 1, training), training)[slice]
      : undefined;
  return {
    step,
    slice,
    samples: {
      ...samples,
      lossWeights: Float32Array.from(weights?.[slice] ?? []),
      furtherLabels: facts?.furtherLabels(samples.ids) ?? NO_LABELS,
    },
    upcoming: next === undefined ? null : hintOf(samplesOf(plan, next, leftOut)),
    centroidVersion: facts?.centroidVersion ?? 0,
  };
}

/** Of samples that are only to be decoded. */
function hintOf(samples: ReturnType<typeof samplesOf>): TrainSliceOrder['upcoming'] {
  return { ...samples, lossWeights: ALL_ONE, furtherLabels: NO_LABELS };
}
