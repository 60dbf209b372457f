/**
 * Intervals of 95 % for accuracies over splits, and for the difference of two networks that were
 * tested on the same images. Two errors are added: that of the test images, taken image by image
 * because splits test many images more than once, and that of the splits' mean.
 * Sources: a variance clustered by image (Liang and Zeger 1986), which for one split is the
 * binomial one, and for a difference that of McNemar; the two pseudo-images of Agresti and Coull
 * 1998, so that no interval is 0 where all images are right.
 * Shapes: n images, R splits.
 */

/** A figure, and half the width of its interval of 95 %. */
export interface Estimate {
  readonly value: number;
  readonly interval: number;
}

/** How one classifier of one network's features did over the splits. */
export interface Hits {
  /** [n] splits that test the image. */
  readonly tested: Int32Array;
  /** [n] of these, those in which its class is right. */
  readonly right: Int32Array;
  /** [R] top-1 of each split. */
  readonly bySplit: Float64Array;
}

/** Of a normal distribution, on both sides. */
const DEVIATIONS = 1.96;
/** Right and wrong images that are added. */
const PSEUDO_IMAGES = 2;

/** Half the width of an interval of 95 %. */
export function halfWidth(variance: number): number {
  return DEVIATIONS * Math.sqrt(variance);
}

/** Of top-1. */
export function accuracyEstimate(hits: Hits): Estimate {
  return estimateOf(hits.tested, hits.right, hits.bySplit);
}

/** By how much `a` is better than `b`. */
export function differenceEstimate(a: Hits, b: Hits): Estimate {
  const differences = a.right.map((right, i) => right - b.right[i]!);
  const bySplit = a.bySplit.map((top1, split) => top1 - b.bySplit[split]!);
  const { interval } = estimateOf(a.tested, differences, bySplit);
  // As whoever subtracts the two figures has it, to the bit.
  return { value: meanOf(a.bySplit) - meanOf(b.bySplit), interval };
}

/** @param sums [n] of an image's scores over the splits that test it */
function estimateOf(tested: Int32Array, sums: Int32Array, bySplit: Float64Array): Estimate {
  const splits = bySplit.length;
  const value = meanOf(bySplit);
  let [tests, images, squares] = [0, 0, 0];
  tested.forEach((times, i) => {
    tests += times;
    images += times > 0 ? 1 : 0;
    squares += (sums[i]! - value * times) ** 2;
  });
  if (tests === 0) return { value, interval: 0 };
  const ofImages = squares / tests ** 2 + PSEUDO_IMAGES / (images + 2 * PSEUDO_IMAGES) ** 2;
  const spread = bySplit.reduce((sum, score) => sum + (score - value) ** 2, 0);
  const ofSplits = splits < 2 ? 0 : spread / (splits - 1) / splits;
  return { value, interval: halfWidth(ofImages + ofSplits) };
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
