/**
 * Settings of the evaluation after training; needs class sub-folders, which training never sees.
 */
import { z } from 'zod';

export const evaluationConfigSchema = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe('Evaluate kNN and a linear probe at the end where the data has class sub-folders.'),
  knnK: z.int().min(1).default(20).describe('Neighbours of the kNN classifier.'),
  maxImages: z
    .int()
    .min(10)
    .default(20_000)
    .meta({
      unit: 'images',
      description:
        "Images evaluated at most, drawn by the run's seed, so that one worker can hold their " +
        'features.',
    }),
  testFraction: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.33)
    .describe('Part of them held out to test on, stratified by class.'),
  repeats: z
    .int()
    .min(1)
    .max(100)
    .default(1)
    .describe('Splits into training and test images, each evaluated; the figures are their means.'),
  probeEpochs: z.int().min(1).default(100).meta({
    unit: 'epochs',
    description: 'Passes of the linear probes of layers, in `deepcluster eval`.',
  }),
});

export type EvaluationConfig = z.infer<typeof evaluationConfigSchema>;
