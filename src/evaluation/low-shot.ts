/**
 * Logistic regression with few labels: of a part of the training rows only, the same share of every
 * class, or so many rows of every class. Both are drawn several times, each time by a seed of its
 * own: a handful of images is a matter of luck. Shapes: D feature dimensions.
 */
import { gather, gatherRows } from '../math/matrix.ts';
import { seededRng, shuffleInPlace } from '../math/rng.ts';
import type { LabelledFeatures } from './labelled-features.ts';
import { logisticTop1, type LogisticOptions } from './logistic-regression.ts';
import { membersByClass, stratifiedSplit } from './split.ts';

export interface LowShotOptions extends LogisticOptions {
  /** Of the training rows, above 0 and below 1. */
  readonly fraction: number;
  /** Times that the labelled rows are drawn. */
  readonly draws: number;
}

export interface LowShotScore {
  /**
   * Training rows of a draw: one of each class at least, but for classes that have a single one.
   */
  readonly labels: number;
  /** Mean over the draws. */
  readonly top1: number;
}

/** @throws TrainerError SHAPE_MISMATCH, NON_FINITE */
export function lowShotTop1(
  set: LabelledFeatures,
  { fraction, draws, ...options }: LowShotOptions,
): LowShotScore {
  const all = { labels: set.trainLabels, maxImages: set.trainLabels.length };
  const { labels, scores } = scoresOfDraws(set, { ...options, draws }, (seed) => {
    return stratifiedSplit({ ...all, testFraction: fraction, seed }).test;
  });
  return { labels, top1: meanOf(scores) };
}

export interface PerClassOptions extends LogisticOptions {
  /** Training rows of every class. */
  readonly perClass: number;
  /** Times that they are drawn. */
  readonly draws: number;
}

export interface PerClassScore {
  /** Training rows of a draw. */
  readonly labels: number;
  /** Of top-1 over the draws. */
  readonly mean: number;
  /** Its standard deviation from draw to draw, by one less than there are; 0 for a single draw. */
  readonly spread: number;
}

/**
 * Logistic regression by n rows of each class, over several draws.
 * Source: the low-shot classification of Goyal et al. 2019 (arXiv:1905.01235), which has linear
 * SVMs in its place.
 * @throws TrainerError SHAPE_MISMATCH, NON_FINITE
 */
export function perClassTop1(
  set: LabelledFeatures,
  { perClass, draws, ...options }: PerClassOptions,
): PerClassScore {
  const { labels, scores } = scoresOfDraws(set, { ...options, draws }, (seed) =>
    drawPerClass(set.trainLabels, perClass, seed),
  );
  const mean = meanOf(scores);
  const squares = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0);
  return { labels, mean, spread: Math.sqrt(squares / Math.max(1, scores.length - 1)) };
}

/**
 * @param labels [n] classes from 0; every class that occurs has `perClass` rows or more
 * @returns rows, ascending: exactly so many of every class that occurs
 */
export function drawPerClass(labels: Int32Array, perClass: number, seed: number): Int32Array {
  const rng = seededRng(seed, 'images per class');
  const drawn = membersByClass(labels).flatMap((members) => {
    shuffleInPlace(members, rng);
    return members.slice(0, perClass);
  });
  return Int32Array.from(drawn).sort();
}

/** @param draw rows to learn from, by a seed */
function scoresOfDraws(
  set: LabelledFeatures,
  { draws, ...options }: LogisticOptions & { readonly draws: number },
  draw: (seed: number) => Int32Array,
): { readonly labels: number; readonly scores: readonly number[] } {
  let labels = 0;
  const scores = Array.from({ length: draws }, (_, index) => {
    const seed = options.seed + index;
    const drawn = draw(seed);
    labels = drawn.length;
    const part = {
      ...set,
      train: gatherRows(set.train, drawn, set.dim),
      trainLabels: gather(set.trainLabels, drawn),
    };
    return logisticTop1(part, { ...options, seed });
  });
  return { labels, scores };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
