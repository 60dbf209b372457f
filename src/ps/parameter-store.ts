/**
 * The parameter store: the values of a run and the one place where a step takes effect.
 * Pushes of a step's units are staged; the commit names those that count, by their first slices,
 * and applies exactly these, once.
 * Pure: transport is in src/rpc. Shapes: P parameters (body, then head), S batch-norm statistics.
 */
import { nonFinite, protocolViolation } from '../errors.ts';
import { firstNonFinite, requireLength } from '../math/checks.ts';
import { stepSizes, type TrainingConfig } from './config.ts';
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

/** Generations of a unit that wait at most: of leases that are alive, and of some that are not. */
const CANDIDATES = 4;

export class ParameterStore {
  readonly #layout: ParameterLayout;
  readonly #seed: number;
  /** Elements of the body. */
  readonly #body: number;
  /** They bound what can be staged. */
  readonly #limits: PushLimits;
  /** Rises by one with every applied step. */
  #version = 0;
  /** The only step whose pushes are staged; every step before it has been applied. */
  #step = 0;
  /** Never falls, except by a restore. */
  #headEpoch = -1;
  readonly #values: SteppedValues;
  /**
   * By the unit's first slice, then by generation: pushes that a commit may name. All are based on
   * #version, of #step, and finite.
   */
  readonly #staged = new Map<number, Map<number, SlicePush>>();
  /** Of step #step. */
  #prepared: PreparedStep | null = null;
  /** By slice of #step: the lowest generation that is not fenced. */
  readonly #fence = new Map<number, number>();
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
    this.restore(initial);
  }

  get version(): number {
    return this.#version;
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
    if (step !== this.#step) return { kind: 'stale', version: this.#version };
    const candidates = this.#staged.get(slice) ?? new Map<number, SlicePush>();
    const known = candidates.get(generation);
    if (known !== undefined && isUnchanged(known)) return { kind: 'duplicate' };
    const currentGeneration = this.#fence.get(slice) ?? 0;
    if (generation < currentGeneration) return { kind: 'fenced', currentGeneration };
    if (push.basedOn !== this.#version) return { kind: 'stale', version: this.#version };
    requireFinite(push, this.#layout);
    requireIntact(push);
    candidates.set(generation, push);
    if (candidates.size > CANDIDATES) {
      const oldest = Math.min(...candidates.keys());
      candidates.get(oldest)?.release?.();
      candidates.delete(oldest);
    }
    this.#staged.set(slice, candidates);
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
    this.#dropStaged();
    this.#fence.clear();
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
    for (const [slice, candidates] of this.#staged) {
      this.#fence.set(slice, Math.max(...candidates.keys()) + 1);
    }
    this.#dropStaged();
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
    this.#dropStaged();
    this.#fence.clear();
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
        const push = this.#staged.get(slice)?.get(generation);
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
    const pushes = [...generations].map(([slice, generation]) =>
      this.#staged.get(slice)!.get(generation)!,
    );
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

  /** Arrays that were lent go back: nothing reads them any more. */
  #dropStaged(): void {
    for (const candidates of this.#staged.values()) {
      for (const { release } of candidates.values()) release?.();
    }
    this.#staged.clear();
  }
}
