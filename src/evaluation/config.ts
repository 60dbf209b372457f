/** Settings of the evaluation after training; needs class sub-folders, which training never sees. */
import { z } from 'zod';

export const evaluationConfigSchema = z.strictObject({
  /** Evaluate kNN and a linear probe at the end where the data has class sub-folders. */
  enabled: z.boolean().default(true),
  /** Neighbours of the kNN classifier. */
  knnK: z.int().min(1).default(20),
  /** Images evaluated at most, drawn by the run's seed, so that one worker can hold their features. */
  maxImages: z.int().min(10).default(20_000),
  /** Part of them held out to test on, stratified by class. */
  testFraction: z.number().gt(0).lt(1).default(0.33),
  /** Splits into training and test images, each evaluated; the figures are their means. */
  repeats: z.int().min(1).max(100).default(1),
  /** Passes of the linear probe over its training features. */
  probeEpochs: z.int().min(1).default(100),
});

export type EvaluationConfig = z.infer<typeof evaluationConfigSchema>;
