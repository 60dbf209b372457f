/** Settings for a collection on this machine: looks at the images, measures the network, plans. */
import { availableParallelism, totalmem } from 'node:os';
import { algorithmNamed } from '../algorithms/registry.ts';
import { loadRunConfig, type ConfigSources } from '../config/load.ts';
import type { RunConfig } from '../config/schema.ts';
import {
  ENGINE_NAMES,
  engineEntry,
  engineNamed,
  type EngineChoice,
  type EngineName,
} from '../engine/registry.ts';
import { detectMachine, workerShare } from '../launch/machine.ts';
import { describeModel } from '../nn/architectures.ts';
import { trainingMultiplyAdds } from '../nn/layers.ts';
import { lookAtCollection, type Collection } from './collection.ts';
import { networkCost, networkCosts, type Surroundings } from './measure/measured-network.ts';
import { activationBytes, type NetworkCost } from './measure/network-cost.ts';
import {
  BASE_PRESET,
  IMAGE_SIZES,
  clustersFor,
  planRun,
  type BaseSettings,
  type Plan,
  type Resources,
} from './plan.ts';

export interface SuggestionRequest extends Surroundings {
  /** Folder or list of the images. */
  readonly data: string;
  /** Null: as many as a step has slices, or the machine cores. */
  readonly workers: number | null;
  /** For each worker; null: its share of most of the machine's. */
  readonly memoryBytes: number | null;
  /** The run should take at most [min]. */
  readonly minutes: number;
  readonly engine: EngineChoice;
}

export interface Suggestion {
  readonly collection: Collection;
  readonly resources: Resources;
  /** Whether somebody has said how much memory there is for each worker. */
  readonly isMemoryGiven: boolean;
  readonly engine: { readonly name: EngineName; readonly reason: string };
  readonly cost: NetworkCost;
  readonly plan: Plan;
}

export const USUAL_MINUTES = 20;
/** A step of most plans has two slices: more workers would wait for each other. */
const USUAL_WORKERS = 2;
/** Of the machine's memory that workers may take; the rest is for coordinator, files and others. */
const SHARE = 0.8;

/**
 * @throws TrainerError DATA_UNREADABLE, CONFIG_INVALID where nothing fits into the memory,
 *   ENGINE_UNAVAILABLE
 */
export async function suggestRun(request: SuggestionRequest): Promise<Suggestion> {
  const { data, env, signal, minutes, engine: asked } = request;
  const collection = await lookAtCollection(data, signal);
  const workers = request.workers ?? usualWorkers(env, asked);
  const memoryBytes = request.memoryBytes ?? (SHARE * machineMemory()) / workers;
  const resources = { workers, memoryBytes, minutes };
  const surroundings = { ...request, env: workerEnvironment(env, workers, asked) };
  const configs = configsFor(collection.images);
  const engines = asked === 'auto' ? ENGINE_NAMES : [engineNamed(asked)];
  const first: number = IMAGE_SIZES[0];
  const costs = await networkCosts(configs(first), engines, surroundings);
  const { engine, reason } = fastest(costs);
  const known = new Map([[first, costs.find((cost) => cost.engine === engine)!]]);
  const costAt = (size: number): NetworkCost =>
    known.get(size) ?? scaled(known.get(first)!, configs(first), configs(size));
  // A size that was reckoned with is measured before it is suggested; then another may be better.
  for (;;) {
    const plan = planRun(collection, resources, baseOf(configs(first)), costAt);
    const { imageSize } = plan.size;
    const cost = known.get(imageSize);
    if (cost !== undefined) {
      const isMemoryGiven = request.memoryBytes !== null;
      return {
        ...{ collection, resources, isMemoryGiven, cost, plan },
        engine: { name: engine, reason },
      };
    }
    known.set(imageSize, await networkCost(configs(imageSize), engine, surroundings));
  }
}

/** One for each GPU, as `launch` has it; else one for each slice of a step. */
function usualWorkers(env: Surroundings['env'], engine: EngineChoice): number {
  const gpus = engineEntry(engine).usesGpus ? detectMachine(env).gpus.length : 0;
  return gpus > 0 ? gpus : Math.min(USUAL_WORKERS, availableParallelism());
}

/** As a worker of the run has it. */
export function workerEnvironment(
  env: Surroundings['env'],
  workers: number,
  engine: EngineChoice,
): Surroundings['env'] {
  const machine = detectMachine(env);
  const usable = engineEntry(engine).usesGpus ? machine : { ...machine, gpus: [] };
  return { ...env, ...workerShare(0, workers, usable, env) };
}

/** Of this machine, or of the container that this process is in [bytes]. */
function machineMemory(): number {
  // Left out by Node before 20.
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

/** The fastest of some costs, and why. @param costs at least one */
export function fastest(costs: readonly NetworkCost[]): { engine: EngineName; reason: string } {
  const [best, next] = costs.toSorted((a, b) => a.trainingSeconds - b.trainingSeconds);
  const engine = engineNamed(best!.engine);
  if (next === undefined)
    return { engine, reason: 'the one that can be had, or that was asked for' };
  const factor = next.trainingSeconds / best!.trainingSeconds;
  const reason = `${factor.toFixed(1)} times as fast as ${next.engine} in training this network here`;
  return { engine, reason };
}

/** Configurations of the plan's network, by the side of its views. */
function configsFor(images: number): (imageSize: number) => RunConfig {
  const k = clustersFor(images);
  return (imageSize) =>
    loadRunConfig({
      preset: BASE_PRESET,
      env: {},
      settings: textSettings({ 'data.imageSize': imageSize, 'clustering.k': k }),
    }).config;
}

function textSettings(values: Readonly<Record<string, number>>): ConfigSources['settings'] {
  return Object.entries(values).map(([key, value]) => ({
    ...{ key, value: String(value), origin: 'suggest' },
  }));
}

function baseOf(config: RunConfig): BaseSettings {
  const { model, data, clustering, training } = config;
  const algorithm = algorithmNamed(config.algorithm);
  const { featureDim, layout } = describeModel(model, data.imageSize, clustering.k);
  return {
    crops: algorithm.crops(config),
    heads: algorithm.heads(config),
    iterations: clustering.iterations,
    featureDim,
    parameters: layout.parameterCount,
    cacheBytes: data.cacheBytes,
    learningRate: training.learningRate,
    batchSize: training.batchSize,
  };
}

/** By the multiply-adds and the outputs of all layers: what another size of views will cost. */
function scaled(cost: NetworkCost, from: RunConfig, to: RunConfig): NetworkCost {
  const [one, other] = [from, to].map(({ model, data, clustering }) =>
    describeModel(model, data.imageSize, clustering.k),
  );
  const work = trainingMultiplyAdds(other!.layers, other!.input);
  const times = work / trainingMultiplyAdds(one!.layers, one!.input);
  return {
    ...cost,
    forwardSeconds: times * cost.forwardSeconds,
    trainingSeconds: times * cost.trainingSeconds,
    viewSeconds: (to.data.imageSize / from.data.imageSize) ** 2 * cost.viewSeconds,
    bytesPerImage: (activationBytes(other!) / activationBytes(one!)) * cost.bytesPerImage,
    // A small part of it grows with the views; the size that is suggested is measured.
    extractionBytes: cost.extractionBytes,
  };
}
