/**
 * Frozen features of images with classes, in a part to learn from and a part to test on. Shapes: D
 * feature dimensions.
 */
import { nonFinite, shapeMismatch } from '../errors.ts';
import { firstNonFinite } from '../math/checks.ts';

export interface LabelledFeatures {
  /** [n, D] row-major; read only */
  readonly train: Float32Array;
  /** [n] classes from 0 */
  readonly trainLabels: Int32Array;
  /** [m, D] */
  readonly test: Float32Array;
  /** [m] */
  readonly testLabels: Int32Array;
  readonly dim: number;
  readonly classes: number;
}

/** @throws TrainerError SHAPE_MISMATCH, NON_FINITE */
export function requireUsable(set: LabelledFeatures): void {
  requirePart('training features', set.train, set.trainLabels.length, set.dim);
  requirePart('test features', set.test, set.testLabels.length, set.dim);
}

function requirePart(what: string, features: Float32Array, count: number, dim: number): void {
  if (features.length !== count * dim) throw shapeMismatch(what, [count, dim], [features.length]);
  const broken = firstNonFinite(features);
  if (broken >= 0) {
    throw nonFinite(
      `${what}, row ${Math.floor(broken / dim)}`,
      features[broken]!,
      'the network has diverged',
    );
  }
}
