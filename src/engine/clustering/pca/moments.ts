/**
 * First and second moments of features by the engine's matrix products. Rows are taken in blocks,
 * less a pilot mean (that of the shard), so that nothing is lost to a mean far from zero; a block's
 * products are float32, the sum over blocks and the shift back to the origin float64. So an entry
 * is off by no more than BLOCK_ROWS * 2^-24 of the root of the two centred variances it stands
 * between, times n, and in practice by about the root of that factor. Memory: the features, the
 * moments (a triangle of float64), and one block.
 */
import * as tf from '@tensorflow/tfjs';
import type { OnProgress } from '../../../clustering/kernels.ts';
import type { ShardMoments } from '../../../clustering/moments.ts';
import { shapeMismatch } from '../../../errors.ts';
import type { Multiply } from '../products.ts';
import { toHost } from '../to-host.ts';

/**
 * Rows of a block, and columns that are multiplied with columns at a time: only panels at or right
 * of the diagonal.
 */
const BLOCK_ROWS = 2048;
const PANEL = 512;

/** As `momentsOf` of src/clustering, by products in float32. @throws TrainerError SHAPE_MISMATCH */
export function momentsOnEngine(
  multiply: Multiply,
  features: Float32Array,
  count: number,
  dim: number,
  onProgress: OnProgress = () => undefined,
): ShardMoments {
  if (features.length !== count * dim) {
    throw shapeMismatch('features', [count, dim], [features.length]);
  }
  const sum = columnSums(features, count, dim);
  const pilot = Float32Array.from(sum, (total) => (count === 0 ? 0 : total / count));
  const outer = new Float64Array((dim * (dim + 1)) / 2);
  for (let begin = 0; begin < count; begin += BLOCK_ROWS) {
    const rows = Math.min(BLOCK_ROWS, count - begin);
    tf.tidy(() => {
      const panels = panelsOf(features.subarray(begin * dim, (begin + rows) * dim), rows, pilot);
      panels.forEach((left, i) => {
        panels.slice(i).forEach((right, further) => {
          const products = toHost(() => multiply(left, right, true));
          const at = { top: i * PANEL, left: (i + further) * PANEL };
          addToTriangle(products, at, right.shape[1], outer, dim);
        });
        onProgress();
      });
    });
  }
  shiftToOrigin(outer, sum, pilot, count);
  return { count, sum, outer };
}

function columnSums(features: Float32Array, count: number, dim: number): Float64Array {
  const sum = new Float64Array(dim);
  for (let i = 0; i < count; i += 1) {
    for (let j = 0; j < dim; j += 1) sum[j] = sum[j]! + features[i * dim + j]!;
  }
  return sum;
}

/** The rows less the pilot, cut into panels of columns. */
function panelsOf(rows: Float32Array, count: number, pilot: Float32Array): tf.Tensor2D[] {
  const dim = pilot.length;
  return Array.from({ length: Math.ceil(dim / PANEL) }, (_, panel) => {
    const first = panel * PANEL;
    const width = Math.min(PANEL, dim - first);
    const values = new Float32Array(count * width);
    for (let i = 0; i < count; i += 1) {
      for (let j = 0; j < width; j += 1) {
        values[i * width + j] = rows[i * dim + first + j]! - pilot[first + j]!;
      }
    }
    return tf.tensor2d(values, [count, width]);
  });
}

/**
 * Adds a block of products that begins at row `top` and column `left` of the matrix, as far as it
 * is in the triangle.
 */
function addToTriangle(
  products: Float32Array,
  { top, left }: { top: number; left: number },
  width: number,
  outer: Float64Array,
  dim: number,
): void {
  const height = products.length / width;
  for (let i = 0; i < height; i += 1) {
    const row = top + i;
    const start = row * dim - (row * (row + 1)) / 2;
    for (let j = Math.max(0, row - left); j < width; j += 1) {
      const at = start + left + j;
      outer[at] = outer[at]! + products[i * width + j]!;
    }
  }
}

/** Σ x xᵀ = Σ (x - p)(x - p)ᵀ + p sᵀ + s pᵀ - n p pᵀ, with s = Σ x. */
function shiftToOrigin(
  outer: Float64Array,
  sum: Float64Array,
  pilot: Float32Array,
  count: number,
): void {
  let at = 0;
  for (let i = 0; i < pilot.length; i += 1) {
    const p = pilot[i]!;
    const rest = sum[i]! - count * p;
    for (let j = i; j < pilot.length; j += 1) {
      outer[at] = outer[at]! + p * sum[j]! + rest * pilot[j]!;
      at += 1;
    }
  }
}
