/**
 * What a training pass of a slice begins with and comes to (loaded-model.ts). Shapes: B images of
 * H x W.
 */
import type * as tf from '@tensorflow/tfjs';
import { shapeMismatch } from '../errors.ts';
import type { Prototypes } from '../clustering/prototypes.ts';
import type { SliceGradient, SliceOptions, SmallViews } from './model.ts';

/** What a training pass is made of. */
export interface Slice extends SliceOptions {
  readonly images: Uint8Array;
  readonly pseudoLabels: Int32Array;
  readonly dropoutSeed: readonly (string | number)[];
}

/** Where a training pass begins. */
export interface Start {
  /** [count, size, size, 3] */
  readonly images: Uint8Array;
  readonly size: number;
  /** Views. */
  readonly count: number;
  /** Views of an image, which follow one another. */
  readonly crops: number;
  readonly dropoutSeed: readonly (string | number)[];
  readonly wantsFeatures: boolean;
  /** A variable whose gradient stays zero. */
  readonly frozen?: string | null;
}

/** Views of one size that are compared with prototypes. */
export interface PrototypeBatch extends Pick<SmallViews, 'images' | 'crops' | 'size'> {
  /** Images whose views these are, of which there may be more. */
  readonly count: number;
  /** [images, heads] */
  readonly targets: Int32Array;
  readonly prototypes: Prototypes;
  /** Of a view's loss in that of its image. */
  readonly share: number;
  readonly dropoutSeed: readonly (string | number)[];
}

/** The loss at the end of a training pass; both functions wait for the device. */
export interface SliceLoss {
  /** Of the sum, with respect to the pass' output. */
  readonly gradient: tf.Tensor;
  readonly lossSum: () => number;
  readonly features: () => Float32Array;
}

/** Features are empty unless asked for. */
export type SliceOutcome = SliceGradient & { readonly features: Float32Array };

/** Of an image of this side. */
export function imageBytes(size: number): number {
  return size * size * 3;
}

/**
 * @param size side [px]
 * @returns bytes of an image
 * @throws TrainerError SHAPE_MISMATCH
 */
export function requireImages(images: Uint8Array, count: number, size: number): number {
  const bytes = imageBytes(size);
  if (images.length !== count * bytes) {
    throw shapeMismatch('images', [count, size, size, 3], [images.length]);
  }
  return bytes;
}
