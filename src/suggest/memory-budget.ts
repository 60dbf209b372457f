/** Whether a run's workers stay within their memory, told before the first step. */
import { algorithmNamed } from '../algorithms/registry.ts';
import type { RunConfig } from '../config/schema.ts';
import { findImages } from '../data/source/source.ts';
import { ENGINE_NAMES, engineNamed } from '../engine/registry.ts';
import { TrainerError, configInvalid } from '../errors.ts';
import { describeModel } from '../nn/architectures.ts';
import { networkCost, type Surroundings } from './measure/measured-network.ts';
import type { NetworkCost } from './measure/network-cost.ts';
import { workerEnvironment } from './suggest.ts';
import { largestSlice, workerPeakBytes, type WorkerLoad } from './worker-memory.ts';

export interface BudgetedRun {
  readonly config: RunConfig;
  readonly workers: number;
  /** What decides the numbers stays as it was. */
  readonly isResumed: boolean;
}

/**
 * Does nothing for a run without `cluster.memoryBudget`.
 * @throws TrainerError CONFIG_INVALID that names the largest slice within the budget
 */
export async function requireMemory(run: BudgetedRun, surroundings: Surroundings): Promise<void> {
  const { config, workers } = run;
  const { memoryBudget, engine } = config.cluster;
  if (memoryBudget === null) return;
  const env = workerEnvironment(surroundings.env, workers, engine);
  const cost = await costOfFirst(config, { ...surroundings, env });
  const load = await loadOf(config, workers);
  requireWithin(memoryBudget, cost, { ...load, sliceSize: config.training.sliceSize }, run);
}

/** The arithmetic of it. */
export function requireWithin(
  budget: number,
  cost: NetworkCost,
  load: WorkerLoad,
  { isResumed }: Pick<BudgetedRun, 'isResumed'>,
): void {
  const { sliceSize } = load;
  const needed = workerPeakBytes(cost, load);
  if (needed <= budget) return;
  const fits = largestSlice(cost, load, budget);
  const takes = `a worker takes about ${gibibytes(needed)} with training.sliceSize ${sliceSize}`;
  if (fits > 0 && !isResumed) {
    const rule = `must be at most ${fits} (--set training.sliceSize=${fits}) to stay within cluster.memoryBudget ${gibibytes(budget)}, where ${takes}`;
    throw configInvalid('training.sliceSize', rule, sliceSize);
  }
  const smaller = isResumed ? '' : `, or take smaller images (--set data.imageSize)`;
  const rule = `must be at least ${Math.ceil(needed)}, since ${takes}; raise it (--set cluster.memoryBudget=${Math.ceil(needed)})${smaller}`;
  throw configInvalid('cluster.memoryBudget', rule, budget);
}

/** Of the engine that the workers will take. */
async function costOfFirst(config: RunConfig, surroundings: Surroundings): Promise<NetworkCost> {
  const { engine } = config.cluster;
  const engines = engine === 'auto' ? ENGINE_NAMES : [engineNamed(engine)];
  for (const name of engines) {
    try {
      return await networkCost(config, name, surroundings);
    } catch (error) {
      const isMissing = error instanceof TrainerError && error.code === 'ENGINE_UNAVAILABLE';
      if (!isMissing || name === engines.at(-1)) throw error;
    }
  }
  throw new TypeError('there is no engine');
}

/** Images that are not there, yet, leave no rows, and may fill the cache. */
async function loadOf(config: RunConfig, workers: number): Promise<Omit<WorkerLoad, 'sliceSize'>> {
  const { data, model, clustering, training } = config;
  const { imageSize, resizeRatio, cacheBytes } = data;
  const crops = algorithmNamed(config.algorithm).crops(config);
  const { featureDim, layout } = describeModel(model, imageSize, clustering.k);
  const found = data.source === null ? null : await findImages(data.source).catch(() => null);
  return {
    ...{ crops, imageSize, cacheBytes, workers },
    decodedPixels: found === null ? Infinity : 1.5 * (2 * resizeRatio * imageSize) ** 2,
    images: found?.paths.length ?? 1,
    featureDim: crops * featureDim,
    batchSize: training.batchSize,
    parameters: layout.parameterCount,
    isLocal: training.mode === 'local',
  };
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
