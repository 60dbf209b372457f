/**
 * Whether features stay with their image when the image is cropped, flipped and coloured at
 * random: a measure that needs no classes. Shapes: n images, D feature dimensions.
 */
import { shapeMismatch } from '../errors.ts';
import { knnTop1 } from './knn.ts';

export interface ViewedFeatures {
  /** [n, D] of the centre views. */
  readonly centres: Float32Array;
  /** [n, D] of one random view of each image. */
  readonly views: Float32Array;
  readonly dim: number;
}

/**
 * Share of images whose random view has, among the centre views of all n images, that of its own
 * image as the nearest by cosine similarity; of equally near ones the first counts. By chance 1 /
 * n.
 * @throws TrainerError SHAPE_MISMATCH, NON_FINITE
 */
export function sameImageRate({ centres, views, dim }: ViewedFeatures): number {
  const n = centres.length / dim;
  const ids = Int32Array.from({ length: n }, (_, id) => id);
  // Each image is a class of its own, and the nearest neighbour alone has a vote.
  return knnTop1({
    ...{ train: centres, trainLabels: ids, test: views, testLabels: ids, dim },
    ...{ classes: n, k: 1 },
  });
}

/**
 * Share of images whose random view is assigned to the cluster of their centre view. With
 * clusters of shares p, chance gives the sum of p².
 * @param ofCentres [n]
 * @param ofViews [n]
 * @returns 0 to 1; 0 where there is no image
 * @throws TrainerError SHAPE_MISMATCH
 */
export function sameClusterRate(ofCentres: Int32Array, ofViews: Int32Array): number {
  const n = ofCentres.length;
  if (ofViews.length !== n) throw shapeMismatch('clusters of views', [n], [ofViews.length]);
  if (n === 0) return 0;
  return ofCentres.reduce((same, cluster, i) => same + (cluster === ofViews[i] ? 1 : 0), 0) / n;
}
