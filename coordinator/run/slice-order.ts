/** What a worker is told of a slice: its draws, and as a hint those of the same slice one step on. */
import type { TrainingConfig } from '../../src/ps/config.ts';
import type { TrainSliceOrder } from '../../src/work/train-slice.ts';
import {
  pseudoLabelsOf,
  samplesOf,
  sliceDraws,
  stepCount,
  stepDraws,
  type EpochPlan,
  type LeftOut,
} from './epoch-plan.ts';

/** What orders carry where classes change with every step, as it is before the step. */
export interface ClassFacts {
  readonly centroidVersion: number;
  /** What the losses of a step are multiplied by. @param slices pseudo-labels of all its slices, in slice order */
  lossWeights(slices: readonly Int32Array[]): readonly Float64Array[];
}

/** A slice of a step that is due. */
export interface DueSlice {
  readonly plan: EpochPlan;
  /** Of the step within the epoch, and over the whole run. */
  readonly index: number;
  readonly step: number;
  readonly slice: number;
}

const ALL_ONE = new Float32Array(0);

/** @param classes null where they stay for the epoch */
export function sliceOrder(
  { plan, index, step, slice }: DueSlice,
  training: TrainingConfig,
  leftOut: LeftOut,
  classes: ClassFacts | null,
): TrainSliceOrder {
  const slices = sliceDraws(stepDraws(plan, index, training), training);
  const weights = classes?.lossWeights(slices.map((draws) => pseudoLabelsOf(plan, draws, leftOut)));
  // Workers mostly keep their slice.
  const next =
    index + 1 < stepCount(plan, training)
      ? sliceDraws(stepDraws(plan, index + 1, training), training)[slice]
      : undefined;
  return {
    step,
    slice,
    samples: {
      ...samplesOf(plan, slices[slice]!, leftOut),
      lossWeights: Float32Array.from(weights?.[slice] ?? []),
    },
    upcoming:
      next === undefined ? null : { ...samplesOf(plan, next, leftOut), lossWeights: ALL_ONE },
    centroidVersion: classes?.centroidVersion ?? 0,
  };
}
