/**
 * The operations of the network and their gradients, as every engine has them. Each gradient is
 * written out; none is recorded. Activations are [B, H, W, C]. Tensors returned are new and the
 * caller's; arguments are left alone. Call them within `run` of the engine they belong to.
 */
import type * as tf from '@tensorflow/tfjs';

/** Added to the variance of a batch: the value of the reference. */
export const BATCH_NORM_EPSILON = 1e-5;

export interface ConvGeometry {
  readonly stride: number;
  /** Zeros on each side. */
  readonly padding: number;
}

export interface PoolGeometry {
  readonly window: number;
  readonly stride: number;
  /** Pixels on each side that never are the largest. */
  readonly padding: number;
}

/** A batch normalised by its own statistics, rectified if asked, with what the gradient needs. */
export interface NormalisedBatch {
  readonly y: tf.Tensor4D;
  /** [C] */
  readonly mean: tf.Tensor1D;
  /** [C], unbiased: the one that is measured. Of a single element there is none: it is zero. */
  readonly variance: tf.Tensor1D;
  /** What the gradient wants back, the biased variance among it; disposed with the rest. */
  readonly saved: readonly tf.Tensor[];
}

export interface BatchNormGradients {
  readonly dx: tf.Tensor4D;
  readonly dGamma: tf.Tensor1D;
  readonly dBeta: tf.Tensor1D;
}

export interface SoftmaxCrossEntropy {
  /** [B, K] gradient of the losses' weighted sum with respect to the logits */
  readonly gradient: tf.Tensor2D;
  /** Weighted sum of the losses; waits for the device. */
  readonly lossSum: () => number;
}

export interface Operations {
  /**
   * What the first convolution sees; on CPUs that of plain/front-end.ts to the bit.
   * @param images [count, size, size, 3] RGB; must stay as they are until the tensor is disposed
   */
  readonly networkInput: (
    images: Uint8Array,
    count: number,
    size: number,
    sobel: boolean,
  ) => tf.Tensor4D;
  /** @param bias [C], added to each pixel; null: nothing */
  readonly convolve: (
    x: tf.Tensor4D,
    filter: tf.Tensor4D,
    bias: tf.Tensor1D | null,
    geometry: ConvGeometry,
    activation?: 'linear' | 'relu',
  ) => tf.Tensor4D;
  /** @returns gradient with respect to the filter */
  readonly convFilterGradient: (
    x: tf.Tensor4D,
    dy: tf.Tensor4D,
    filterShape: readonly number[],
    geometry: ConvGeometry,
  ) => tf.Tensor4D;
  /** @returns gradient with respect to the input of that shape */
  readonly convInputGradient: (
    dy: tf.Tensor4D,
    filter: tf.Tensor4D,
    inputShape: readonly [number, number, number, number],
    geometry: ConvGeometry,
  ) => tf.Tensor4D;
  /** Over full windows only; padding is never the largest. */
  readonly maxPool: (x: tf.Tensor4D, geometry: PoolGeometry) => tf.Tensor4D;
  /** The first largest element of a window, row by row, receives its gradient. */
  readonly maxPoolGradient: (
    dy: tf.Tensor4D,
    input: tf.Tensor4D,
    output: tf.Tensor4D,
    geometry: PoolGeometry,
  ) => tf.Tensor4D;
  /**
   * y = (x - mean) / sqrt(variance + epsilon) * gamma + beta over [B, H, W], then max(y, 0) if
   * `rectify`.
   */
  readonly batchNorm: (
    x: tf.Tensor4D,
    gamma: tf.Tensor1D,
    beta: tf.Tensor1D,
    rectify: boolean,
  ) => NormalisedBatch;
  /** Gradients through the batch's own statistics; `batch` is what `batchNorm` made of `x`. */
  readonly batchNormGradient: (
    dy: tf.Tensor4D,
    x: tf.Tensor4D,
    gamma: tf.Tensor1D,
    batch: NormalisedBatch,
    rectify: boolean,
  ) => BatchNormGradients;
  /** Mean over all pixels. @returns [B, C] */
  readonly globalAveragePool: (x: tf.Tensor4D) => tf.Tensor2D;
  /** @param dy [B, C] @returns gradient with respect to the maps of that shape */
  readonly globalAveragePoolGradient: (
    dy: tf.Tensor2D,
    shape: readonly [number, number, number, number],
  ) => tf.Tensor4D;
  /** dy where y, the output of a ReLU, is above zero. */
  readonly reluGradient: (dy: tf.Tensor, y: tf.Tensor) => tf.Tensor;
  /**
   * sum + part, then max(…, 0) if `rectify`.
   * @param sum taken over: no other tensor may share its numbers
   */
  readonly addInto: (sum: tf.Tensor, part: tf.Tensor, rectify: boolean) => tf.Tensor;
  /** @param dy [B, out] @param weight [in, out] @returns [B, in] */
  readonly denseInputGradient: (dy: tf.Tensor, weight: tf.Tensor) => tf.Tensor;
  /**
   * Inverted dropout's mask, the same numbers on every engine.
   * @param seed names the mask
   * @returns a factor for each element, 0 or 1 / (1 - probability)
   */
  readonly dropoutMask: (
    seed: readonly (string | number)[],
    probability: number,
    shape: readonly number[],
  ) => tf.Tensor;
  /**
   * Softmax cross-entropy of each row.
   * @param logits [B, K]
   * @param pseudoLabels [B], each in 0 .. K - 1
   * @param weights [B], of each row's loss; null: all 1
   * @throws TrainerError PROTOCOL_VIOLATION for a pseudo-label that the head does not have
   */
  readonly softmaxCrossEntropy: (
    logits: tf.Tensor2D,
    pseudoLabels: Int32Array,
    weights: Float32Array | null,
  ) => SoftmaxCrossEntropy;
}
