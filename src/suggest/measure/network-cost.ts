/**
 * What a network costs on this machine: time and memory of its passes, as a line through what two
 * numbers of images took. Pure. An image counts with all its views.
 */
import { shapedLayers, trainingMultiplyAdds } from '../../nn/layers.ts';
import type { ModelSpec } from '../../nn/architectures.ts';

/** What one process took for training slices of one size, and then for a pass of an extraction. */
export interface CostSample {
  /** Of the slice. */
  readonly images: number;
  /**
   * Peak of resident memory: with the engine and the parameters alone, after the slices, and at the
   * end [bytes].
   */
  readonly startBytes: number;
  readonly trainingBytes: number;
  readonly peakBytes: number;
  /** For one image: a view through the network, and its part of a training slice [s]. */
  readonly forwardSeconds: number;
  readonly trainingSeconds: number;
  /** Making one random view of a decoded image, on one thread [s]. */
  readonly viewSeconds: number;
}

/** Of one process that trains. */
export interface NetworkCost {
  readonly engine: string;
  readonly device: string;
  readonly threads: number;
  /** For one image: a view through the network, and its part of a training slice [s]. */
  readonly forwardSeconds: number;
  readonly trainingSeconds: number;
  /** Making one random view of a decoded image, on one thread [s]. */
  readonly viewSeconds: number;
  /** Peak of resident memory in training is baseBytes + images of a slice * bytesPerImage. */
  readonly baseBytes: number;
  readonly bytesPerImage: number;
  /** And in an extraction, whatever the slices are. */
  readonly extractionBytes: number;
}

/**
 * Peaks of resident memory as a line; times of the larger slice, whose fixed cost is shared by more
 * images. Where the larger one took no more, memory does not grow with images at all.
 * @param few, many samples of different sizes, in this order
 */
export function costOf(
  few: CostSample,
  many: CostSample,
): Omit<NetworkCost, 'engine' | 'device' | 'threads'> {
  const slope = (many.trainingBytes - few.trainingBytes) / (many.images - few.images);
  const bytesPerImage = Math.max(0, slope);
  const { forwardSeconds, trainingSeconds, viewSeconds } = many;
  const rest = many.trainingBytes - bytesPerImage * many.images;
  // No process is smaller than it was before its first pass.
  const baseBytes = Math.max(rest, many.startBytes);
  // After the smaller slices, which leave less behind.
  const extractionBytes = few.peakBytes;
  const seconds = { forwardSeconds, trainingSeconds, viewSeconds };
  return { ...seconds, baseBytes, bytesPerImage, extractionBytes };
}

/** Of the larger measured slice: some seconds of a processor core that is not fast. */
const MOST_MULTIPLY_ADDS = 1.5e11;
/** What its activations come to at most [bytes]. */
const MOST_ACTIVATIONS = 2 ** 30;
const MOST_IMAGES = 64;

/**
 * Images of the two slices that are measured: as many as the time allows, and far enough apart for a
 * line through them to tell.
 * @param crops views of an image
 */
export function measuredSizes(
  spec: ModelSpec,
  crops: number,
): readonly [few: number, many: number] {
  const { layers, input } = spec;
  const affordable = MOST_MULTIPLY_ADDS / (crops * trainingMultiplyAdds(layers, input));
  const held = MOST_ACTIVATIONS / (crops * activationBytes(spec));
  const many = Math.min(MOST_IMAGES, Math.max(4, Math.floor(Math.min(affordable, held) / 4) * 4));
  return [many / 4, many];
}

/** Outputs of all layers for one view [bytes]. */
export function activationBytes({ layers, input }: ModelSpec): number {
  return shapedLayers(layers, input).reduce(
    (sum, { output: { side, channels } }) => sum + 4 * Math.max(1, side * side) * channels,
    0,
  );
}
