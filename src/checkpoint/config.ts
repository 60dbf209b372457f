/** Settings of checkpoints. */
import { z } from 'zod';

export const checkpointConfigSchema = z.strictObject({
  everySteps: z
    .int()
    .min(0)
    .default(1000)
    .meta({
      unit: 'steps',
      description:
        "Steps between checkpoints within an epoch; one is always taken at an epoch's end. 0 " +
        'takes no others.',
    }),
  keep: z
    .int()
    .min(1)
    .default(3)
    .meta({ unit: 'checkpoints', description: 'Checkpoints kept; older ones are removed.' }),
});

export type CheckpointConfig = z.infer<typeof checkpointConfigSchema>;
