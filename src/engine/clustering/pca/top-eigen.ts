/**
 * The greatest eigenvalues of a large symmetric positive semi-definite matrix, with their vectors:
 * subspace iteration, accelerated by Chebyshev polynomials that damp everything below the block's
 * least Ritz value. Sources: Zhou, Saad, Tiago and Chelikowsky 2006 (Chebyshev-filtered subspace
 * iteration); Saad, Numerical Methods for Large Eigenvalue Problems, section 5.2 (Rayleigh-Ritz,
 * guard vectors); Golub and Van Loan, section 5.2 (Cholesky QR). The iteration is float32 on the
 * engine. The last Rayleigh-Ritz step and the residual that accepts its result are float64. Shapes:
 * matrix [n, n]; blocks of b vectors are [n, b] on the engine and [b, n] in float64; all row-major.
 */
import * as tf from '@tensorflow/tfjs';
import type { OnProgress } from '../../../clustering/kernels.ts';
import { TILE_ROWS, multiplyTransposed } from '../../../math/matrix.ts';
import { Mt19937 } from '../../../math/rng.ts';
import { symmetricEigen, type SymmetricEigen } from '../../../math/symmetric-eigen.ts';
import { choleskyFactor, invertLower } from './cholesky.ts';
import type { Multiply } from '../products.ts';
import { toHost } from '../to-host.ts';

export interface TopEigen extends SymmetricEigen {
  /**
   * `dense`: the full problem was solved, since it is small, or since the iteration did not
   * converge.
   */
  readonly method: 'subspace' | 'dense';
  /** Products of the matrix with a block. */
  readonly products: number;
  /** Greatest ||A v - λ v|| / λ1 of the pairs, in float64; 0 where dense. */
  readonly residual: number;
  /** Why the iteration was given up; null if it was not. */
  readonly failure: string | null;
}

export interface TopEigenOptions {
  readonly onProgress?: OnProgress;
  /** Of the block that the iteration starts from. */
  readonly seed?: number;
  /** Accepted ||A v - λ v|| / λ1. */
  readonly tolerance?: number;
}

/** Below this the dense solver takes a second. */
const DENSE_SIDE = 384;
const TOLERANCE = 2e-6;
const SEED = 1234;
/**
 * Vectors beyond those wanted, at least, and as a share of them: what they damp need not be
 * resolved.
 */
const LEAST_GUARD = 32;
const GUARD_SHARE = 0.25;
/**
 * Vectors beyond those wanted in the last step: the first of the guard are resolved well enough to
 * be told apart.
 */
const LAST_GUARD = 8;
const MOST_CYCLES = 60;
const MOST_DEGREE = 40;
/**
 * A filter may weigh the first vector so many times as much as the last of the block: what it adds
 * to the others, they lose again when the block is made orthogonal.
 */
const MOST_WEIGHT = 1e7;
/** The block's least Ritz value counts as no less than this share of the greatest. */
const LEAST_DAMPED = 1e-6;

/**
 * @param multiply in float32, of the engine that is current
 * @param matrix [n, n] symmetric, positive semi-definite up to rounding; read only
 * @param wanted pairs, at most n
 * @returns at least `wanted` values and vectors, descending
 */
export function topEigen(
  multiply: Multiply,
  matrix: Float64Array,
  n: number,
  wanted: number,
  options: TopEigenOptions = {},
): TopEigen {
  const { onProgress = () => undefined, seed = SEED, tolerance = TOLERANCE } = options;
  const dense = (products: number, failure: string | null): TopEigen => {
    const solved = symmetricEigen(matrix, n, onProgress);
    return { ...solved, method: 'dense', products, residual: 0, failure };
  };
  const size = wanted + Math.max(LEAST_GUARD, Math.ceil(wanted * GUARD_SHARE));
  if (n <= DENSE_SIDE || 2 * size > n) return dense(0, null);
  const chosen = { onProgress, seed, tolerance };
  const { vectors, products } = iterate(multiply, matrix, n, wanted, size, chosen);
  if (vectors === null) return dense(products, 'the block lost its rank');
  const solved = lastStep(matrix, n, vectors, wanted, onProgress);
  if (!(solved.residual <= tolerance)) {
    return dense(
      products,
      `residual ${solved.residual.toExponential(1)} after ${products} products`,
    );
  }
  return { ...solved, method: 'subspace', products, failure: null };
}

interface Block {
  /** [n, b] orthonormal Ritz vectors, and their products with the matrix. */
  readonly vectors: tf.Tensor2D;
  readonly images: tf.Tensor2D;
  /** [b] descending */
  readonly values: Float64Array;
}

/** @returns vectors [wanted + LAST_GUARD, n], null if the block lost its rank */
function iterate(
  multiply: Multiply,
  matrix: Float64Array,
  n: number,
  wanted: number,
  size: number,
  { onProgress, seed, tolerance }: Required<TopEigenOptions>,
): { vectors: Float64Array | null; products: number } {
  let products = 0;
  const a = scaledTensor(matrix, n);
  const apply = (block: tf.Tensor2D): tf.Tensor2D => {
    products += 1;
    const image = multiply(a, block);
    onProgress();
    return image;
  };
  let block = ritz(
    multiply,
    tf.tidy(() => startBlock(n, size, seed)),
    apply,
  );
  let best = Infinity;
  let stalled = 0;
  for (let cycle = 0; block !== null && cycle < MOST_CYCLES; cycle += 1) {
    const residual = greatestResidual(block, wanted);
    if (residual <= tolerance / 4) break;
    // Float32 has given what it can when a few cycles bring nothing more.
    stalled = residual < 0.8 * best ? 0 : stalled + 1;
    best = Math.min(best, residual);
    if (stalled === 3 && best < Math.sqrt(tolerance)) break;
    const filtered = filter(block, apply);
    tf.dispose([block.vectors, block.images]);
    block = ritz(multiply, filtered, apply);
  }
  a.dispose();
  if (block === null) return { vectors: null, products };
  const last = Math.min(size, wanted + LAST_GUARD);
  const { vectors, images } = block;
  const rows = toHost(() => tf.transpose(tf.slice(vectors, [0, 0], [n, last])));
  tf.dispose([vectors, images]);
  return { vectors: Float64Array.from(rows), products };
}

/** The matrix as float32, its largest entry 1. */
function scaledTensor(matrix: Float64Array, n: number): tf.Tensor2D {
  const size = matrix.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const values = new Float32Array(n * n);
  for (let i = 0; i < values.length; i += 1) values[i] = matrix[i]! / size;
  return tf.tensor2d(values, [n, n]);
}

function startBlock(n: number, size: number, seed: number): tf.Tensor2D {
  const generator = new Mt19937(seed);
  const values = new Float32Array(n * size).map(() => generator.uint32() / 2 ** 32 - 0.5);
  return tf.tensor2d(values, [n, size]);
}

/**
 * Rayleigh-Ritz on the span of a block, which it disposes of. Null where the block has no full rank
 * in float32.
 */
function ritz(
  multiply: Multiply,
  block: tf.Tensor2D,
  apply: (block: tf.Tensor2D) => tf.Tensor2D,
): Block | null {
  const size = block.shape[1];
  const coarse = orthonormalised(multiply, block, (gram, scales) =>
    refilled(multiply, block, gram, scales),
  );
  block.dispose();
  // A second time removes what rounding left of the first: "twice is enough".
  const basis = coarse === null ? null : orthonormalised(multiply, coarse);
  coarse?.dispose();
  if (basis === null) return null;
  const image = apply(basis);
  const projected = symmetrised(
    toHost(() => multiply(basis, image, true)),
    size,
  );
  const { values, vectors } = symmetricEigen(projected, size);
  const result = tf.tidy(() => {
    const rotation = tf.tensor2d(Float32Array.from(vectors), [size, size]);
    return {
      vectors: multiply(basis, rotation, false, true),
      images: multiply(image, rotation, false, true),
    };
  });
  tf.dispose([basis, image]);
  return { ...result, values };
}

/** Least pivot of a Gram matrix of unit columns that float32 can still tell from rounding. */
const LEAST_PIVOT = 1e-5;

/**
 * Cholesky QR with columns scaled to length 1 before: the filter leaves them of very different
 * length.
 */
function orthonormalised(
  multiply: Multiply,
  block: tf.Tensor2D,
  refill?: (gram: Float64Array, scales: Float64Array) => tf.Tensor2D,
): tf.Tensor2D | null {
  const size = block.shape[1];
  const gram = symmetrised(
    toHost(() => multiply(block, block, true)),
    size,
  );
  const scales = Float64Array.from({ length: size }, (_, i) => 1 / Math.sqrt(gram[i * size + i]!));
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < size; j += 1)
      gram[i * size + j] = gram[i * size + j]! * scales[i]! * scales[j]!;
  }
  const factor = choleskyFactor(gram, size, LEAST_PIVOT);
  if (factor === null) return refill?.(gram, scales) ?? null;
  const inverse = invertLower(factor, size);
  const weights = Float32Array.from(inverse, (value, at) => value * scales[at % size]!);
  return tf.tidy(() => multiply(block, tf.tensor2d(weights, [size, size]), false, true));
}

/**
 * What is left of a block that lost rank, by the eigenvectors of its Gram matrix, and random
 * vectors in place of the rest. Source: Stathopoulos and Wu 2002 (orthonormalisation by singular
 * vectors).
 */
function refilled(
  multiply: Multiply,
  block: tf.Tensor2D,
  gram: Float64Array,
  scales: Float64Array,
): tf.Tensor2D {
  const [n, size] = block.shape;
  const { values, vectors } = symmetricEigen(gram, size);
  const kept = values.filter((value) => value > LEAST_PIVOT * values[0]!).length;
  const weights = new Float32Array(kept * size);
  for (let i = 0; i < kept; i += 1) {
    const factor = 1 / Math.sqrt(values[i]!);
    for (let j = 0; j < size; j += 1) {
      weights[i * size + j] = vectors[i * size + j]! * factor * scales[j]!;
    }
  }
  return tf.tidy(() => {
    const left = multiply(block, tf.tensor2d(weights, [kept, size]), false, true);
    // Entries that make a column about as long as those of what is left.
    const fresh = tf.mul(startBlock(n, size - kept, SEED + kept), Math.sqrt(12 / n));
    return tf.concat([left, fresh], 1) as tf.Tensor2D;
  });
}

function symmetrised(values: ArrayLike<number>, size: number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j < size; j += 1) {
      matrix[i * size + j] = (values[i * size + j]! + values[j * size + i]!) / 2;
    }
  }
  return matrix;
}

/** Of the wanted pairs, in float32, as a share of the greatest value. */
function greatestResidual({ vectors, images, values }: Block, wanted: number): number {
  const norms = toHost(() => {
    const scaled = tf.mul(vectors, tf.tensor1d(Float32Array.from(values)));
    return tf.norm(tf.sub(images, scaled), 'euclidean', 0);
  });
  return norms.slice(0, wanted).reduce((most, norm) => Math.max(most, norm), 0) / values[0]!;
}

/**
 * The block times T_m(2 A / c - 1), with c its least Ritz value, which is no greater than the
 * eigenvalue of that rank: what lies between 0 and c stays as it is, what is above grows.
 */
function filter(
  { vectors, images, values }: Block,
  apply: (block: tf.Tensor2D) => tf.Tensor2D,
): tf.Tensor2D {
  const damped = Math.max(values.at(-1)!, LEAST_DAMPED * values[0]!);
  const degree = filterDegree(values[0]! / damped);
  let before = vectors.clone<tf.Tensor2D>();
  let current = tf.tidy(() => tf.sub<tf.Tensor2D>(tf.mul(images, 2 / damped), vectors));
  for (let i = 1; i < degree; i += 1) {
    const image = apply(current);
    const next = tf.tidy(() =>
      tf.sub<tf.Tensor2D>(tf.mul(tf.sub(tf.mul(image, 2 / damped), current), 2), before),
    );
    tf.dispose([before, image]);
    before = current;
    current = next;
  }
  before.dispose();
  return current;
}

/** The greatest degree m with T_m(2 first - 1) no more than MOST_WEIGHT. */
function filterDegree(first: number): number {
  // T_m(t) = cosh(m arcosh t), and T_m(1) = 1.
  const degree = Math.floor(Math.acosh(MOST_WEIGHT) / Math.acosh(Math.max(2 * first - 1, 1.001)));
  return Math.max(1, Math.min(MOST_DEGREE, degree));
}

/** Rayleigh-Ritz in float64 over rows that span nearly the right space. @param rows [b, n] */
function lastStep(
  matrix: Float64Array,
  n: number,
  rows: Float64Array,
  wanted: number,
  onProgress: OnProgress,
): SymmetricEigen & { residual: number } {
  const size = rows.length / n;
  const images = transposed(productOf(matrix, n, rows, size, n, onProgress), n, size);
  const factor = choleskyFactor(productOf(rows, size, rows, size, n, onProgress), size, 0);
  if (factor === null) return { values: new Float64Array(0), vectors: rows, residual: Infinity };
  const inverse = invertLower(factor, size);
  // L^-1 (Vᵀ A V) L^-ᵀ
  const inner = productOf(rows, size, images, size, n, onProgress);
  const half = productOf(inverse, size, inner, size, size, onProgress);
  const reduced = symmetrised(productOf(half, size, inverse, size, size, onProgress), size);
  const { values, vectors } = symmetricEigen(reduced, size);
  const weights = productOf(vectors, size, transposed(inverse, size, size), size, size, onProgress);
  const combine = (block: Float64Array): Float64Array =>
    productOf(weights, wanted, transposed(block, size, n), n, size, onProgress);
  const [eigenvectors, products] = [combine(rows), combine(images)];
  let residual = 0;
  for (let i = 0; i < wanted; i += 1) {
    let squares = 0;
    for (let j = i * n; j < (i + 1) * n; j += 1) {
      squares += (products[j]! - values[i]! * eigenvectors[j]!) ** 2;
    }
    residual = Math.max(residual, Math.sqrt(squares) / values[0]!);
  }
  return { values: values.slice(0, wanted), vectors: eigenvectors, residual };
}

/**
 * A Bᵀ in float64, in tiles.
 * @param a [aRows, dim]
 * @param b [bRows, dim]
 * @returns [aRows, bRows]
 */
function productOf(
  a: Float64Array,
  aRows: number,
  b: Float64Array,
  bRows: number,
  dim: number,
  onProgress: OnProgress,
): Float64Array {
  const product = new Float64Array(aRows * bRows);
  const tile = new Float64Array(TILE_ROWS * TILE_ROWS);
  for (let i0 = 0; i0 < aRows; i0 += TILE_ROWS) {
    const height = Math.min(TILE_ROWS, aRows - i0);
    const left = a.subarray(i0 * dim, (i0 + height) * dim);
    for (let j0 = 0; j0 < bRows; j0 += TILE_ROWS) {
      const width = Math.min(TILE_ROWS, bRows - j0);
      multiplyTransposed(left, height, b.subarray(j0 * dim, (j0 + width) * dim), width, dim, tile);
      for (let i = 0; i < height; i += 1) {
        product.set(tile.subarray(i * width, (i + 1) * width), (i0 + i) * bRows + j0);
      }
    }
    onProgress();
  }
  return product;
}

/** @param matrix [rows, columns] @returns [columns, rows] */
function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(matrix.length);
  for (let i = 0; i < rows; i += 1) {
    for (let j = 0; j < columns; j += 1) result[j * rows + i] = matrix[i * columns + j]!;
  }
  return result;
}
