/** A parameter store of the tiny layout, pushes for it, and its step as a plain loop. */
import assert from 'node:assert/strict';
import { trainingConfigSchema } from '../../../src/ps/config.ts';
import { ParameterStore, initialState } from '../../../src/ps/parameter-store.ts';
import type { StoreState } from '../../../src/ps/store-types.ts';
import type { SlicePush } from '../../../src/ps/slice-push.ts';
import { TINY_BODY as BODY, tinyLayout } from './layouts.ts';

export const P = tinyLayout.parameterCount;
export const S = tinyLayout.statisticCount;
export const SEED = 31;
export const training = trainingConfigSchema.parse({
  batchSize: 16,
  sliceSize: 4,
  learningRate: 0.05,
  headLearningRate: 0.1,
  weightDecay: 0.01,
});

export const newStore = (): ParameterStore =>
  new ParameterStore(tinyLayout, training, SEED, initialState(tinyLayout, SEED));

/**
 * A push for the first step, which has one slice, with numbers that differ between elements, slices
 * and steps.
 */
export function pushOf(changes: Partial<SlicePush> = {}): SlicePush {
  const { step = 0, slice = 0 } = changes;
  return {
    step,
    slice,
    slices: 1,
    stepSlices: 1,
    generation: 1,
    basedOn: step,
    samples: 4,
    gradient: Float32Array.from({ length: P }, (_, i) => Math.sin(1 + i + 100 * slice + 7 * step)),
    statistics: Float32Array.from({ length: S }, (_, i) => 0.5 + i + slice),
    ...changes,
  };
}

/** A push whose gradient (statistic) has one value throughout. */
export const flatPush = (gradient: number, changes: Partial<SlicePush> = {}): SlicePush =>
  pushOf({ gradient: new Float32Array(P).fill(gradient), ...changes });

export function stageAll(store: ParameterStore, pushes: readonly SlicePush[]): void {
  for (const push of pushes) assert.deepEqual(store.stage(push), { kind: 'staged' });
}

export function assertUnchanged(store: ParameterStore, before: StoreState): void {
  assert.deepEqual(store.snapshot(), before);
}

/**
 * The optimizer as one would write it for a single process and one slice, rounding where the store
 * says it does.
 */
export function plainStep(state: StoreState, push: SlicePush, factor = 1): StoreState {
  const parameters = state.parameters.slice();
  const momentum = state.momentum.slice();
  const statistics = state.statistics.slice();
  for (let i = 0; i < P; i += 1) {
    const g = Math.fround(push.gradient[i]! / push.samples);
    const decayed = g + training.weightDecay * parameters[i]!;
    if (i < BODY) {
      momentum[i] = training.momentum * momentum[i]! + decayed;
      parameters[i] = parameters[i]! - factor * training.learningRate * momentum[i]!;
    } else {
      parameters[i] = parameters[i]! - factor * training.headLearningRate * decayed;
    }
  }
  for (let i = 0; i < S; i += 1) {
    statistics[i] = (1 - 0.1) * statistics[i]! + 0.1 * (push.statistics[i]! / push.samples);
  }
  const { version, step, headEpoch } = state;
  return { version: version + 1, step: step + 1, headEpoch, parameters, statistics, momentum };
}
