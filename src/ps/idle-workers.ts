/** Workers that a training step has nothing for. */
import { stalenessBound, stepSizes, type TrainingConfig } from './config.ts';
import { unitsOf } from './slice-units.ts';

/**
 * What to say of more workers than there are slices; null where each could have one. Of fewer some
 * may wait as well, where slices cannot be shared out evenly: without them a step takes as long.
 * @param training a run's that may still be another one: slices are part of what it computes
 */
export function idleWorkersRemark(training: TrainingConfig, workers: number): string | null {
  const { step, slice } = stepSizes(training);
  const slices = Math.ceil(step / slice);
  const steps = stepsAtATime(training);
  const idle = workers - steps * slices;
  if (idle <= 0) return null;
  const several = steps > 1 ? `, ${steps} steps at a time` : '';
  const fits = fittingSlice(training, workers);
  const needsGroup = fits !== null && (training.normGroup ?? 0) > fits;
  const group = needsGroup ? ` --set training.normGroup=${fits}` : '';
  const remedy =
    fits === null
      ? 'batches of more images have work for more'
      : `a run with --set training.sliceSize=${fits}${group} has a slice for each`;
  return `${workers} workers, ${slices} slices a step${several}: ${idle} of them wait in training; ${remedy}`;
}

/** Batch norm's statistics are noise with fewer images. */
const LEAST_SLICE = 8;

function stepsAtATime(training: TrainingConfig): number {
  return 1 + stalenessBound(training);
}

function idleOf(training: TrainingConfig, workers: number): number {
  const { step, slice } = stepSizes(training);
  const samples = new Array<number>(Math.ceil(step / slice)).fill(slice);
  return workers - stepsAtATime(training) * unitsOf(samples, workers).length;
}

/** The largest size of slices of which each worker is given some; null where it is too small. */
function fittingSlice(training: TrainingConfig, workers: number): number | null {
  const images = (stepsAtATime(training) * training.batchSize) / workers;
  const sizes = [Math.ceil(images), Math.floor(images)];
  const fits = sizes.find((sliceSize) => idleOf({ ...training, sliceSize }, workers) <= 0);
  return fits === undefined || fits < LEAST_SLICE ? null : fits;
}
