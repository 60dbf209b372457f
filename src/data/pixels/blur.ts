/**
 * Gaussian blur of a view. Source: the definition, cut off at three standard deviations, weights of
 * sum 1; pixels beyond an edge are those of the edge, as SciPy's `gaussian_filter(mode='nearest',
 * truncate=3)`. Pure, in place, one axis after the other. Shapes: S side of a view; views are [S,
 * S, 3] uint8.
 */

/** @param deviation standard deviation [px]; a tenth of a pixel and less changes nothing */
export function blurView(view: Uint8Array, size: number, deviation: number): void {
  const weights = gaussianWeights(deviation);
  if (weights.length === 1) return;
  const across = new Float32Array(view.length);
  blurLines(view, across, weights, { count: size, length: size, line: 3 * size, step: 3 });
  const down = new Float32Array(view.length);
  blurLines(across, down, weights, { count: size, length: size, line: 3, step: 3 * size });
  // Rounded: all are positive.
  for (let i = 0; i < view.length; i += 1) view[i] = down[i]! + 0.5;
}

/** [2 r + 1] with r = 3 standard deviations, rounded; of sum 1. */
export function gaussianWeights(deviation: number): Float64Array {
  const radius = Math.floor(3 * deviation + 0.5);
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * deviation ** 2)),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Lines of pixels of three channels. */
interface Lines {
  readonly count: number;
  /** Pixels of a line. */
  readonly length: number;
  /** From a line to the next one, and from a pixel to the next one [elements]. */
  readonly line: number;
  readonly step: number;
}

function blurLines(
  from: Uint8Array | Float32Array,
  to: Float32Array,
  weights: Float64Array,
  { count, length, line, step }: Lines,
): void {
  const radius = weights.length >> 1;
  for (let l = 0; l < count; l += 1) {
    for (let i = 0; i < length; i += 1) {
      const at = l * line + i * step;
      for (let channel = 0; channel < 3; channel += 1) {
        let sum = 0;
        for (let w = -radius; w <= radius; w += 1) {
          const pixel = Math.min(length - 1, Math.max(0, i + w));
          sum += weights[w + radius]! * from[l * line + pixel * step + channel]!;
        }
        to[at + channel] = sum;
      }
    }
  }
}
