/**
 * The parameter store: the values of a run and the one place where a step takes effect.
 * Pushes of a step's units are staged; the commit names those that count, by their first slices,
 * and applies exactly these, once.
 * Pure: transport is in src/rpc. Shapes: P parameters (body, then head), S batch-norm statistics.
 */
import { nonFinite, protocolViolation } from '../errors.ts';
import { firstNonFinite, requireLength } from '../math/checks.ts';
import { stalenessBound, stepSizes, type TrainingConfig } from './config.ts';
import { initialHead, initialParameters, initialStatistics } from './initial-values.ts';
import { bodyCount } from './layout.ts';
import type { ParameterLayout } from './layout.ts';
import { LentVector, privateMemory, type VectorMemory } from './lent-vector.ts';
import { Optimizer } from './optimizer.ts';
import {
  describeSlices,
  generationsBySlice,
  isSameMap,
  isUnchanged,
  requireCount,
  requireFactor,
  requireFinite,
  requireForm,
  requireIntact,
  type PushLimits,
  type SliceGeneration,
  type SlicePush,
} from './slice-push.ts';
import { SliceReducer } from './slice-reducer.ts';
import { requireTiling } from './slice-units.ts';
import { StepStage } from './step-stage.ts';
import type {
  CommitOutcome,
  PulledParameters,
  PushOutcome,
  ResetOutcome,
  StoreState,
} from './store-types.ts';

/** The state that a run begins with. */
export function initialState(layout: ParameterLayout, seed: number): StoreState {
  return {
    version: 0,
    step: 0,
    headEpoch: -1,
    parameters: initialParameters(layout, seed),
    statistics: initialStatistics(layout),
    momentum: new Float32Array(bodyCount(layout)),
  };
}

export class ParameterStore {
  readonly #layout: ParameterLayout;
  readonly #optimizer: Optimizer;
  readonly #seed: number;
  /** Elements of the body. */
  readonly #body: number;
  /** [S] weight of the newest batch in each running statistic. */
  readonly #statisticMomenta: Float64Array;
  /** They bound what can be staged. */
  readonly #limits: PushLimits;
  /** Versions that a gradient may be behind the parameters that it moves; 0: none. */
  readonly #staleness: number;
  /** Rises by one with every applied step. */
  #version = 0;
  /** The step that is applied next; every step before it has been applied. */
  #step = 0;
  /** Never falls, except by a restore. */
  #headEpoch = -1;
  /** Of the parameters. */
  readonly #memory: VectorMemory;
  /** [P] */
  #parameters = new LentVector(new Float32Array(0));
  /** [body] */
  #momentum = new LentVector(new Float32Array(0));
  /** [S], replaced, never written. */
  #statistics: Float32Array = new Float32Array(0);
  /** By step, from #step to #staleness steps later: pushes that a commit may name. */
  readonly #stages = new Map<number, StepStage>();
  /** Generation by slice of step #step - 1, to know a late retry; empty after a restore. */
  #committed: ReadonlyMap<number, number> = new Map();

  /**
   * @param seed the run's, from which each epoch's head is drawn
   * @param memory where the parameters lie
   * @throws TrainerError SHAPE_MISMATCH, PROTOCOL_VIOLATION, NON_FINITE, as {@link restore}
   */
  constructor(
    layout: ParameterLayout,
    training: TrainingConfig,
    seed: number,
    initial: StoreState,
    memory: VectorMemory = privateMemory,
  ) {
    this.#layout = layout;
    this.#memory = memory;
    this.#optimizer = new Optimizer(layout, training);
    this.#seed = seed;
    this.#body = bodyCount(layout);
    this.#statisticMomenta = statisticMomenta(layout, training.batchNormMomentum);
    const { step, slice } = stepSizes(training);
    this.#limits = { slices: Math.ceil(step / slice), samples: slice };
    this.#staleness = stalenessBound(training);
    this.restore(initial);
  }

  get version(): number {
    return this.#version;
  }

  /**
   * Whether the current values are what is computed on by an order that was given out at this
   * version: they are those, or where steps overlap, later ones.
   */
  serves(version: number): boolean {
    return this.#staleness === 0 ? version === this.#version : version <= this.#version;
  }

  /** The current values, without a copy. */
  pull(): PulledParameters {
    const { values, giveBack } = this.#parameters.lend();
    return {
      version: this.#version,
      headEpoch: this.#headEpoch,
      parameters: values,
      statistics: this.#statistics,
      release: giveBack,
    };
  }

  /**
   * Keeps a push until the step is committed. Several generations of a unit may wait side by side,
   * since a straggler's unit is given to a second worker: which of them counts is the commit's to
   * say. The newest few are kept.
   * @throws TrainerError SHAPE_MISMATCH, NON_FINITE, PROTOCOL_VIOLATION; the state is then
   *   unchanged
   */
  stage(push: SlicePush): PushOutcome {
    requireForm(push, this.#layout, this.#limits);
    const { step, slice, generation } = push;
    const isCommitted = step === this.#step - 1 && this.#committed.get(slice) === generation;
    if (isCommitted) return { kind: 'duplicate' };
    const ahead = step - this.#step;
    if (ahead < 0 || ahead > this.#staleness) return { kind: 'stale', version: this.#version };
    const stage = this.#stageOf(step);
    const candidates = stage.candidates(slice);
    const known = candidates.get(generation);
    if (known !== undefined && isUnchanged(known)) return { kind: 'duplicate' };
    const currentGeneration = stage.lowestGeneration(slice);
    if (generation < currentGeneration) return { kind: 'fenced', currentGeneration };
    if (!this.#isFresh(push)) return { kind: 'stale', version: this.#version };
    requireFinite(push, this.#layout);
    requireIntact(push);
    stage.put(push);
    return { kind: 'staged' };
  }

  /**
   * Which of these units, by first slice, a commit could not apply; none when the step may be
   * committed here, or has been.
   * @throws TrainerError PROTOCOL_VIOLATION for a step not yet due, and for units that do not have
   *   every slice of the step once
   */
  missing(step: number, slices: readonly SliceGeneration[]): number[] {
    if (step < this.#step) return [];
    this.#requireDue(step);
    const generations = generationsBySlice(step, slices);
    const missing = this.#missing(generations);
    if (missing.length === 0) this.#pushesOf(step, generations);
    return missing;
  }

  /**
   * Applies exactly these units as one step, added up by the tree of slice numbers; other pushes of
   * the step are dropped. A step whose units used no sample at all counts, and moves no value.
   * @param learningRateFactor scales the learning rates of body and head in this step; greater than
   *   0
   * @throws TrainerError PROTOCOL_VIOLATION for a step not yet due, for other units than a step was
   *   committed with, and for units that do not have every slice of the step once
   */
  commit(step: number, slices: readonly SliceGeneration[], learningRateFactor = 1): CommitOutcome {
    requireFactor(step, learningRateFactor);
    const generations = generationsBySlice(step, slices);
    if (step < this.#step) return this.#repeatedCommit(step, generations);
    this.#requireDue(step);
    const missing = this.#missing(generations);
    if (missing.length > 0) return { kind: 'missing', slices: missing };
    const pushes = this.#pushesOf(step, generations);
    const used = pushes.filter(({ samples }) => samples > 0);
    if (!this.#apply(used, learningRateFactor)) {
      const changed = used.filter((push) => !isUnchanged(push));
      return { kind: 'missing', slices: changed.map(({ slice }) => slice) };
    }
    this.#step += 1;
    this.#version += 1;
    this.#committed = generations;
    this.#dropStage(step);
    return { kind: 'applied', version: this.#version };
  }

  /**
   * Gives a new clustering its new head, once per epoch. Pushes staged before were computed on the
   * old one: they are dropped, and their generations fenced.
   */
  resetHead(epoch: number): ResetOutcome {
    requireCount('epoch of the head', epoch);
    if (epoch <= this.#headEpoch) return { kind: 'duplicate', version: this.#version };
    const { from, to } = this.#parameters.beginWrite();
    if (to !== from) to.set(from.subarray(0, this.#body));
    to.set(initialHead(this.#layout, this.#seed, epoch), this.#body);
    this.#parameters.endWrite();
    this.#headEpoch = epoch;
    for (const stage of this.#stages.values()) stage.fence();
    return { kind: 'applied', version: this.#version };
  }

  /**
   * Everything that decides the future, without a copy: to read, not to write; it stays as it is.
   */
  snapshot(): StoreState {
    return this.lendSnapshot().state;
  }

  /** The same; once it is released, its memory is used again. */
  lendSnapshot(): { readonly state: StoreState; readonly release: () => void } {
    const parameters = this.#parameters.lend();
    const momentum = this.#momentum.lend();
    const state = {
      version: this.#version,
      step: this.#step,
      headEpoch: this.#headEpoch,
      parameters: parameters.values,
      statistics: this.#statistics,
      momentum: momentum.values,
    };
    const release = (): void => {
      parameters.giveBack();
      momentum.giveBack();
    };
    return { state, release };
  }

  /**
   * Puts the store where a snapshot was taken; staged pushes are dropped. The arrays are read,
   * never written.
   * @throws TrainerError SHAPE_MISMATCH, PROTOCOL_VIOLATION, NON_FINITE; the store is then
   *   unchanged
   */
  restore(state: StoreState): void {
    const { parameters, statistics, momentum } = state;
    requireLength('parameters', parameters, this.#layout.parameterCount);
    requireLength('statistics', statistics, this.#layout.statisticCount);
    requireLength('momentum', momentum, this.#body);
    requireCount('version', state.version);
    requireCount('step', state.step);
    requireCount('head epoch + 1', state.headEpoch + 1);
    for (const [name, values] of Object.entries({ parameters, statistics, momentum })) {
      const i = firstNonFinite(values);
      if (i >= 0) throw nonFinite(`restored ${name}[${i}]`, values[i]!, 'use another checkpoint');
    }
    this.#parameters = new LentVector(parameters, this.#memory);
    this.#statistics = statistics;
    this.#momentum = new LentVector(momentum);
    this.#version = state.version;
    this.#step = state.step;
    this.#headEpoch = state.headEpoch;
    for (const staged of [...this.#stages.keys()]) this.#dropStage(staged);
    this.#committed = new Map();
  }

  #requireDue(step: number): void {
    if (step <= this.#step) return;
    throw protocolViolation(
      'commit',
      `step ${this.#step}`,
      `step ${step}`,
      'restore the parameter server from the checkpoint that the run resumes from',
    );
  }

  #missing(generations: ReadonlyMap<number, number>): number[] {
    return [...generations]
      .filter(([slice, generation]) => {
        const push = this.#stages.get(this.#step)?.find(slice, generation);
        return push === undefined || !isUnchanged(push);
      })
      .map(([slice]) => slice);
  }

  /** In slice order. @throws TrainerError PROTOCOL_VIOLATION unless they have every slice once */
  #pushesOf(step: number, generations: ReadonlyMap<number, number>): SlicePush[] {
    const stage = this.#stageOf(step);
    const pushes = [...generations].map(([slice, generation]) => stage.find(slice, generation)!);
    requireTiling(step, pushes);
    return pushes;
  }

  /**
   * An applied step stays as it was applied; which slices the steps before the last one had is
   * forgotten.
   */
  #repeatedCommit(step: number, generations: ReadonlyMap<number, number>): CommitOutcome {
    const isKnown = step === this.#step - 1 && this.#committed.size > 0;
    if (isKnown && !isSameMap(generations, this.#committed)) {
      throw protocolViolation(
        `repeated commit of step ${step}`,
        `the slices it was applied with (${describeSlices(this.#committed)})`,
        describeSlices(generations),
        'one coordinator only may commit the steps of a run',
      );
    }
    return { kind: 'duplicate', version: this.#version };
  }

  /**
   * Whether a push was computed on parameters that the run has had, and that will be no more than
   * #staleness versions old when its step is applied; with 0, on the current ones.
   */
  #isFresh({ step, basedOn }: SlicePush): boolean {
    const applied = this.#version + step - this.#step;
    return basedOn <= this.#version && applied - basedOn <= this.#staleness;
  }

  #stageOf(step: number): StepStage {
    const stage = this.#stages.get(step) ?? new StepStage();
    this.#stages.set(step, stage);
    return stage;
  }

  #dropStage(step: number): void {
    this.#stages.get(step)?.drop();
    this.#stages.delete(step);
  }

  /**
   * Whether the step took effect: not where a gradient is not what was pushed any more.
   * @param pushes in slice order, each with at least one sample
   */
  #apply(pushes: readonly SlicePush[], learningRateFactor: number): boolean {
    if (pushes.length === 0) return true;
    const isLent = pushes.some(({ isIntact }) => isIntact !== undefined);
    const reducer = new SliceReducer(pushes);
    const values = {
      parameters: this.#parameters.beginWrite(isLent),
      momentum: this.#momentum.beginWrite(isLent),
    };
    this.#optimizer.step(values, reducer, learningRateFactor);
    if (isLent && !pushes.every(isUnchanged)) {
      this.#parameters.undo();
      this.#momentum.undo();
      return false;
    }
    this.#parameters.endWrite();
    this.#momentum.endWrite();
    this.#statistics = reducer.mixStatistics(this.#statistics, this.#statisticMomenta);
    return true;
  }
}

function statisticMomenta(layout: ParameterLayout, usual: number): Float64Array {
  const momenta = new Float64Array(layout.statisticCount).fill(usual);
  for (const { momentum, offset, size } of layout.statistics) {
    if (momentum !== undefined) momenta.fill(momentum, offset, offset + size);
  }
  return momenta;
}
