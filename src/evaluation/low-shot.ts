/**
 * Linear probes with few labels: of a part of the training rows only, the same share of every
 * class. Shapes: D feature dimensions.
 */
import { gather, gatherRows } from '../math/matrix.ts';
import type { LabelledFeatures } from './labelled-features.ts';
import { linearProbeTop1, type ProbeOptions } from './linear-probe.ts';
import { stratifiedSplit } from './split.ts';

export interface LowShotOptions extends ProbeOptions {
  /** Of the training rows, above 0 and below 1. */
  readonly fraction: number;
  /**
   * Times that the labelled rows are drawn, each by a seed of its own: a handful of images is a
   * matter of luck.
   */
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
  let sum = 0;
  let labels = 0;
  for (let draw = 0; draw < draws; draw += 1) {
    const seed = options.seed + draw;
    const all = { labels: set.trainLabels, maxImages: set.trainLabels.length };
    const { test: drawn } = stratifiedSplit({ ...all, testFraction: fraction, seed });
    const part = {
      ...set,
      train: gatherRows(set.train, drawn, set.dim),
      trainLabels: gather(set.trainLabels, drawn),
    };
    sum += linearProbeTop1(part, { ...options, seed });
    labels = drawn.length;
  }
  return { labels, top1: sum / draws };
}
