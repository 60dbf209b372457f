/** The plan of an epoch's training: which images are drawn in which order. How steps cut it is the coordinator's. */

export interface EpochPlan {
  readonly epoch: number;
  /** [draws] image ids. */
  readonly ids: Int32Array;
  /** [draws] how often the same image was drawn before in this epoch: each draw has a view of its own. */
  readonly occurrences: Int32Array;
  /** [N] pseudo-label of every image; -1 for images that could not be read. */
  readonly pseudoLabels: Int32Array;
}

/**
 * A plan with these draws.
 * @param pseudoLabels [N] as they are and, where steps change them, as they become: orders take them from here, step by step
 */
export function planOf(epoch: number, ids: Int32Array, pseudoLabels: Int32Array): EpochPlan {
  return { epoch, ids, occurrences: countOccurrences(ids, pseudoLabels.length), pseudoLabels };
}

/** The images that have a pseudo-label, in order. */
export function labelledIds(pseudoLabels: Int32Array): Int32Array {
  return Int32Array.from(pseudoLabels.keys()).filter((id) => pseudoLabels[id]! >= 0);
}

/** How often each drawn image was drawn before. */
function countOccurrences(ids: Int32Array, images: number): Int32Array {
  const drawn = new Int32Array(images);
  return ids.map((id) => {
    const earlier = drawn[id] ?? 0;
    drawn[id] = earlier + 1;
    return earlier;
  });
}
