/**
 * Settings of the image data: where it lies, how it is cut into data shards, how the two views are
 * made.
 */
import { z } from 'zod';

/**
 * Colour jitter of the random view; each 0 by default: left out. In ODC it stands in for the Sobel
 * filter.
 */
const colourJitterSchema = z.strictObject({
  brightness: z
    .number()
    .min(0)
    .default(0)
    .describe('The light is scaled by a factor uniform on [max(0, 1 - x), 1 + x].'),
  contrast: z
    .number()
    .min(0)
    .default(0)
    .describe('The distance from the mean grey is scaled likewise.'),
  saturation: z
    .number()
    .min(0)
    .default(0)
    .describe("The distance from the pixel's own grey is scaled likewise."),
  hue: z
    .number()
    .min(0)
    .max(0.5)
    .default(0)
    .describe('The hue is turned by a part of the colour circle uniform on [-x, x].'),
});

export const dataConfigSchema = z.strictObject({
  source: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Folder (nested or flat) or list file (docs/data.md) of images; relative to the ' +
        'working directory.',
    ),
  imageSize: z.int().min(16).max(1024).default(224).meta({
    unit: 'px',
    description: 'Side of both views; the network sees [imageSize, imageSize, 3].',
  }),
  resizeRatio: z
    .number()
    .min(1)
    .max(2)
    .default(256 / 224)
    .describe(
      'Shorter side before the centre crop, as a multiple of imageSize: 256 / 224 in the paper.',
    ),
  cropArea: z
    .tuple([z.number().gt(0).max(1), z.number().gt(0).max(1)])
    .default([0.08, 1])
    .describe(
      'Area of a random crop as a fraction of the image, [low, high], with low at most high.',
    ),
  cropAspect: z
    .tuple([z.number().gt(0), z.number().gt(0)])
    .default([3 / 4, 4 / 3])
    .describe(
      'Aspect ratio of a random crop, [low, high], with low at most high, drawn log-uniformly.',
    ),
  flipProbability: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('Probability of a horizontal flip in the random view.'),
  rotationDegrees: z
    .number()
    .min(0)
    .max(45)
    .default(0)
    .meta({
      unit: 'degrees',
      description:
        'The random view is turned by an angle uniform on [-x, x] degrees, its corners black; ' +
        '0 leaves it as it is.',
    }),
  colourJitter: colourJitterSchema.prefault({}),
  colourJitterProbability: z
    .number()
    .min(0)
    .max(1)
    .default(1)
    .describe('Probability that the colours of a random view are changed at all.'),
  blurProbability: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      'Probability of a blurred random view: by a Gaussian whose standard deviation is ' +
        'uniform on 0.1 to 2 px of a view of 224 px, and in proportion of others.',
    ),
  greyProbability: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Probability of a random view without colour.'),
  shardSize: z
    .int()
    .min(1)
    .max(1_048_576)
    .default(4096)
    .meta({
      unit: 'images',
      description:
        'Images a data shard holds; all reductions run in data-shard order, so a change moves ' +
        'rounding.',
    }),
  maxUnreadableFraction: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe('Fraction of images that may be unreadable before the run stops with an error.'),
  maxDamagedFraction: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe(
      'Fraction of images that may be damaged, so that only a part of each can be decoded, ' +
        'before the run stops with an error. They train with the rest black or grey. Of more ' +
        'than one in twenty, as of unreadable ones, the copy is bad rather than a file, and ' +
        'what is black in the same place becomes clusters of its own, which are drawn as ' +
        'often as all others.',
    ),
  waitMs: z
    .int()
    .min(0)
    .max(86_400_000)
    .default(60_000)
    .meta({
      unit: 'ms',
      description:
        'Time that a run, or a worker that joins it, waits for images that are missing, as of ' +
        'a share that is not mounted yet, before it ends with exit code 75; 0 ends at once. ' +
        'Raise it where a share may be away for longer.',
    }),
  cacheBytes: z
    .int()
    .min(0)
    .default(256 * 1024 * 1024)
    .meta({
      unit: 'bytes',
      description:
        'Bytes of decoded images that each worker keeps in memory, over all its loader ' +
        'threads; 0 decodes every time.',
    }),
  loaderThreads: z
    .int()
    .min(0)
    .max(64)
    .nullable()
    .default(null)
    .meta({
      unit: 'threads',
      description:
        'Threads on which each worker makes views while its device computes; 0 makes them on ' +
        "the computing thread. Null: one a processor core of the worker's share, at most 8. " +
        'Views do not depend on it.',
    }),
});

export type DataConfig = z.infer<typeof dataConfigSchema>;
