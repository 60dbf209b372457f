/**
 * The oracle's mode `local`: local SGD of a slice and the outer optimizer, in plain loops that
 * round where the program stores float32. Nothing is shared with src/ps/local-replica.ts.
 */
import type { DrawRange } from '../../coordinator/run/epoch-plan.ts';
import type { SliceRows } from '../../src/clustering/odc/sample-memory.ts';
import type { TrainingConfig } from '../../src/ps/config.ts';
import { bodyCount } from '../../src/ps/layout.ts';
import type { PlainSlice } from '../support/oracles/plain-tree.ts';
import { TINY_LAYOUT } from './tiny-network.ts';

const BODY = bodyCount(TINY_LAYOUT);

/** A slice, or a batch of one. */
export interface PlainPass extends PlainSlice {
  readonly lossSum: number;
  /** Rows of the sample memory, in the order in which they are stored. */
  readonly rows: readonly SliceRows[];
}

/** @param pass over the draws of a batch, by its number in the slice, with these parameters */
export function localSlice(
  start: Float32Array,
  { begin, end }: DrawRange,
  { sliceSize, learningRate, headLearningRate, momentum, weightDecay }: TrainingConfig,
  pass: (draws: DrawRange, batch: number, parameters: Float32Array) => PlainPass,
): PlainPass {
  const [w, v] = [start.slice(), new Float32Array(BODY)];
  const statistics = new Float64Array(TINY_LAYOUT.statisticCount);
  const rows: SliceRows[] = [];
  let [samples, lossSum] = [0, 0];
  for (let at = begin; at < end; at += sliceSize) {
    const draws = { begin: at, end: Math.min(at + sliceSize, end) };
    const own = pass(draws, (at - begin) / sliceSize, w);
    own.gradient.forEach((sum, i) => {
      const step = Math.fround(sum / own.samples) + weightDecay * w[i]!;
      if (i < BODY) v[i] = momentum * v[i]! + step;
      w[i] = w[i]! - (i < BODY ? learningRate * v[i]! : headLearningRate * step);
    });
    own.statistics.forEach((value, i) => {
      statistics[i] = statistics[i]! + own.samples * value;
    });
    rows.push(...own.rows);
    samples += own.samples;
    lossSum += own.lossSum;
  }
  return {
    ...{ samples, lossSum, rows },
    gradient: start.map((value, i) => samples * (value - w[i]!)),
    statistics: Float32Array.from(statistics, (sum) => sum / samples),
  };
}

/** @param parameters and momentum are written @param move mean over the samples */
export function outerStep(
  parameters: Float32Array,
  momentum: Float32Array,
  move: Float32Array,
  { outerLearningRate, outerMomentum, nesterov }: TrainingConfig,
): void {
  move.forEach((value, i) => {
    let step = value;
    if (i < BODY) {
      momentum[i] = outerMomentum * momentum[i]! + value;
      step = nesterov ? value + outerMomentum * momentum[i] : momentum[i];
    }
    parameters[i] = parameters[i]! - outerLearningRate * step;
  });
}
