/**
 * An estimate of the inverse Hessian of logistic regression, for L-BFGS to begin with: features of a
 * network have a few directions of great variance and many of little, and without one most steps
 * are spent on that. It moves no optimum, only how soon it is reached.
 * Sources: the bound of Böhning 1992 (Ann. Inst. Statist. Math. 44), by which the Hessian is at
 * most XᵀX / (2 n) in every class; its leading eigenvectors by subspace iteration (Halko,
 * Martinsson and Tropp 2011, algorithm 4.4).
 * Shapes: n rows, W columns of which the last is 1, r directions, C classes. In float64.
 */
import { multiplyTransposed } from '../../math/matrix.ts';
import { seededRng } from '../../math/rng.ts';
import { symmetricEigen } from '../../math/symmetric-eigen.ts';
import type { RowProducts } from '../products.ts';

/** Directions of greatest variance of standardised rows. */
export interface LeadingDirections {
  /** r */
  readonly count: number;
  /** [r, W] orthonormal rows, or zeros beyond the rank; nothing in the last column */
  readonly vectors: Float64Array;
  /** [r] variances along them, descending */
  readonly variances: Float64Array;
}

/** Directions that are found; the rest is taken to have the variance of the last of them. */
const MOST_DIRECTIONS = 32;
/** Times that the subspace is multiplied by XᵀX. */
const ITERATIONS = 2;
/** Part of its length that a direction keeps where it is more than rounding of the others. */
const OWN_PART = 1e-10;
/** Of a softmax: no direction in the space of logits is bent more. */
const MOST_CURVATURE = 0.5;

export function leadingDirections(
  products: RowProducts,
  n: number,
  width: number,
): LeadingDirections {
  const count = Math.min(MOST_DIRECTIONS, width - 1);
  const rng = seededRng(n, 'leading directions');
  let basis = Float64Array.from({ length: count * width }, () => rng.normal());
  clearBias(basis, width);
  orthonormalise(basis, width);
  for (let iteration = 0; iteration < ITERATIONS; iteration += 1) {
    basis = products.gradient(products.logits(basis, count), count) as typeof basis;
    clearBias(basis, width);
    orthonormalise(basis, width);
  }
  const scores = transposed(products.logits(basis, count), n, count);
  const spread = new Float64Array(count * count);
  multiplyTransposed(scores, count, scores, count, n, spread);
  const { values, vectors: turn } = symmetricEigen(spread, count);
  const vectors = new Float64Array(count * width);
  multiplyTransposed(turn, count, transposed(basis, count, width), width, count, vectors);
  return { count, vectors, variances: values.map((value) => Math.max(0, value) / n) };
}

/** [C, W] in, [C, W] out: symmetric and positive definite, so that it keeps descent descending. */
export type Preconditioner = (gradient: Float64Array) => Float64Array;

/** @param penalty factor of |weights|^2 / 2 in the mean objective; the bias has none */
export function preconditionerOf(
  { count, vectors, variances }: LeadingDirections,
  width: number,
  penalty: number,
): Preconditioner {
  const inverse = (variance: number): number => 1 / (MOST_CURVATURE * variance + penalty);
  const rest = inverse(variances[count - 1] ?? 0);
  const extra = variances.map((variance) => inverse(variance) - rest);
  return (gradient) => {
    const classes = gradient.length / width;
    const parts = new Float64Array(classes * count);
    multiplyTransposed(gradient, classes, vectors, count, width, parts);
    const result = new Float64Array(gradient.length);
    for (let c = 0; c < classes; c += 1) {
      const at = c * width;
      addScaledPart(result, at, rest, gradient, at, width);
      for (let r = 0; r < count; r += 1) {
        const part = parts[c * count + r]! * extra[r]!;
        addScaledPart(result, at, part, vectors, r * width, width);
      }
      const bias = at + width - 1;
      result[bias] = gradient[bias]! / MOST_CURVATURE;
    }
    return result;
  };
}

function clearBias(rows: Float64Array, width: number): void {
  for (let i = width - 1; i < rows.length; i += width) rows[i] = 0;
}

/** Gram and Schmidt, twice for each row; one that the others span becomes zeros. */
function orthonormalise(rows: Float64Array, width: number): void {
  for (let i = 0; i < rows.length; i += width) {
    const before = lengthOf(rows, i, width);
    for (let pass = 0; pass < 2; pass += 1) {
      for (let other = 0; other < i; other += width) {
        addScaledPart(rows, i, -dotOf(rows, i, other, width), rows, other, width);
      }
    }
    const length = lengthOf(rows, i, width);
    const scale = length > OWN_PART * before ? 1 / length : 0;
    for (let j = i; j < i + width; j += 1) rows[j] = rows[j]! * scale;
  }
}

function lengthOf(rows: Float64Array, at: number, width: number): number {
  return Math.sqrt(dotOf(rows, at, at, width));
}

function dotOf(rows: Float64Array, a: number, b: number, width: number): number {
  let sum = 0;
  for (let j = 0; j < width; j += 1) sum += rows[a + j]! * rows[b + j]!;
  return sum;
}

function addScaledPart(
  to: Float64Array,
  at: number,
  factor: number,
  from: Float64Array,
  begin: number,
  width: number,
): void {
  for (let j = 0; j < width; j += 1) to[at + j] = to[at + j]! + factor * from[begin + j]!;
}

function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(matrix.length);
  for (let i = 0; i < rows; i += 1) {
    for (let j = 0; j < columns; j += 1) result[j * rows + i] = matrix[i * columns + j]!;
  }
  return result;
}
