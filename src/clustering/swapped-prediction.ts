/**
 * SwAV's loss: each crop predicts the codes of an image's other crops, which balanced assignment to
 * the prototypes gives. Source: Caron et al. 2020 (arXiv:2006.09882), section 3.1, eq. 1 and 2.
 * On the host, in float64. Shapes: n images of V crops, the crops of an image one behind the other;
 * L images of the queue, d columns of a feature, K prototypes.
 */
import { requireLength } from '../math/checks.ts';
import { sinkhornKnopp, type SinkhornOptions } from './sinkhorn.ts';

/** What a slice is trained by. */
export interface SwappedPrediction extends SinkhornOptions {
  /** V, at least 2. */
  readonly crops: number;
  readonly temperature: number;
  /** [L, V, d] unit rows of images that were drawn before, each with its crops. */
  readonly queue: Float32Array;
  /** Whether the prototypes stay as they are. */
  readonly isFrozen: boolean;
}

/** Cosines with the prototypes, of a slice's crops and of the queue. */
export interface Cosines {
  /** [n, V, K] */
  readonly own: Float32Array;
  /** [L, V, K] */
  readonly queue: Float32Array;
  /** K */
  readonly clusters: number;
}

export interface SwappedLoss {
  /** Sum over images of the mean over ordered pairs of their crops. */
  readonly lossSum: number;
  /** [n, V, K] of that sum, with respect to the slice's cosines; none goes through the codes. */
  readonly gradient: Float32Array;
}

/**
 * Codes are balanced within a crop's number: over the queue's rows of it, and the slice's own.
 * @returns [n, V, K] each crop's assignment, of sum 1
 * @throws TrainerError SHAPE_MISMATCH
 */
export function codesOf(
  { own, queue, clusters }: Cosines,
  { crops, ...options }: Pick<SwappedPrediction, 'crops' | keyof SinkhornOptions>,
): Float64Array {
  const size = crops * clusters;
  const [images, queued] = [own.length / size, queue.length / size];
  requireLength('cosines of a slice', own, Math.floor(images) * size);
  requireLength('cosines of the queue', queue, Math.floor(queued) * size);
  const codes = new Float64Array(own.length);
  const scores = new Float32Array((queued + images) * clusters);
  for (let crop = 0; crop < crops; crop += 1) {
    for (let row = 0; row < queued + images; row += 1) {
      const [from, image] = row < queued ? [queue, row] : [own, row - queued];
      const begin = image * size + crop * clusters;
      scores.set(from.subarray(begin, begin + clusters), row * clusters);
    }
    const found = sinkhornKnopp(scores, clusters, options, queued);
    for (let image = 0; image < images; image += 1) {
      const code = found.subarray(image * clusters, (image + 1) * clusters);
      codes.set(code, image * size + crop * clusters);
    }
  }
  return codes;
}

/**
 * Each crop's softmax over the prototypes against the mean of the other crops' codes, which is the
 * mean over those crops.
 * @throws TrainerError SHAPE_MISMATCH
 */
export function swappedLoss(cosines: Cosines, swapped: SwappedPrediction): SwappedLoss {
  const { own, clusters } = cosines;
  const { crops, temperature } = swapped;
  const size = crops * clusters;
  const codes = codesOf(cosines, swapped);
  const gradient = new Float32Array(own.length);
  let lossSum = 0;
  for (let image = 0; image < own.length; image += size) {
    const sum = new Float64Array(clusters);
    for (let i = 0; i < size; i += 1) sum[i % clusters]! += codes[image + i]!;
    for (let crop = image; crop < image + size; crop += clusters) {
      const logits = Float64Array.from(
        own.subarray(crop, crop + clusters),
        (cosine) => cosine / temperature,
      );
      const logSum = logSumExp(logits);
      for (let k = 0; k < clusters; k += 1) {
        const target = (sum[k]! - codes[crop + k]!) / (crops - 1);
        const log = logits[k]! - logSum;
        lossSum -= (target * log) / crops;
        gradient[crop + k] = (Math.exp(log) - target) / (crops * temperature);
      }
    }
  }
  return { lossSum, gradient };
}

function logSumExp(values: Float64Array): number {
  const largest = values.reduce((high, value) => Math.max(high, value), -Infinity);
  return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}
