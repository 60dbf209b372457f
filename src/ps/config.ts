/**
 * Settings of the training step and of the optimizer on the parameter server. Source: spec of
 * DeepCluster, section 7.
 */
import { z } from 'zod';
import { CODEC_NAMES } from './codec/codec-name.ts';

export const trainingConfigSchema = z.strictObject({
  batchSize: z.int().min(1).default(256).meta({
    unit: 'images',
    description: 'Images per optimizer step over all workers; with `local`, per local step.',
  }),
  sliceSize: z
    .int()
    .min(1)
    .default(256)
    .meta({
      unit: 'images',
      description:
        'Images per slice of a step. Batch norm normalises within a slice (or ' +
        'training.normGroup images of it), and dropout is drawn by slice, so this is part of the algorithm, not of the layout. It is not what is sent: ' +
        'a worker adds up as many slices as the number of workers leaves it, and pushes them ' +
        'once; but more workers than slices have nothing to do. At most training.batchSize.',
    }),
  optimizer: z
    .enum(['sgd', 'lars'])
    .default('sgd')
    .describe(
      '`sgd`, or `lars` for batches of thousands: SGD with a rate for each variable, in ' +
        'proportion of its length to that of its gradient. Norms and biases then have neither ' +
        'that nor a weight decay, and parameter servers hold whole variables.',
    ),
  larsTrust: z
    .number()
    .gt(0)
    .default(0.001)
    .describe(
      'With `lars`: the length of a step of rate 1 as a part of that of the variable, before ' +
        'momentum.',
    ),
  normGroup: z
    .int()
    .min(2)
    .nullable()
    .default(null)
    .meta({
      unit: 'images',
      description:
        'Images of a slice that batch norm normalises together, at least: a slice is divided evenly ' +
        'into as many groups as have so many (ghost batch norm). What batch norm sees then does ' +
        'not depend on the size of slices. Null: the slice.',
    }),
  learningRate: z
    .number()
    .gt(0)
    .default(0.05)
    .describe('Learning rate of the body, before the schedule.'),
  momentum: z
    .number()
    .min(0)
    .lt(1)
    .default(0.9)
    .describe(
      'Momentum of the body; with `local` that of the local steps, which begins at zero in every ' +
        'slice.',
    ),
  weightDecay: z
    .number()
    .min(0)
    .default(1e-5)
    .describe('Coupled L2 weight decay of body and head.'),
  decayNormsAndBiases: z
    .boolean()
    .default(true)
    .describe(
      "Whether batch norm's scales and shifts, and all biases, have the weight decay too; " +
        'recipes for large batches leave them out.',
    ),
  headLearningRate: z
    .number()
    .gt(0)
    .default(0.05)
    .describe('Learning rate of the head, which has no momentum; before the schedule.'),
  schedule: z
    .array(z.strictObject({ epoch: z.int().min(0), factor: z.number().gt(0) }))
    .default([])
    .describe(
      'Steps of both learning rates, by epoch, counted from 0: from its first step until ' +
        'the next entry they are `factor` times those above. Empty: constant for the whole ' +
        'run.',
    ),
  warmupEpochs: z
    .number()
    .min(0)
    .default(0)
    .meta({
      unit: 'epochs',
      description:
        'Epochs over which learning rates rise to those above, step by step in equal parts; ' +
        'large batches and high rates need some.',
    }),
  cosineTo: z
    .number()
    .gt(0)
    .max(1)
    .nullable()
    .default(null)
    .describe(
      'After the warm-up learning rates fall along half a cosine to this part of them at the ' +
        "run's end; more epochs on resuming stretch it. Null: they stay.",
    ),
  batchNormMomentum: z
    .number()
    .gt(0)
    .max(1)
    .default(0.1)
    .describe("Weight of the newest batch in batch norm's running statistics."),
  codec: z
    .enum(CODEC_NAMES)
    .default('float32')
    .describe(
      'Form of gradients, and of the parameters that workers compute with. `float32` is exact; ' +
        '`bfloat16` and `float16` halve what travels between machines, and `int8` quarters the ' +
        'gradients (parameters are then bfloat16). Gradients are rounded slice by slice and sum ' +
        'by sum, so that runs are the same bits with any number of workers and servers, but ' +
        'other bits than with another codec. The servers keep and step float32; vectors and ' +
        'variables below 2,048 numbers always travel as float32.',
    ),
  mode: z
    .enum(['sync', 'local', 'ssp', 'async'])
    .default('sync')
    .describe(
      '`sync`: every slice is one gradient, and each step moves the parameters by their mean. ' +
        '`local`: a slice is trained by itself for `localSteps` batches (local SGD), and each ' +
        'step, then called a round, moves the parameters by the mean of the moves, through the ' +
        'outer optimizer (DiLoCo): a worker exchanges parameters once a round. `ssp` (stale ' +
        'synchronous parallel): as `sync`, but up to `staleness` further steps are computed ' +
        'before a step is in, on the newest parameters that there are. `async`: the same with a ' +
        'slice a step, and no bound but the orders that workers have. The last two are not the ' +
        'same bits in every run.',
    ),
  staleness: z
    .int()
    .min(0)
    .max(64)
    .default(2)
    .meta({
      unit: 'steps',
      description:
        'With `ssp`: steps that workers may be ahead of the one that is applied next, and so ' +
        'versions that a gradient is behind the parameters that it moves, at most. 0 is `sync`. ' +
        'A server keeps the gradients of so many steps more.',
    }),
  localSteps: z
    .int()
    .min(1)
    .default(8)
    .meta({
      unit: 'steps',
      description:
        'With `local`: batches of training.sliceSize images that a slice takes one after the ' +
        'other before moves are exchanged. A round has so many times training.batchSize images; ' +
        'what is exchanged for an image falls in proportion, and replicas drift apart.',
    }),
  outerLearningRate: z
    .number()
    .gt(0)
    .default(0.7)
    .describe(
      'With `local`: what the mean of the moves is multiplied by; no schedule. 1 without ' +
        'momentum is plain averaging of the replicas.',
    ),
  outerMomentum: z
    .number()
    .min(0)
    .lt(1)
    .default(0.9)
    .describe('With `local`: momentum of the mean moves of the body, from round to round.'),
  nesterov: z
    .boolean()
    .default(true)
    .describe("With `local`: Nesterov's form of the outer momentum."),
});

export type TrainingConfig = z.infer<typeof trainingConfigSchema>;

/** How many samples a step of the run and one of its slices have, at the most. */
export interface StepSizes {
  readonly step: number;
  readonly slice: number;
}

export type SizeSettings = Pick<TrainingConfig, 'localSteps' | 'batchSize' | 'sliceSize'> & {
  /** One of another release's as well. */
  readonly mode: string;
};

/** More steps are never under way at a time in mode `async`. */
const ASYNC_STEPS = 64;

/**
 * Versions that a gradient may be behind the parameters that it moves, at most; as many steps may
 * be under way besides the one that is applied next.
 */
export function stalenessBound({ mode, staleness }: Pick<TrainingConfig, 'mode' | 'staleness'>) {
  if (mode === 'async') return ASYNC_STEPS;
  return mode === 'ssp' ? staleness : 0;
}

/**
 * In mode `local` a step of the run is a round: each of its slices has `localSteps` batches. In
 * mode `async` a step is one slice.
 */
export function stepSizes({ mode, localSteps, batchSize, sliceSize }: SizeSettings): StepSizes {
  if (mode === 'async') return { step: sliceSize, slice: sliceSize };
  const batches = mode === 'local' ? localSteps : 1;
  return { step: batches * batchSize, slice: batches * sliceSize };
}

/** Whether steps overlap: each is computed while those before it are not applied. */
export function hasStaleSteps({ mode }: Pick<TrainingConfig, 'mode'>): boolean {
  return mode === 'ssp' || mode === 'async';
}
