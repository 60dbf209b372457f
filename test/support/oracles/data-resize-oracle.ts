/** Brute force for src/data/pixels/resample.ts: the antialiased triangle filter in two dimensions at once, in float64. */
import type { RawImage } from '../../../src/data/pixels/resample.ts';

interface Part {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Resizes a part of an image to [h, w, 3], unrounded. */
export function naiveResize(image: RawImage, part: Part, w: number, h: number): Float64Array {
  const out = new Float64Array(w * h * 3);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let total = 0;
      const sums = [0, 0, 0];
      for (let sy = 0; sy < part.height; sy++) {
        for (let sx = 0; sx < part.width; sx++) {
          const weight = triangle(sx, x, part.width / w) * triangle(sy, y, part.height / h);
          total += weight;
          const pixel = ((part.top + sy) * image.width + part.left + sx) * 3;
          for (let c = 0; c < 3; c++) sums[c]! += weight * image.data[pixel + c]!;
        }
      }
      for (let c = 0; c < 3; c++) out[(y * w + x) * 3 + c] = sums[c]! / total;
    }
  }
  return out;
}

/** Weight of a source pixel in an output pixel, by the distance of their centres. */
function triangle(source: number, target: number, scale: number): number {
  const distance = Math.abs(source + 0.5 - (target + 0.5) * scale) / Math.max(scale, 1);
  return Math.max(0, 1 - distance);
}
