/** Settings of checkpoints. */
import { z } from 'zod';

export const checkpointConfigSchema = z.strictObject({
  /** Steps between checkpoints within an epoch; one is always taken at an epoch's end. 0 takes no others. */
  everySteps: z.int().min(0).default(1000),
  /** Checkpoints kept; older ones are removed. */
  keep: z.int().min(1).default(3),
});

export type CheckpointConfig = z.infer<typeof checkpointConfigSchema>;
