/**
 * PCA with whitening, then L2: what k-means sees of the features.
 * Source: spec of DeepCluster, section 4 (faiss' PCAMatrix with eigen_power -0.5): the scatter S = Σ x xᵀ - N μ μᵀ is not
 * divided by N, so a whitened column has sum of squares 1; the L2 normalisation of rows makes the scale irrelevant.
 * Shapes: N rows in all, D input and d output dimensions. Solved and applied in float64, stored in float32.
 */
import { TrainerError, shapeMismatch } from '../errors.ts';
import { TILE_ROWS, multiplyTransposed } from '../math/matrix.ts';
import { symmetricEigen, type SymmetricEigen } from '../math/symmetric-eigen.ts';
import type { ShardMoments } from './moments.ts';

export interface Whitening {
  /** D */
  readonly inDim: number;
  /** d */
  readonly outDim: number;
  /** [D] */
  readonly mean: Float64Array;
  /** [d, D] rows are eigenvectors of S, each divided by the square root of its eigenvalue */
  readonly components: Float64Array;
  /** [d] of S, descending */
  readonly eigenvalues: Float64Array;
}

export interface WhiteningOptions {
  /** Dimensions wanted; lowered to D, N - 1 and the numerical rank. */
  readonly outDim: number;
  /** Eigenvalues at or below this fraction of the largest count as zero. */
  readonly epsilon: number;
  /** Called on the way: wide features take minutes. */
  readonly onProgress?: () => void;
  /** Told when the solver of an engine gave way to the dense one, and why. */
  readonly onFallback?: (reason: string) => void;
}

/**
 * Eigenvalues and eigenvectors of a symmetric matrix [n, n], descending: the first `wanted` at least.
 */
export type EigenSolver = (
  matrix: Float64Array,
  n: number,
  wanted: number,
  options: WhiteningOptions,
) => SymmetricEigen;

/** All of them, in float64. */
const solveDense: EigenSolver = (matrix, n, _wanted, { onProgress }) =>
  symmetricEigen(matrix, n, onProgress);

/** Roundings of a sum over a block of rows; further ones come with every block. */
const ROUNDING = 64;

/**
 * @param moments of all N rows
 * @throws TrainerError DATA_UNREADABLE when all features are equal: there is nothing to cluster
 */
export function solveWhitening(
  moments: ShardMoments,
  options: WhiteningOptions,
  solve: EigenSolver = solveDense,
): Whitening {
  const { count, sum } = moments;
  const dim = sum.length;
  const mean = sum.map((value) => value / count);
  const matrix = scatter(moments, mean);
  requireSpread(moments, matrix);
  // N centred rows span N - 1 dimensions at most; what is left of the last eigenvalue is rounding.
  const limit = Math.min(options.outDim, dim, count - 1);
  const { values, vectors } = solve(matrix, dim, limit, options);
  const largest = values[0]!;
  const floor = Math.max(options.epsilon, dim * Number.EPSILON) * largest;
  let outDim = 0;
  while (outDim < limit && values[outDim]! > floor) outDim += 1;
  const components = new Float64Array(outDim * dim);
  for (let i = 0; i < outDim; i += 1) {
    const factor = 1 / Math.sqrt(values[i]!);
    for (let j = 0; j < dim; j += 1) components[i * dim + j] = vectors[i * dim + j]! * factor;
  }
  return { inDim: dim, outDim, mean, components, eigenvalues: values.slice(0, outDim) };
}

/**
 * Whitens rows and normalises each to length 1; a row that whitens to zero stays zero.
 * @param features [n, D] float32; read only
 * @returns [n, d] float32
 * @throws TrainerError SHAPE_MISMATCH
 */
export function applyWhitening(
  whitening: Whitening,
  features: Float32Array,
  count: number,
): Float32Array {
  const { inDim, outDim, mean, components } = whitening;
  if (features.length !== count * inDim) {
    throw shapeMismatch('features to whiten', [count, inDim], [features.length]);
  }
  const rows = new Float32Array(count * outDim);
  const centred = new Float64Array(TILE_ROWS * inDim);
  const projected = new Float64Array(TILE_ROWS * outDim);
  for (let begin = 0; begin < count; begin += TILE_ROWS) {
    const end = Math.min(begin + TILE_ROWS, count);
    for (let i = begin; i < end; i += 1) {
      const to = (i - begin) * inDim;
      for (let j = 0; j < inDim; j += 1) centred[to + j] = features[i * inDim + j]! - mean[j]!;
    }
    multiplyTransposed(centred, end - begin, components, outDim, inDim, projected);
    for (let i = begin; i < end; i += 1) {
      const row = projected.subarray((i - begin) * outDim, (i - begin + 1) * outDim);
      storeNormalised(row, rows, i * outDim);
    }
  }
  return rows;
}

function storeNormalised(row: Float64Array, into: Float32Array, at: number): void {
  let squares = 0;
  for (const value of row) squares += value * value;
  const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  for (let k = 0; k < row.length; k += 1) into[at + k] = row[k]! * factor;
}

/** S = Σ x xᵀ - N μ μᵀ as a full matrix. */
function scatter({ count, sum, outer }: ShardMoments, mean: Float64Array): Float64Array {
  const dim = sum.length;
  const matrix = new Float64Array(dim * dim);
  let at = 0;
  for (let i = 0; i < dim; i += 1) {
    for (let j = i; j < dim; j += 1) {
      const value = outer[at]! - count * mean[i]! * mean[j]!;
      matrix[i * dim + j] = value;
      matrix[j * dim + i] = value;
      at += 1;
    }
  }
  return matrix;
}

/**
 * The trace of S is the spread of the features about their mean. It is a difference of two sums of N products: what is
 * below their rounding says that all rows are equal.
 * @throws TrainerError DATA_UNREADABLE
 */
function requireSpread({ count, sum, outer }: ShardMoments, matrix: Float64Array): void {
  const dim = sum.length;
  let spread = 0;
  let squares = 0;
  let at = 0;
  for (let i = 0; i < dim; i += 1) {
    spread += matrix[i * dim + i]!;
    squares += outer[at]!;
    at += dim - i;
  }
  // False for NaN too, which goes on to the eigenvalues: their error names it.
  if (spread <= (ROUNDING + count / ROUNDING) * Number.EPSILON * squares) {
    throw new TrainerError(
      'DATA_UNREADABLE',
      `features: expected differences between ${count} images, got the same feature for all of them; look for identical images, or for a network that has collapsed`,
      { count, spread },
    );
  }
}
