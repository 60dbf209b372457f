/** The gradient of a convolution's filter, by definition. */

export interface ConvolutionGradient {
  /** Input, [N, H, W, C]. */
  readonly x: Float32Array;
  /** Gradient of the output, [N, P, Q, O]. */
  readonly dy: Float32Array;
  readonly shape: readonly [n: number, h: number, w: number, c: number];
  readonly outShape: readonly [n: number, p: number, q: number, o: number];
  /** Side of the filter, in taps. */
  readonly kernel: number;
  readonly stride: number;
  /** Rows and columns of zeros before the image. */
  readonly top: number;
  readonly left: number;
}

/** @returns [kernel, kernel, C, O], summed in float64 */
export function filterGradient(of: ConvolutionGradient): Float64Array {
  const { x, dy, kernel, stride, top, left } = of;
  const [n, h, w, c] = of.shape;
  const [, p, q, o] = of.outShape;
  const sums = new Float64Array(kernel * kernel * c * o);
  for (let tap = 0; tap < kernel * kernel; tap += 1) {
    const [dyRow, dxColumn] = [Math.floor(tap / kernel) - top, (tap % kernel) - left];
    for (let window = 0; window < n * p * q; window += 1) {
      const image = Math.floor(window / (p * q));
      const row = (Math.floor(window / q) % p) * stride + dyRow;
      const column = (window % q) * stride + dxColumn;
      if (row < 0 || row >= h || column < 0 || column >= w) continue;
      const pixel = ((image * h + row) * w + column) * c;
      for (let channel = 0; channel < c; channel += 1) {
        const value = x[pixel + channel]!;
        const at = (tap * c + channel) * o;
        for (let k = 0; k < o; k += 1) sums[at + k]! += value * dy[window * o + k]!;
      }
    }
  }
  return sums;
}
