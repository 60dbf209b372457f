/**
 * The queue of a step: the images drawn last before it, wherever its slices are computed. Its rows
 * are those of the sample memory. An epoch's draws are an artifact, so that every worker finds
 * every queue by itself.
 */
import { arrayOf } from '../../arrays/bundle.ts';
import type { NamedArrays } from '../../arrays/safetensors.ts';
import { protocolViolation } from '../../errors.ts';

/** Family of the artifacts' names. */
export const DRAWS_ARTIFACT = 'swav-draws';

export function drawsArtifact(epoch: number): string {
  return `${DRAWS_ARTIFACT}/${epoch}`;
}

/** Image ids in the order of their draws. */
export interface EpochDraws {
  /** The last ones of the epoch before, as many as a queue may hold. */
  readonly before: Int32Array;
  /** Of the epoch, each once. */
  readonly ids: Int32Array;
}

export function drawsToBundle({ before, ids }: EpochDraws): NamedArrays {
  return {
    before: { data: before, shape: [before.length] },
    ids: { data: ids, shape: [ids.length] },
  };
}

/** @throws TrainerError PROTOCOL_VIOLATION */
export function drawsFromBundle(bundle: NamedArrays): EpochDraws {
  return {
    before: arrayOf(bundle, 'before', Int32Array),
    ids: arrayOf(bundle, 'ids', Int32Array),
  };
}

/**
 * Where the step begins that an image is drawn in.
 * @param stepSize draws of a step
 * @returns its first draw
 * @throws TrainerError PROTOCOL_VIOLATION for an image that the epoch does not draw
 */
export function stepOf(image: number, { ids }: EpochDraws, stepSize: number): number {
  const place = ids.indexOf(image);
  if (place >= 0) return Math.floor(place / stepSize) * stepSize;
  const remedy = 'run the same release on every process';
  throw protocolViolation('image of a slice', 'one that its epoch draws', image, remedy);
}

/**
 * The images drawn last before a place in the epoch, each once.
 * @param length of the queue at the most
 * @returns the newest first
 */
export function queueBefore(
  { before, ids }: EpochDraws,
  place: number,
  length: number,
): Int32Array {
  const queue = new Set<number>();
  for (let i = place - 1; i >= -before.length && queue.size < length; i -= 1) {
    queue.add(i >= 0 ? ids[i]! : before.at(i)!);
  }
  return Int32Array.from(queue);
}
