/**
 * The values that steps move: parameters, momentum and running statistics. A step is computed
 * first, beside the current values, and takes effect by itself later. Shapes: P parameters (body,
 * then head), S batch-norm statistics.
 */
import type { TrainingConfig } from './config.ts';
import type { ParameterLayout } from './layout.ts';
import { LentVector, type VectorMemory } from './lent-vector.ts';
import { Optimizer } from './optimizer.ts';
import { isUnchanged, type SlicePush } from './slice-push.ts';
import { SliceReducer } from './slice-reducer.ts';
import type { StoreState } from './store-types.ts';

type Values = Pick<StoreState, 'parameters' | 'momentum' | 'statistics'>;

export class SteppedValues {
  readonly #optimizer: Optimizer;
  /** [S] weight of the newest batch in each running statistic. */
  readonly #statisticMomenta: Float64Array;
  /** Of the parameters. */
  readonly #memory: VectorMemory;
  /** [P] */
  #parameters = new LentVector(new Float32Array(0));
  /** [body] */
  #momentum = new LentVector(new Float32Array(0));
  /** [S], replaced, never written. */
  #statistics: Float32Array = new Float32Array(0);
  /** [S] after the step that has been computed; null while there is none, or it moves nothing. */
  #nextStatistics: Float32Array | null = null;

  /** @param memory where the parameters lie */
  constructor(layout: ParameterLayout, training: TrainingConfig, memory: VectorMemory) {
    this.#memory = memory;
    this.#optimizer = new Optimizer(layout, training);
    this.#statisticMomenta = statisticMomenta(layout, training.batchNormMomentum);
  }

  /** [S], never written. */
  get statistics(): Float32Array {
    return this.#statistics;
  }

  lendParameters(): ReturnType<LentVector['lend']> {
    return this.#parameters.lend();
  }

  lendMomentum(): ReturnType<LentVector['lend']> {
    return this.#momentum.lend();
  }

  /** Begins with these, which are read, never written. */
  restore({ parameters, momentum, statistics }: Values): void {
    this.#parameters = new LentVector(parameters, this.#memory);
    this.#momentum = new LentVector(momentum);
    this.#statistics = statistics;
    this.#nextStatistics = null;
  }

  /** Replaces the parameters from this element on. A step that has been computed is dropped. */
  replaceFrom(begin: number, values: Float32Array): void {
    this.drop();
    const { from, to } = this.#parameters.beginWrite();
    if (to !== from) to.set(from.subarray(0, begin));
    to.set(values, begin);
    this.#parameters.endWrite();
  }

  /**
   * Computes the step that these units make, in place of one that was computed before. Values that
   * are lent stay as they are; with gradients that are lent, so do the current ones, and others may
   * be asked for before the step takes effect.
   * @param units in slice order
   * @returns slices whose gradient is not what was pushed any more; with any, the step is dropped
   */
  compute(units: readonly SlicePush[], learningRateFactor: number): number[] {
    this.drop();
    const used = units.filter(({ samples }) => samples > 0);
    if (used.length === 0) return [];
    const isLent = used.some(({ isIntact }) => isIntact !== undefined);
    const reducer = new SliceReducer(used);
    const values = {
      parameters: this.#parameters.beginWrite(isLent),
      momentum: this.#momentum.beginWrite(isLent),
    };
    this.#optimizer.step(values, reducer, learningRateFactor);
    this.#nextStatistics = reducer.mixStatistics(this.#statistics, this.#statisticMomenta);
    const changed = used.filter((push) => !isUnchanged(push));
    if (changed.length > 0) this.drop();
    return changed.map(({ slice }) => slice);
  }

  /** The step that was computed takes effect. */
  takeEffect(): void {
    if (this.#nextStatistics === null) return;
    this.#parameters.endWrite();
    this.#momentum.endWrite();
    this.#statistics = this.#nextStatistics;
    this.#nextStatistics = null;
  }

  /** The step that was computed never takes effect. */
  drop(): void {
    if (this.#nextStatistics === null) return;
    this.#nextStatistics = null;
    this.#parameters.undo();
    this.#momentum.undo();
  }
}

function statisticMomenta(layout: ParameterLayout, usual: number): Float64Array {
  const momenta = new Float64Array(layout.statisticCount).fill(usual);
  for (const { momentum, offset, size } of layout.statistics) {
    if (momentum !== undefined) momenta.fill(momentum, offset, offset + size);
  }
  return momenta;
}
