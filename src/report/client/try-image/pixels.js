/**
 * An image file as the pixels that the trainer's decoder makes of it: EXIF orientation applied,
 * profiles ignored, transparency on mid-grey.
 */

/** @typedef {import('./resample.js').RawImage} RawImage */

const BACKGROUND = '#808080';

/**
 * @param {Blob} file
 * @returns {Promise<RawImage>}
 * @throws {Error} for bytes that the browser cannot decode
 */
export async function decodePixels(file) {
  const bitmap = await createImageBitmap(file, {
    imageOrientation: 'from-image',
    colorSpaceConversion: 'none',
  });
  const { width, height } = bitmap;
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('no canvas of its size');
  context.fillStyle = BACKGROUND;
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { data: coloursOf(context.getImageData(0, 0, width, height).data), width, height };
}

/**
 * Without the fourth channel.
 * @param {Uint8ClampedArray} pixels RGBA
 * @returns {Uint8Array} RGB
 */
function coloursOf(pixels) {
  const colours = new Uint8Array((pixels.length / 4) * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
    colours[to] = pixels[from];
    colours[to + 1] = pixels[from + 1];
    colours[to + 2] = pixels[from + 2];
  }
  return colours;
}

/**
 * The view as the network sees it.
 * @param {Uint8Array} view [size, size, 3]
 * @param {number} size
 */
export function pictureOf(view, size) {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: size, height: size });
  const image = new ImageData(size, size);
  for (let from = 0, to = 0; from < view.length; from += 3, to += 4) {
    image.data.set([view[from], view[from + 1], view[from + 2], 255], to);
  }
  canvas.getContext('2d')?.putImageData(image, 0, 0);
  return canvas;
}
