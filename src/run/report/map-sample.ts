/** Which of many stand on a map. */
import { seededRng } from '../../math/rng.ts';

/**
 * At most `count` of the items, every choice equally likely, in their order; the same for a seed.
 */
export function sampleWithout(items: readonly number[], count: number, seed: number): number[] {
  if (items.length <= count) return [...items];
  const random = seededRng(seed, 'report sample');
  const places = Int32Array.from(items.keys());
  // The first steps of Fisher-Yates.
  for (let i = 0; i < count; i += 1) {
    const other = i + random.integer(items.length - i);
    [places[i], places[other]] = [places[other]!, places[i]!];
  }
  return Array.from(places.subarray(0, count).sort(), (place) => items[place]!);
}
