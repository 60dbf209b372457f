/**
 * The two views of an image that DeepCluster trains on: a centre view to cluster by, a random view
 * to learn from. Source: Caron et al. 2018 (arXiv:1807.05520), section 3, and torchvision's rules
 * for Resize, CenterCrop and RandomResizedCrop. Pure: a view depends on the decoded pixels and the
 * draw, so every worker makes the same one. Shapes: S side of a view; views are [S, S, 3] uint8.
 * Normalisation belongs to the network (src/nn).
 */
import type { Rng } from '../../math/rng.ts';
import { resample, type AxisPlan, type RawImage } from './resample.ts';

/** A part of an image [px]. */
export interface Crop {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface RandomViewOptions {
  /** Area of the crop as a fraction of the image's, [low, high]. */
  readonly cropArea: readonly [number, number];
  /** Width by height of the crop, [low, high], drawn log-uniformly. */
  readonly cropAspect: readonly [number, number];
  readonly flipProbability: number;
}

/** Draws of area and aspect before the fallback to the centre: torchvision's constant. */
const CROP_ATTEMPTS = 10;

/** Shorter side that an image has before its centre is cropped [px]. */
export function centreShorterSide(size: number, resizeRatio: number): number {
  return Math.round(size * resizeRatio);
}

/**
 * Decoded images keep this multiple of the centre view's shorter side, so that random crops of
 * photos stay sharp.
 */
const OVERSAMPLING = 2;

/** Shorter side to which larger images are reduced while they are decoded [px]. */
export function decodedShorterSide(size: number, resizeRatio: number): number {
  return OVERSAMPLING * centreShorterSide(size, resizeRatio);
}

/**
 * Size of an image resized to a shorter side; the long side is cut to an integer, as in the
 * reference.
 */
export function resizedSize(
  width: number,
  height: number,
  shorterSide: number,
): { width: number; height: number } {
  return width <= height
    ? { width: shorterSide, height: Math.trunc((shorterSide * height) / width) }
    : { width: Math.trunc((shorterSide * width) / height), height: shorterSide };
}

/**
 * The deterministic view: shorter side to `size * resizeRatio`, then the centre.
 * @param resizeRatio at least 1
 * @param out receives [S, S, 3]
 */
export function centreView(
  image: RawImage,
  size: number,
  resizeRatio: number,
  out: Uint8Array = new Uint8Array(size * size * 3),
): Uint8Array {
  const resized = resizedSize(image.width, image.height, centreShorterSide(size, resizeRatio));
  resample(
    image,
    centreAxis(image.width, resized.width, size),
    centreAxis(image.height, resized.height, size),
    false,
    out,
  );
  return out;
}

/**
 * The random view: a crop resized to a square, mirrored with some probability.
 * @param rng its state alone decides the draw; at most 2 * 10 + 3 numbers are taken
 * @param out receives [S, S, 3]
 */
export function randomView(
  image: RawImage,
  size: number,
  rng: Rng,
  options: RandomViewOptions,
  out: Uint8Array = new Uint8Array(size * size * 3),
): Uint8Array {
  const crop = drawCrop(image.width, image.height, rng, options);
  const mirrored = rng.float() < options.flipProbability;
  resample(
    image,
    { begin: crop.left, length: crop.width, size, windowBegin: 0, windowSize: size },
    { begin: crop.top, length: crop.height, size, windowBegin: 0, windowSize: size },
    mirrored,
    out,
  );
  return out;
}

/**
 * Draws a crop: area uniform, aspect log-uniform, place uniform; where ten draws do not fit, the
 * largest centre crop within the aspect range.
 */
export function drawCrop(
  width: number,
  height: number,
  rng: Rng,
  options: Pick<RandomViewOptions, 'cropArea' | 'cropAspect'>,
): Crop {
  const [leastArea, mostArea] = options.cropArea;
  const [leastAspect, mostAspect] = options.cropAspect;
  for (let attempt = 0; attempt < CROP_ATTEMPTS; attempt++) {
    const area = width * height * between(rng, leastArea, mostArea);
    const aspect = Math.exp(between(rng, Math.log(leastAspect), Math.log(mostAspect)));
    const w = Math.round(Math.sqrt(area * aspect));
    const h = Math.round(Math.sqrt(area / aspect));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const top = rng.integer(height - h + 1);
    const left = rng.integer(width - w + 1);
    return { left, top, width: w, height: h };
  }
  return centreCrop(width, height, leastAspect, mostAspect);
}

/** The largest crop whose aspect is in range, in the middle. */
function centreCrop(width: number, height: number, leastAspect: number, mostAspect: number): Crop {
  const aspect = width / height;
  const w = aspect > mostAspect ? atLeastOne(height * mostAspect) : width;
  const h = aspect < leastAspect ? atLeastOne(width / leastAspect) : height;
  return { left: (width - w) >> 1, top: (height - h) >> 1, width: w, height: h };
}

/**
 * The middle `size` pixels of a whole axis resized to `resized`; half a pixel goes to the far side.
 */
function centreAxis(length: number, resized: number, size: number): AxisPlan {
  const windowBegin = Math.round((resized - size) / 2);
  return { begin: 0, length, size: resized, windowBegin, windowSize: size };
}

function between(rng: Rng, low: number, high: number): number {
  return low + (high - low) * rng.float();
}

function atLeastOne(length: number): number {
  return Math.max(1, Math.round(length));
}
