/** Measures what the network of a run costs on this machine, and remembers it. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { algorithmNamed } from '../../algorithms/registry.ts';
import type { RunConfig } from '../../config/schema.ts';
import { makeImages } from '../../data/made/made-images.ts';
import type { EngineName } from '../../engine/registry.ts';
import { TrainerError, unavailable } from '../../errors.ts';
import { describeModel } from '../../nn/architectures.ts';
import { SPARE_COLLECTIONS } from '../../process/allocator.ts';
import { readCpuFeatures } from '../../process/cpu-features.ts';
import { packageRoot, packageVersion } from '../../process/package-root.ts';
import { receivedError } from '../../process/thread-error.ts';
import type { CostOrder, CostReply } from './cost-process.ts';
import { costOf, measuredSizes, type NetworkCost } from './network-cost.ts';
import { costKey, recallCost, rememberCost, rememberedCostsFile } from './remembered-costs.ts';

export interface Surroundings {
  /** As a worker of the run has it: with its share of the machine. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted: what measures is ended. */
  readonly signal: AbortSignal;
  /** Called before a measurement that takes seconds. */
  readonly onMeasure?: (text: string) => void;
}

/** A network that takes longer is not measured [ms]. */
const TIMEOUT_MS = 180_000;

/**
 * The cost of the configuration's network, remembered or measured now.
 * @throws TrainerError ENGINE_UNAVAILABLE where the engine cannot be had, UNAVAILABLE where the
 *   measurement failed; the signal's reason
 */
export async function networkCost(
  config: RunConfig,
  engine: EngineName,
  surroundings: Surroundings,
): Promise<NetworkCost> {
  const { env, onMeasure } = surroundings;
  const spec = describeModel(config.model, config.data.imageSize, config.clustering.k);
  const algorithm = algorithmNamed(config.algorithm);
  const crops = algorithm.crops(config);
  const sizes = measuredSizes(spec, crops);
  // Whatever the weights are, passes take the same.
  const model = { ...config.model, initialWeights: null };
  const key = costKey([
    packageVersion(),
    [process.version, process.arch, cpus()[0]?.model, cpus().length, readCpuFeatures()],
    [engine, env['OMP_NUM_THREADS'], env['TF_NUM_INTRAOP_THREADS'], env['CUDA_VISIBLE_DEVICES']],
    [model, config.data.imageSize, config.clustering.k],
    [algorithm.name, crops, algorithm.heads(config), sizes],
  ]);
  const file = rememberedCostsFile(env);
  const known = await recallCost(file, key);
  if (known !== undefined) return known;
  const { architecture, imageSize } = spec;
  onMeasure?.(`measuring ${architecture} at ${imageSize} px on ${engine}, once on this machine`);
  const cost = await withImages(imageSize, async (folder) => {
    const order = { config, engine, folder };
    const few = await askProcess({ ...order, images: sizes[0] }, surroundings);
    const many = await askProcess({ ...order, images: sizes[1] }, surroundings);
    const { device, threads } = many;
    return { engine, device, threads, ...costOf(few.sample, many.sample) };
  });
  await rememberCost(file, key, cost);
  return cost;
}

/** A little larger than the views, as photos are. @param work is given a folder of images */
async function withImages<T>(viewSize: number, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'deepcluster-measure-'));
  try {
    const size = Math.min(1024, Math.ceil(1.5 * viewSize));
    await makeImages({ out: folder, classes: 2, perClass: 4, size, seed: 1 });
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The cost on each of some engines that can be had, in their order. */
export async function networkCosts(
  config: RunConfig,
  engines: readonly EngineName[],
  surroundings: Surroundings,
): Promise<NetworkCost[]> {
  const costs = [];
  for (const engine of engines) {
    try {
      costs.push(await networkCost(config, engine, surroundings));
    } catch (error) {
      const isMissing = error instanceof TrainerError && error.code === 'ENGINE_UNAVAILABLE';
      // The last one's absence is told: then there is none at all.
      if (!isMissing || (costs.length === 0 && engine === engines.at(-1))) throw error;
    }
  }
  return costs;
}

type Measured = Extract<CostReply, { kind: 'measured' }>;

function askProcess(order: CostOrder, { env, signal }: Surroundings): Promise<Measured> {
  signal.throwIfAborted();
  const entry = join(packageRoot(), 'bin', 'deepcluster.mjs');
  const child = spawn(process.execPath, [...SPARE_COLLECTIONS, entry, 'measure-network'], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env,
  });
  return new Promise<Measured>((resolve, reject) => {
    const fail = (error: Error): void => {
      reject(error);
      child.kill('SIGKILL');
    };
    const onAbort = (): void => {
      fail(signal.reason as Error);
    };
    const timeout = setTimeout(() => {
      fail(unavailable('network', `was not measured within ${TIMEOUT_MS / 1000} s`));
    }, TIMEOUT_MS);
    signal.addEventListener('abort', onAbort, { once: true });
    child.on('message', (reply: CostReply) => {
      if (reply.kind === 'measured') resolve(reply);
      else fail(receivedError(reply.error));
    });
    child.on('error', fail);
    child.on('close', (code, exitSignal) => {
      clearTimeout(timeout);
      signal.removeEventListener('abort', onAbort);
      const how = exitSignal === null ? `exit code ${code}` : `signal ${exitSignal}`;
      reject(unavailable('network', `its measurement ended with ${how}`));
    });
    child.send(order, () => undefined);
  });
}
