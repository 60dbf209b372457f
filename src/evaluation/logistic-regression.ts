/**
 * Multinomial logistic regression, fitted until it stands still, with a penalty that a part of the
 * training rows chooses: what a linear classifier can make of features, whatever their number.
 * Sources: L-BFGS of Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 3.1; the
 * objective is that of scikit-learn's LogisticRegression,
 * C * sum of cross-entropies + |weights|^2 / 2, the bias free.
 * Shapes: n rows, D feature dimensions, W = D + 1 columns (the last is 1, so that the bias is a
 * weight), K classes. In float64, on the caller's thread.
 */
import { gather, gatherRows, multiplyTransposed } from '../math/matrix.ts';
import { requireUsable, type LabelledFeatures } from './labelled-features.ts';
import type { ProbeRows } from './linear-probe.ts';
import { fitScaling, scaleRows } from './scaling.ts';
import { addOuterProducts, newBatch, softmaxInPlace, type ProbeBatch } from './softmax-rows.ts';
import { membersByClass, stratifiedSplit } from './split.ts';

export interface LogisticOptions {
  /** Decides which training rows choose the penalty. */
  readonly seed: number;
  /** Called {@link LOGISTIC_PASSES} times, as the fits are done. */
  readonly onPass?: () => void;
}

/** C, from the strongest penalty to the weakest: each fit begins with the one before. */
const INVERSE_PENALTIES = [1e-4, 1e-3, 1e-2, 1e-1, 1] as const;
/** Where a class has too few rows for a choice. */
const DEFAULT_INVERSE_PENALTY = 1e-2;
/** Rows of every class from which on a part can choose. */
const LEAST_OF_CLASS = 5;
/** Of the training rows, those that choose. */
const CHOOSING_PART = 0.2;
/** One for each penalty, and the last fit. */
export const LOGISTIC_PASSES = INVERSE_PENALTIES.length + 1;

/**
 * Share of test images whose class is right; ties go to the lower class. Features are standardised
 * by the training part.
 * @returns 0 to 1; 0 where there is nothing to learn from or to test on
 * @throws TrainerError SHAPE_MISMATCH, NON_FINITE
 */
export function logisticTop1(set: LabelledFeatures, { seed, onPass }: LogisticOptions): number {
  requireUsable(set);
  const { train, trainLabels, test, testLabels, dim, classes } = set;
  if (trainLabels.length === 0 || testLabels.length === 0) return 0;
  const scaling = fitScaling(train, trainLabels.length, dim);
  const rows = { rows: scaleRows(train, scaling), labels: trainLabels, width: dim + 1, classes };
  const inversePenalty = chosenPenalty(rows, seed, onPass);
  const weights = fitLogistic(rows, inversePenalty);
  onPass?.();
  return accuracyOf(weights, { ...rows, rows: scaleRows(test, scaling), labels: testLabels });
}

/** The strongest penalty of those that are best on rows that were left out. */
function chosenPenalty(rows: ProbeRows, seed: number, onPass?: () => void): number {
  const { labels, width } = rows;
  const members = membersByClass(labels).filter(({ length }) => length > 0);
  if (members.some(({ length }) => length < LEAST_OF_CLASS)) {
    INVERSE_PENALTIES.forEach(() => onPass?.());
    return DEFAULT_INVERSE_PENALTY;
  }
  const parts = { labels, testFraction: CHOOSING_PART, maxImages: labels.length, seed };
  const split = stratifiedSplit(parts);
  const part = (ids: Int32Array): ProbeRows => ({
    ...rows,
    rows: gatherRows(rows.rows, ids, width),
    labels: gather(labels, ids),
  });
  const [learning, choosing] = [part(split.train), part(split.test)];
  let best = { inversePenalty: DEFAULT_INVERSE_PENALTY, accuracy: -1 };
  let weights: Float64Array | undefined;
  for (const inversePenalty of INVERSE_PENALTIES) {
    const start = weights === undefined ? {} : { start: weights };
    const standstill = STANDSTILL.choosing;
    weights = fitLogistic(learning, inversePenalty, { ...start, standstill });
    const accuracy = accuracyOf(weights, choosing);
    if (accuracy > best.accuracy) best = { inversePenalty, accuracy };
    onPass?.();
  }
  return best.inversePenalty;
}

/** Rows of a tile: it stays in the nearest caches while all classes pass over it. */
const TILE_ROWS = 64;
/** Steps whose curvature is remembered. */
const MEMORY = 10;
const MOST_ITERATIONS = 200;
/**
 * Of the largest element of the gradient of the mean, at which a fit stands still: one that only
 * chooses, and the last one.
 */
const STANDSTILL = { choosing: 1e-4, last: 1e-5 };
/** Sufficient decrease, and the step that is tried next. */
const ARMIJO = 1e-4;
const SHORTER = 0.5;
const MOST_HALVINGS = 30;

export interface FitOptions {
  /** [K, W] where it begins; left out: zeros. */
  readonly start?: Float64Array;
  /** It ends where no element of the gradient is larger. */
  readonly standstill?: number;
}

/**
 * The weights of least mean cross-entropy + |weights|^2 / (2 n C), the bias free.
 * @returns [K, W]
 */
export function fitLogistic(
  set: ProbeRows,
  inversePenalty: number,
  { start, standstill = STANDSTILL.last }: FitOptions = {},
): Float64Array {
  const penalty = 1 / (inversePenalty * set.labels.length);
  const tile = newBatch(TILE_ROWS, set.width, set.classes);
  const zeros = new Float64Array(set.classes * set.width);
  let at = pointAt(start?.slice() ?? zeros, set, penalty, tile);
  const steps: CurvatureStep[] = [];
  for (let iteration = 0; iteration < MOST_ITERATIONS; iteration += 1) {
    if (largest(at.gradient) < standstill) break;
    const direction = descentDirection(at.gradient, steps);
    const next = lineSearch(at, direction, { set, penalty, tile });
    if (next === null) break;
    const change = difference(next.weights, at.weights);
    const bend = difference(next.gradient, at.gradient);
    const curvature = dot(change, bend);
    if (curvature > 0) steps.push({ change, bend, curvature });
    if (steps.length > MEMORY) steps.shift();
    at = next;
  }
  return at.weights;
}

/** A place on the objective. */
interface Point {
  /** [K, W] */
  readonly weights: Float64Array;
  readonly loss: number;
  /** [K, W] */
  readonly gradient: Float64Array;
}

/** A step that was taken, how the gradient changed with it, and the product of both. */
interface CurvatureStep {
  readonly change: Float64Array;
  readonly bend: Float64Array;
  readonly curvature: number;
}

interface Objective {
  readonly set: ProbeRows;
  readonly penalty: number;
  readonly tile: ProbeBatch;
}

function pointAt(
  weights: Float64Array,
  { rows, labels, width, classes }: ProbeRows,
  penalty: number,
  tile: ProbeBatch,
): Point {
  const n = labels.length;
  const gradient = new Float64Array(weights.length);
  let loss = 0;
  for (let begin = 0; begin < n; begin += TILE_ROWS) {
    const count = Math.min(TILE_ROWS, n - begin);
    tile.rows.set(rows.subarray(begin * width, (begin + count) * width));
    multiplyTransposed(tile.rows, count, weights, classes, width, tile.residuals);
    for (let i = 0; i < count; i += 1) {
      const target = i * classes + labels[begin + i]!;
      const own = tile.residuals[target]!;
      loss += softmaxInPlace(tile.residuals, i * classes, classes) - own;
      tile.residuals[target] = tile.residuals[target]! - 1;
    }
    addOuterProducts({ ...tile, count }, { width, classes, divisor: n }, gradient);
  }
  let squares = 0;
  for (let i = 0; i < weights.length; i += 1) {
    if (i % width === width - 1) continue;
    const weight = weights[i]!;
    squares += weight * weight;
    gradient[i] = gradient[i]! + penalty * weight;
  }
  return { weights, loss: loss / n + (penalty / 2) * squares, gradient };
}

/** The two loops of L-BFGS: minus an estimate of the inverse Hessian times the gradient. */
function descentDirection(gradient: Float64Array, steps: readonly CurvatureStep[]): Float64Array {
  const direction = gradient.map((value) => -value);
  const parts = new Float64Array(steps.length);
  for (let i = steps.length - 1; i >= 0; i -= 1) {
    const { change, bend, curvature } = steps[i]!;
    parts[i] = dot(change, direction) / curvature;
    addScaled(direction, -parts[i]!, bend);
  }
  const newest = steps.at(-1);
  // Without any curvature known, a first step of length 1 at the most.
  const scale =
    newest === undefined
      ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient)))
      : newest.curvature / dot(newest.bend, newest.bend);
  for (let i = 0; i < direction.length; i += 1) direction[i] = direction[i]! * scale;
  steps.forEach(({ change, bend, curvature }, i) => {
    addScaled(direction, parts[i]! - dot(bend, direction) / curvature, change);
  });
  return direction;
}

/** Halves the step until the loss falls enough; null where rounding lets it fall no more. */
function lineSearch(
  { weights, loss, gradient }: Point,
  direction: Float64Array,
  { set, penalty, tile }: Objective,
): Point | null {
  const slope = dot(gradient, direction);
  let length = 1;
  for (let halving = 0; halving < MOST_HALVINGS; halving += 1) {
    const moved = weights.slice();
    addScaled(moved, length, direction);
    const next = pointAt(moved, set, penalty, tile);
    if (next.loss <= loss + ARMIJO * length * slope) return next;
    length *= SHORTER;
  }
  return null;
}

function accuracyOf(weights: Float64Array, { rows, labels, width, classes }: ProbeRows): number {
  const tile = new Float64Array(TILE_ROWS * width);
  const logits = new Float64Array(TILE_ROWS * classes);
  let right = 0;
  for (let begin = 0; begin < labels.length; begin += TILE_ROWS) {
    const count = Math.min(TILE_ROWS, labels.length - begin);
    tile.set(rows.subarray(begin * width, (begin + count) * width));
    multiplyTransposed(tile, count, weights, classes, width, logits);
    for (let i = 0; i < count; i += 1) {
      const own = i * classes;
      let winner = 0;
      for (let c = 1; c < classes; c += 1) if (logits[own + c]! > logits[own + winner]!) winner = c;
      if (winner === labels[begin + i]) right += 1;
    }
  }
  return right / labels.length;
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i]! * b[i]!;
  return sum;
}

function difference(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value - b[i]!);
}

function addScaled(to: Float64Array, factor: number, values: Float64Array): void {
  for (let i = 0; i < to.length; i += 1) to[i] = to[i]! + factor * values[i]!;
}
