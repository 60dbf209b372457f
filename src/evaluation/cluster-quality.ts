/**
 * How well clusters agree with classes that they were made without. Entropies in nats, sums in
 * float64. Sources: Hubert and Arabie 1985 (adjusted Rand index), Rosenberg and Hirschberg 2007
 * (homogeneity and completeness). Shapes: N images, K clusters, C classes.
 */
import { clusterEntropy, normalizedMutualInformation } from '../clustering/agreement.ts';
import { shapeMismatch } from '../errors.ts';
import { greatestAssignment } from './assignment.ts';

export interface ClusterQuality {
  /**
   * Normalised mutual information by the geometric mean of the entropies, as the paper and
   * summary.json have it.
   */
  readonly nmi: number;
  /** The same by the arithmetic mean: the V-measure. */
  readonly nmiArithmetic: number;
  /**
   * Adjusted Rand index: pairs that both put together or apart, less what chance gives; 0 by
   * chance, 1 if the same.
   */
  readonly ari: number;
  /**
   * Share of images that are right when each class is given one cluster of its own, in the best
   * way.
   */
  readonly accuracy: number;
  /**
   * Share of images that are of their cluster's most frequent class; rises with the number of
   * clusters.
   */
  readonly purity: number;
  /** 1 where each cluster has images of one class only. */
  readonly homogeneity: number;
  /** 1 where all images of a class lie in one cluster. */
  readonly completeness: number;
}

/**
 * Images without a cluster or a class, whose label is negative, do not count; without any other
 * all figures are 0. Where there is nothing to tell, the figures are scikit-learn's: homogeneity
 * is 1 if there is one class only, completeness if there is one cluster only, ARI if the two
 * partitions are the same.
 * @param clusters [N]
 * @param classes [N]
 * @throws TrainerError SHAPE_MISMATCH
 */
export function clusterQuality(clusters: Int32Array, classes: Int32Array): ClusterQuality {
  if (clusters.length !== classes.length) {
    throw shapeMismatch('classes of the images', [clusters.length], [classes.length]);
  }
  const table = contingencyOf(clusters, classes);
  const { count, cells, clusterCount: K, classCount: C, clusterSizes, classSizes } = table;
  if (count === 0) return NOTHING;
  const ofClusters = clusterEntropy(clusterSizes).nats;
  const ofClasses = clusterEntropy(classSizes).nats;
  const information = Math.max(0, ofClusters + ofClasses - clusterEntropy(cells).nats);
  const homogeneity = ofClasses === 0 ? 1 : Math.min(1, information / ofClasses);
  const completeness = ofClusters === 0 ? 1 : Math.min(1, information / ofClusters);
  const sum = homogeneity + completeness;
  const columnOf = greatestAssignment(cells, K, C);
  const matched = columnOf.reduce((n, at, row) => n + (at < 0 ? 0 : cells[row * C + at]!), 0);
  return {
    nmi: normalizedMutualInformation(clusters, classes),
    nmiArithmetic: sum === 0 ? 0 : (2 * homogeneity * completeness) / sum,
    ari: adjustedRandIndex(table),
    accuracy: matched / count,
    purity: majorities(table) / count,
    homogeneity,
    completeness,
  };
}

const NOTHING: ClusterQuality = {
  ...{ nmi: 0, nmiArithmetic: 0, ari: 0, accuracy: 0, purity: 0 },
  ...{ homogeneity: 0, completeness: 0 },
};

interface Contingency {
  /** Images that count. */
  readonly count: number;
  readonly clusterCount: number;
  readonly classCount: number;
  /** [K, C] images of each cluster that are of each class. */
  readonly cells: Int32Array;
  /** [K] */
  readonly clusterSizes: Int32Array;
  /** [C] */
  readonly classSizes: Int32Array;
}

function contingencyOf(clusters: Int32Array, classes: Int32Array): Contingency {
  const groups = (labels: Int32Array): number =>
    labels.reduce((most, label) => Math.max(most, label + 1), 0);
  const [clusterCount, classCount] = [groups(clusters), groups(classes)];
  const cells = new Int32Array(clusterCount * classCount);
  const clusterSizes = new Int32Array(clusterCount);
  const classSizes = new Int32Array(classCount);
  let count = 0;
  clusters.forEach((cluster, i) => {
    const own = classes[i]!;
    if (cluster < 0 || own < 0) return;
    cells[cluster * classCount + own]! += 1;
    clusterSizes[cluster]! += 1;
    classSizes[own]! += 1;
    count += 1;
  });
  return { count, clusterCount, classCount, cells, clusterSizes, classSizes };
}

function adjustedRandIndex({ count, cells, clusterSizes, classSizes }: Contingency): number {
  const pairs = (sizes: Int32Array): number =>
    sizes.reduce((sum, size) => sum + (size * (size - 1)) / 2, 0);
  const [both, ofClusters, ofClasses] = [pairs(cells), pairs(clusterSizes), pairs(classSizes)];
  // The same partition, of which that of a single image is one.
  if (both === ofClusters && both === ofClasses) return 1;
  const byChance = (ofClusters * ofClasses) / ((count * (count - 1)) / 2);
  return (both - byChance) / ((ofClusters + ofClasses) / 2 - byChance);
}

/** Images of the most frequent class of their cluster. */
function majorities({ cells, classCount, clusterCount }: Contingency): number {
  let total = 0;
  for (let cluster = 0; cluster < clusterCount; cluster += 1) {
    const row = cells.subarray(cluster * classCount, (cluster + 1) * classCount);
    total += row.reduce((most, size) => Math.max(most, size), 0);
  }
  return total;
}
