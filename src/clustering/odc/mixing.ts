/**
 * The worker's half of an ODC step: fresh features are mixed into the rows that the sample memory had before the step, and the
 * mixed rows, not the features, decide the new pseudo-labels.
 * Sources: Zhan et al., CVPR 2020 (arXiv:2006.10645), eq. 1 and 2; spec of ODC, section 6.
 *
 * Pure, and row by row: cutting a batch into slices changes nothing. A sample that is drawn twice in a step is mixed twice,
 * each time with the row as it was before; which copy stands is decided by the sample memory. An engine that does the same on
 * a device has this as its reference. Shapes: n rows of a slice, d columns, K clusters.
 */
import { shapeMismatch } from '../../errors.ts';
import { NORM_EPSILON, squaredLength, type CentroidRows, type RowMetric } from '../nearest-two.ts';
import { assignRows } from './assignment.ts';

export interface MixedRows {
  /** [n, d] float32, of length 1, or 0 where both the row and the feature are 0. */
  readonly rows: Float32Array;
  /** [n] */
  readonly pseudoLabels: Int32Array;
}

/**
 * @param rows [n, d] from the sample memory
 * @param features [n, d] as they leave the neck, of any length
 * @param centroids as published, up to an interval old
 * @param momentum weight of the fresh feature: 1 keeps nothing of the memory, 0 nothing of the feature
 * @throws TrainerError SHAPE_MISMATCH
 */
export function mixAndAssign(
  rows: Float32Array,
  features: Float32Array,
  centroids: CentroidRows,
  momentum: number,
  metric: RowMetric = 'dot',
): MixedRows {
  const mixed = mixRows(rows, features, centroids.dim, momentum);
  return { rows: mixed, pseudoLabels: assignRows(mixed, centroids, metric) };
}

/** (1 - m) row + m feature / |feature|, made a unit row; in float64, stored in float32. A zero feature leaves a row alone. */
export function mixRows(
  rows: Float32Array,
  features: Float32Array,
  dim: number,
  momentum: number,
): Float32Array {
  if (features.length !== rows.length) {
    throw shapeMismatch('features', [rows.length / dim, dim], [features.length]);
  }
  const mixed = new Float32Array(rows.length);
  const row = new Float64Array(dim);
  for (let from = 0; from < rows.length; from += dim) {
    const scale = momentum / (Math.sqrt(squaredLength(features, from, dim)) + NORM_EPSILON);
    for (let j = 0; j < dim; j += 1) {
      row[j] = (1 - momentum) * rows[from + j]! + scale * features[from + j]!;
    }
    const length = Math.sqrt(squaredLength(row, 0, dim)) + NORM_EPSILON;
    for (let j = 0; j < dim; j += 1) mixed[from + j] = row[j]! / length;
  }
  return mixed;
}

/** Features as unit rows, in a new array: what a sample memory begins with. */
export function normaliseRows(features: Float32Array, dim: number): Float32Array {
  const rows = new Float32Array(features.length);
  for (let from = 0; from < features.length; from += dim) {
    const length = Math.sqrt(squaredLength(features, from, dim)) + NORM_EPSILON;
    for (let j = from; j < from + dim; j += 1) rows[j] = features[j]! / length;
  }
  return rows;
}
