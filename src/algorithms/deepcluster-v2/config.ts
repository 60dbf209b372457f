/**
 * Settings of DeepCluster-v2. Source: Caron et al. 2020 (arXiv:2006.09882), section 4 and appendix.
 */
import { z } from 'zod';
import { SMALLEST_IMAGE, TAKES_ANY_SIZE } from '../../nn/config.ts';
import {
  settingsOf,
  type NetworkSettings,
  type SettingProblem,
  type SettingsSection,
} from '../settings.ts';
import type { SmallCrops } from '../work.ts';

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
  smallCrops: z
    .int()
    .min(0)
    .max(16)
    .default(0)
    .describe(
      'Further random views of each image in a step, smaller ones of smaller parts, which have ' +
        'its targets too and leave no row in the memory (multi-crop). The paper has 6, or 4 ' +
        'for short runs. With some, `data.cropArea` of the others begins higher: [0.14, 1].',
    ),
  smallCropSize: z.int().min(8).max(1024).default(96).meta({
    unit: 'px',
    description:
      'Side of a small crop; networks with fully connected layers of a fixed size take none.',
  }),
  smallCropArea: z
    .tuple([z.number().gt(0).max(1), z.number().gt(0).max(1)])
    .default([0.05, 0.14])
    .describe('Area of a small crop as a fraction of the image, [low, high].'),
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

/** Null where a step has none. @param config of a run */
export function smallCropsOf(config: object): SmallCrops | null {
  const {
    smallCrops: count,
    smallCropSize: size,
    smallCropArea: area,
  } = deepclusterV2ConfigOf(config);
  return count === 0 ? null : { count, size, area };
}

/** Settings of small crops that the network, or the views, cannot have. */
export function smallCropProblems(config: NetworkSettings): SettingProblem[] {
  const small = smallCropsOf(config);
  if (small === null) return [];
  const { size, area } = small;
  const { architecture } = config.model;
  const problems: SettingProblem[] = [];
  if (!TAKES_ANY_SIZE.has(architecture)) {
    const names = [...TAKES_ANY_SIZE].join(', ');
    problems.push({
      path: ['model', 'architecture'],
      rule: `must be one of ${names} with deepclusterV2.smallCrops: others have fully connected layers for images of one size`,
      got: architecture,
    });
  }
  const [least, most] = [SMALLEST_IMAGE[architecture], config.data.imageSize];
  if (size < least || size > most) {
    problems.push({
      path: ['deepclusterV2', 'smallCropSize'],
      rule: `must be from ${least}, the least that model.architecture ${architecture} takes, to data.imageSize (${most})`,
      got: size,
    });
  }
  if (area[0] > area[1]) {
    problems.push({
      path: ['deepclusterV2', 'smallCropArea'],
      rule: 'must be [low, high] with low <= high',
      got: area,
    });
  }
  return problems;
}
