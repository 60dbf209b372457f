/**
 * How long a run takes, about: by the measured times of its network, and by rates of what is not
 * measured. Pure.
 */
import type { Collection } from './collection.ts';
import type { NetworkCost } from './measure/network-cost.ts';

export interface RunSize {
  readonly images: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly sliceSize: number;
  readonly k: number;
  /** Side of a view [px]. */
  readonly imageSize: number;
}

/** What of the settings decides the passes and the clusterings. */
export interface EpochShape {
  readonly crops: number;
  readonly heads: number;
  readonly iterations: number;
  readonly featureDim: number;
  readonly cacheBytes: number;
}

/** Processes, engines and the listing of the images, before the first pass [s]. */
const START_SECONDS = 5;
/** A round of k-means besides its arithmetic: messages there and back [s]. */
const ROUND_SECONDS = 0.02;
/** A step besides its passes: parameters there, gradients back, the commit [s]. */
const STEP_SECONDS = 0.01;
/** Decoding a JPEG, which is reduced while it is decoded [s/px]. */
const DECODE_SECONDS = 8e-9;
/** Multiply-adds of k-means, for one thread [1/s]. */
const CLUSTERING_RATE = 2e10;

/** @returns [s] */
export function estimatedSeconds(
  { pixels }: Pick<Collection, 'pixels'>,
  { images, epochs, batchSize, k, imageSize }: RunSize,
  { crops, heads, iterations, featureDim, cacheBytes }: EpochShape,
  workers: number,
  { trainingSeconds, forwardSeconds, viewSeconds, threads }: NetworkCost,
): number {
  // Each worker comes to keep its part of what it has decoded; the rest is decoded again.
  const decoded = 3 * Math.min(pixels, decodedPixels(imageSize));
  const kept = Math.min(1, cacheBytes / (images * decoded));
  const decode = (1 - kept) * pixels * DECODE_SECONDS;
  // Loader threads share the cores with the network.
  const beside = (crops * viewSeconds + decode) / threads;
  const training = (images * (trainingSeconds + beside)) / workers;
  const steps = Math.ceil(images / batchSize) * STEP_SECONDS;
  const products = heads * (iterations + 1) * images * k * featureDim;
  const rounds = heads * (iterations + 1) * ROUND_SECONDS;
  const clustering = products / (CLUSTERING_RATE * threads * workers) + rounds;
  const extraction = (images * (forwardSeconds + beside)) / workers;
  return START_SECONDS + 2 * extraction + epochs * (training + steps + clustering);
}

/** Of a photograph as it is kept decoded, which is twice as large as views (src/data/pixels/views.ts). */
export function decodedPixels(imageSize: number): number {
  return ASPECT * (2 * imageSize) ** 2;
}

/** The longer side to the shorter. */
const ASPECT = 1.5;
