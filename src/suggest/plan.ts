/**
 * Settings that suit a collection and a machine, each with its reason. Pure: what the network costs
 * is given. Where a rule rests on a measurement, docs/suggest.md has it. What decides the numbers
 * of a run (clusters, data shards, batches, epochs) follows the collection alone, so that any
 * number of workers gives the same.
 */
import { configInvalid } from '../errors.ts';
import type { Collection } from './collection.ts';
import type { NetworkCost } from './measure/network-cost.ts';
import { decodedPixels, estimatedSeconds, type RunSize } from './run-time.ts';
import { largestSlice, workerPeakBytes, type WorkerLoad } from './worker-memory.ts';

/** The preset that the other settings go over. */
export const BASE_PRESET = 'small-photos';

export interface Resources {
  readonly workers: number;
  /** For each worker. */
  readonly memoryBytes: number;
  /** The run should take at most [min]. */
  readonly minutes: number;
}

/** What the preset has, and the plan leaves as it is. */
export interface BaseSettings {
  readonly crops: number;
  readonly heads: number;
  readonly iterations: number;
  readonly featureDim: number;
  /** Of the network. */
  readonly parameters: number;
  readonly cacheBytes: number;
  readonly learningRate: number;
  readonly batchSize: number;
}

export interface PlannedSetting {
  /** Dotted. */
  readonly key: string;
  readonly value: number | string;
  /** One line. */
  readonly reason: string;
}

export interface Plan {
  readonly preset: { readonly name: string; readonly reason: string };
  readonly settings: readonly PlannedSetting[];
  /** Of all of them, by name. */
  readonly size: RunSize & { readonly shardSize: number };
  readonly seconds: number;
  /** Of one worker. */
  readonly peakBytes: number;
}

/**
 * Sides of views that are chosen from [px]; the first is the smallest that the network takes well.
 */
export const IMAGE_SIZES = [32, 48, 64, 96, 128] as const;

/**
 * @param costAt what the network costs with views of a side [px]
 * @throws TrainerError CONFIG_INVALID where no network fits into the memory
 */
export function planRun(
  collection: Collection,
  resources: Resources,
  base: BaseSettings,
  costAt: (imageSize: number) => NetworkCost,
): Plan {
  const { images } = collection;
  const batchSize = batchSizeFor(images);
  const epochs = epochsFor(images, batchSize);
  const [k, shardSize] = [clustersFor(images), shardSizeFor(images)];
  const candidates = sizesFor(collection).map((imageSize) => {
    const cost = costAt(imageSize);
    const load = loadOf(collection, resources, base, imageSize);
    const sliceSize = sliceWithin(batchSize, largestSlice(cost, load, resources.memoryBytes));
    const size = { images, epochs, batchSize, sliceSize, k, imageSize, shardSize };
    const seconds = estimatedSeconds(collection, size, base, resources.workers, cost);
    return { size, seconds, needed: workerPeakBytes(cost, { ...load, sliceSize }) };
  });
  const fitting = candidates.filter(({ needed }) => needed <= resources.memoryBytes);
  if (fitting.length === 0) throw tooLittle(candidates[0]!.needed, resources);
  const quick = fitting.filter(({ seconds }) => seconds <= 60 * resources.minutes);
  const { size, seconds, needed } = quick.at(-1) ?? fitting[0]!;
  const chosen = { collection, resources, base, size, seconds, needed };
  return {
    preset: {
      name: BASE_PRESET,
      reason:
        'DeepCluster-v2 with a small network: what helped on real photos, from random weights',
    },
    settings: settingsOf(chosen),
    size,
    seconds,
    peakBytes: needed,
  };
}

interface Chosen {
  readonly collection: Collection;
  readonly resources: Resources;
  readonly base: BaseSettings;
  readonly size: Plan['size'];
  readonly seconds: number;
  readonly needed: number;
}

function settingsOf({ collection, resources, base, size, seconds, needed }: Chosen) {
  const { images, epochs, batchSize, sliceSize, k, imageSize, shardSize } = size;
  const steps = Math.ceil(images / batchSize);
  const shards = Math.ceil(images / shardSize);
  const views = sliceSize * base.crops;
  const learningRate = learningRateFor(batchSize, base);
  const row = (key: string, value: number, reason: string): PlannedSetting => ({
    ...{ key, value, reason },
  });
  return [
    row(
      'epochs',
      epochs,
      `${steps} steps each, ${steps * epochs} in all: 200 epochs of 5,000 images helped, and more images take more steps`,
    ),
    row('data.imageSize', imageSize, sizeReason(collection, resources, imageSize, seconds)),
    row(
      'data.shardSize',
      shardSize,
      `${shards} data shards, so that several workers have work; by the collection alone, as results depend on it`,
    ),
    row('clustering.k', k, clustersReason(images, k)),
    row(
      'training.batchSize',
      batchSize,
      `${batchSize / sliceSize} slices; ${steps} steps an epoch, each with clusters of its own epoch`,
    ),
    row(
      'training.sliceSize',
      sliceSize,
      `batch norm sees ${views} views; a worker takes ${gibibytes(needed)} of ${gibibytes(resources.memoryBytes)}`,
    ),
    row(
      'training.learningRate',
      learningRate,
      `${base.learningRate} for a batch of ${base.batchSize}, in proportion, at most ${MOST_LEARNING_RATE}`,
    ),
    row('training.warmupEpochs', warmupFor(epochs), 'a hundredth of the epochs, at least one'),
  ];
}

/** Whether more memory would be of use is for the caller to say. */
function tooLittle(needed: number, { memoryBytes, workers }: Resources): Error {
  const rule = `must be at least ${Math.ceil(needed)} bytes for the smallest network and ${workers} workers; give more, or fewer workers`;
  return configInvalid('cluster.memoryBudget', rule, Math.floor(memoryBytes), '--memory');
}

/** Images a cluster, as measured at 5,000; four times as few were neither better nor worse. */
const IMAGES_A_CLUSTER = 50;
const FEWEST_CLUSTERS = 10;
/** The paper's for 1.28 million images. */
const MOST_CLUSTERS = 3000;

export function clustersFor(images: number): number {
  const wanted = Math.round(images / IMAGES_A_CLUSTER);
  const k = Math.min(MOST_CLUSTERS, Math.max(FEWEST_CLUSTERS, wanted));
  // Of a handful of images each cluster needs some.
  return Math.max(2, Math.min(k, Math.floor(images / 2)));
}

function clustersReason(images: number, k: number): string {
  const each = Math.round(images / k);
  if (k === MOST_CLUSTERS) return `${each} images a cluster: the paper's number for 1.28 million`;
  if (k === FEWEST_CLUSTERS) return `${each} images a cluster: fewer clusters tell too little`;
  return `${each} images a cluster; at 5,000 images 100 clusters were as good as 400`;
}

/** Data shards of a small collection; one holds at least two batches of an extraction. */
const SHARDS = 8;
const SHARD_STEP = 32;
const SMALLEST_SHARD = 64;
const LARGEST_SHARD = 4096;

export function shardSizeFor(images: number): number {
  const even = Math.ceil(images / SHARDS / SHARD_STEP) * SHARD_STEP;
  return Math.min(LARGEST_SHARD, Math.max(SMALLEST_SHARD, even));
}

/** Powers of two: any slice is a part of them. */
export function batchSizeFor(images: number): number {
  if (images < 1000) return 64;
  return images < 100_000 ? 128 : 256;
}

const MOST_LEARNING_RATE = 0.1;

function learningRateFor(batchSize: number, { learningRate, batchSize: of }: BaseSettings): number {
  const scaled = (learningRate * batchSize) / of;
  return Number(Math.min(MOST_LEARNING_RATE, scaled).toPrecision(3));
}

/** 200 epochs of 5,000 images in batches of 128. */
const MEASURED = { steps: 200 * 40, images: 5000 };
/** Fewer than ten clusterings are too few to follow each other; small collections repeat. */
const FEWEST_EPOCHS = 10;
const MOST_EPOCHS = 400;

export function epochsFor(images: number, batchSize: number): number {
  const more = Math.sqrt(Math.max(1, images / MEASURED.images));
  const wanted = Math.round((MEASURED.steps * more) / Math.ceil(images / batchSize));
  return Math.min(MOST_EPOCHS, Math.max(FEWEST_EPOCHS, wanted));
}

function warmupFor(epochs: number): number {
  return Math.max(1, Math.round(epochs / 100));
}

/** Of a slice: 64 views are two crops of half of them. */
const FEWEST_IN_SLICE = 32;
const MOST_IN_SLICE = 64;

/**
 * Half a batch at most, so that two workers share a step, and as much of it as fits; the smallest
 * where nothing does.
 */
export function sliceWithin(batchSize: number, fitting: number): number {
  const largest = Math.min(MOST_IN_SLICE, batchSize / 2);
  return fitting >= largest ? largest : FEWEST_IN_SLICE;
}

/** No larger than the images are; the smallest is always one of them. */
function sizesFor({ shorterSide }: Collection): number[] {
  return IMAGE_SIZES.filter((size, i) => i === 0 || size <= shorterSide);
}

function sizeReason(
  { shorterSide }: Collection,
  { minutes }: Resources,
  imageSize: number,
  seconds: number,
): string {
  const sides = `half of the images have a shorter side of ${shorterSide} px or more`;
  if (seconds > 60 * minutes) return `the smallest, for time: more than the ${minutes} minutes`;
  if (imageSize < shorterSide && imageSize < IMAGE_SIZES.at(-1)!) {
    return `${sides}; larger ones take more than ${minutes} minutes, or more memory`;
  }
  return imageSize > shorterSide ? `the smallest for this network; ${sides}` : sides;
}

function loadOf(
  { images, pixels }: Collection,
  { workers }: Resources,
  { crops, cacheBytes, featureDim, parameters }: BaseSettings,
  imageSize: number,
): Omit<WorkerLoad, 'sliceSize'> {
  // Of all crops, one behind the other.
  const dim = crops * featureDim;
  const kept = Math.min(pixels, decodedPixels(imageSize));
  const load = { crops, imageSize, cacheBytes, images, workers };
  const step = { batchSize: batchSizeFor(images), parameters };
  return { ...load, ...step, decodedPixels: kept, featureDim: dim };
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
