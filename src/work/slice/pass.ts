/**
 * The training pass over one batch of a slice, by what the run's algorithm trains with. Shapes: n
 * samples of the batch, P parameters, S batch-norm statistics.
 */
import type { Prototypes } from '../../clustering/prototypes.ts';
import type { RunConfig } from '../../config/schema.ts';
import type { SwappedPrediction } from '../../clustering/swapped-prediction.ts';
import { shapeMismatch } from '../../errors.ts';
import type { SlicePass, SliceSamples, SmallViews, WorkTools } from '../tools.ts';

/** A slice with its samples, of which there is at least one. */
export interface SlicePart {
  readonly slice: number;
  readonly samples: SliceSamples;
}

/** A batch of a slice, the step that it is of, and its views. */
export interface SliceToPass extends SlicePart {
  readonly step: number;
  /** Within the slice. */
  readonly batch: number;
  /** Of the samples' crops, the crops of an image one behind the other. */
  readonly pixels: Uint8Array;
  /** Undefined where the algorithm has none. */
  readonly small: SmallViews | undefined;
}

/** What the slice is trained by where no head is; null: not by this. */
export interface PassTargets {
  readonly prototypes: Prototypes | null;
  readonly swapped: SwappedPrediction | null;
}

/** Features are null where the algorithm has no use for them. */
export type PassedSlice = SlicePass & { readonly features: Float32Array | null };

export function passSlice(
  slice: SliceToPass,
  { prototypes, swapped }: PassTargets,
  tools: WorkTools,
): PassedSlice {
  if (swapped !== null) return swappedPass(slice, swapped, tools);
  return prototypes === null ? trainingPass(slice, tools) : prototypePass(slice, prototypes, tools);
}

function trainingPass(
  { samples, pixels, ...name }: SliceToPass,
  { config, network, algorithm }: WorkTools,
): PassedSlice {
  const seed = dropoutSeed(name, config);
  const { pseudoLabels, lossWeights } = samples;
  if (!algorithm.usesFeatures) {
    return { ...network.model.lossAndGradient(pixels, pseudoLabels, seed), features: null };
  }
  const weights = lossWeights.length === 0 ? {} : { weights: lossWeights };
  return network.model.lossGradientAndFeatures(pixels, pseudoLabels, seed, weights);
}

/** With the unit features of the samples' crops, without those of the small ones. */
function prototypePass(
  { samples, pixels, small, ...name }: SliceToPass,
  prototypes: Prototypes,
  { config, network, algorithm: { crops } }: WorkTools,
): PassedSlice {
  const seed = dropoutSeed(name, config);
  const targets = targetsOf(samples, prototypes.heads);
  return network.model.prototypeGradient(pixels, targets, { ...prototypes, crops }, seed, small);
}

/** The same; targets are made of the samples' crops themselves. */
function swappedPass(
  { samples, pixels, ...name }: SliceToPass,
  swapped: SwappedPrediction,
  { config, network }: WorkTools,
): PassedSlice {
  const seed = dropoutSeed(name, config);
  return network.model.swappedGradient(pixels, samples.ids.length, swapped, seed);
}

/** A slice of one batch has the draws that it has in mode `sync`. */
function dropoutSeed(
  { step, slice, batch }: Pick<SliceToPass, 'step' | 'slice' | 'batch'>,
  { seed }: Pick<RunConfig, 'seed'>,
): (string | number)[] {
  const ofSlice = [seed, 'dropout', step, slice];
  return batch === 0 ? ofSlice : [...ofSlice, 'batch', batch];
}

/** @returns [n, heads] */
function targetsOf({ pseudoLabels, furtherLabels }: SliceSamples, heads: number): Int32Array {
  const further = heads - 1;
  if (furtherLabels.length !== pseudoLabels.length * further) {
    throw shapeMismatch(
      'targets of further heads',
      [pseudoLabels.length, further],
      [furtherLabels.length],
    );
  }
  return Int32Array.from({ length: pseudoLabels.length * heads }, (_, i) => {
    const [sample, head] = [Math.floor(i / heads), i % heads];
    return head === 0 ? pseudoLabels[sample]! : furtherLabels[sample * further + head - 1]!;
  });
}
