/**
 * The network as the worker uses it: flat vectors in, features or a flat gradient out.
 * Shapes: B images of H x W, P parameters, S batch-norm statistics, K classes.
 */
import type { Prototypes } from '../clustering/prototypes.ts';
import type { SwappedPrediction } from '../clustering/swapped-prediction.ts';

export interface SliceGradient {
  /** Sum of the slice's losses. */
  readonly lossSum: number;
  /** [P], gradient of that sum; the caller's. */
  readonly gradient: Float32Array;
  /**
   * [S], mean and unbiased variance of the slice, where the layout has the running ones; the
   * caller's.
   */
  readonly statistics: Float32Array;
}

/** What a slice may ask for besides its gradient. */
export interface SliceOptions {
  /** [B], of each image's loss; all 1 if left out. */
  readonly weights?: Float32Array;
}

/** Crops of another size. */
export interface SmallViews {
  /** [B * crops, size, size, 3] RGB, the crops of an image one behind the other */
  readonly images: Uint8Array;
  readonly crops: number;
  /** Side [px], of which the network's poolings leave a pixel. */
  readonly size: number;
  /** Weight of the newest batch in running statistics, where a layer has none of its own. */
  readonly batchNormMomentum: number;
}

/**
 * Which output of the network: `feature` is what is clustered, `representation` what the run is
 * for, `logits` the head's; or that of a layer by its index among the network's, a map as [H, W,
 * C].
 */
export type NetworkOutput = 'feature' | 'representation' | 'logits' | { readonly layer: number };

export interface Model {
  /**
   * Takes one version in place of the one before. Both arrays remain the caller's.
   * @param parameters [P]
   * @param statistics [S], the running means and variances
   * @throws TrainerError SHAPE_MISMATCH
   */
  load(parameters: Float32Array, statistics: Float32Array): void;
  /**
   * Features in evaluation mode, as the network's description names them. An image's feature
   * depends on that image and the loaded version only, to the bit: not on its batch.
   * @param images [count, H, W, 3] RGB
   * @returns [count, featureDim], [count, representationDim], [count, K], or [count, numbers that
   * the layer gives]
   * @throws TrainerError SHAPE_MISMATCH
   */
  features(images: Uint8Array, count: number, output?: NetworkOutput): Float32Array;
  /**
   * One training slice: batch norm over the slice, dropout, softmax cross-entropy.
   * @param images [B, H, W, 3] RGB
   * @param pseudoLabels [B]
   * @param dropoutSeed names the slice: the same parts draw the same masks
   * @throws TrainerError SHAPE_MISMATCH, PROTOCOL_VIOLATION for a pseudo-label outside 0 .. K - 1,
   * CONFIG_INVALID if the
   * slice needs more memory than the engine can have
   */
  lossAndGradient(
    images: Uint8Array,
    pseudoLabels: Int32Array,
    dropoutSeed: readonly (string | number)[],
    options?: SliceOptions,
  ): SliceGradient;
  /**
   * The same, with the features that the pass made on its way.
   * @returns besides, [B, featureDim]: in training mode, as dropout and the slice's statistics left
   * them
   */
  lossGradientAndFeatures(
    images: Uint8Array,
    pseudoLabels: Int32Array,
    dropoutSeed: readonly (string | number)[],
    options?: SliceOptions,
  ): SliceGradient & { readonly features: Float32Array };
  /**
   * One training slice of a network without a head: each image's loss is the mean over its crops
   * and the heads.
   * @param images [B * crops, H, W, 3] RGB, the crops of an image one behind the other
   * @param targets [B, heads]
   * @param small further crops of the same images, which go through the network as a batch of their
   * own, behind the others: the mean is over all crops, and running statistics that take what is
   * returned once are as if they had taken the first batch, then the second
   * @returns besides, [B, crops * featureDim] the crops' unit features, without the small ones'
   * @throws TrainerError as {@link lossAndGradient}
   */
  prototypeGradient(
    images: Uint8Array,
    targets: Int32Array,
    prototypes: Prototypes & { readonly crops: number },
    dropoutSeed: readonly (string | number)[],
    small?: SmallViews,
  ): SliceGradient & { readonly features: Float32Array };
  /**
   * One training slice of a network that ends in prototypes: each image's loss is the mean over
   * ordered pairs of its crops.
   * @param images [B * crops, H, W, 3] RGB, the crops of an image one behind the other
   * @param samples B
   * @returns besides, [B, crops * featureDim] the crops' unit features
   * @throws TrainerError as {@link lossAndGradient}
   */
  swappedGradient(
    images: Uint8Array,
    samples: number,
    swapped: SwappedPrediction,
    dropoutSeed: readonly (string | number)[],
  ): SliceGradient & { readonly features: Float32Array };
  /**
   * Features in training mode, as the statistics of these images and dropout leave them.
   * @param images [count, H, W, 3] RGB
   * @returns [count, featureDim] of any length
   */
  trainingFeatures(
    images: Uint8Array,
    count: number,
    dropoutSeed: readonly (string | number)[],
  ): Float32Array;
  /** As the engine's `memory`. */
  memory(): { tensors: number; bytes: number };
  dispose(): void;
}

/** Both outputs of a network for some images. */
export interface NetworkOutputs {
  /** [count, featureDim] */
  readonly feature: Float32Array;
  /** [count, representationDim]; the same array where the feature is the representation. */
  readonly representation: Float32Array;
}

/** A network of this process's engine. */
export interface NetworkModel extends Model {
  /**
   * Both outputs by one pass, each to the bit as {@link Model.features} gives it.
   * @param images [count, H, W, 3] RGB
   * @throws TrainerError SHAPE_MISMATCH
   */
  outputs(images: Uint8Array, count: number): NetworkOutputs;
}
