/**
 * Minimises a smooth function from its values and gradients: limited-memory BFGS with a backtracking line search. No step
 * size to choose, nothing drawn. Source: Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 3.1.
 */

/** Returns the value at x and writes the gradient there. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

export interface LbfgsOptions {
  /** Evaluations of the objective at most. */
  readonly maxEvaluations: number;
  /** Stops where no entry of the gradient exceeds this. */
  readonly gradientTolerance: number;
}

/** One accepted step s with the change y of the gradient along it. */
interface Correction {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly curvature: number;
}

/** Corrections kept. */
const MEMORY = 10;
/** A step must yield this part of the decrease that the slope promises. */
const SUFFICIENT_DECREASE = 1e-4;
/** Shortenings of a step before the place counts as the minimum, to rounding. */
const MAX_SHORTENINGS = 30;

/** @returns the lowest point found; `start` is not changed */
export function minimise(
  objective: Objective,
  start: Float64Array,
  { maxEvaluations, gradientTolerance }: LbfgsOptions,
): Float64Array {
  const corrections: Correction[] = [];
  let x: Float64Array = start.slice();
  let gradient: Float64Array = new Float64Array(x.length);
  let value = objective(x, gradient);
  let evaluations = 1;
  while (evaluations < maxEvaluations && largest(gradient) > gradientTolerance) {
    const direction = descentDirection(gradient, corrections);
    const slope = dot(direction, gradient);
    // The first step has no curvature to go by: one unit at most.
    let length = corrections.length > 0 ? 1 : Math.min(1, 1 / Math.sqrt(-slope));
    const nextGradient = new Float64Array(x.length);
    let next: Float64Array = x;
    let nextValue = Infinity;
    let shortenings = 0;
    for (; shortenings < MAX_SHORTENINGS && evaluations < maxEvaluations; shortenings += 1) {
      next = stepped(x, direction, length);
      nextValue = objective(next, nextGradient);
      evaluations += 1;
      if (nextValue <= value + SUFFICIENT_DECREASE * length * slope) break;
      length /= 2;
    }
    if (!(nextValue < value)) break;
    remember(corrections, stepped(next, x, -1), stepped(nextGradient, gradient, -1));
    [x, gradient, value] = [next, nextGradient, nextValue];
  }
  return x;
}

/** -H g by the two-loop recursion; H is the inverse Hessian as the corrections show it. */
function descentDirection(
  gradient: Float64Array,
  corrections: readonly Correction[],
): Float64Array {
  const direction = gradient.map((value) => -value);
  const newest = corrections.at(-1);
  if (newest === undefined) return direction;
  const weights = corrections.map(() => 0);
  for (let i = corrections.length - 1; i >= 0; i -= 1) {
    const { s, y, curvature } = corrections[i]!;
    weights[i] = dot(s, direction) / curvature;
    addScaled(direction, y, -weights[i]!);
  }
  const scale = newest.curvature / dot(newest.y, newest.y);
  for (let j = 0; j < direction.length; j += 1) direction[j] = direction[j]! * scale;
  corrections.forEach(({ s, y, curvature }, i) => {
    addScaled(direction, s, weights[i]! - dot(y, direction) / curvature);
  });
  return direction;
}

/** Keeps H positive definite: a step along which the slope did not rise teaches nothing. */
function remember(corrections: Correction[], s: Float64Array, y: Float64Array): void {
  const curvature = dot(s, y);
  if (!(curvature > Number.EPSILON * dot(y, y))) return;
  corrections.push({ s, y, curvature });
  if (corrections.length > MEMORY) corrections.shift();
}

function stepped(x: Float64Array, direction: Float64Array, length: number): Float64Array {
  const next = x.slice();
  addScaled(next, direction, length);
  return next;
}

function addScaled(to: Float64Array, from: Float64Array, factor: number): void {
  for (let i = 0; i < to.length; i += 1) to[i] = to[i]! + factor * from[i]!;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i]! * b[i]!;
  return sum;
}

function largest(values: Float64Array): number {
  let size = 0;
  for (const value of values) size = Math.max(size, Math.abs(value));
  return size;
}
