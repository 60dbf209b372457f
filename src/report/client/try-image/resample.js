/**
 * Bilinear resizing with antialiasing in integer arithmetic, to the bit as src/data/pixels/resample.ts
 * does it for the trainer. No document here.
 * Shapes: images are [H, W, 3] uint8, row-major.
 */

/**
 * @typedef {object} RawImage
 * @property {Uint8Array} data [height, width, 3]
 * @property {number} width
 * @property {number} height
 *
 * @typedef {object} Axis of a resize: `length` pixels become `size`, of which a window is wanted
 * @property {number} length
 * @property {number} size
 * @property {number} windowBegin
 * @property {number} windowSize
 *
 * @typedef {object} Tap source pixels that make an output pixel
 * @property {number} first
 * @property {Int32Array} weights fixed-point
 */

/** Fixed-point weights have this many fraction bits. */
const WEIGHT_BITS = 22;
const HALF = 1 << (WEIGHT_BITS - 1);

/**
 * @param {RawImage} image
 * @param {Axis} x
 * @param {Axis} y
 * @returns {RawImage} the window
 */
export function resample(image, x, y) {
  const vertical = tapsOf(y);
  const last = vertical[y.windowSize - 1];
  const firstRow = vertical[0].first;
  const rows = last.first + last.weights.length - firstRow;
  const narrowed = narrowRows(image, tapsOf(x), firstRow, rows);
  const data = shortenColumns(narrowed, x.windowSize * 3, vertical, firstRow);
  return { data, width: x.windowSize, height: y.windowSize };
}

/**
 * @param {RawImage} image
 * @param {readonly Tap[]} taps
 * @param {number} firstRow
 * @param {number} rows that the vertical pass reads
 * @returns {Uint8Array} [rows, window, 3]
 */
function narrowRows({ data, width }, taps, firstRow, rows) {
  const out = new Uint8Array(rows * taps.length * 3);
  let target = 0;
  for (let row = firstRow; row < firstRow + rows; row += 1) {
    for (const { first, weights } of taps) {
      const source = (row * width + first) * 3;
      for (let channel = 0; channel < 3; channel += 1) {
        out[target] = weightedSum(data, source + channel, 3, weights);
        target += 1;
      }
    }
  }
  return out;
}

/**
 * @param {Uint8Array} rows
 * @param {number} length numbers of a row
 * @param {readonly Tap[]} taps
 * @param {number} firstRow
 * @returns {Uint8Array} [window, length]
 */
function shortenColumns(rows, length, taps, firstRow) {
  const out = new Uint8Array(taps.length * length);
  taps.forEach(({ first, weights }, i) => {
    const source = (first - firstRow) * length;
    for (let j = 0; j < length; j += 1) {
      out[i * length + j] = weightedSum(rows, source + j, length, weights);
    }
  });
  return out;
}

/**
 * Weights are never negative, so a sum can only pass 255 by the rounding of its weights.
 * @param {Uint8Array} data
 * @param {number} from
 * @param {number} step
 * @param {Int32Array} weights
 */
function weightedSum(data, from, step, weights) {
  let sum = HALF;
  for (let t = 0; t < weights.length; t += 1) sum += Math.imul(weights[t], data[from + t * step]);
  return Math.min(255, sum >> WEIGHT_BITS);
}

/**
 * Triangle weights around each output pixel's centre, cut at the edges and summing to one.
 * @param {Axis} axis
 * @returns {Tap[]} [window]
 */
function tapsOf({ length, size, windowBegin, windowSize }) {
  const scale = length / size;
  const support = Math.max(scale, 1);
  return Array.from({ length: windowSize }, (_, i) => {
    const centre = (windowBegin + i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), length);
    const exact = Array.from({ length: end - first }, (_, t) =>
      Math.max(1 - Math.abs((first + t - centre + 0.5) / support), 0),
    );
    const sum = exact.reduce((total, weight) => total + weight, 0);
    const fixed = exact.map((weight) => Math.trunc(0.5 + (weight / sum) * (1 << WEIGHT_BITS)));
    return { first, weights: Int32Array.from(fixed) };
  });
}
