/**
 * Refuses images that cannot be clustered: those whose features are all the same, and fewer different ones than clusters.
 * Figures of sound runs that the bounds were held against are in docs/algorithms.md.
 */
import { TrainerError, configInvalid } from '../errors.ts';
import { clusterSizes } from './agreement.ts';

/**
 * Spread of features that differ by rounding only: 1e-5 of their length, where float32 has 1e-7 and
 * a deep network some more.
 */
export const EQUAL_FEATURES = 1e-10;
/**
 * The same of unit rows: their lengths are 1 within 1e-7, which a spread made of their sum alone
 * cannot tell from spread.
 */
const EQUAL_ROWS = 1e-6;
/**
 * Squared distance of a unit row from its centroid, on average, below which rows lie on their
 * centroids: ten times the push of 1 / 1024 that k-means gives a centroid it splits. Rows that
 * differ have 0.01 and more.
 */
const ON_CENTROID = 1e-5;

/**
 * @throws TrainerError DATA_UNREADABLE when the features [count] of all images are equal: there is
 * nothing to cluster
 */
export function requireDifferentFeatures(spread: number, count: number, epoch: number): void {
  if (!(spread <= EQUAL_FEATURES)) return;
  throw allEqual(count, epoch);
}

/** The same of ODC's initial rows. @param pseudoLabels [N], -1 for an image without a row */
export function requireDifferentRows(spread: number, pseudoLabels: Int32Array): void {
  if (spread <= EQUAL_ROWS) throw allEqual(pseudoLabels.filter((label) => label >= 0).length, 0);
}

function allEqual(count: number, epoch: number): TrainerError {
  const why =
    epoch === 0
      ? 'look for identical images, and give others: there is nothing to cluster'
      : `the network has collapsed before epoch ${epoch + 1}`;
  return new TrainerError(
    'DATA_UNREADABLE',
    `features: expected differences between ${count} images, got the same feature for all of them; ${why}`,
    { count, hasCollapsed: epoch > 0 },
  );
}

/**
 * Fewer different features than clusters leave some of these empty, and put every image on its
 * centroid.
 * @param inertia of unit rows
 * @throws TrainerError CONFIG_INVALID
 */
export function requireFilledClusters(pseudoLabels: Int32Array, inertia: number, k: number): void {
  const sizes = clusterSizes(pseudoLabels, k);
  const images = sizes.reduce((total, size) => total + size, 0);
  const filled = sizes.filter((size) => size > 0).length;
  if (filled === k || inertia > ON_CENTROID * images) return;
  if (filled < 2) throw allEqual(images, 0);
  const rule = `must not exceed the number of different features, ${filled} of ${images} images: lower it, or look for identical images`;
  throw configInvalid('clustering.k', rule, k);
}
