/**
 * What ODC does to a random view after its crop and its mirror: a small turn, changes of colour, grey at random.
 * Source: spec of ODC, section 4, whose order this is. Pure, in place. Shapes: S side of a view; views are [S, S, 3] uint8.
 */
import type { Rng } from '../../math/rng.ts';
import {
  applyColourJitter,
  drawColourJitter,
  randomGrey,
  type ColourJitterOptions,
} from './colour.ts';
import { drawRotation, rotateView } from './rotation.ts';

/** Zeros leave the view as it is, to the bit. */
export interface AugmentationOptions {
  readonly rotationDegrees: number;
  readonly colourJitter: ColourJitterOptions;
  readonly greyProbability: number;
}

/**
 * Changes a view in place.
 * @param rng its state alone decides the draw; nine numbers are taken whatever the options, so that turning one change off
 * leaves the draws of the others as they were
 */
export function augmentView(
  view: Uint8Array,
  size: number,
  rng: Rng,
  options: AugmentationOptions,
): void {
  const degrees = drawRotation(rng, options.rotationDegrees);
  if (degrees !== 0) rotateView(view.slice(), size, degrees, view);
  applyColourJitter(view, drawColourJitter(rng, options.colourJitter));
  randomGrey(view, rng, options.greyProbability);
}
