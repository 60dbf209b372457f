/**
 * Which cluster a row belongs to in Online Deep Clustering: the centroid that it is most like.
 * Sources: Zhan et al., CVPR 2020 (arXiv:2006.10645), section 3.2; spec of ODC, sections 6 and 7.
 *
 * The paper writes nearest centroid; its code takes the largest dot product with the cluster means as they are, shorter than 1.
 * The two differ: a tight cluster has a longer mean, and the dot product favours it. `dot` is the default, for parity.
 * Shapes: n rows, d columns, K clusters; matrices are flat and row-major.
 */
import { rankClusters, type CentroidRows, type RowMetric } from '../nearest-two.ts';

/**
 * @param rows [n, d]
 * @param isCandidate [K] leaves clusters out where it is 0; all are candidates by default
 * @returns [n] the most similar cluster of each row, ties to the lowest; 0 where there is no candidate
 * @throws TrainerError SHAPE_MISMATCH
 */
export function assignRows(
  rows: Float32Array,
  centroids: CentroidRows,
  metric: RowMetric,
  isCandidate?: Uint8Array,
): Int32Array {
  const options = isCandidate === undefined ? {} : { isCandidate };
  return rankClusters(rows, centroids, metric, options).first.map((cluster) =>
    Math.max(0, cluster),
  );
}
