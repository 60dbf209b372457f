/** Workers that a training step has nothing for. */
import { stalenessBound, stepSizes, type TrainingConfig } from './config.ts';

/**
 * What to say of more workers than a step has slices; null where each has one.
 * @param training a run's that may still be another one: slices are part of what it computes
 */
export function idleWorkersRemark(training: TrainingConfig, workers: number): string | null {
  const { step, slice } = stepSizes(training);
  const slices = Math.ceil(step / slice);
  const steps = 1 + stalenessBound(training);
  if (workers <= steps * slices) return null;
  const several = steps > 1 ? `, ${steps} steps at a time` : '';
  const fits = Math.floor((steps * training.batchSize) / workers);
  const remedy =
    fits < LEAST_SLICE
      ? 'batches of more images have work for more'
      : `a run with --set training.sliceSize=${fits} has a slice for each`;
  return `${workers} workers, ${slices} slices a step${several}: ${workers - steps * slices} of them wait in training; ${remedy}`;
}

/** Batch norm's statistics are noise with fewer images. */
const LEAST_SLICE = 8;
