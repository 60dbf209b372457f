/**
 * kNN and logistic regression over several splits of the same features: what they are worth, in two
 * figures.
 */
import { gatherRows } from '../math/matrix.ts';
import { knnTop1 } from './knn.ts';
import { LOGISTIC_PASSES, logisticTop1 } from './logistic-regression.ts';
import { stratifiedSplit } from './split.ts';

export interface NetworkScores {
  /** Means over the splits. */
  readonly knnTop1: number;
  readonly linearTop1: number;
  /** Images of the last split. */
  readonly trainImages: number;
  readonly testImages: number;
}

export interface ScoredFeatures {
  /** [n, dim] */
  readonly features: Float32Array;
  /** [n] true classes, 0 .. classes - 1 */
  readonly labels: Int32Array;
  readonly dim: number;
  readonly classes: number;
}

export interface ScoreSettings {
  readonly testFraction: number;
  readonly maxImages: number;
  readonly knnK: number;
  /**
   * Splits; one alone says little of a small collection: which images are held out moves the
   * figures by percents.
   */
  readonly repeats: number;
  readonly seed: number;
  /** Called {@link passesOf} times on the way. */
  readonly onPass: () => void;
}

/** Passes of a scoring: of each split kNN, and the fits of logistic regression. */
export function passesOf({ repeats }: Pick<ScoreSettings, 'repeats'>): number {
  return repeats * (1 + LOGISTIC_PASSES);
}

export function scoreFeatures(
  { features, labels, dim, classes }: ScoredFeatures,
  { testFraction, maxImages, knnK, repeats, seed, onPass }: ScoreSettings,
): NetworkScores {
  const sums = { knn: 0, linear: 0 };
  const images = { train: 0, test: 0 };
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const split = stratifiedSplit({ labels, testFraction, maxImages, seed: seed + repeat });
    const set = {
      train: gatherRows(features, split.train, dim),
      trainLabels: split.train.map((row) => labels[row]!),
      test: gatherRows(features, split.test, dim),
      testLabels: split.test.map((row) => labels[row]!),
      dim,
      classes,
    };
    sums.knn += knnTop1({ ...set, k: knnK });
    onPass();
    sums.linear += logisticTop1(set, { seed: seed + repeat, onPass });
    images.train = split.train.length;
    images.test = split.test.length;
  }
  return {
    knnTop1: sums.knn / repeats,
    linearTop1: sums.linear / repeats,
    trainImages: images.train,
    testImages: images.test,
  };
}
