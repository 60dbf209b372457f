/**
 * A fit of multinomial logistic regression: L-BFGS from a preconditioner, until it stands still.
 * Sources: Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 3.1; the objective is
 * that of scikit-learn's LogisticRegression, C * sum of cross-entropies + |weights|^2 / 2, the
 * bias free.
 * Shapes: n rows, W columns (the last is 1, so that the bias is a weight), K classes. In float64
 * but for the products, which may be an engine's.
 */
import type { ProbeRows } from '../linear-probe.ts';
import { softmaxInPlace } from '../softmax-rows.ts';
import {
  leadingDirections,
  preconditionerOf,
  type LeadingDirections,
  type Preconditioner,
} from './preconditioner.ts';
import { float64Products, type RowProducts } from '../products.ts';

export interface FitOptions {
  /** [K, W] where it begins; left out: zeros. */
  readonly start?: Float64Array;
  /** It ends where no element of the gradient is larger. */
  readonly standstill?: number;
  /** Of these rows, or of more of their kind; left out: found here. */
  readonly directions?: LeadingDirections;
  /** Of these rows; left out: in float64. */
  readonly products?: RowProducts;
}

/** Of the largest element of the gradient of the mean, at which a fit stands still. */
const STANDSTILL = 3e-5;
/** Steps whose curvature is remembered. */
const MEMORY = 10;
const MOST_ITERATIONS = 300;
/** Sufficient decrease, and the step that is tried next. */
const ARMIJO = 1e-4;
const SHORTER = 0.5;
const MOST_HALVINGS = 30;

/**
 * The weights of least mean cross-entropy + |weights|^2 / (2 n C), the bias free.
 * @returns [K, W]
 */
export function fitLogistic(
  set: ProbeRows,
  inversePenalty: number,
  { start, standstill = STANDSTILL, directions, products: given }: FitOptions = {},
): Float64Array {
  const { width, classes, labels } = set;
  const penalty = 1 / (inversePenalty * labels.length);
  const products = given ?? float64Products(set.rows, width);
  const leading = directions ?? leadingDirections(products, labels.length, width);
  const precondition = preconditionerOf(leading, width, penalty);
  const objective = { set, penalty, products };
  const weights = start?.slice() ?? new Float64Array(classes * width);
  let at = steepPoint(flatPoint(weights, products.logits(weights, classes), objective), objective);
  const steps: CurvatureStep[] = [];
  for (let iteration = 0; iteration < MOST_ITERATIONS; iteration += 1) {
    if (largest(at.gradient) < standstill) break;
    const direction = descentDirection(at.gradient, steps, precondition);
    const moved = lineSearch(at, direction, objective);
    if (moved === null) break;
    const next = steepPoint(moved, objective);
    const change = difference(next.weights, at.weights);
    const bend = difference(next.gradient, at.gradient);
    const curvature = dot(change, bend);
    if (curvature > 0) {
      const scale = curvature / dot(bend, precondition(bend));
      steps.push({ change, bend, curvature, scale });
    }
    if (steps.length > MEMORY) steps.shift();
    at = next;
  }
  if (given === undefined) products.end();
  return at.weights;
}

interface Objective {
  readonly set: ProbeRows;
  readonly penalty: number;
  readonly products: RowProducts;
}

/** A place on the objective. */
interface FlatPoint {
  /** [K, W] */
  readonly weights: Float64Array;
  /** [n, K] */
  readonly logits: Float64Array;
  /** [n, K] derivative of each row's cross-entropy by its logits */
  readonly residuals: Float64Array;
  readonly loss: number;
}

interface Point extends FlatPoint {
  /** [K, W] */
  readonly gradient: Float64Array;
}

/** A step that was taken, how the gradient changed with it, and the product of both. */
interface CurvatureStep {
  readonly change: Float64Array;
  readonly bend: Float64Array;
  readonly curvature: number;
  /** By how much the inverse curvature along it exceeds that of the preconditioner. */
  readonly scale: number;
}

function flatPoint(
  weights: Float64Array,
  logits: Float64Array,
  { set: { labels, width, classes }, penalty }: Objective,
): FlatPoint {
  const n = labels.length;
  const residuals = logits.slice();
  let loss = 0;
  for (let i = 0; i < n; i += 1) {
    const target = i * classes + labels[i]!;
    const own = residuals[target]!;
    loss += softmaxInPlace(residuals, i * classes, classes) - own;
    residuals[target] = residuals[target]! - 1;
  }
  let squares = 0;
  for (let row = 0; row < weights.length; row += width) {
    for (let j = row; j < row + width - 1; j += 1) squares += weights[j]! * weights[j]!;
  }
  return { weights, logits, residuals, loss: loss / n + (penalty / 2) * squares };
}

function steepPoint(point: FlatPoint, { set, penalty, products }: Objective): Point {
  const { labels, width, classes } = set;
  const gradient = products.gradient(point.residuals, classes);
  for (let row = 0; row < gradient.length; row += width) {
    const bias = row + width - 1;
    for (let j = row; j < bias; j += 1) {
      gradient[j] = gradient[j]! / labels.length + penalty * point.weights[j]!;
    }
    gradient[bias] = gradient[bias]! / labels.length;
  }
  return { ...point, gradient };
}

/** The two loops of L-BFGS: minus an estimate of the inverse Hessian times the gradient. */
function descentDirection(
  gradient: Float64Array,
  steps: readonly CurvatureStep[],
  precondition: Preconditioner,
): Float64Array {
  const towards = scaled(gradient, -1);
  const parts = new Float64Array(steps.length);
  for (let i = steps.length - 1; i >= 0; i -= 1) {
    const { change, bend, curvature } = steps[i]!;
    parts[i] = dot(change, towards) / curvature;
    addScaled(towards, -parts[i]!, bend);
  }
  // A bound on the curvature makes steps too short; the last one tells by how much.
  const direction = scaled(precondition(towards), steps.at(-1)?.scale ?? 1);
  steps.forEach(({ change, bend, curvature }, i) => {
    addScaled(direction, parts[i]! - dot(bend, direction) / curvature, change);
  });
  return direction;
}

/**
 * Halves the step until the loss falls enough; null where rounding lets it fall no more. Logits are
 * linear in the weights: one product with the rows serves all lengths.
 */
function lineSearch(
  { weights, logits, loss, gradient }: Point,
  direction: Float64Array,
  objective: Objective,
): FlatPoint | null {
  const slope = dot(gradient, direction);
  const change = objective.products.logits(direction, objective.set.classes);
  let length = 1;
  for (let halving = 0; halving < MOST_HALVINGS; halving += 1) {
    const [moved, movedLogits] = [weights.slice(), logits.slice()];
    addScaled(moved, length, direction);
    addScaled(movedLogits, length, change);
    const next = flatPoint(moved, movedLogits, objective);
    if (next.loss <= loss + ARMIJO * length * slope) return next;
    length *= SHORTER;
  }
  return null;
}

function largest(values: Float64Array): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i]! * b[i]!;
  return sum;
}

function difference(a: Float64Array, b: Float64Array): Float64Array {
  const result = a.slice();
  addScaled(result, -1, b);
  return result;
}

function scaled(values: Float64Array, factor: number): Float64Array {
  const result = new Float64Array(values.length);
  addScaled(result, factor, values);
  return result;
}

function addScaled(to: Float64Array, factor: number, values: Float64Array): void {
  for (let i = 0; i < to.length; i += 1) to[i] = to[i]! + factor * values[i]!;
}
