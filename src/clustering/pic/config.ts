/** Settings of power iteration clustering. Source: spec of DeepCluster, section 5.1. */
import { z } from 'zod';

export const picConfigSchema = z.strictObject({
  neighbours: z.int().min(1).max(64).default(5).meta({
    unit: 'images',
    description:
      'Nearest neighbours of each image, by the whitened features, that the graph has edges to.',
  }),
  sigma: z
    .number()
    .gt(0)
    .max(100)
    .default(0.2)
    .describe(
      'Width of the affinity exp(-d² / sigma²), d the distance of two unit rows, at most 2.',
    ),
  alpha: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.001)
    .describe(
      'Weight of the graph in a step of the power iteration, against an even spread over all images.',
    ),
  iterations: z
    .int()
    .min(1)
    .max(10_000)
    .default(200)
    .describe('Steps of the power iteration; it ends before where a step changes no number.'),
  distributeSingletons: z
    .boolean()
    .default(true)
    .describe('Gives an image that is a cluster by itself to that of its nearest neighbour.'),
});

export type PicConfig = z.infer<typeof picConfigSchema>;
