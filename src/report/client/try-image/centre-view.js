/**
 * The view of an image that the trainer clusters by: large images reduced as they are decoded, the
 * shorter side resized, the centre cropped (src/data/pixels/views.ts). No document here.
 */
import { resample } from './resample.js';

/** @typedef {import('./resample.js').RawImage} RawImage */

/**
 * @typedef {object} ViewSizes [px]
 * @property {number} imageSize side of the view
 * @property {number} shorterSide before the centre is cropped
 * @property {number} decodedShorterSide to which larger images are reduced before
 */

/**
 * @param {RawImage} image
 * @param {ViewSizes} sizes
 * @returns {Uint8Array} [imageSize, imageSize, 3]
 */
export function centreView(image, { imageSize, shorterSide, decodedShorterSide }) {
  const reduced = reducedTo(image, decodedShorterSide);
  const { width, height } = resizedSize(reduced, shorterSide);
  const x = centreAxis(reduced.width, width, imageSize);
  const y = centreAxis(reduced.height, height, imageSize);
  return resample(reduced, x, y).data;
}

/**
 * The whole image with this shorter side, unless it is smaller; sizes are those of sharp's resize
 * to the outside of a square.
 * @param {RawImage} image
 * @param {number} side
 */
export function reducedTo(image, side) {
  const ratio = Math.min(image.width, image.height) / side;
  if (ratio <= 1) return image;
  const [width, height] = [Math.round(image.width / ratio), Math.round(image.height / ratio)];
  return resample(image, wholeAxis(image.width, width), wholeAxis(image.height, height));
}

/**
 * The long side is cut to an integer.
 * @param {{ readonly width: number, readonly height: number }} image
 * @param {number} side the shorter one
 */
function resizedSize({ width, height }, side) {
  return width <= height
    ? { width: side, height: Math.trunc((side * height) / width) }
    : { width: Math.trunc((side * width) / height), height: side };
}

/**
 * The middle of a whole axis; half a pixel goes to the far side.
 * @param {number} length
 * @param {number} size
 * @param {number} windowSize
 */
function centreAxis(length, size, windowSize) {
  return { length, size, windowBegin: Math.round((size - windowSize) / 2), windowSize };
}

/** @param {number} length @param {number} size */
function wholeAxis(length, size) {
  return { length, size, windowBegin: 0, windowSize: size };
}
