/**
 * Raw pixels as features: what an evaluation is to beat. Views are averaged down to 32 px at most,
 * which is as much as kNN and linear classifiers of raw pixels make use of.
 * Shapes: n views of S x S, s the side that is left of S.
 */

/** s is the greatest side up to this one. */
const MOST_SIDE = 32;
const CHANNELS = 3;
const WHITE = 255;

/** Numbers of an image. */
export function pixelDim(size: number): number {
  return CHANNELS * Math.min(size, MOST_SIDE) ** 2;
}

/**
 * Each pixel is the mean over the area that it covers; those at its border count by their part.
 * @param pixels [n, S, S, 3] RGB
 * @returns [n, s, s, 3] float32, 0 to 1
 */
export function pixelFeatures(pixels: Uint8Array, count: number, size: number): Float32Array {
  const side = Math.min(size, MOST_SIDE);
  const bytes = CHANNELS * size * size;
  const features = new Float32Array(count * CHANNELS * side * side);
  const spans = spansOf(size, side);
  const rows = new Float64Array(side * size * CHANNELS);
  for (let i = 0; i < count; i += 1) {
    const view = pixels.subarray(i * bytes, (i + 1) * bytes);
    average(view, { outer: 1, inner: size * CHANNELS }, spans, rows);
    const into = features.subarray(i * pixelDim(size), (i + 1) * pixelDim(size));
    average(rows, { outer: side, inner: CHANNELS }, spans, into);
    for (let j = 0; j < into.length; j += 1) into[j] = into[j]! / WHITE;
  }
  return features;
}

/** What a pixel of the small side covers of the large one. */
interface Span {
  readonly begin: number;
  /** Parts of the mean, of `begin` and those that follow; their sum is 1. */
  readonly parts: readonly number[];
}

function spansOf(size: number, side: number): readonly Span[] {
  const scale = size / side;
  return Array.from({ length: side }, (_, at) => {
    const [from, to] = [at * scale, (at + 1) * scale];
    const begin = Math.floor(from);
    const parts: number[] = [];
    for (let pixel = begin; pixel < to; pixel += 1) {
      const part = Math.min(to, pixel + 1) - Math.max(from, pixel);
      if (pixel < size) parts.push(part / scale);
    }
    return { begin, parts };
  });
}

/** The middle dimension of [outer, S, inner] becomes [outer, s, inner]. */
function average(
  from: ArrayLike<number>,
  { outer, inner }: { readonly outer: number; readonly inner: number },
  spans: readonly Span[],
  into: Float64Array | Float32Array,
): void {
  const size = from.length / (outer * inner);
  let to = 0;
  for (let o = 0; o < outer; o += 1) {
    for (const { begin, parts } of spans) {
      for (let j = 0; j < inner; j += 1) {
        let sum = 0;
        for (let p = 0; p < parts.length; p += 1) {
          sum += parts[p]! * from[(o * size + begin + p) * inner + j]!;
        }
        into[to] = sum;
        to += 1;
      }
    }
  }
}
