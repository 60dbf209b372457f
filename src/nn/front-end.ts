/**
 * From pixels to what the first convolution sees: normalised colours, or the frozen Sobel front end over their mean.
 * Source: DeepCluster (Caron et al. 2018), section 4: grey is the plain mean of the normalised channels, then two signed
 * 3x3 gradient maps. Zero padding lies on the normalised image, where zero is mid-grey. Plain loops, the same on each engine.
 * Shapes: B images of H x W; computed in float64, stored in float32.
 */

/** Of ImageNet's training images, by channel, on the scale 0 .. 1. */
const MEAN = [0.485, 0.456, 0.406] as const;
const STD = [0.229, 0.224, 0.225] as const;

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
  for (let b = 0; b < count; b += 1) {
    const grey = normalisedGrey(images.subarray(b * pixels * 3, (b + 1) * pixels * 3));
    sobelMaps(grey, size, size, output.subarray(b * pixels * 2, (b + 1) * pixels * 2));
  }
  return output;
}

/**
 * The two gradient maps of a grey image, by cross-correlation with zeros around it.
 * @param grey [H, W]
 * @param maps [H, W, 2], written: left minus right, upper minus lower
 */
export function sobelMaps(
  grey: Float64Array,
  height: number,
  width: number,
  maps: Float32Array,
): void {
  const stride = width + 2;
  const padded = new Float64Array((height + 2) * stride);
  for (let y = 0; y < height; y += 1) {
    padded.set(grey.subarray(y * width, (y + 1) * width), (y + 1) * stride + 1);
  }
  for (let y = 0, out = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, out += 2) {
      const above = y * stride + x;
      const here = above + stride;
      const below = here + stride;
      const diagonal = padded[above]! - padded[below + 2]!;
      const antidiagonal = padded[above + 2]! - padded[below]!;
      maps[out] = diagonal - antidiagonal + 2 * (padded[here]! - padded[here + 2]!);
      maps[out + 1] = diagonal + antidiagonal + 2 * (padded[above + 1]! - padded[below + 1]!);
    }
  }
}

/** Normalised value of each byte, by channel: [3][256]. */
const NORMALISED = MEAN.map((mean, channel) =>
  Float64Array.from({ length: 256 }, (_, byte) => (byte / 255 - mean) / STD[channel]!),
);

function normalisedGrey(pixels: Uint8Array): Float64Array {
  const [red, green, blue] = NORMALISED as [Float64Array, Float64Array, Float64Array];
  const grey = new Float64Array(pixels.length / 3);
  for (let i = 0, p = 0; i < grey.length; i += 1, p += 3) {
    grey[i] = (red[pixels[p]!]! + green[pixels[p + 1]!]! + blue[pixels[p + 2]!]!) / 3;
  }
  return grey;
}

function normalisedColours(pixels: Uint8Array): Float32Array {
  const output = new Float32Array(pixels.length);
  for (let p = 0; p < pixels.length; p += 1) output[p] = NORMALISED[p % 3]![pixels[p]!]!;
  return output;
}
