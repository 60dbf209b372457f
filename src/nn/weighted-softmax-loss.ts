/**
 * Softmax cross-entropy with a weight for each sample, summed over a slice, and its gradient; in float64, stored in float32.
 * Source: spec of ODC, section 8. Shapes: B images, K classes.
 */
import { protocolViolation, shapeMismatch } from '../errors.ts';

/**
 * @param logits [B, K]
 * @param pseudoLabels [B], each in 0 .. K - 1
 * @param weights [B] of a mean of 1 over the step: the sum over its slices, divided by its samples, is the weighted mean
 * @returns the weighted sum of the losses, and its gradient with respect to the logits [B, K]
 * @throws TrainerError SHAPE_MISMATCH, and PROTOCOL_VIOLATION for a pseudo-label that the head does not have
 */
export function weightedSoftmaxLoss(
  logits: Float32Array,
  pseudoLabels: Int32Array,
  weights: Float64Array,
  classes: number,
): { lossSum: number; gradient: Float32Array } {
  if (weights.length !== pseudoLabels.length) {
    throw shapeMismatch('sample weights', [pseudoLabels.length], [weights.length]);
  }
  const gradient = new Float32Array(logits.length);
  const exponentials = new Float64Array(classes);
  let lossSum = 0;
  for (let b = 0; b < pseudoLabels.length; b += 1) {
    const label = requireClass(pseudoLabels[b]!, classes);
    const weight = weights[b]!;
    const out = b * classes;
    // The largest logit becomes exp(0): no overflow, and the sum is at least 1.
    let largest = -Infinity;
    for (let k = 0; k < classes; k += 1) largest = Math.max(largest, logits[out + k]!);
    let sum = 0;
    for (let k = 0; k < classes; k += 1) {
      exponentials[k] = Math.exp(logits[out + k]! - largest);
      sum += exponentials[k]!;
    }
    lossSum += weight * (largest + Math.log(sum) - logits[out + label]!);
    for (let k = 0; k < classes; k += 1) gradient[out + k] = (weight * exponentials[k]!) / sum;
    gradient[out + label] = weight * (exponentials[label]! / sum - 1);
  }
  return { lossSum, gradient };
}

function requireClass(label: number, classes: number): number {
  if (label >= 0 && label < classes) return label;
  const remedy = 'the assignment and the head must come from the same clustering';
  throw protocolViolation('pseudo-label', `0 .. ${classes - 1}`, label, remedy);
}
