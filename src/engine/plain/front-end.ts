/**
 * From pixels to what the first convolution sees: normalised colours, or the frozen Sobel front end
 * over their mean. Source: DeepCluster (Caron et al. 2018), section 4: grey is the plain mean of
 * the normalised channels, then two signed 3x3 gradient maps. Zero padding lies on the normalised
 * image, where zero is mid-grey. Plain loops, the same on each engine. Shapes: B images of H x W;
 * computed in float64, stored in float32.
 */

/** Of ImageNet's training images, by channel, on the scale 0 .. 1. */
export const MEAN = [0.485, 0.456, 0.406] as const;
export const STD = [0.229, 0.224, 0.225] as const;

/**
 * @param images [B, H, W, 3] RGB
 * @returns [B, H, W, 3] normalised, or [B, H, W, 2] gradients along x and y with `sobel`
 */
export function networkInput(
  images: Uint8Array,
  count: number,
  size: number,
  sobel: boolean,
): Float32Array {
  const pixels = size * size;
  if (!sobel) return normalisedColours(images.subarray(0, count * pixels * 3));
  const output = new Float32Array(count * pixels * 2);
  // One image at a time, with a row and a column of zeros on each side; the zeros stay from image
  // to image.
  const padded = new Float64Array((size + 2) ** 2);
  for (let b = 0; b < count; b += 1) {
    greyWithin(padded, images.subarray(b * pixels * 3, (b + 1) * pixels * 3), size);
    sobelMaps(padded, size, size, output.subarray(b * pixels * 2, (b + 1) * pixels * 2));
  }
  return output;
}

/**
 * The two gradient maps of a grey image, by cross-correlation.
 * @param padded [H + 2, W + 2], zeros around the image
 * @param maps [H, W, 2], written: left minus right, upper minus lower
 */
export function sobelMaps(
  padded: Float64Array,
  height: number,
  width: number,
  maps: Float32Array,
): void {
  const stride = width + 2;
  for (let y = 0, out = 0; y < height; y += 1) {
    const above = y * stride;
    const here = above + stride;
    const below = here + stride;
    // The columns left of the pixel and under it; the one to its right is read once and moves on.
    let [a0, a1] = [padded[above]!, padded[above + 1]!];
    let [h0, h1] = [padded[here]!, padded[here + 1]!];
    let [b0, b1] = [padded[below]!, padded[below + 1]!];
    for (let x = 2; x < stride; x += 1, out += 2) {
      const a2 = padded[above + x]!;
      const h2 = padded[here + x]!;
      const b2 = padded[below + x]!;
      const diagonal = a0 - b2;
      const antidiagonal = a2 - b0;
      maps[out] = diagonal - antidiagonal + 2 * (h0 - h2);
      maps[out + 1] = diagonal + antidiagonal + 2 * (a1 - b1);
      [a0, a1, h0, h1, b0, b1] = [a1, a2, h1, h2, b1, b2];
    }
  }
}

/** Normalised value of each byte, by channel: [3][256]. */
const NORMALISED = MEAN.map((mean, channel) =>
  Float64Array.from({ length: 256 }, (_, byte) => (byte / 255 - mean) / STD[channel]!),
);

/**
 * Writes the mean of the normalised channels into the middle of `padded`.
 * @param pixels [S, S, 3]
 */
function greyWithin(padded: Float64Array, pixels: Uint8Array, size: number): void {
  const [red, green, blue] = NORMALISED as [Float64Array, Float64Array, Float64Array];
  for (let y = 0, p = 0; y < size; y += 1) {
    const begin = (y + 1) * (size + 2) + 1;
    for (let i = begin; i < begin + size; i += 1, p += 3) {
      padded[i] = (red[pixels[p]!]! + green[pixels[p + 1]!]! + blue[pixels[p + 2]!]!) / 3;
    }
  }
}

function normalisedColours(pixels: Uint8Array): Float32Array {
  const [red, green, blue] = NORMALISED as [Float64Array, Float64Array, Float64Array];
  const output = new Float32Array(pixels.length);
  for (let p = 0; p < pixels.length; p += 3) {
    output[p] = red[pixels[p]!]!;
    output[p + 1] = green[pixels[p + 1]!]!;
    output[p + 2] = blue[pixels[p + 2]!]!;
  }
  return output;
}
