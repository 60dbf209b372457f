/** Settings of the clustering that each epoch starts with. Source: spec of DeepCluster, sections 4-6. */
import { z } from 'zod';
import { picConfigSchema } from './pic/config.ts';

/** How images are grouped by their features. */
export const CLUSTERING_METHODS = ['kmeans', 'pic'] as const;

export type ClusteringMethod = (typeof CLUSTERING_METHODS)[number];

export const clusteringConfigSchema = z.strictObject({
  method: z
    .enum(CLUSTERING_METHODS)
    .default('kmeans')
    .describe(
      "`kmeans`; or `pic`, power iteration clustering of a graph of nearest neighbours, DeepCluster's " +
        'other choice: it finds the number of clusters itself, `clustering.k` at most.',
    ),
  k: z
    .int()
    .min(2)
    .default(10_000)
    .describe(
      'Clusters K, also the width of the head, at most as many as there are images; the paper ' +
        'over-segments (10,000 for 1,000 classes). With `pic` the most that there may be.',
    ),
  iterations: z
    .int()
    .min(1)
    .max(1000)
    .default(20)
    .describe('Lloyd steps before the final assignment.'),
  pcaDim: z
    .int()
    .min(1)
    .default(256)
    .describe('PCA output dimensions; lowered to min(pcaDim, D, N - 1, rank) with a log line.'),
  pcaEpsilon: z
    .number()
    .min(0)
    .max(0.1)
    .default(1e-8)
    .describe(
      'Eigenvalues at or below this fraction of the largest are dropped as rank-deficient.',
    ),
  freshSeed: z
    .boolean()
    .default(true)
    .describe(
      "Restarts k-means at every epoch with a new seed (true, Aug 2019 code) or with faiss' " +
        'fixed 1234 (false, the paper).',
    ),
  sampler: z
    .enum(['uniform', 'reference'])
    .default('uniform')
    .describe(
      '`uniform` draws every non-empty cluster equally often; `reference` repeats the ' +
        "released code's index mismatch.",
    ),
  reassign: z
    .number()
    .gt(0)
    .max(100)
    .default(1)
    .describe(
      'Draws per epoch as a multiple of the images: epochs of training between clusterings.',
    ),
  pic: picConfigSchema.prefault({}),
});

export type ClusteringConfig = z.infer<typeof clusteringConfigSchema>;
