/** Random views by the draws of an epoch, one or several of each. Shapes: n draws. */

/** Which views: a row each. */
export interface Draws {
  /** [n] image ids. */
  readonly ids: Int32Array;
  /** [n] how often each was drawn before in this epoch. */
  readonly occurrences: Int32Array;
}

/** Random views of one size and area in place of the configured ones. */
export interface SmallCrop {
  /** Side of a view [px]. */
  readonly size: number;
  /** Area of the crop as a fraction of the image, [low, high]. */
  readonly area: readonly [number, number];
}

/** The views of these draws: the crops of an image one behind the other, each a view of its own. */
export function drawnViews({ ids, occurrences }: Draws, crops: number): Draws {
  if (crops === 1) return { ids, occurrences };
  const views = ids.length * crops;
  const drawOf = (view: number): number => Math.floor(view / crops);
  return {
    ids: Int32Array.from({ length: views }, (_, view) => ids[drawOf(view)]!),
    occurrences: Int32Array.from(
      { length: views },
      (_, view) => occurrences[drawOf(view)]! * crops + (view % crops),
    ),
  };
}
