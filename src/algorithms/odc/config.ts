/** Settings of Online Deep Clustering. Sources: Zhan et al., CVPR 2020 (arXiv:2006.10645); spec of ODC, sections 1 and 6 to 8. */
import { z } from 'zod';
import { settingsOf, type SettingsSection } from '../settings.ts';

export const odcConfigSchema = z.strictObject({
  momentum: z
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe(
      'Weight of the fresh feature in a memory row, 0 to 1: high follows the network, low ' +
        'smooths its views.',
    ),
  publishInterval: z.int().min(1).default(10).meta({
    unit: 'steps',
    description:
      'Steps between publications of all centroids; rarer makes steadier targets and less traffic.',
  }),
  smallClusterSize: z
    .int()
    .min(0)
    .default(20)
    .meta({
      unit: 'images',
      description:
        'Images below which a cluster is merged away and a large one split in its place; 1 ' +
        'treats only empty ones, 0 none.',
    }),
  smallClusterInterval: z.int().min(1).default(1).meta({
    unit: 'steps',
    description:
      'Steps between treatments of small clusters; at 1 no cluster is ever empty after a step.',
  }),
  maxSplits: z
    .int()
    .min(1)
    .default(1000)
    .meta({
      unit: 'clusters',
      description:
        'Clusters treated in one step at the most; bounds the longest step, and the rest wait ' +
        'for the next one.',
    }),
  reweight: z
    .boolean()
    .default(true)
    .describe(
      "Weighs each loss by its cluster's size, so that large clusters do not take over; " +
        'false weighs all the same.',
    ),
  lossWeightPower: z
    .number()
    .min(0)
    .max(2)
    .default(0.5)
    .describe(
      'Power p in 1 / size^p of the weights: 0 is none, 1 gives every cluster the same share of ' +
        'the loss.',
    ),
  lossNormaliser: z
    .enum(['step', 'reference'])
    .default('step')
    .describe(
      '`step`: weighted mean over the step, whatever its slices. `reference`: over each ' +
        'slice, as the released code over workers.',
    ),
  samplingWithReplacement: z
    .boolean()
    .default(true)
    .describe(
      'With replacement an epoch touches about 63 % of the images, some of them twice, as ' +
        'in the reference.',
    ),
  metric: z
    .enum(['dot', 'cosine', 'distance'])
    .default('dot')
    .describe(
      "How rows are compared with centroids: `dot` is the released code's, `distance` the " +
        "paper's wording.",
    ),
  logInterval: z
    .int()
    .min(1)
    .default(50)
    .meta({ unit: 'steps', description: "Steps between lines of ODC's figures in metrics.jsonl." }),
});

export type OdcConfig = z.infer<typeof odcConfigSchema>;

export const ODC_SETTINGS: SettingsSection<OdcConfig> = {
  key: 'odc',
  schema: odcConfigSchema,
  resumable: ['logInterval'],
};

/** @param config of a run */
export function odcConfigOf(config: object): OdcConfig {
  return settingsOf(config, ODC_SETTINGS);
}
