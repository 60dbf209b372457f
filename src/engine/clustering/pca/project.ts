/**
 * The whitening projection by the engine's matrix product: rows less the mean, which is taken off
 * in float64, times the components, both rounded to float32; norms in float64. A whitened value is
 * off by at most (D + 2) * 2^-24 of the product of the norms of row and component, in practice by
 * the root of that D.
 */
import * as tf from '@tensorflow/tfjs';
import type { OnProgress } from '../../../clustering/kernels.ts';
import type { Whitening } from '../../../clustering/whitening.ts';
import { shapeMismatch } from '../../../errors.ts';
import type { Multiply } from '../products.ts';
import { toHost } from '../to-host.ts';

const BLOCK_ROWS = 1024;

/**
 * As `applyWhitening` of src/clustering, by products in float32.
 * @throws TrainerError SHAPE_MISMATCH
 */
export function projectOnEngine(
  multiply: Multiply,
  { inDim, outDim, mean, components }: Whitening,
  features: Float32Array,
  count: number,
  onProgress: OnProgress = () => undefined,
): Float32Array {
  if (features.length !== count * inDim) {
    throw shapeMismatch('features to whiten', [count, inDim], [features.length]);
  }
  const rows = new Float32Array(count * outDim);
  const centred = new Float32Array(Math.min(BLOCK_ROWS, count) * inDim);
  const columns = tf.tidy(() =>
    tf.transpose(tf.tensor2d(Float32Array.from(components), [outDim, inDim])),
  );
  for (let begin = 0; begin < count; begin += BLOCK_ROWS) {
    const height = Math.min(BLOCK_ROWS, count - begin);
    for (let i = 0; i < height; i += 1) {
      const from = (begin + i) * inDim;
      for (let j = 0; j < inDim; j += 1) centred[i * inDim + j] = features[from + j]! - mean[j]!;
    }
    const projected = toHost(() => {
      const part = tf.tensor2d(centred.slice(0, height * inDim), [height, inDim]);
      return multiply(part, columns);
    });
    storeNormalised(projected, outDim, rows, begin * outDim);
    onProgress();
  }
  columns.dispose();
  return rows;
}

/** A row that whitens to zero stays zero. */
function storeNormalised(values: Float32Array, dim: number, into: Float32Array, at: number): void {
  for (let from = 0; from < values.length; from += dim) {
    let squares = 0;
    for (let j = from; j < from + dim; j += 1) squares += values[j]! * values[j]!;
    const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let j = from; j < from + dim; j += 1) into[at + j] = values[j]! * factor;
  }
}
