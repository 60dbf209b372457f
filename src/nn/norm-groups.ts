/**
 * Batch norm within groups of a batch's images, each by its own mean and variance (ghost batch norm,
 * Hoffer et al. 2017, arXiv:1705.08741): what batch norm sees does not depend on how many images
 * are computed at once. Shapes: B images of H x W, C channels.
 */
import * as tf from '@tensorflow/tfjs';
import type { BatchNormGradients, NormalisedBatch, Operations } from '../engine/operations.ts';

/** A batch that was normalised, for the way back. */
export interface NormalisedGroups {
  /** [B, H, W, C] */
  readonly y: tf.Tensor4D;
  /** [C] mean over all groups, weighted by their images. */
  readonly mean: tf.Tensor1D;
  /** [C] of the groups' unbiased variances, likewise. */
  readonly variance: tf.Tensor1D;
  /** Gradients through the statistics of each group; dGamma and dBeta are sums over groups. */
  readonly gradient: (dy: tf.Tensor4D) => BatchNormGradients;
  /** Frees all but `y`. */
  readonly dispose: () => void;
}

export interface NormInput {
  /** Left alone; the way back reads it. */
  readonly x: tf.Tensor4D;
  readonly gamma: tf.Tensor1D;
  readonly beta: tf.Tensor1D;
  readonly rectify: boolean;
}

/**
 * How many images each group of a batch has: as many groups as have `least` images, as even as can
 * be, the larger ones first; a smaller batch is one group.
 * @param least null: all images are one group
 */
export function groupSizes(images: number, least: number | null): number[] {
  const groups = least === null ? 1 : Math.max(1, Math.floor(images / least));
  return Array.from({ length: groups }, (_, i) => Math.ceil((images - i) / groups));
}

/** @param sizes images of each group, in their order */
export function normaliseGroups(
  input: NormInput,
  sizes: readonly number[],
  operations: Operations,
): NormalisedGroups {
  if (sizes.length === 1) return oneGroup(input, operations);
  const { x, gamma, beta, rectify } = input;
  const parts = groupsOf(x, sizes).map((part) => ({
    share: part.shape[0] / x.shape[0],
    batch: operations.batchNorm(part, gamma, beta, rectify),
    part,
  }));
  const y = tf.concat(parts.map(({ batch }) => batch.y));
  tf.dispose(parts.flatMap(({ part, batch }) => [part, batch.y]));
  const weighted = (name: 'mean' | 'variance'): tf.Tensor1D =>
    tf.tidy(() => tf.addN(parts.map(({ batch, share }) => tf.mul(batch[name], share))));
  const gradient = (dy: tf.Tensor4D): BatchNormGradients => {
    // Without a ReLU behind it the gradient does not read y, which may be gone.
    const all = (rectify ? [dy, x, y] : [dy, x]).map((tensor) => groupsOf(tensor, sizes));
    const found = parts.map(({ batch }, i) => {
      const [dPart, xPart, yPart = batch.y] = all.map((groups) => groups[i]!);
      const group = { ...batch, y: yPart };
      return operations.batchNormGradient(dPart!, xPart!, gamma, group, rectify);
    });
    const sums = {
      dx: tf.concat(found.map(({ dx }) => dx)),
      dGamma: tf.addN(found.map(({ dGamma }) => dGamma)),
      dBeta: tf.addN(found.map(({ dBeta }) => dBeta)),
    };
    tf.dispose([...all.flat(), ...found.flatMap(({ dx, dGamma, dBeta }) => [dx, dGamma, dBeta])]);
    return sums;
  };
  const [mean, variance] = [weighted('mean'), weighted('variance')];
  const dispose = (): void => {
    tf.dispose([mean, variance, ...parts.flatMap(({ batch }) => statisticsOf(batch))]);
  };
  return { y, mean, variance, gradient, dispose };
}

function oneGroup({ x, gamma, beta, rectify }: NormInput, operations: Operations) {
  const batch = operations.batchNorm(x, gamma, beta, rectify);
  return {
    ...batch,
    gradient: (dy: tf.Tensor4D) => operations.batchNormGradient(dy, x, gamma, batch, rectify),
    dispose: () => {
      tf.dispose(statisticsOf(batch));
    },
  };
}

function statisticsOf({ mean, variance, saved }: NormalisedBatch): tf.Tensor[] {
  return [mean, variance, ...saved];
}

function groupsOf(tensor: tf.Tensor4D, sizes: readonly number[]): tf.Tensor4D[] {
  return tf.split(tensor, [...sizes]);
}
