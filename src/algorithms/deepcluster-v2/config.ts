/**
 * Settings of DeepCluster-v2. Source: Caron et al. 2020 (arXiv:2006.09882), section 4 and appendix.
 */
import { z } from 'zod';
import { settingsOf, type SettingsSection } from '../settings.ts';

export const deepclusterV2ConfigSchema = z.strictObject({
  heads: z
    .int()
    .min(1)
    .max(16)
    .default(3)
    .describe(
      'Clusterings of an epoch, each with prototypes of its own; the loss is the mean over ' +
        'them. The paper has 3 of 3000 clusters.',
    ),
  temperature: z
    .number()
    .gt(0)
    .max(10)
    .default(0.1)
    .describe(
      'What the cosines of features and prototypes are divided by before the softmax: the ' +
        'lower, the harder the targets.',
    ),
  crops: z
    .int()
    .min(1)
    .max(8)
    .default(2)
    .describe(
      'Random views of each image in a step, all with the same targets. Each has its part of ' +
        'the sample memory, which the heads cluster in turn.',
    ),
  wholeBytes: z
    .int()
    .min(0)
    .default(64 * 2 ** 20)
    .meta({
      unit: 'bytes',
      description:
        'Up to this size of the sample memory each head is clustered by one worker, in one ' +
        'order; above, all workers share every step. The numbers are the same. 0: always shared.',
    }),
});

export type DeepclusterV2Config = z.infer<typeof deepclusterV2ConfigSchema>;

export const DEEPCLUSTER_V2_SETTINGS: SettingsSection<DeepclusterV2Config> = {
  key: 'deepclusterV2',
  schema: deepclusterV2ConfigSchema,
  resumable: ['wholeBytes'],
};

/** @param config of a run */
export function deepclusterV2ConfigOf(config: object): DeepclusterV2Config {
  return settingsOf(config, DEEPCLUSTER_V2_SETTINGS);
}
