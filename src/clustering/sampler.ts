/**
 * Which images an epoch trains on, in which order: every non-empty cluster is drawn equally often, so that a few large
 * clusters do not become the whole task. Sources: Caron et al. 2018, section 3.3; spec of DeepCluster, section 6.
 *
 * The training target is the cluster's own id. The released code numbers the non-empty clusters anew, without gaps; the head
 * has K outputs with weights drawn alike either way, and as many outputs as there are empty clusters are never targets, so
 * nothing is gained by it, while ids that stay can be looked up among centroids, sizes and checkpoints.
 */
import { shuffleInPlace, type Rng } from '../math/rng.ts';

export interface EpochDraw {
  /** [N] pseudo-label of every image, below `k`; -1 for images without a feature, which are never drawn. */
  readonly labels: Int32Array;
  readonly k: number;
  /** Draws of the epoch. */
  readonly length: number;
  readonly rng: Rng;
  /**
   * `uniform`: as above. `reference`: as the released code draws. Its sampler yields images, numbered by rank among the
   * labelled ones, but its loader takes the number for a position in the list of images sorted by cluster. So the image drawn
   * is the one at that position: it keeps its own label, and cluster c is drawn as often as the images whose ranks are c's
   * positions should be. Where ids tell nothing about clusters, that is by size.
   */
  readonly mode: 'uniform' | 'reference';
}

/**
 * Each of the m non-empty clusters gives s = floor(length / m) + 1 images, drawn with replacement where it holds no more than
 * s; all are shuffled, and the surplus is cut off.
 * @returns [length] image ids; empty where no image is labelled
 */
export function drawEpochSamples({ labels, k, length, rng, mode }: EpochDraw): Int32Array {
  const clusters = membersByCluster(labels, k).filter((members) => members.length > 0);
  if (clusters.length === 0) return new Int32Array(0);
  const share = Math.floor(length / clusters.length) + 1;
  const draws = new Int32Array(clusters.length * share);
  clusters.forEach((members, i) => {
    draws.set(drawFrom(members, share, rng), i * share);
  });
  shuffleInPlace(draws, rng);
  const kept = draws.slice(0, length);
  return mode === 'uniform' ? kept : takenForPositions(kept, labels, clusters);
}

/** Ids of each cluster's images, ascending. */
function membersByCluster(labels: Int32Array, k: number): Int32Array[] {
  const sizes = new Int32Array(k);
  for (const label of labels) if (label >= 0) sizes[label]! += 1;
  const clusters = Array.from(sizes, (size) => new Int32Array(size));
  const filled = new Int32Array(k);
  labels.forEach((label, id) => {
    if (label < 0) return;
    clusters[label]![filled[label]!] = id;
    filled[label]! += 1;
  });
  return clusters;
}

/** `count` of the members; each at most once where there are more than `count`. */
function drawFrom(members: Int32Array, count: number, rng: Rng): Int32Array {
  const size = members.length;
  if (size <= count) return new Int32Array(count).map(() => members[rng.integer(size)]!);
  const pool = members.slice();
  for (let i = 0; i < count; i += 1) {
    const j = i + rng.integer(size - i);
    const drawn = pool[j]!;
    pool[j] = pool[i]!;
    pool[i] = drawn;
  }
  return pool.subarray(0, count);
}

/** The images at the positions that the drawn images' ranks name, in the list sorted by cluster and then by id. */
function takenForPositions(
  ids: Int32Array,
  labels: Int32Array,
  clusters: readonly Int32Array[],
): Int32Array {
  const ranks = new Int32Array(labels.length);
  let labelled = 0;
  labels.forEach((label, id) => {
    if (label < 0) return;
    ranks[id] = labelled;
    labelled += 1;
  });
  const sorted = new Int32Array(labelled);
  let position = 0;
  for (const members of clusters) {
    sorted.set(members, position);
    position += members.length;
  }
  return ids.map((id) => sorted[ranks[id]!]!);
}
