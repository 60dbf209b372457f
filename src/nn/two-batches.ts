/**
 * A slice whose views went through the network in two batches, as one of large views, then one of
 * small ones: what is pushed of it is what one batch would have. Shapes: P parameters, S batch-norm
 * statistics.
 */
import type { ParameterLayout } from '../ps/layout.ts';
import type { SliceGradient } from './model.ts';

export interface RunningStatistics {
  readonly layout: ParameterLayout;
  /** [S] r, as the slice's version has them. */
  readonly running: Float32Array;
  /** m, weight of the newest batch where a layer has none of its own. */
  readonly batchNormMomentum: number;
}

/**
 * Sums losses and gradients. Statistics X are such that one update of the running ones by them is
 * that by the first batch's, L, and then by the second's, S:
 * (1 - m) r + m X = (1 - m) ((1 - m) r + m L) + m S, hence X = S + (1 - m) (L - r).
 * X is linear in L and S, so the mean over slices keeps that meaning; it is no variance by itself.
 * @param first its gradient is written to
 * @returns statistics rounded to float32 once
 */
export function inTwoBatches<First extends SliceGradient>(
  first: First,
  second: SliceGradient,
  { layout, running, batchNormMomentum }: RunningStatistics,
): First {
  const { gradient } = first;
  second.gradient.forEach((value, i) => {
    gradient[i]! += value;
  });
  const statistics = new Float32Array(running.length);
  for (const { offset, size, momentum = batchNormMomentum } of layout.statistics) {
    for (let i = offset; i < offset + size; i += 1) {
      statistics[i] = second.statistics[i]! + (1 - momentum) * (first.statistics[i]! - running[i]!);
    }
  }
  return { ...first, lossSum: first.lossSum + second.lossSum, gradient, statistics };
}
