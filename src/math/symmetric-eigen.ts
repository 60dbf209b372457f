/**
 * Eigenvalues and eigenvectors of a symmetric matrix in float64: Householder reduction to
 * tridiagonal form, then QL with implicit shifts. Source: Golub and Van Loan, Matrix Computations,
 * sections 8.3.1 and 8.3.3. Shapes: n x n matrices are flat and row-major. Cost about 9 n^3 flop; n
 * = 512 takes seconds.
 */
import { TrainerError, nonFinite, shapeMismatch } from '../errors.ts';
import { copyRow } from './matrix.ts';

export interface SymmetricEigen {
  /** [n] descending */
  readonly values: Float64Array;
  /** [n, n] row i is the unit eigenvector of values[i] */
  readonly vectors: Float64Array;
}

const MAX_SWEEPS = 60;
/** Of entries of a matrix whose largest is 1. */
const NEGLIGIBLE_SQUARE = 1e-280;
/** Of such a matrix too: the reduction has rounded by more than this times the rounding unit. */
const NEGLIGIBLE_SCALE = 2 ** -10;

/**
 * @param matrix [n, n] symmetric; only its lower triangle is read, and it is not changed
 * @param onProgress called 2 n times on the way: a large matrix takes minutes
 * @throws TrainerError SHAPE_MISMATCH, NON_FINITE where the matrix is not finite
 */
export function symmetricEigen(
  matrix: Float64Array,
  n: number,
  onProgress: () => void = () => undefined,
): SymmetricEigen {
  if (matrix.length !== n * n) throw shapeMismatch('symmetric matrix', [n, n], [matrix.length]);
  const size = largestEntry(matrix);
  // From here on the largest entry is 1, and what is below 1e-140 vanishes in rounding: squares
  // neither overflow nor underflow.
  const q = size > 0 ? matrix.map((value) => value / size) : matrix.slice();
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n);
  tridiagonalise(q, n, diagonal, beside, onProgress);
  // Rows of the transpose are the columns that the rotations mix: they lie next to each other in
  // memory.
  const rows = transposed(q, n);
  iterateQl(diagonal, beside, rows, n, onProgress);
  return sortDescending(diagonal, size, rows, n);
}

/**
 * Reduces to T = Qᵀ A Q, from the last row up.
 * @param a [n, n] replaced by Q
 * @param diagonal [n] of T
 * @param beside [n] beside[i] couples i - 1 and i; beside[0] is 0
 */
function tridiagonalise(
  a: Float64Array,
  n: number,
  diagonal: Float64Array,
  beside: Float64Array,
  onProgress: () => void,
): void {
  const scaleOf = new Float64Array(n);
  for (let i = n - 1; i > 0; i -= 1) {
    onProgress();
    const row = i * n;
    let squares = 0;
    for (let k = 0; k < i - 1; k += 1) squares += a[row + k]! * a[row + k]!;
    const last = a[row + i - 1]!;
    if (squares < NEGLIGIBLE_SQUARE) {
      beside[i] = last;
      continue;
    }
    const norm = Math.sqrt(squares + last * last);
    const alpha = last > 0 ? -norm : norm;
    beside[i] = alpha;
    // Householder vector u = x - alpha e, kept in row i; H = I - u uᵀ / half, half = uᵀu / 2.
    a[row + i - 1] = last - alpha;
    const half = norm * norm - last * alpha;
    scaleOf[i] = half;
    applyReflection(a, n, i, half);
  }
  accumulate(a, n, scaleOf, diagonal);
}

/** A := H A H on the leading i x i block, with u in row i; only the lower triangle is kept up. */
function applyReflection(a: Float64Array, n: number, i: number, half: number): void {
  const row = i * n;
  const p = new Float64Array(i);
  for (let j = 0; j < i; j += 1) {
    const uj = a[row + j]!;
    let dot = 0;
    for (let k = 0; k <= j; k += 1) dot += a[j * n + k]! * a[row + k]!;
    p[j] = p[j]! + dot;
    for (let k = 0; k < j; k += 1) p[k] = p[k]! + a[j * n + k]! * uj;
  }
  let shift = 0;
  for (let j = 0; j < i; j += 1) {
    p[j] = p[j]! / half;
    shift += a[row + j]! * p[j]!;
  }
  shift /= 2 * half;
  for (let j = 0; j < i; j += 1) p[j] = p[j]! - shift * a[row + j]!;
  for (let j = 0; j < i; j += 1) {
    const uj = a[row + j]!;
    const pj = p[j]!;
    for (let k = 0; k <= j; k += 1) {
      a[j * n + k] = a[j * n + k]! - uj * p[k]! - pj * a[row + k]!;
    }
  }
}

/**
 * Turns the stored reflections into Q, growing the block from the top; reads T's diagonal off on
 * the way.
 */
function accumulate(
  a: Float64Array,
  n: number,
  scaleOf: Float64Array,
  diagonal: Float64Array,
): void {
  for (let i = 0; i < n; i += 1) diagonal[i] = a[i * n + i]!;
  const weights = new Float64Array(n);
  for (let i = 0; i < n; i += 1) {
    const half = scaleOf[i]!;
    const row = i * n;
    if (half !== 0) {
      weights.fill(0, 0, i);
      for (let k = 0; k < i; k += 1) {
        const u = a[row + k]! / half;
        for (let j = 0; j < i; j += 1) weights[j] = weights[j]! + u * a[k * n + j]!;
      }
      for (let k = 0; k < i; k += 1) {
        const u = a[row + k]!;
        for (let j = 0; j < i; j += 1) a[k * n + j] = a[k * n + j]! - u * weights[j]!;
      }
    }
    for (let k = 0; k < i; k += 1) {
      a[row + k] = 0;
      a[k * n + i] = 0;
    }
    a[row + i] = 1;
  }
}

/** Rotates T to diagonal form, and the rows of Qᵀ with it. */
function iterateQl(
  diagonal: Float64Array,
  beside: Float64Array,
  rows: Float64Array,
  n: number,
  onProgress: () => void,
): void {
  beside.copyWithin(0, 1);
  beside[n - 1] = 0;
  for (let low = 0; low < n; low += 1) {
    onProgress();
    for (let sweep = 0; ; sweep += 1) {
      const high = firstNegligible(diagonal, beside, low, n);
      if (high === low) break;
      if (sweep === MAX_SWEEPS) {
        throw new TrainerError(
          'NON_FINITE',
          `eigenvalues: no convergence in ${MAX_SWEEPS} sweeps; this is a defect`,
        );
      }
      sweepQl(diagonal, beside, rows, n, low, high);
    }
  }
}

function firstNegligible(
  diagonal: Float64Array,
  beside: Float64Array,
  low: number,
  n: number,
): number {
  let m = low;
  while (m < n - 1) {
    const scale = Math.abs(diagonal[m]!) + Math.abs(diagonal[m + 1]!);
    // The second term: beside two numbers that are themselves rounding, nothing is small in
    // relation to them.
    if (Math.abs(beside[m]!) <= Number.EPSILON * (scale + NEGLIGIBLE_SCALE)) break;
    m += 1;
  }
  return m;
}

/** One QL sweep over the block low .. high with Wilkinson's shift. */
function sweepQl(
  diagonal: Float64Array,
  beside: Float64Array,
  rows: Float64Array,
  n: number,
  low: number,
  high: number,
): void {
  const delta = (diagonal[low + 1]! - diagonal[low]!) / (2 * beside[low]!);
  const root = Math.hypot(delta, 1);
  let g = diagonal[high]! - diagonal[low]! + beside[low]! / (delta + (delta < 0 ? -root : root));
  let sine = 1;
  let cosine = 1;
  let carried = 0;
  for (let i = high - 1; i >= low; i -= 1) {
    const f = sine * beside[i]!;
    const b = cosine * beside[i]!;
    const r = Math.hypot(f, g);
    beside[i + 1] = r;
    if (r === 0) {
      diagonal[i + 1] = diagonal[i + 1]! - carried;
      beside[high] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    const shifted = diagonal[i + 1]! - carried;
    const t = (diagonal[i]! - shifted) * sine + 2 * cosine * b;
    carried = sine * t;
    diagonal[i + 1] = shifted + carried;
    g = cosine * t - b;
    rotateRows(rows, n, i, sine, cosine);
  }
  diagonal[low] = diagonal[low]! - carried;
  beside[low] = g;
  beside[high] = 0;
}

function rotateRows(rows: Float64Array, n: number, i: number, sine: number, cosine: number): void {
  const a = i * n;
  const b = a + n;
  for (let k = 0; k < n; k += 1) {
    const x = rows[a + k]!;
    const y = rows[b + k]!;
    rows[b + k] = sine * x + cosine * y;
    rows[a + k] = cosine * x - sine * y;
  }
}

function transposed(a: Float64Array, n: number): Float64Array {
  const t = new Float64Array(n * n);
  for (let i = 0; i < n; i += 1) for (let j = 0; j < n; j += 1) t[j * n + i] = a[i * n + j]!;
  return t;
}

/** @throws TrainerError NON_FINITE */
function largestEntry(matrix: Float64Array): number {
  let size = 0;
  for (const value of matrix) {
    if (!Number.isFinite(value)) {
      throw nonFinite('symmetric matrix', value, 'look for features that are not finite');
    }
    size = Math.max(size, Math.abs(value));
  }
  return size;
}

/** @param size what the matrix was divided by */
function sortDescending(
  diagonal: Float64Array,
  size: number,
  rows: Float64Array,
  n: number,
): SymmetricEigen {
  const order = Array.from(diagonal.keys()).sort((a, b) => diagonal[b]! - diagonal[a]!);
  const values = new Float64Array(n);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    values[to] = diagonal[from]! * size;
    copyRow(rows, from, vectors, to, n);
  });
  return { values, vectors };
}
