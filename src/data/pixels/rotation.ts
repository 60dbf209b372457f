/**
 * Small turns of a view about its centre, nearest pixel, corners black.
 * Sources: spec of ODC, section 4; the definition of torchvision's RandomRotation on 8-bit images, and that of Pillow that it
 * rests on: coordinates in steps of 1/65536. Pure. Shapes: S side of a view; views are [S, S, 3] uint8.
 */
import type { Rng } from '../../math/rng.ts';

/** Fixed-point steps in a pixel. */
const ONE = 2 ** 16;

/** An angle uniform on [-range, range] degrees. */
export function drawRotation(rng: Rng, range: number): number {
  return range * (2 * rng.float() - 1);
}

/**
 * @param degrees counter-clockwise, -45 to 45
 * @param out receives [S, S, 3], another array than `pixels`
 */
export function rotateView(
  pixels: Uint8Array,
  size: number,
  degrees: number,
  out: Uint8Array,
): void {
  const angle = (-degrees * Math.PI) / 180;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  // The centre of out's first pixel, in the image: the turn about the centre, and half a pixel on both axes.
  const middle = size / 2;
  const left = (0.5 - middle) * cos + (0.5 - middle) * sin + middle;
  const top = (middle - 0.5) * sin + (0.5 - middle) * cos + middle;
  const stepCos = toFixed(cos);
  const stepSin = toFixed(sin);
  const stepMinusSin = toFixed(-sin);
  let rowX = toFixed(left);
  let rowY = toFixed(top);
  let at = 0;
  for (let y = 0; y < size; y += 1) {
    let fromX = rowX;
    let fromY = rowY;
    for (let x = 0; x < size; x += 1) {
      const column = fromX >> 16;
      const row = fromY >> 16;
      const isInside = column >= 0 && column < size && row >= 0 && row < size;
      const from = 3 * (row * size + column);
      out[at] = isInside ? pixels[from]! : 0;
      out[at + 1] = isInside ? pixels[from + 1]! : 0;
      out[at + 2] = isInside ? pixels[from + 2]! : 0;
      at += 3;
      fromX += stepCos;
      fromY += stepMinusSin;
    }
    rowX += stepSin;
    rowY += stepCos;
  }
}

function toFixed(value: number): number {
  return Math.floor(value * ONE + 0.5);
}
