/**
 * The learning-rate schedule: steps at the beginning of epochs, a linear warm-up, and half a
 * cosine. Sources: spec of ODC, section 9; Goyal et al. 2017 (arXiv:1706.02677), section 2.2;
 * Loshchilov and Hutter 2016 (arXiv:1608.03983), eq. 5 without restarts. Pure: the place and the
 * configuration alone decide, so that a resumed run and a repeated commit have the factor they had.
 */
import type { TrainingConfig } from './config.ts';

/**
 * From the first step of `epoch` on, until the next entry, learning rates are `factor` times the
 * configured ones.
 */
export interface ScheduleStep {
  /** Counted from 0. */
  readonly epoch: number;
  readonly factor: number;
}

/** Where a step is. */
export interface StepPlace {
  /** Counted from 0. */
  readonly epoch: number;
  /** Of the epoch, counted from 0, of so many. */
  readonly index: number;
  readonly steps: number;
  /** Of the run. */
  readonly epochs: number;
}

/** What scales the learning rates in a step; above 0. */
export function learningRateFactor(
  training: Pick<TrainingConfig, 'schedule' | 'warmupEpochs' | 'cosineTo'>,
  place: StepPlace,
): number {
  return stepFactor(training.schedule, place.epoch) * curveFactor(training, place);
}

/** 1 before the first entry. @param schedule epochs ascending */
function stepFactor(schedule: readonly ScheduleStep[], epoch: number): number {
  return schedule.findLast((step) => step.epoch <= epoch)?.factor ?? 1;
}

/**
 * Up to 1 at the last step of the warm-up, then 1, or down by half a cosine to `cosineTo` at the
 * run's end.
 */
function curveFactor(
  { warmupEpochs, cosineTo }: Pick<TrainingConfig, 'warmupEpochs' | 'cosineTo'>,
  { epoch, index, steps, epochs }: StepPlace,
): number {
  const at = epoch + index / steps;
  if (at < warmupEpochs) return Math.min(1, (at + 1 / steps) / warmupEpochs);
  if (cosineTo === null) return 1;
  const part = Math.min(1, (at - warmupEpochs) / (epochs - warmupEpochs));
  return cosineTo + ((1 - cosineTo) * (1 + Math.cos(Math.PI * part))) / 2;
}
