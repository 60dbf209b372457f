/**
 * What a worker is told of a unit of slices: the draws of each, and as a hint those of the slices
 * that begin the same unit one step on.
 */
import type { EpochPlan } from '../../src/algorithms/epoch-plan.ts';
import type { SliceFacts } from '../../src/algorithms/strategy.ts';
import type { TrainingConfig } from '../../src/ps/config.ts';
import { localRule } from '../../src/ps/local-replica.ts';
import type { SliceUnit } from '../../src/ps/slice-tree.ts';
import { BATCHES_AHEAD } from '../../src/work/slice/part.ts';
import type { TrainSliceOrder } from '../../src/work/train-slice.ts';
import {
  pseudoLabelsOf,
  samplesOf,
  sliceDraws,
  stepCount,
  stepDraws,
  type DrawRange,
  type LeftOut,
} from './epoch-plan.ts';

/** A unit of a step that is due. */
export interface DueUnit extends SliceUnit {
  readonly plan: EpochPlan;
  /** Of the step within the epoch, and over the whole run. */
  readonly index: number;
  readonly step: number;
  /** What the schedule multiplies the learning rates by in this step. */
  readonly rateFactor: number;
}

const ALL_ONE = new Float32Array(0);
const NO_LABELS = new Int32Array(0);

/** @param facts of the algorithm; null where samples are all */
export function unitOrder(
  { plan, index, step, slice, slices, rateFactor }: DueUnit,
  training: TrainingConfig,
  leftOut: LeftOut,
  facts: SliceFacts | null,
): TrainSliceOrder {
  const draws = sliceDraws(stepDraws(plan, index, training), training);
  const weights = facts?.lossWeights(draws.map((own) => pseudoLabelsOf(plan, own, leftOut)));
  const hints =
    index + 1 < stepCount(plan, training)
      ? sliceDraws(stepDraws(plan, index + 1, training), training)
      : [];
  const unit = { slice, slices };
  return {
    ...unit,
    ...{ step, stepSlices: draws.length },
    parts: partsOf(plan, draws, unit, leftOut).map((part) => ({
      slice: part.slice,
      samples: {
        ...part.samples,
        lossWeights: Float32Array.from(weights?.[part.slice] ?? []),
        furtherLabels: facts?.furtherLabels(part.samples.ids) ?? NO_LABELS,
      },
    })),
    // Workers mostly keep their unit.
    upcoming: partsOf(plan, hints, unit, leftOut).slice(0, BATCHES_AHEAD),
    centroidVersion: facts?.centroidVersion ?? 0,
    local: training.mode === 'local' ? localRule(training, rateFactor) : null,
  };
}

/** Those of the unit's slices that have a draw which counts; as they are only to be decoded. */
function partsOf(
  plan: EpochPlan,
  draws: readonly DrawRange[],
  { slice: first, slices }: SliceUnit,
  leftOut: LeftOut,
): TrainSliceOrder['parts'] {
  return draws
    .slice(first, first + slices)
    .map((own, i) => ({
      slice: first + i,
      samples: {
        ...samplesOf(plan, own, leftOut),
        ...{ lossWeights: ALL_ONE, furtherLabels: NO_LABELS },
      },
    }))
    .filter(({ samples }) => samples.ids.length > 0);
}
