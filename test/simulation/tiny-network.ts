/**
 * What the processes of a simulated run compute: images that are numbers, a network of a few
 * parameters whose features, losses and gradients are arithmetic, pure in what it is given. Any
 * sample used twice, or a parameter of another version, changes every bit that follows. Shapes: P
 * parameters, S statistics, D feature dimensions.
 */
import { runConfigSchema, type RunConfig } from '../../src/config/schema.ts';
import type { ImageLoader, LoadedViews, SampleIds } from '../../src/data/loader/loader.ts';
import type { ImageSource } from '../../src/data/source/source.ts';
import { normaliseRows } from '../../src/clustering/odc/mixing.ts';
import type { Prototypes } from '../../src/clustering/prototypes.ts';
import type { SwappedPrediction } from '../../src/clustering/swapped-prediction.ts';
import type { Model, SliceGradient, SliceOptions } from '../../src/nn/model.ts';
import { FRESH_GRADIENTS, type GradientArrays } from '../../src/ps/gradient-arrays.ts';
import { bodyCount } from '../../src/ps/layout.ts';
import { planParameterShards, type ParameterShardPlan } from '../../src/ps/parameter-plan.ts';
import { simulatedLayout } from '../support/made/layouts.ts';

/** What kind of run is simulated; the oracle depends on all but `servers`,
 * `everySteps` and `isWhole`. */
export interface Scenario {
  readonly algorithm: 'deepcluster' | 'deepcluster-v2' | 'odc' | 'swav';
  /** DeepCluster: by what it clusters. */
  readonly method: 'kmeans' | 'pic';
  readonly images: number;
  readonly shardSize: number;
  readonly batchSize: number;
  readonly sliceSize: number;
  /** Batches of a slice in mode `local`; null: mode `sync`. */
  readonly localSteps: number | null;
  /** Steps that overlap: the bound of staleness, or mode `async`; null: they do not. */
  readonly overlap: number | 'async' | null;
  readonly epochs: number;
  /** Cannot be read; null: all can. */
  readonly unreadable: number | null;
  readonly servers: number;
  readonly everySteps: number;
  /** DeepCluster-v2: whether one worker clusters all rows of a head. */
  readonly isWhole: boolean;
  readonly seed: number;
}

const NECKS = { odc: 'odc', 'deepcluster-v2': 'projection', swav: 'swav' } as const;
export const FEATURE_DIM = 3;
const CLASSES = 3;
/** Of so few images, several clusters, in some epochs more than CLASSES. */
const PIC = { neighbours: 1, sigma: 1 };
/** SwAV: more images than a step draws, fewer than there are. */
export const QUEUE_LENGTH = 5;
export const TINY_LAYOUT = simulatedLayout(CLASSES);
/** Parameters that features depend on. */
const BODY = bodyCount(TINY_LAYOUT);

/**
 * The plan's parameter shards by number of servers: made once, since their hashes cost more than a
 * step.
 */
const plans = new Map<number, ParameterShardPlan[]>();

export function parameterShardsOf(servers: number): readonly ParameterShardPlan[] {
  const known = plans.get(servers);
  if (known !== undefined) return known;
  const shards = planParameterShards(TINY_LAYOUT, servers);
  plans.set(servers, shards);
  return shards;
}

/** Times of the simulated run's processes [ms]. */
export const HEARTBEAT_MS = 80;
export const CLUSTER_TIMES = {
  leaseTtlMs: 240,
  heartbeatMs: HEARTBEAT_MS,
  heartbeatTimeoutMs: 160,
};

export function configOf(scenario: Scenario): RunConfig {
  const { algorithm, method, seed, epochs, shardSize, batchSize, sliceSize } = scenario;
  const { servers, everySteps, localSteps, overlap } = scenario;
  const wholeBytes = scenario.isWhole ? {} : { wholeBytes: 0 };
  return Object.freeze(
    runConfigSchema().parse({
      algorithm,
      seed,
      epochs,
      data: { source: 'simulated', shardSize, maxUnreadableFraction: 0.5 },
      ...(algorithm === 'deepcluster' ? {} : { model: { neck: NECKS[algorithm] } }),
      clustering: { method, k: CLASSES, iterations: 1, pcaDim: 2, pic: PIC },
      deepclusterV2: wholeBytes,
      odc: { smallClusterSize: 1, publishInterval: 2, logInterval: 3 },
      swav: { queueLength: QUEUE_LENGTH },
      training: {
        ...{ batchSize, sliceSize },
        ...(localSteps === null ? {} : { mode: 'local', localSteps }),
        ...(typeof overlap === 'number' ? { mode: 'ssp', staleness: overlap } : {}),
        ...(overlap === 'async' ? { mode: 'async' } : {}),
      },
      evaluation: { enabled: false },
      checkpoint: { everySteps, keep: 2 },
      cluster: { ...CLUSTER_TIMES, servers },
    }),
  );
}

export function sourceOf({ images }: Scenario): ImageSource {
  return {
    spec: 'simulated',
    location: '/simulated',
    root: '/',
    count: images,
    digest: `images-${images}`,
    path: (id) => `${id}`,
    size: () => 1,
    locator: (id) => ({ kind: 'file', root: '/', path: `${id}`, bytes: 1 }),
    read: () => Promise.reject(new Error('a simulated image has no file')),
    truth: null,
  };
}

/** Bytes that stand for a view. */
const VIEW_BYTES = 3;
const CENTRE = 255;

/** What a file system says of a missing image. */
export const ABSENT = 'no such file';

/** @param wait what making views takes @param isAbsent whether an image is missing now */
export function loaderOf(
  { unreadable }: Scenario,
  wait: () => Promise<void>,
  isAbsent: (id: number) => boolean,
): ImageLoader {
  const load = async (
    asked: SampleIds,
    occurrences: SampleIds | null,
    epoch: number,
  ): Promise<LoadedViews> => {
    await wait();
    return viewsOf(unreadable, asked, occurrences, epoch, isAbsent);
  };
  return {
    centre: (ids) => load(ids, null, CENTRE),
    random: (ids, occurrences, epoch) => load(ids, occurrences, epoch),
    small: ({ ids, occurrences }, epoch) => load(ids, occurrences, epoch),
    close: () => undefined,
  };
}

/** The views of those images that can be read; epoch 255: the deterministic ones. */
export function viewsOf(
  unreadable: number | null,
  asked: SampleIds,
  occurrences: SampleIds | null,
  epoch: number,
  isAbsent: (id: number) => boolean = () => false,
): LoadedViews {
  const reasonFor = (id: number): string | null =>
    id === unreadable ? 'simulated' : isAbsent(id) ? ABSENT : null;
  const rows = [...asked.keys()].filter((row) => reasonFor(asked[row]!) === null);
  const pixels = Uint8Array.from(
    rows.flatMap((row) => [asked[row]!, occurrences?.[row] ?? CENTRE, epoch]),
  );
  return {
    pixels,
    ids: Int32Array.from(rows, (row) => asked[row]!),
    rows: Int32Array.from(rows),
    unreadable: [...new Set(asked)].flatMap((id) => {
      const reason = reasonFor(id);
      return reason === null ? [] : [{ id, path: `${id}`, reason }];
    }),
    damaged: [],
  };
}

/** A number between -1 and 1 that a sample, a view or a place stands for. */
function signal(...parts: readonly number[]): number {
  let hash = 17;
  for (const part of parts) hash = (hash * 31 + part * 7 + 3) % 251;
  return (hash - 125) / 125;
}

export class TinyModel implements Model {
  readonly #gradients: Pick<GradientArrays, 'take'>;
  #parameters: Float32Array = new Float32Array(TINY_LAYOUT.parameterCount);
  #statistics: Float32Array = new Float32Array(TINY_LAYOUT.statisticCount);

  constructor(gradients: Pick<GradientArrays, 'take'> = FRESH_GRADIENTS) {
    this.#gradients = gradients;
  }

  load(parameters: Float32Array, statistics: Float32Array): void {
    this.#parameters = parameters.slice();
    this.#statistics = statistics.slice();
  }

  features(pixels: Uint8Array, count: number): Float32Array {
    const values = new Float32Array(count * FEATURE_DIM);
    for (let i = 0; i < values.length; i += 1) {
      const [row, j] = [Math.floor(i / FEATURE_DIM), i % FEATURE_DIM];
      const [id, drawn, epoch] = pixels.subarray(row * VIEW_BYTES, (row + 1) * VIEW_BYTES);
      const moved = this.#parameters[(id! + j) % BODY]! + 0.1 * this.#statistics[j]!;
      values[i] = 0.6 + signal(id!, j) + 0.1 * signal(id!, drawn!, epoch!, j) + 0.05 * moved;
    }
    return values;
  }

  lossAndGradient(
    pixels: Uint8Array,
    pseudoLabels: Int32Array,
    dropoutSeed: readonly (string | number)[],
    { weights }: SliceOptions = {},
  ): SliceGradient {
    const parameters = this.#parameters;
    const { parameterCount } = TINY_LAYOUT;
    const kept = this.#gradients.take(parameterCount);
    const gradient = kept?.fill(0) ?? new Float32Array(parameterCount);
    const statistics = new Float32Array(TINY_LAYOUT.statisticCount);
    const [, , ...place] = dropoutSeed.filter((part) => part !== 'batch') as number[];
    let lossSum = 0;
    pseudoLabels.forEach((label, row) => {
      const view = pixels.subarray(row * VIEW_BYTES, (row + 1) * VIEW_BYTES);
      const weight = weights?.[row] ?? 1;
      for (let j = 0; j < gradient.length; j += 1) {
        const pull = signal(...view, label, j) + 0.1 * signal(...place, j);
        lossSum += weight * (1 + pull * parameters[j]!);
        gradient[j] = gradient[j]! + weight * (pull + 0.5 * parameters[j]!);
      }
      statistics.forEach((value, j) => {
        statistics[j] = value + signal(...view, j) / pseudoLabels.length + 0.01 * parameters[j]!;
      });
    });
    return { lossSum, gradient, statistics };
  }

  lossGradientAndFeatures(
    pixels: Uint8Array,
    pseudoLabels: Int32Array,
    dropoutSeed: readonly (string | number)[],
    options?: SliceOptions,
  ): SliceGradient & { readonly features: Float32Array } {
    const passed = this.lossAndGradient(pixels, pseudoLabels, dropoutSeed, options);
    return { ...passed, features: this.features(pixels, pseudoLabels.length) };
  }

  /** Every crop pulls on every parameter, with the prototype that it is compared with. */
  prototypeGradient(
    pixels: Uint8Array,
    targets: Int32Array,
    { values, heads, clusters, crops }: Prototypes & { readonly crops: number },
    dropoutSeed: readonly (string | number)[],
  ): SliceGradient & { readonly features: Float32Array } {
    const views = pixels.length / VIEW_BYTES;
    const labels = Int32Array.from({ length: views }, (_, view) =>
      targets
        .subarray(Math.floor(view / crops) * heads, (Math.floor(view / crops) + 1) * heads)
        .reduce((sum, target, head) => sum + (head * clusters + target) * (head + 1), 0),
    );
    const weights = labels.map((label) => label % values.length);
    const options = { weights: Float32Array.from(weights, (at) => 1 + 0.1 * values[at]!) };
    const passed = this.lossAndGradient(pixels, labels, dropoutSeed, options);
    return { ...passed, features: normaliseRows(this.features(pixels, views), FEATURE_DIM) };
  }

  /** Every value of the queue pulls on every crop, in its place. */
  swappedGradient(
    pixels: Uint8Array,
    samples: number,
    { crops, queue, isFrozen }: SwappedPrediction,
    dropoutSeed: readonly (string | number)[],
  ): SliceGradient & { readonly features: Float32Array } {
    const views = samples * crops;
    const labels = Int32Array.from({ length: views }, (_, view) => (view % crops) + +isFrozen);
    const weights = Float32Array.from(labels, (_, view) =>
      queue.reduce((sum, value, i) => sum + 0.01 * signal(i, view) * value, 1),
    );
    const passed = this.lossAndGradient(pixels, labels, dropoutSeed, { weights });
    return { ...passed, features: normaliseRows(this.features(pixels, views), FEATURE_DIM) };
  }

  /** Moved by the number of images that are with it, as batch norm moves them. */
  trainingFeatures(
    pixels: Uint8Array,
    count: number,
    dropoutSeed: readonly (string | number)[],
  ): Float32Array {
    const seed = dropoutSeed.at(-1) as number;
    return this.features(pixels, count).map((value, i) => value + signal(count, seed, i % 7) / 9);
  }

  memory(): { tensors: number; bytes: number } {
    return { tensors: 0, bytes: 0 };
  }

  dispose(): void {
    this.#parameters = new Float32Array(0);
  }
}
