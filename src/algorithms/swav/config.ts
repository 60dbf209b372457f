/**
 * Settings of SwAV. Source: Caron et al. 2020 (arXiv:2006.09882), sections 3 and 4 and appendix.
 */
import { z } from 'zod';
import { settingsOf, type SettingsSection } from '../settings.ts';

export const swavConfigSchema = z.strictObject({
  crops: z
    .int()
    .min(2)
    .max(8)
    .default(2)
    .describe(
      "Random views of each image in a step, each of which predicts the others' codes. Each has " +
        'its part of the sample memory.',
    ),
  temperature: z
    .number()
    .gt(0)
    .max(10)
    .default(0.1)
    .describe(
      'What the cosines of features and prototypes are divided by before the softmax: the ' +
        'lower, the harder the predictions.',
    ),
  epsilon: z
    .number()
    .min(0.005)
    .max(10)
    .default(0.05)
    .describe(
      'How soft the codes are: low, and each view has one prototype; high, and all views have ' +
        'all prototypes alike.',
    ),
  sinkhornIterations: z.int().min(1).max(1000).default(3).meta({
    unit: 'iterations',
    description: 'Scalings of the codes towards prototypes of equal mass; more balance better.',
  }),
  queueLength: z
    .int()
    .min(0)
    .default(512)
    .meta({
      unit: 'images',
      description:
        'Images drawn last before a step whose memory rows share the balancing of its codes. ' +
        'Some times `clustering.k`, less a slice, is a good length: few rows cannot fill many ' +
        'prototypes. The paper has 3840. 0: a slice is balanced by itself.',
    }),
  freezeEpochs: z.int().min(0).default(1).meta({
    unit: 'epochs',
    description: 'Epochs at the beginning in which the prototypes stay as they are.',
  }),
});

export type SwavConfig = z.infer<typeof swavConfigSchema>;

export const SWAV_SETTINGS: SettingsSection<SwavConfig> = {
  key: 'swav',
  schema: swavConfigSchema,
  resumable: [],
};

/** @param config of a run */
export function swavConfigOf(config: object): SwavConfig {
  return settingsOf(config, SWAV_SETTINGS);
}
