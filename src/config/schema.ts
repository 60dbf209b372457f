/** The whole configuration: one schema per component, composed, with the rules that cross them. */
import { z } from 'zod';
import { DEFAULT_ALGORITHM, algorithmNamed, composed } from '../algorithms/registry.ts';
import type { AlgorithmSpec } from '../algorithms/spec.ts';
import { checkpointConfigSchema } from '../checkpoint/config.ts';
import { clusteringConfigSchema } from '../clustering/config.ts';
import { dataConfigSchema } from '../data/config.ts';
import { evaluationConfigSchema } from '../evaluation/config.ts';
import { SMALLEST_IMAGE, modelConfigSchema } from '../nn/config.ts';
import { hasStaleSteps, stepSizes, trainingConfigSchema } from '../ps/config.ts';
import { clusterConfigSchema } from './processes.ts';

/**
 * Images of a step, or of a round of mode `local`. An order to one worker may name them all, and
 * those of the next step, with some targets each: half of a message at the most.
 */
const MOST_DRAWS = 65_536;

/** With the names and the sections of the algorithms that there are when it is asked for. */
export const runConfigSchema = composed((algorithms) =>
  z
    .strictObject({
      algorithm: z
        .enum(namesOf(algorithms))
        .default(DEFAULT_ALGORITHM.name)
        .describe('The method, by its name: `deepcluster`, or `odc` for Online Deep Clustering.'),
      seed: z
        .int()
        .min(0)
        .max(0xffff_ffff)
        .default(31)
        .describe('Seed of everything random in the run.'),
      epochs: z.int().min(1).default(200).meta({
        unit: 'epochs',
        description:
          'Passes over the images in training; in DeepCluster each begins with a clustering.',
      }),
      data: dataConfigSchema.prefault({}),
      model: modelConfigSchema.prefault({}),
      clustering: clusteringConfigSchema.prefault({}),
      ...sectionsOf(algorithms),
      training: trainingConfigSchema.prefault({}),
      evaluation: evaluationConfigSchema.prefault({}),
      checkpoint: checkpointConfigSchema.prefault({}),
      cluster: clusterConfigSchema.prefault({}),
    })
    .superRefine((config, context) => {
      const rule = (path: (string | number)[], message: string, input: unknown): void => {
        context.addIssue({ code: 'custom', path, message, input });
      };
      const { training, data, cluster, model, clustering } = config;
      const spec = algorithmNamed(config.algorithm);
      const { name, neck, problems, methods = ['kmeans'], refusesLocal, refusesStale } = spec;
      if (neck !== null && model.neck !== neck) {
        rule(['model', 'neck'], `must be ${neck} for algorithm ${name}`, model.neck);
      }
      if (!methods.includes(clustering.method)) {
        const taken = methods.join(' or ');
        rule(['clustering', 'method'], `must be ${taken} for algorithm ${name}`, clustering.method);
      }
      if (training.sliceSize > training.batchSize) {
        rule(
          ['training', 'sliceSize'],
          `must not exceed training.batchSize (${training.batchSize})`,
          training.sliceSize,
        );
      }
      if ((training.normGroup ?? 0) > training.sliceSize) {
        rule(
          ['training', 'normGroup'],
          `must not exceed training.sliceSize (${training.sliceSize}): one worker computes a slice`,
          training.normGroup,
        );
      }
      if (training.mode === 'local' && refusesLocal !== undefined) {
        const must = `must be sync for algorithm ${name}: ${refusesLocal}`;
        rule(['training', 'mode'], must, training.mode);
      }
      if (hasStaleSteps(training) && refusesStale !== undefined) {
        const must = `must be sync for algorithm ${name}: ${refusesStale}`;
        rule(['training', 'mode'], must, training.mode);
      }
      if (training.mode === 'local' && training.optimizer !== 'sgd') {
        const must =
          'must be sgd with training.mode local, whose moves have no gradient for a rate';
        rule(['training', 'optimizer'], must, training.optimizer);
      }
      if (stepSizes(training).step > MOST_DRAWS) {
        const { mode, batchSize, sliceSize, localSteps } = training;
        const [key, most, got] =
          mode === 'local'
            ? (['localSteps', Math.floor(MOST_DRAWS / batchSize), localSteps] as const)
            : mode === 'async'
              ? (['sliceSize', MOST_DRAWS, sliceSize] as const)
              : (['batchSize', MOST_DRAWS, batchSize] as const);
        const why = `a step has at most ${MOST_DRAWS} images, since one order may name them all`;
        rule(['training', key], `must be at most ${most}: ${why}`, got);
      }
      for (const [i, { epoch }] of training.schedule.entries()) {
        const before = training.schedule[i - 1]?.epoch ?? -1;
        if (epoch <= before) {
          rule(
            ['training', 'schedule', i, 'epoch'],
            `must be later than that of the entry before (${before})`,
            epoch,
          );
        }
      }
      for (const key of ['cropArea', 'cropAspect'] as const) {
        if (data[key][0] > data[key][1]) {
          rule(['data', key], 'must be [low, high] with low <= high', data[key]);
        }
      }
      if (cluster.heartbeatTimeoutMs < 2 * cluster.heartbeatMs) {
        rule(
          ['cluster', 'heartbeatTimeoutMs'],
          `must be at least twice cluster.heartbeatMs (${cluster.heartbeatMs})`,
          cluster.heartbeatTimeoutMs,
        );
      }
      if (cluster.minWorkers > cluster.maxWorkers) {
        rule(
          ['cluster', 'minWorkers'],
          `must not exceed cluster.maxWorkers (${cluster.maxWorkers})`,
          cluster.minWorkers,
        );
      }
      const { architecture } = model;
      const smallest = SMALLEST_IMAGE[architecture];
      if (data.imageSize < smallest) {
        rule(
          ['data', 'imageSize'],
          `must be at least ${smallest} for model.architecture ${architecture}`,
          data.imageSize,
        );
      }
      for (const { path, rule: message, got } of problems?.(config) ?? []) {
        rule([...path], message, got);
      }
    }),
);

/**
 * The effective configuration of a run, every default filled in; frozen once loaded. The sections
 * of algorithms are read with their own `settingsOf`.
 */
export type RunConfig = z.infer<ReturnType<typeof runConfigSchema>>;

function namesOf(algorithms: readonly AlgorithmSpec[]): string[] {
  return algorithms.map(({ name }) => name);
}

/** By key; typed as nothing, since only an algorithm itself knows its settings. */
function sectionsOf(algorithms: readonly AlgorithmSpec[]): object {
  return Object.fromEntries(
    algorithms.flatMap(({ settings }) =>
      settings === null ? [] : [[settings.key, settings.schema.prefault({})]],
    ),
  );
}
