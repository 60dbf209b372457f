/**
 * Which labelled images an evaluation trains and tests on: drawn by class, so that both sides and a
 * capped selection hold the classes in the proportions of the whole.
 */
import { seededRng, shuffleInPlace } from '../math/rng.ts';

export interface SplitOptions {
  /** [N] class of every image; negative where there is none, which is in neither part. */
  readonly labels: Int32Array;
  /** Part of the images to test on, 0 to 1. */
  readonly testFraction: number;
  /** Images of both parts together, at most. */
  readonly maxImages: number;
  readonly seed: number;
}

export interface Split {
  /** Image ids, ascending. */
  readonly train: Int32Array;
  readonly test: Int32Array;
}

/**
 * Classes of two images or more have at least one on each side, as far as `maxImages` leaves room
 * for two of each; a class of one is trained on only. The same labels and seed give the same split.
 */
export function stratifiedSplit({ labels, testFraction, maxImages, seed }: SplitOptions): Split {
  const rng = seededRng(seed, 'evaluation split');
  const classes = membersByClass(labels);
  for (const members of classes) shuffleInPlace(members, rng);
  const ranking = Int32Array.from(classes.keys());
  shuffleInPlace(ranking, rng);
  const quotas = classQuotas(
    classes.map((members) => members.length),
    ranking,
    maxImages,
  );
  const train: number[] = [];
  const test: number[] = [];
  classes.forEach((members, c) => {
    const chosen = members.slice(0, quotas[c]);
    const held = heldOut(chosen.length, testFraction);
    for (const id of chosen.slice(0, held)) test.push(id);
    for (const id of chosen.slice(held)) train.push(id);
  });
  return { train: Int32Array.from(train).sort(), test: Int32Array.from(test).sort() };
}

function heldOut(count: number, testFraction: number): number {
  if (count < 2) return 0;
  return Math.min(count - 1, Math.max(1, Math.round(testFraction * count)));
}

/**
 * Images to take of each class: all where the cap allows it; otherwise two of each, and the rest in
 * proportion by Webster's method, which gives the i-th image of a class of n its turn at (i + 1/2)
 * / n.
 * @param ranking the classes in the order in which they come to their two, where the cap is short
 *   of even that
 */
function classQuotas(sizes: readonly number[], ranking: Int32Array, maxImages: number): Int32Array {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total <= maxImages) return Int32Array.from(sizes);
  const owners = new Int32Array(total);
  const turns = new Float64Array(total);
  let seat = 0;
  ranking.forEach((c, rank) => {
    for (let i = 0; i < sizes[c]!; i += 1) {
      owners[seat] = c;
      turns[seat] = i < 2 ? rank - ranking.length : (i + 0.5) / sizes[c]!;
      seat += 1;
    }
  });
  const order = Int32Array.from(owners.keys()).sort((a, b) => turns[a]! - turns[b]! || a - b);
  const quotas = new Int32Array(sizes.length);
  for (const taken of order.subarray(0, maxImages)) quotas[owners[taken]!]! += 1;
  return quotas;
}

/** @returns by class the ids with that label, ascending; those without a class are left out */
export function membersByClass(labels: Int32Array): number[][] {
  const classes: number[][] = [];
  labels.forEach((label, id) => {
    if (label < 0) return;
    while (classes.length <= label) classes.push([]);
    classes[label]!.push(id);
  });
  return classes;
}
