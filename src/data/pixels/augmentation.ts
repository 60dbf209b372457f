/**
 * What happens to a random view after its crop and its mirror: a small turn, changes of colour,
 * grey and blur at random. Sources: spec of ODC, section 4, whose order this is; Chen et al. 2020
 * (arXiv:2002.05709), appendix A, for the blur and the probability of the jitter. Pure, in place.
 * Shapes: S side of a view; views are [S, S, 3] uint8.
 */
import type { Rng } from '../../math/rng.ts';
import { blurView } from './blur.ts';
import {
  applyColourJitter,
  drawColourJitter,
  makeGrey,
  type ColourJitterOptions,
} from './colour.ts';
import { drawRotation, rotateView } from './rotation.ts';

/** Zeros leave the view as it is, to the bit. */
export interface AugmentationOptions {
  readonly rotationDegrees: number;
  readonly colourJitter: ColourJitterOptions;
  readonly greyProbability: number;
  /** Of any change of colour; left out: 1. */
  readonly colourJitterProbability?: number;
  /** Left out: 0. */
  readonly blurProbability?: number;
}

/** Standard deviations of the blur are uniform between these, of a view of 224 px [px]. */
const BLUR = { least: 0.1, most: 2, of: 224 };

/**
 * Changes a view in place.
 * @param rng its state alone decides the draw; twelve numbers are taken whatever the options, so
 * that turning one change off leaves the draws of the others as they were
 */
export function augmentView(
  view: Uint8Array,
  size: number,
  rng: Rng,
  options: AugmentationOptions,
): void {
  const degrees = drawRotation(rng, options.rotationDegrees);
  const jitter = drawColourJitter(rng, options.colourJitter);
  const isGrey = rng.float() < options.greyProbability;
  const isJittered = rng.float() < (options.colourJitterProbability ?? 1);
  const isBlurred = rng.float() < (options.blurProbability ?? 0);
  const deviation = BLUR.least + (BLUR.most - BLUR.least) * rng.float();
  if (degrees !== 0) rotateView(view.slice(), size, degrees, view);
  if (isJittered) applyColourJitter(view, jitter);
  if (isGrey) makeGrey(view);
  if (isBlurred) blurView(view, size, (deviation * size) / BLUR.of);
}
