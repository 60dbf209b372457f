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
import { privateMemory, type VectorMemory } from './lent-vector.ts';
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
import { requireTiling } from './slice-units.ts';
import { StepStage } from './step-stage.ts';
import { SteppedValues } from './stepped-values.ts';
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

/** What has been computed for a step, which waits for its commit. */
interface PreparedStep {
  /** Generation by slice. */
  readonly generations: ReadonlyMap<number, number>;
  readonly learningRateFactor: number;
}

export class ParameterStore {
  readonly #layout: ParameterLayout;
  readonly #seed: number;
  /** Elements of the body. */
  readonly #body: number;
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
  readonly #values: SteppedValues;
  /** By step, from #step to #staleness steps later: pushes that a commit may name. */
  readonly #stages = new Map<number, StepStage>();
  /** Of step #step. */
  #prepared: PreparedStep | null = null;
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
    this.#values = new SteppedValues(layout, training, memory);
    this.#seed = seed;
    this.#body = bodyCount(layout);
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
    const { values, giveBack } = this.#values.lendParameters();
    return {
      version: this.#version,
      headEpoch: this.#headEpoch,
      parameters: values,
      statistics: this.#values.statistics,
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
    const known = stage.find(slice, generation);
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
   * The same, and a step that is ready stays so: lent gradients are read now, and the commit of
   * these units by this factor takes effect whatever is written to them meanwhile.
   * @throws TrainerError PROTOCOL_VIOLATION, as {@link missing}
   */
  prepare(step: number, slices: readonly SliceGeneration[], learningRateFactor = 1): number[] {
    requireFactor(step, learningRateFactor);
    const missing = this.missing(step, slices);
    if (missing.length > 0 || step < this.#step) return missing;
    const generations = generationsBySlice(step, slices);
    if (this.#isPrepared(generations, learningRateFactor)) return [];
    // What is the store's own stays as it is.
    const isLent = this.#pushesOf(step, generations).some(({ isIntact }) => isIntact !== undefined);
    return isLent ? this.#compute(generations, learningRateFactor) : [];
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
    if (!this.#isPrepared(generations, learningRateFactor)) {
      const missing = this.#missing(generations);
      if (missing.length > 0) return { kind: 'missing', slices: missing };
      const changed = this.#compute(generations, learningRateFactor);
      if (changed.length > 0) return { kind: 'missing', slices: changed };
    }
    this.#prepared = null;
    this.#values.takeEffect();
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
    this.#prepared = null;
    this.#values.replaceFrom(this.#body, initialHead(this.#layout, this.#seed, epoch));
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
    const parameters = this.#values.lendParameters();
    const momentum = this.#values.lendMomentum();
    const state = {
      version: this.#version,
      step: this.#step,
      headEpoch: this.#headEpoch,
      parameters: parameters.values,
      statistics: this.#values.statistics,
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
    this.#prepared = null;
    this.#values.restore({ parameters, momentum, statistics });
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
    if (this.#prepared !== null && isSameMap(generations, this.#prepared.generations)) return [];
    return [...generations]
      .filter(([slice, generation]) => {
        const push = this.#stages.get(this.#step)?.find(slice, generation);
        return push === undefined || !isUnchanged(push);
      })
      .map(([slice]) => slice);
  }

  #isPrepared(generations: ReadonlyMap<number, number>, learningRateFactor: number): boolean {
    return (
      this.#prepared !== null &&
      this.#prepared.learningRateFactor === learningRateFactor &&
      isSameMap(generations, this.#prepared.generations)
    );
  }

  /** @returns slices whose gradient has changed; with any, nothing is prepared */
  #compute(generations: ReadonlyMap<number, number>, learningRateFactor: number): number[] {
    this.#prepared = null;
    const pushes = this.#pushesOf(this.#step, generations);
    const changed = this.#values.compute(pushes, learningRateFactor);
    if (changed.length === 0) this.#prepared = { generations, learningRateFactor };
    return changed;
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
}
