/**
 * How far a clustering of features agrees with the classes, with as many clusters as there are
 * classes: NMI by the geometric mean, over k-means from several seeds.
 * Features are centred and each row is then of length 1, whatever network they are of, so that k-means is by the
 * angle of what tells images apart. Shapes: n rows, D dimensions.
 */
import { normalizedMutualInformation } from '../clustering/agreement.ts';
import type { ClusteringKernels } from '../clustering/kernels.ts';
import { kmeans } from '../clustering/kmeans.ts';
import type { Estimate } from './confidence.ts';
import { nmiVariance } from './nmi-variance.ts';
import { halfWidth } from './confidence.ts';

/** Clusterings, each from other rows; their mean is the figure. */
export const CLUSTERINGS = 3;
const ITERATIONS = 20;

export interface AgreementSet {
  /** [n, D] read only */
  readonly features: Float32Array;
  /** [n] classes from 0 */
  readonly labels: Int32Array;
  readonly dim: number;
  readonly classes: number;
}

export interface AgreementOptions {
  readonly seed: number;
  /** Left out: in float64 on this thread. */
  readonly kernels?: Pick<ClusteringKernels, 'rowsToCluster'>;
  /** Called {@link CLUSTERINGS} times. */
  readonly onPass?: () => void;
}

/**
 * @returns the mean, 0 to 1, and its interval from the images (delete-one jackknife) and the seeds;
 *   0 where there are no images
 */
export function classAgreement(
  { features, labels, dim, classes }: AgreementSet,
  { seed, kernels, onPass }: AgreementOptions,
): Estimate {
  const n = labels.length;
  const rows = unitRows(features, n, dim);
  const found = Array.from({ length: CLUSTERINGS }, (_, index) => {
    const k = Math.min(classes, n);
    const own = { iterations: ITERATIONS, seed: seed + index };
    const options = kernels === undefined ? own : { ...own, kernels };
    const clusters = n === 0 ? new Int32Array(0) : kmeans(rows, n, dim, k, options).labels;
    onPass?.();
    return {
      nmi: normalizedMutualInformation(clusters, labels),
      variance: nmiVariance(clusters, labels),
    };
  });
  const mean = found.reduce((sum, { nmi }) => sum + nmi, 0) / CLUSTERINGS;
  const ofImages = found.reduce((sum, { variance }) => sum + variance, 0) / CLUSTERINGS;
  const ofSeeds = found.reduce((sum, { nmi }) => sum + (nmi - mean) ** 2, 0) / (CLUSTERINGS - 1);
  return { value: mean, interval: halfWidth(ofImages + ofSeeds / CLUSTERINGS) };
}

/** Centred, then each of length 1; one that is the mean stays zeros. */
function unitRows(features: Float32Array, n: number, dim: number): Float32Array {
  const means = new Float64Array(dim);
  for (let i = 0; i < features.length; i += 1) means[i % dim]! += features[i]! / n;
  const rows = new Float32Array(features.length);
  for (let begin = 0; begin < rows.length; begin += dim) {
    let squares = 0;
    for (let j = 0; j < dim; j += 1) squares += (features[begin + j]! - means[j]!) ** 2;
    const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let j = 0; j < dim; j += 1) rows[begin + j] = (features[begin + j]! - means[j]!) * scale;
  }
  return rows;
}
