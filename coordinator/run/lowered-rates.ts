/** The learning rates that a run which diverged, or collapsed, is told to go on with. */
import { trainingConfigSchema, type TrainingConfig } from '../../src/ps/config.ts';

/** Factor by which the learning rates are lowered. */
const LOWERED = 10;

/**
 * A tenth of the present rates, or the defaults where those are lower still; with the schedule's
 * factors counted.
 */
export function loweredRates(training: TrainingConfig): Record<string, number> {
  const defaults = trainingConfigSchema.parse({});
  const factor = Math.max(1, ...training.schedule.map((step) => step.factor));
  const lowered = (rate: number, most: number): number =>
    Number(Math.min(rate / LOWERED, most / factor).toPrecision(3));
  return {
    'training.learningRate': lowered(training.learningRate, defaults.learningRate),
    'training.headLearningRate': lowered(training.headLearningRate, defaults.headLearningRate),
  };
}
