/**
 * How far two labellings of the same images agree, and how evenly clusters are filled: the figures that tell a healthy run
 * from a collapsed one. Sources: Caron et al. 2018, section 4.1 (NMI by the geometric mean); spec of DeepCluster, section 8.2.
 * Entropies are in nats, summed in float64.
 */
import { shapeMismatch } from '../errors.ts';

/**
 * I(A; B) / sqrt(H(A) H(B)) over the images labelled in both. It is not corrected for chance: with many clusters, labellings
 * that have nothing to do with each other score above 0.
 * Without entropy the ratio is 0 / 0: two labellings of a single group each agree (1); where only one of them is a single
 * group it tells nothing about the other (0); and 0 where no image is labelled in both.
 * @param a [N] labels from 0; negative where there is none
 * @param b [N] likewise
 * @returns 0 to 1
 * @throws TrainerError SHAPE_MISMATCH
 */
export function normalizedMutualInformation(a: Int32Array, b: Int32Array): number {
  if (a.length !== b.length) throw shapeMismatch('second labelling', [a.length], [b.length]);
  const shared = a.map((label, i) => (b[i]! < 0 ? -1 : label));
  const sizesA = clusterSizes(shared, groupsOf(shared));
  const sizesB = clusterSizes(
    b.map((label, i) => (shared[i]! < 0 ? -1 : label)),
    groupsOf(b),
  );
  const count = totalOf(sizesA);
  if (count === 0) return 0;
  const entropyA = clusterEntropy(sizesA).nats;
  const entropyB = clusterEntropy(sizesB).nats;
  if (entropyA === 0 && entropyB === 0) return 1;
  if (entropyA === 0 || entropyB === 0) return 0;
  let information = 0;
  forEachOverlap(shared, b, sizesA, sizesB.length, (groupA, groupB, overlap) => {
    const independent = (sizesA[groupA]! * sizesB[groupB]!) / count;
    information += (overlap / count) * Math.log(overlap / independent);
  });
  return Math.min(1, Math.max(0, information / Math.sqrt(entropyA * entropyB)));
}

/**
 * @param labels [N] below `k`; negative ones are not counted
 * @returns [K] images in each cluster
 */
export function clusterSizes(labels: Int32Array, k: number): Int32Array {
  const sizes = new Int32Array(k);
  for (const label of labels) if (label >= 0) sizes[label]! += 1;
  return sizes;
}

export interface ClusterEntropy {
  readonly nats: number;
  /** Share of ln K: 1 for clusters of one size, 0 for a single filled one, or where K is 1. */
  readonly normalised: number;
}

/** @param sizes [K]; without any image the entropy is 0 */
export function clusterEntropy(sizes: Int32Array): ClusterEntropy {
  const total = totalOf(sizes);
  let nats = 0;
  for (const size of sizes) if (size > 0) nats += (size / total) * Math.log(total / size);
  return { nats, normalised: sizes.length > 1 ? nats / Math.log(sizes.length) : 0 };
}

/**
 * Visits the non-empty cells of the contingency table, row by row: the table itself, of K x K cells, would not fit where K is
 * 10,000.
 */
function forEachOverlap(
  a: Int32Array,
  b: Int32Array,
  sizesA: Int32Array,
  groupsB: number,
  visit: (groupA: number, groupB: number, overlap: number) => void,
): void {
  const rows = Array.from(sizesA, (size) => new Int32Array(size));
  const filled = new Int32Array(sizesA.length);
  a.forEach((groupA, i) => {
    if (groupA < 0) return;
    rows[groupA]![filled[groupA]!] = b[i]!;
    filled[groupA]! += 1;
  });
  const overlaps = new Int32Array(groupsB);
  rows.forEach((row, groupA) => {
    for (const groupB of row) overlaps[groupB]! += 1;
    for (const groupB of row) {
      const overlap = overlaps[groupB]!;
      if (overlap === 0) continue;
      visit(groupA, groupB, overlap);
      overlaps[groupB] = 0;
    }
  });
}

function groupsOf(labels: Int32Array): number {
  return labels.reduce((most, label) => Math.max(most, label + 1), 0);
}

function totalOf(sizes: Int32Array): number {
  return sizes.reduce((total, size) => total + size, 0);
}
