/**
 * The process that measures a network for another one (measured-network.ts): it is told which over
 * Node's channel, answers and ends. A process of its own, so that its memory can be told from
 * anything else's; it does what a worker does: loader threads make the views, each pass has
 * parameters of its own, and gradients are copied into messages.
 */
import { readFileSync } from 'node:fs';
import { algorithmNamed } from '../../algorithms/registry.ts';
import type { RunConfig } from '../../config/schema.ts';
import type { EngineName } from '../../engine/registry.ts';
import { createImageLoader } from '../../data/loader/loader.ts';
import { openImageSource } from '../../data/source/source.ts';
import { startEngine } from '../../engine/start.ts';
import { ownLoaderThreads } from '../../launch/machine.ts';
import { describeModel, type ModelSpec } from '../../nn/architectures.ts';
import { createModel } from '../../nn/loaded-model.ts';
import { multiplyAdds } from '../../nn/layers.ts';
import type { NetworkModel } from '../../nn/model.ts';
import { sentError, type SentError } from '../../process/thread-error.ts';
import { chunkVector } from '../../rpc/chunks.ts';
import { initialParameters, initialStatistics } from '../../ps/initial-values.ts';
import type { CostSample } from './network-cost.ts';

/** To the process. */
export interface CostOrder {
  readonly config: RunConfig;
  readonly engine: EngineName;
  /** Of a training slice. */
  readonly images: number;
  /** Folder of some images that are as large as views, or larger. */
  readonly folder: string;
}

/** From it. */
export type CostReply =
  | {
      readonly kind: 'measured';
      readonly sample: CostSample;
      readonly device: string;
      readonly threads: number;
    }
  | { readonly kind: 'failed'; readonly error: SentError };

/** Answers one order, over the channel. @throws never: failures are told */
export async function serveCost(): Promise<void> {
  const order = await new Promise<CostOrder>((resolve) => process.once('message', resolve));
  const reply = await measure(order).catch((error: unknown): CostReply => ({
    kind: 'failed',
    error: sentError(error),
  }));
  await new Promise((resolve) => process.send?.(reply, undefined, undefined, resolve));
}

async function measure({ config, engine: name, images, folder }: CostOrder): Promise<CostReply> {
  const engine = await startEngine(name);
  // Half of what a worker consists of: it must be in memory, not at work.
  await import('../../rpc/parameters-client.ts');
  const spec = describeModel(config.model, config.data.imageSize, config.clustering.k);
  const model = createModel(spec, engine);
  const views = await openViews(config, folder);
  const load = parameterLoader(model, spec, config.seed);
  load();
  const startBytes = residentPeak();
  const crops = algorithmNamed(config.algorithm).crops(config);
  const slice = sliceOf(config, model, spec);
  const trained = await timeTraining(images, async (step) => {
    const pixels = await views.make(images * crops, step);
    load();
    return secondsOf(() => {
      slice(pixels, images, step);
    });
  });
  const trainingBytes = residentPeak();
  const forwardSeconds = timeForward(model, spec, await views.make(VIEWS, null));
  views.close();
  const sample: CostSample = {
    images,
    startBytes,
    trainingBytes,
    peakBytes: residentPeak(),
    forwardSeconds,
    trainingSeconds: trained,
    viewSeconds: views.secondsOfOne(),
  };
  return { kind: 'measured', sample, device: engine.device, threads: engine.threads };
}

interface Views {
  /** @param step of random views; null: deterministic ones */
  make(count: number, step: number | null): Promise<Uint8Array>;
  /** Resampling and augmenting one random view [s]. */
  secondsOfOne(): number;
  close(): void;
}

async function openViews(config: RunConfig, folder: string): Promise<Views> {
  const source = await openImageSource(folder);
  let [made, seconds] = [0, 0];
  const loader = createImageLoader({
    source,
    config: { ...config.data, cacheBytes: 0 },
    seed: config.seed,
    threads: config.data.loaderThreads ?? ownLoaderThreads(process.env),
    onMade: (_thread, { images, resampleSeconds }) => {
      made += images;
      seconds += resampleSeconds;
    },
  });
  return {
    make: async (count, step) => {
      const ids = Int32Array.from({ length: count }, (_, i) => i % source.count);
      if (step === null) return (await loader.centre(ids)).pixels;
      [made, seconds] = [0, 0];
      const times = Int32Array.from(ids.keys(), (i) => Math.floor(i / source.count));
      return (await loader.random(ids, times, step)).pixels;
    },
    secondsOfOne: () => seconds / Math.max(1, made),
    close: () => {
      loader.close();
    },
  };
}

/**
 * What has the model hold parameters that came in an array of their own, as from a server, whose
 * message lies beside.
 */
function parameterLoader(model: NetworkModel, { layout }: ModelSpec, seed: number): () => void {
  const parameters = initialParameters(layout, seed);
  const statistics = initialStatistics(layout);
  return () => {
    const message = messagesOf(parameters);
    const pulled = new Float32Array(parameters.length);
    message.reduce((at, bytes) => {
      new Uint8Array(pulled.buffer).set(bytes, at);
      return at + bytes.length;
    }, 0);
    model.load(pulled, statistics.slice());
  };
}

/**
 * By the kernel's high-water mark of this program: what `getrusage` has may be the parent's, from
 * before this program took its place.
 */
function residentPeak(): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    if (found !== null) return Number(found[1]) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

/** Views of a pass: as many as an evaluation pass takes at a time. */
const VIEWS = 32;
/** A first pass of more multiply-adds is counted itself: its start is a small part of it. */
const LONG = 5e10;

/** @returns of one view [s] */
function timeForward(model: NetworkModel, spec: ModelSpec, views: Uint8Array): number {
  const pass = (): number => secondsOf(() => model.features(views, VIEWS));
  const first = pass();
  const isLong = VIEWS * multiplyAdds(spec.layers, spec.input) > LONG;
  return (isLong ? first : Math.min(pass(), pass())) / VIEWS;
}

/** Training passes that are counted, and the time after which there are no more of them [s]. */
const PASSES = 4;
const ENOUGH_SECONDS = 3;

/**
 * @param slice runs one of so many images, and gives its time [s]
 * @returns for one image, of the slice that was disturbed least [s]; the first, which loads kernels,
 *   does not count
 */
async function timeTraining(
  images: number,
  slice: (step: number) => Promise<number>,
): Promise<number> {
  const seconds: number[] = [];
  let total = 0;
  for (let step = 0; step <= PASSES; step += 1) {
    const taken = await slice(step);
    if (step > 0) seconds.push(taken);
    total += taken;
    if (seconds.length > 0 && total > ENOUGH_SECONDS) break;
  }
  return Math.min(...seconds) / images;
}

/** SwAV's codes take the same time whatever they come to. */
const CODES = { epsilon: 0.05, iterations: 3 } as const;

/** The algorithm's training pass over a slice, as a worker has it, and its message. */
function sliceOf(
  config: RunConfig,
  model: NetworkModel,
  spec: ModelSpec,
): (views: Uint8Array, images: number, step: number) => void {
  const { k } = config.clustering;
  const algorithm = algorithmNamed(config.algorithm);
  const [crops, heads] = [algorithm.crops(config), algorithm.heads(config)];
  const values = new Float32Array(heads * k * spec.featureDim).fill(spec.featureDim ** -0.5);
  const prototypes = { values, heads, clusters: k, temperature: 1, crops };
  const swapped = { crops, temperature: 1, ...CODES, queue: new Float32Array(0), isFrozen: false };
  const passOf = (
    views: Uint8Array,
    images: number,
    labels: Int32Array,
    seed: readonly (string | number)[],
  ): { readonly gradient: Float32Array } => {
    if (spec.hasHead) return model.lossGradientAndFeatures(views, labels, seed);
    return heads === 0
      ? model.swappedGradient(views, images, swapped, seed)
      : model.prototypeGradient(views, labels, prototypes, seed);
  };
  return (views, images, step) => {
    const seed = [config.seed, 'dropout', step];
    const labels = Int32Array.from({ length: images * heads }, (_, i) => i % k);
    messagesOf(passOf(views, images, labels, seed).gradient);
  };
}

/** A vector's bytes as messages have them: copies, in chunks. */
function messagesOf(vector: Float32Array): Buffer[] {
  return [...chunkVector(vector)].map(({ values }) => Buffer.concat([values]));
}

function secondsOf(work: () => unknown): number {
  const startMs = performance.now();
  work();
  return (performance.now() - startMs) / 1000;
}
