/** How pure a cluster is. */
import type { ImageSource } from '../../data/source/source.ts';

export interface Majority {
  /** Index among the classes. */
  readonly label: number;
  readonly name: string;
  /** Of the images, 0 to 1. */
  readonly share: number;
}

/**
 * The most frequent class of some images and its share; of equally frequent ones the first. Null
 * without truth.
 */
export function majorityOf(ids: ArrayLike<number>, truth: ImageSource['truth']): Majority | null {
  if (truth === null || ids.length === 0) return null;
  const counts = new Uint32Array(truth.names.length);
  for (const id of Array.from(ids)) counts[truth.labels[id]!]! += 1;
  const label = counts.reduce((best, count, i) => (count > counts[best]! ? i : best), 0);
  return { label, name: truth.names[label]!, share: counts[label]! / ids.length };
}
