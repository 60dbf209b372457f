/**
 * The learning-rate schedule: steps at the beginning of epochs. Source: spec of ODC, section 9. Pure: the epoch and the
 * configuration alone decide, so that a resumed run and a repeated commit have the factor they had.
 */

/** From the first step of `epoch` on, until the next entry, learning rates are `factor` times the configured ones. */
export interface ScheduleStep {
  /** Counted from 0. */
  readonly epoch: number;
  readonly factor: number;
}

/** What scales the learning rates in an epoch; 1 before the first entry. @param schedule epochs ascending */
export function learningRateFactor(schedule: readonly ScheduleStep[], epoch: number): number {
  return schedule.findLast((step) => step.epoch <= epoch)?.factor ?? 1;
}
