/**
 * Bilinear resizing with antialiasing: a separable triangle filter that widens with the reduction, in integer arithmetic.
 * The rule and the rounding are those of Pillow's `resize(..., BILINEAR)` on 8-bit images, which the reference trains on;
 * integers make the result the same on every worker, to the bit. Leaves the choice of crop and size to views.ts.
 * Shapes: images are [H, W, 3] uint8, row-major.
 */

/** A decoded image: sRGB, 8 bits. */
export interface RawImage {
  /** [height, width, 3]; read only once decoded, since caches share it. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** One axis of a resize: `length` source pixels from `begin` become `size`, of which `window` are wanted. */
export interface AxisPlan {
  readonly begin: number;
  readonly length: number;
  readonly size: number;
  /** First wanted output pixel, and how many. */
  readonly windowBegin: number;
  readonly windowSize: number;
}

/** Fixed-point weights have this many fraction bits: 255 * 2^22 still fits 31 bits. */
const WEIGHT_BITS = 22;
const HALF = 1 << (WEIGHT_BITS - 1);

interface Taps {
  /** Source pixel of the first tap, by output pixel. */
  readonly first: Int32Array;
  /** Taps in use, by output pixel. */
  readonly count: Int32Array;
  /** [window, stride] fixed-point weights; each row sums to about 2^22. */
  readonly weights: Int32Array;
  readonly stride: number;
}

/**
 * Resizes a part of an image, and keeps a window of the outcome.
 * @param mirrored writes each row from right to left
 * @param out receives [y.windowSize, x.windowSize, 3]
 */
export function resample(
  image: RawImage,
  x: AxisPlan,
  y: AxisPlan,
  mirrored: boolean,
  out: Uint8Array,
): void {
  const horizontal = planTaps(x);
  const vertical = planTaps(y);
  const last = y.windowSize - 1;
  const firstRow = vertical.first[0]!;
  const rows = vertical.first[last]! + vertical.count[last]! - firstRow;
  const narrowed = narrowRows(image, horizontal, firstRow, rows, mirrored);
  shortenColumns(narrowed, x.windowSize, vertical, firstRow, out);
}

/** Horizontal pass over the rows that the vertical pass will read: [rows, window, 3]. */
function narrowRows(
  image: RawImage,
  taps: Taps,
  firstRow: number,
  rows: number,
  mirrored: boolean,
): Uint8Array {
  const { data, width } = image;
  const { first, count, weights, stride } = taps;
  const size = first.length;
  const out = new Uint8Array(rows * size * 3);
  for (let row = 0; row < rows; row++) {
    const source = (firstRow + row) * width;
    for (let i = 0; i < size; i++) {
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      let pixel = (source + first[i]!) * 3;
      const end = i * stride + count[i]!;
      for (let t = i * stride; t < end; t++) {
        const weight = weights[t]!;
        red += Math.imul(weight, data[pixel]!);
        green += Math.imul(weight, data[pixel + 1]!);
        blue += Math.imul(weight, data[pixel + 2]!);
        pixel += 3;
      }
      const target = (row * size + (mirrored ? size - 1 - i : i)) * 3;
      out[target] = toByte(red);
      out[target + 1] = toByte(green);
      out[target + 2] = toByte(blue);
    }
  }
  return out;
}

/** Vertical pass: channels need no telling apart, a row is just 3 * width numbers, each the sum of its taps. */
function shortenColumns(
  rows: Uint8Array,
  width: number,
  taps: Taps,
  firstRow: number,
  out: Uint8Array,
): void {
  const { first, count, weights, stride } = taps;
  const length = width * 3;
  for (let i = 0; i < first.length; i++) {
    const source = (first[i]! - firstRow) * length;
    const own = weights.subarray(i * stride, i * stride + count[i]!);
    const target = out.subarray(i * length, (i + 1) * length);
    if (own.length <= 4) addUpFour(rows, source, own, target);
    else addUp(rows, source, own, target);
  }
}

/** Four taps at the most, as of any reduction to no less than half: sums stay in registers. */
function addUpFour(rows: Uint8Array, source: number, weights: Int32Array, out: Uint8Array): void {
  const { length } = out;
  const w0 = weights[0]!;
  const w1 = weights[1] ?? 0;
  const w2 = weights[2] ?? 0;
  const w3 = weights[3] ?? 0;
  // A tap of no weight may be any row.
  const r0 = source;
  const r1 = weights.length > 1 ? r0 + length : r0;
  const r2 = weights.length > 2 ? r1 + length : r0;
  const r3 = weights.length > 3 ? r2 + length : r0;
  for (let j = 0; j < length; j++) {
    const near = Math.imul(w0, rows[r0 + j]!) + Math.imul(w1, rows[r1 + j]!);
    const far = Math.imul(w2, rows[r2 + j]!) + Math.imul(w3, rows[r3 + j]!);
    out[j] = toByte((HALF + near + far) | 0);
  }
}

/** Any number of taps, one after the other over the whole row. */
function addUp(rows: Uint8Array, source: number, weights: Int32Array, out: Uint8Array): void {
  const { length } = out;
  const sums = new Int32Array(length).fill(HALF);
  weights.forEach((weight, t) => {
    const from = source + t * length;
    for (let j = 0; j < length; j++) sums[j]! += Math.imul(weight, rows[from + j]!);
  });
  for (let j = 0; j < length; j++) out[j] = toByte(sums[j]!);
}

/** Weights are never negative, so a sum can only pass 255 by the rounding of its weights. */
function toByte(sum: number): number {
  const value = sum >> WEIGHT_BITS;
  return value > 255 ? 255 : value;
}

/** Triangle weights around each output pixel's centre, cut at the edges of the source part and summing to one. */
function planTaps(axis: AxisPlan): Taps {
  const { begin, length, size, windowBegin, windowSize } = axis;
  const scale = length / size;
  const support = Math.max(scale, 1);
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(windowSize);
  const count = new Int32Array(windowSize);
  const weights = new Int32Array(windowSize * stride);
  const exact = new Float64Array(stride);
  for (let i = 0; i < windowSize; i++) {
    const centre = (windowBegin + i + 0.5) * scale;
    const low = Math.max(Math.trunc(centre - support + 0.5), 0);
    const high = Math.min(Math.trunc(centre + support + 0.5), length);
    let sum = 0;
    for (let t = 0; t < high - low; t++) {
      exact[t] = Math.max(1 - Math.abs((low + t - centre + 0.5) / support), 0);
      sum += exact[t]!;
    }
    for (let t = 0; t < high - low; t++) {
      weights[i * stride + t] = Math.trunc(0.5 + (exact[t]! / sum) * (1 << WEIGHT_BITS));
    }
    first[i] = begin + low;
    count[i] = high - low;
  }
  return { first, count, weights, stride };
}
