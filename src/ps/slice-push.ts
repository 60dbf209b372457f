/**
 * The sums of a unit of slices as they come to the store, and the checks of what comes from
 * outside. Shapes as in parameter-store.ts.
 */
import { nonFinite, protocolViolation } from '../errors.ts';
import { requireLength } from '../math/checks.ts';
import { firstNonFiniteValue } from '../parameter-plane/kernels.ts';
import type { ParameterLayout } from './layout.ts';
import { isNode } from './slice-tree.ts';
import type { UnitOfStep } from './slice-units.ts';

/** One of the computations of a unit, which may be several: a commit names those that count. */
export interface SliceGeneration {
  /** The unit's first. */
  readonly slice: number;
  /** Of the lease on the unit; a later one fences out an earlier one. */
  readonly generation: number;
}

/** What a worker computed for one unit of a step. The store keeps both arrays: write no more. */
export interface SlicePush extends SliceGeneration, UnitOfStep {
  readonly step: number;
  /** Version of the parameters that the gradient was computed on. */
  readonly basedOn: number;
  /** Samples that the unit really used; 0 when none could be read. */
  readonly samples: number;
  /** [P], sum over the samples of each slice, and over slices by the tree. */
  readonly gradient: Float32Array;
  /** [S], batch means and unbiased variances of each slice times its samples, summed likewise. */
  readonly statistics: Float32Array;
  /**
   * Of a gradient in memory that the worker lends: whether it is still what was pushed. Left out:
   * it is the store's own.
   */
  readonly isIntact?: () => boolean;
  /** Called once the store has no more use for a push that it staged. */
  readonly release?: () => void;
}

export interface PushLimits {
  /** Slices that a step is cut into at most. */
  readonly slices: number;
  /** Samples of a slice at most. */
  readonly samples: number;
}

/** @throws TrainerError SHAPE_MISMATCH, PROTOCOL_VIOLATION */
export function requireForm(push: SlicePush, layout: ParameterLayout, limits: PushLimits): void {
  const { slice, slices, stepSlices, samples, gradient, statistics } = push;
  requireLength('pushed gradient', gradient, layout.parameterCount);
  requireLength('pushed statistics', statistics, layout.statisticCount);
  requireCount('step of a push', push.step);
  requireCount('generation of a push', push.generation);
  requireCount('version that a push is based on', push.basedOn);
  requireCount('slices of the step of a push', stepSlices, limits.slices);
  requireCount('slice of a push', slice, stepSlices - 1);
  requireNode(push);
  requireCount('samples of a push', samples, slices * limits.samples);
}

function requireNode({ step, slice, slices, stepSlices }: SlicePush): void {
  if (isNode({ slice, slices }, stepSlices)) return;
  throw protocolViolation(
    `push of step ${step}, ${slices} slices from ${slice} on`,
    `a node of the tree over its ${stepSlices} slices`,
    'none',
    'run the same release on every process',
  );
}

/** @throws TrainerError NON_FINITE, naming the first such value */
export function requireFinite(
  { step, slice, gradient, statistics }: SlicePush,
  layout: ParameterLayout,
): void {
  const remedy = 'the push was refused';
  const pairs = [
    ['gradient', gradient, layout.variables],
    ['statistics', statistics, layout.statistics],
  ] as const;
  for (const [what, values, specs] of pairs) {
    const i = firstNonFiniteValue(values);
    if (i < 0) continue;
    const name = specs.find(({ offset, size }) => i < offset + size)?.name ?? '';
    throw nonFinite(
      `${what} of step ${step}, slice ${slice}, at ${name}[${i}]`,
      values[i]!,
      remedy,
    );
  }
}

export function isUnchanged({ isIntact }: SlicePush): boolean {
  return isIntact === undefined || isIntact();
}

/**
 * @throws TrainerError PROTOCOL_VIOLATION for a gradient that was written to after it was pushed
 */
export function requireIntact(push: SlicePush): void {
  if (isUnchanged(push)) return;
  throw protocolViolation(
    `gradient of step ${push.step}, slice ${push.slice}`,
    'shared memory as it was when it was pushed',
    'other content',
    'run the same release on every process',
  );
}

export function requireCount(
  what: string,
  got: number,
  limit: number = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(got) && got >= 0 && got <= limit) return;
  throw protocolViolation(
    what,
    `an integer from 0 to ${limit}`,
    got,
    'run the same release and the same configuration on every process',
  );
}

/** In slice order. */
export function generationsBySlice(
  step: number,
  slices: readonly SliceGeneration[],
): ReadonlyMap<number, number> {
  const inOrder = slices.toSorted((a, b) => a.slice - b.slice);
  const generations = new Map(inOrder.map(({ slice, generation }) => [slice, generation]));
  if (generations.size !== slices.length || slices.length === 0) {
    const got = slices.map(({ slice }) => slice).join(', ');
    throw protocolViolation(
      `commit of step ${step}`,
      'slices, each once',
      `slices [${got}]`,
      'run the same release on every process',
    );
  }
  return generations;
}

export function isSameMap(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

export function describeSlices(generations: ReadonlyMap<number, number>): string {
  return [...generations].map(([slice, generation]) => `${slice}g${generation}`).join(', ');
}

/** A peer that sends none sends 0: a step that silently moved nothing. */
export function requireFactor(step: number, factor: number): void {
  if (Number.isFinite(factor) && factor > 0) return;
  throw protocolViolation(
    `learning rate factor of step ${step}`,
    'a number greater than 0',
    factor,
    'run the same release on every process',
  );
}
