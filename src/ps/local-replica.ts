/**
 * A slice of a round in mode `local`: parameters that begin as the round's, take one step of SGD
 * after another by gradients of their own, and end as a move. Sources: local SGD, Stich 2019
 * (arXiv:1805.09767), algorithm 1; DiLoCo, Douillard et al. 2023 (arXiv:2311.08105), algorithm 1,
 * here with SGD as the inner optimizer. Momentum begins at zero in every slice: the move is a
 * function of the slice's order alone, whoever computes it and whatever it computed before. Pure.
 * Shapes: P parameters, body, then head; S batch-norm statistics.
 */
import type { ParameterModule } from '../parameter-plane/kernels.ts';
import { parameterKernels } from '../parameter-plane/kernels.ts';
import type { TrainingConfig } from './config.ts';
import { bodyCount, type ParameterLayout } from './layout.ts';
import { Optimizer } from './optimizer.ts';
import { SliceReducer } from './slice-reducer.ts';
import type { SliceGradients } from './unit-sum.ts';

/** What local steps of a round go by: settings that may change from step to step of a run. */
export type LocalRule = Pick<
  TrainingConfig,
  'learningRate' | 'headLearningRate' | 'weightDecay' | 'decayNormsAndBiases'
>;

/** Learning rates by the schedule; they are the same in all local steps of a round. */
export function localRule(training: TrainingConfig, learningRateFactor: number): LocalRule {
  const { learningRate, headLearningRate, weightDecay, decayNormsAndBiases } = training;
  return {
    learningRate: learningRateFactor * learningRate,
    headLearningRate: learningRateFactor * headLearningRate,
    ...{ weightDecay, decayNormsAndBiases },
  };
}

/** The slice under way. */
interface Moving {
  readonly optimizer: Optimizer;
  /** [P], read only. */
  readonly start: Float32Array;
  /** [S], sum over its local batches, weighted by samples. */
  readonly statistics: Float64Array;
  samples: number;
}

export class LocalReplica {
  readonly #layout: ParameterLayout;
  readonly #training: TrainingConfig;
  readonly #kernels: ParameterModule | null;
  /** [P], as they have been moved; of no length before the first slice. */
  #parameters = new Float32Array(0);
  /** [body], likewise. */
  #momentum = new Float32Array(0);
  #moving: Moving | null = null;

  constructor(
    layout: ParameterLayout,
    training: TrainingConfig,
    kernels: ParameterModule | null = parameterKernels().module,
  ) {
    this.#layout = layout;
    this.#training = training;
    this.#kernels = kernels;
  }

  /** As the last step left them, to read until the next one. @returns [P] */
  get parameters(): Float32Array {
    return this.#parameters;
  }

  /** Begins a slice; one that was begun before counts no more. @param start [P] read only */
  begin(start: Float32Array, rule: LocalRule): void {
    const { parameterCount, statisticCount } = this.#layout;
    if (this.#parameters.length === 0) {
      this.#parameters = new Float32Array(parameterCount);
      this.#momentum = new Float32Array(bodyCount(this.#layout));
    }
    this.#parameters.set(start);
    this.#momentum.fill(0);
    const training = { ...this.#training, ...rule, mode: 'sync', optimizer: 'sgd' } as const;
    this.#moving = {
      optimizer: new Optimizer(this.#layout, training, this.#kernels),
      start,
      statistics: new Float64Array(statisticCount),
      samples: 0,
    };
  }

  /** One local step. @param passed of a batch of the slice, with `parameters` as they are now */
  step({ samples, gradient, statistics }: SliceGradients): void {
    const moving = this.#begun();
    const [parameters, momentum] = [this.#parameters, this.#momentum];
    moving.optimizer.step(
      {
        parameters: { from: parameters, to: parameters },
        momentum: { from: momentum, to: momentum },
      },
      new SliceReducer([{ slice: 0, samples, gradient, statistics }]),
      1,
    );
    for (const [i, value] of statistics.entries()) {
      moving.statistics[i] = moving.statistics[i]! + samples * value;
    }
    moving.samples += samples;
  }

  /**
   * The slice's part of a mean over samples: its move, times its samples, in place of a gradient's
   * sum; and the mean over its batches of their statistics.
   * @param into [P] is written and returned as the gradient
   */
  finish(into: Float32Array): SliceGradients {
    const { start, samples, statistics: sums } = this.#begun();
    this.#moving = null;
    const end = this.#parameters;
    for (let i = 0; i < into.length; i += 1) into[i] = samples * (start[i]! - end[i]!);
    return { samples, gradient: into, statistics: Float32Array.from(sums, (sum) => sum / samples) };
  }

  #begun(): Moving {
    if (this.#moving === null) throw new Error('no slice was begun');
    return this.#moving;
  }
}
